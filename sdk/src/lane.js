/**
 * A lane carries what one page load says to another within a match, numbered k = 1, 2, …: shown once and in order,
 * whatever is lost, doubled, delayed or reordered in between. No timers and no sockets in here: callers give the time.
 */

const RTO_FIRST = 1000;
const RTO_FLOOR = 200;
const RTO_CEILING = 5000;
const GRANULARITY = 100;
const WINDOW = 256;
const WINDOW_BYTES = 256 * 1024;
const CHAT_SHARE = 0.5; // chat never keeps a connection from being negotiated
const SLOW_START = 4;
const MAX_GAP = 32;

/**
 * A frame of a lane: what is said, and by whom, to whom, in which match and as which.
 *
 * @typedef {{type: string, [field: string]: any}} Frame
 * @typedef {{m: string, from: string, to: string}} Header
 * @typedef {{frame: Frame, size: number, sentAt: number | null, resent: boolean}} Entry
 */

const SIGNALS = new Set(["offer", "answer", "ice-candidate"]);
/** @param {Frame} frame */
const sizeOf = (frame) => new TextEncoder().encode(JSON.stringify(frame)).length;
/** @param {Entry[]} frames @param {number} size */
const fits = (frames, size, share = 1) =>
  frames.length < WINDOW * share && frames.reduce((sum, one) => sum + one.size, size) <= WINDOW_BYTES * share;

/**
 * The sending end. Times are in milliseconds; the retransmission timer is RFC 6298's. Frames go out as they come. Once
 * one was not acknowledged in time, those after it count as lost too: the lowest goes out alone, and the
 * acknowledgements let out the others, at first few at a time.
 */
export class SendLane {
  /** @type {Entry[]} */
  #frames = [];
  #underWay = 0;
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
    const numbered = { ...frame, ...this.header, k: this.#next };
    if (SIGNALS.has(frame.type)) this.#outdate(frame.neg ?? 0);
    const size = sizeOf(numbered);
    const chats = this.#frames.filter((one) => one.frame.type === "chat");
    if (!fits(this.#frames, size) || (frame.type === "chat" && !fits(chats, size, CHAT_SHARE))) return false;
    this.#next += 1;
    this.#frames.push({ frame: numbered, size, sentAt: null, resent: false });
    return true;
  }

  /** The frames that may go out now. @param {number} now */
  flush(now) {
    const end = Math.min(this.#allowed, this.#frames.length);
    const going = this.#frames.slice(this.#underWay, end);
    if (going.length && !this.#underWay) this.#arm(now);
    for (const one of going) Object.assign(one, { resent: one.sentAt !== null, sentAt: now });
    this.#underWay = end;
    return going.map((one) => one.frame);
  }

  /** Everything up to k was handed to the partner's application. @param {number} k @param {number} now */
  acknowledged(k, now) {
    let count = 0;
    while (this.#frames.length && this.#frames[0].frame.k <= k) {
      const { sentAt, resent, frame } = /** @type {Entry} */ (this.#frames.shift());
      count += 1;
      // Karn: what was sent twice is not measured
      if (frame.k === k && sentAt !== null && !resent) this.#measure(now - sentAt);
    }
    if (!count) return;
    this.#underWay = Math.max(this.#underWay - count, 0);
    const recovering = this.#frames.length && this.#allowed < WINDOW;
    const grown = this.#allowed === 1 ? SLOW_START : this.#allowed + count;
    this.#allowed = recovering ? Math.min(grown, WINDOW) : WINDOW;
    this.#arm(now);
  }

  /** The lowest frame, if it was not acknowledged in time. @param {number} now */
  due(now) {
    if (!this.#underWay || now < this.#deadline) return [];
    this.#rto = Math.min(this.#rto * 2, RTO_CEILING);
    return this.restart(now);
  }

  /** The lowest unacknowledged frame, if there is one: this client or its partner is back. @param {number} now */
  restart(now) {
    if (!this.#frames.length) return [];
    this.#underWay = 0;
    this.#allowed = 1;
    return this.flush(now);
  }

  /** What should reach the partner's next page load too, oldest first. */
  unacknowledgedChat() {
    return this.#frames.map((one) => one.frame).filter((frame) => frame.type === "chat");
  }

  /** Empty the frames about connections older than `neg`; their numbers stay. @param {number} neg */
  #outdate(neg) {
    for (const one of this.#frames) {
      if (!SIGNALS.has(one.frame.type) || (one.frame.neg ?? 0) >= neg) continue;
      one.frame = { type: "noop", ...this.header, k: one.frame.k };
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
  #shown = 0;
  /** @type {Map<number, Frame>} */
  #held = new Map();

  /** @param {Header} header `to` is this page */
  constructor(header) {
    this.header = header;
  }

  /** Return the frames to show now, in order, and the acknowledgement to send. @param {Frame} frame */
  receive(frame) {
    /** @type {Frame[]} */
    const ready = [];
    if (frame.k > this.#shown && frame.k <= this.#shown + MAX_GAP) this.#held.set(frame.k, frame);
    while (this.#held.has(this.#shown + 1)) {
      this.#shown += 1;
      ready.push(/** @type {Frame} */ (this.#held.get(this.#shown)));
      this.#held.delete(this.#shown);
    }
    return { ready, ack: { type: "ack", ...this.header, k: this.#shown } };
  }
}
