/**
 * A lane delivers frames from one page load to another within a match, once and in order, although frames may be lost,
 * duplicated, delayed or reordered in between. Frames are numbered 1, 2, … (`seq`). No timers and no sockets in here:
 * callers pass the time.
 */

const REPEAT_FIRST = 1000; // ms until an unacknowledged frame is repeated; doubled with each repetition
const REPEAT_CEILING = 5000;
const JITTER = 0.2;
const WINDOW = 256;
const WINDOW_BYTES = 256 * 1024;
const CHAT_SHARE = 0.5; // chat never prevents a connection from being negotiated
const SLOW_START = 4;
const MAX_GAP = 32;
const ACK_EVERY = 2;

/** Time in ms after which a single delivered frame is acknowledged: well before the sender repeats it. */
export const ACK_DELAY = 100;

/**
 * A frame of a lane, its addresses, and its state while it is unacknowledged.
 *
 * @typedef {{type: string, [field: string]: any}} Frame
 * @typedef {{match: string, from: string, to: string}} Header
 * @typedef {{frame: Frame, size: number}} Entry
 */

const NEGOTIATION = new Set(["offer", "answer", "ice-candidate"]);
/** @param {Frame} frame */
const sizeOf = (frame) => new TextEncoder().encode(JSON.stringify(frame)).length;
/** @param {Entry[]} frames @param {number} size */
const fits = (frames, size, share = 1) =>
  frames.length < WINDOW * share && frames.reduce((sum, one) => sum + one.size, size) <= WINDOW_BYTES * share;

/**
 * The sending end; times in milliseconds. Frames are sent at once. If one is not acknowledged in time, all later ones
 * count as lost too: the lowest is sent again alone, and acknowledgements release the others, few at a time at first.
 */
export class SendLane {
  /** @type {Entry[]} */
  #frames = [];
  #inFlight = 0;
  #allowed = WINDOW;
  #next = 1;
  #generation = 0;
  #repeatAfter = REPEAT_FIRST;
  #deadline = 0;

  /** @param {Header} header */
  constructor(header) {
    this.header = header;
  }

  /** Keep a frame, numbered, until it is acknowledged; false if the window is full. @param {Frame} frame */
  push(frame) {
    const numbered = { ...frame, ...this.header, seq: this.#next };
    const size = sizeOf(numbered);
    const chats = this.#frames.filter((one) => one.frame.type === "chat");
    if (!fits(this.#frames, size) || (frame.type === "chat" && !fits(chats, size, CHAT_SHARE))) return false;
    if (NEGOTIATION.has(frame.type)) this.#generation = Math.max(this.#generation, frame.generation ?? 0);
    this.#next += 1;
    this.#frames.push({ frame: numbered, size });
    return true;
  }

  /** The frames to send now. @param {number} now */
  flush(now) {
    const end = Math.min(this.#allowed, this.#frames.length);
    const going = this.#frames.slice(this.#inFlight, end);
    if (going.length && !this.#inFlight) this.#arm(now);
    this.#inFlight = end;
    return going.map((one) => one.frame);
  }

  /** Everything up to `seq` was delivered to the peer's application. @param {number} seq @param {number} now */
  acknowledged(seq, now) {
    let count = 0;
    while (this.#frames.length && this.#frames[0].frame.seq <= seq) {
      this.#frames.shift();
      count += 1;
    }
    if (!count) return;
    this.#inFlight = Math.max(this.#inFlight - count, 0);
    const recovering = this.#frames.length && this.#allowed < WINDOW;
    const grown = this.#allowed === 1 ? SLOW_START : this.#allowed + count;
    this.#allowed = recovering ? Math.min(grown, WINDOW) : WINDOW;
    this.#repeatAfter = REPEAT_FIRST;
    this.#arm(now);
  }

  /** The lowest unacknowledged frame, if its acknowledgement is overdue. @param {number} now */
  due(now) {
    if (!this.#inFlight || now < this.#deadline) return [];
    this.#repeatAfter = Math.min(this.#repeatAfter * 2, REPEAT_CEILING);
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

  /** Whether a received frame is about a connection that this side has replaced by a newer one. @param {Frame} frame */
  obsoletes(frame) {
    return NEGOTIATION.has(frame.type) && (frame.generation ?? 0) < this.#generation;
  }

  /** @param {number} now */
  #arm(now) {
    this.#deadline = now + this.#repeatAfter * (1 - JITTER + 2 * JITTER * Math.random());
  }
}

/** The receiving end. */
export class ReceiveLane {
  #delivered = 0;
  /** @type {Map<number, Frame>} */
  #held = new Map();
  #unacknowledged = 0;
  /** @type {number | null} */
  #ackAt = null;

  /** @param {Header} header `to` is this page */
  constructor(header) {
    this.header = header;
  }

  /**
   * Return the frames to deliver now, in order. Every second frame, gaps and duplicates are acknowledged at once, a single
   * frame after `delay`.
   *
   * @param {Frame} frame
   * @param {number} now
   * @param {number} delay
   */
  receive(frame, now, delay) {
    /** @type {Frame[]} */
    const ready = [];
    const gap = this.#held.size > 0;
    if (frame.seq > this.#delivered && frame.seq <= this.#delivered + MAX_GAP) this.#held.set(frame.seq, frame);
    while (this.#held.has(this.#delivered + 1)) {
      this.#delivered += 1;
      ready.push(/** @type {Frame} */ (this.#held.get(this.#delivered)));
      this.#held.delete(this.#delivered);
    }
    this.#unacknowledged += ready.length;
    if (gap || !ready.length || this.#unacknowledged >= ACK_EVERY) this.#ackAt = now;
    else this.#ackAt ??= now + delay;
    return ready;
  }

  /** The acknowledgement of all delivered frames, if it is due. @param {number} now @returns {Frame[]} */
  due(now) {
    if (this.#ackAt === null || now < this.#ackAt) return [];
    this.#unacknowledged = 0;
    this.#ackAt = null;
    return [{ type: "ack", ...this.header, seq: this.#delivered }];
  }
}
