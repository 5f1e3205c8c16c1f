/**
 * A lane delivers frames from one page load to another within a match, once and in order, although frames may be lost,
 * duplicated, delayed or reordered in between. Frames are numbered 1, 2, … (`seq`). No timers and no sockets in here:
 * callers pass the time.
 */

const RTO_FIRST = 1000;
const RTO_FLOOR = 200;
const RTO_CEILING = 5000;
const GRANULARITY = 100;
const WINDOW = 256;
const WINDOW_BYTES = 256 * 1024;
const CHAT_SHARE = 0.5; // chat never prevents a connection from being negotiated
const SLOW_START = 4;
const MAX_GAP = 32;

/**
 * A frame of a lane, its addresses, and its state while it is unacknowledged.
 *
 * @typedef {{type: string, [field: string]: any}} Frame
 * @typedef {{match: string, from: string, to: string}} Header
 * @typedef {{frame: Frame, size: number, sentAt: number | null, resent: boolean}} Entry
 */

const SIGNALS = new Set(["offer", "answer", "ice-candidate"]);
/** @param {Frame} frame */
const sizeOf = (frame) => new TextEncoder().encode(JSON.stringify(frame)).length;
/** @param {Entry[]} frames @param {number} size */
const fits = (frames, size, share = 1) =>
  frames.length < WINDOW * share && frames.reduce((sum, one) => sum + one.size, size) <= WINDOW_BYTES * share;

/**
 * The sending end. Times are in milliseconds; the retransmission timer is RFC 6298's. Frames are sent at once. If one is
 * not acknowledged in time, all later ones count as lost too: the lowest is sent again alone, and acknowledgements
 * release the others, few at a time at first.
 */
export class SendLane {
  /** @type {Entry[]} */
  #frames = [];
  #inFlight = 0;
  #allowed = WINDOW;
  #next = 1;
  #rto = RTO_FIRST;
  /** @type {number | null} */
  #smoothed = null;
  #variation = 0;
  #deadline = 0;

  /** @param {Header} header */
  constructor(header) {
    this.header = header;
  }

  /** Keep a frame, numbered, until it is acknowledged; false if the window is full. @param {Frame} frame */
  push(frame) {
    const numbered = { ...frame, ...this.header, seq: this.#next };
    if (SIGNALS.has(frame.type)) this.#outdate(frame.generation ?? 0);
    const size = sizeOf(numbered);
    const chats = this.#frames.filter((one) => one.frame.type === "chat");
    if (!fits(this.#frames, size) || (frame.type === "chat" && !fits(chats, size, CHAT_SHARE))) return false;
    this.#next += 1;
    this.#frames.push({ frame: numbered, size, sentAt: null, resent: false });
    return true;
  }

  /** The frames to send now. @param {number} now */
  flush(now) {
    const end = Math.min(this.#allowed, this.#frames.length);
    const going = this.#frames.slice(this.#inFlight, end);
    if (going.length && !this.#inFlight) this.#arm(now);
    for (const one of going) Object.assign(one, { resent: one.sentAt !== null, sentAt: now });
    this.#inFlight = end;
    return going.map((one) => one.frame);
  }

  /** Everything up to `seq` was delivered to the peer's application. @param {number} seq @param {number} now */
  acknowledged(seq, now) {
    let count = 0;
    while (this.#frames.length && this.#frames[0].frame.seq <= seq) {
      const { sentAt, resent, frame } = /** @type {Entry} */ (this.#frames.shift());
      count += 1;
      // Karn's algorithm: repeated frames are not measured
      if (frame.seq === seq && sentAt !== null && !resent) this.#measure(now - sentAt);
    }
    if (!count) return;
    this.#inFlight = Math.max(this.#inFlight - count, 0);
    const recovering = this.#frames.length && this.#allowed < WINDOW;
    const grown = this.#allowed === 1 ? SLOW_START : this.#allowed + count;
    this.#allowed = recovering ? Math.min(grown, WINDOW) : WINDOW;
    this.#arm(now);
  }

  /** The lowest unacknowledged frame, if its acknowledgement is overdue. @param {number} now */
  due(now) {
    if (!this.#inFlight || now < this.#deadline) return [];
    this.#rto = Math.min(this.#rto * 2, RTO_CEILING);
    return this.restart(now);
  }

  /** The lowest unacknowledged frame, because this client or its peer has a new socket. @param {number} now */
  restart(now) {
    if (!this.#frames.length) return [];
    this.#inFlight = 0;
    this.#allowed = 1;
    return this.flush(now);
  }

  /** The chat to send to the peer's next page load, oldest first. */
  unacknowledgedChat() {
    return this.#frames.map((one) => one.frame).filter((frame) => frame.type === "chat");
  }

  /** Replace the frames of older generations, whose numbers remain in use. @param {number} generation */
  #outdate(generation) {
    for (const one of this.#frames) {
      if (!SIGNALS.has(one.frame.type) || (one.frame.generation ?? 0) >= generation) continue;
      one.frame = { type: "noop", ...this.header, seq: one.frame.seq };
      one.size = sizeOf(one.frame);
    }
  }

  /** @param {number} now */
  #arm(now) {
    this.#deadline = now + this.#rto * (0.8 + 0.4 * Math.random());
  }

  /** @param {number} rtt */
  #measure(rtt) {
    if (this.#smoothed === null) {
      this.#smoothed = rtt;
      this.#variation = rtt / 2;
    } else {
      this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#smoothed - rtt);
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * rtt;
    }
    const rto = this.#smoothed + Math.max(GRANULARITY, 4 * this.#variation);
    this.#rto = Math.min(Math.max(rto, RTO_FLOOR), RTO_CEILING);
  }
}

/** The receiving end. */
export class ReceiveLane {
  #delivered = 0;
  /** @type {Map<number, Frame>} */
  #held = new Map();

  /** @param {Header} header `to` is this page */
  constructor(header) {
    this.header = header;
  }

  /** Return the frames to deliver now, in order, and the acknowledgement to send. @param {Frame} frame */
  receive(frame) {
    /** @type {Frame[]} */
    const ready = [];
    if (frame.seq > this.#delivered && frame.seq <= this.#delivered + MAX_GAP) this.#held.set(frame.seq, frame);
    while (this.#held.has(this.#delivered + 1)) {
      this.#delivered += 1;
      ready.push(/** @type {Frame} */ (this.#held.get(this.#delivered)));
      this.#held.delete(this.#delivered);
    }
    return { ready, ack: { type: "ack", ...this.header, seq: this.#delivered } };
  }
}
