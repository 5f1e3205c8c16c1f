/** The lanes of a match, and reports about it to the pool. Pure: frames and the time go in, frames come out. */
import { ReceiveLane, SendLane } from "./lane.js";
import { MAX_SPAN_MS } from "./protocol.js";

const KEPT_LANES = 4; // number of earlier page loads of the peer whose lanes are kept

/**
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./protocol.js").ConnectionState} ConnectionState
 * @typedef {{role: "polite" | "impolite", iceServers: RTCIceServer[]}} Terms
 */

/** A match as this page load sees it: the peer's page load, and the lanes between the two. */
export class Match {
  #instance;
  /** By the peer's page load, the current one last. @type {Map<string, [SendLane, ReceiveLane]>} */
  #lanes = new Map();

  /**
   * `instance` is this page load.
   *
   * @param {string} id
   * @param {string} instance
   */
  constructor(id, instance) {
    this.id = id;
    this.#instance = instance;
    /** The terms of the match from the pool. @type {Terms} */
    this.terms = { role: "polite", iceServers: [] };
    /** The peer's page load. */
    this.peer = "";
    /** Whether this side knows that both have entered the match; frames are sent only then, but received before. */
    this.open = false;
    /** Whether the peer's page is reachable. */
    this.present = true;
  }

  /**
   * Start the lanes with a page load of the peer; only chat for an older page load is sent again. A store that lost its
   * last writes may name an older page load again for a while: its lanes continue.
   *
   * @param {string} peer
   */
  meet(peer) {
    const unacknowledged = this.peer ? this.#sending.unacknowledgedChat() : [];
    const [sending, receiving] = this.#lanes.get(peer) ?? [
      new SendLane({ match: this.id, from: this.#instance, to: peer }),
      new ReceiveLane({ match: this.id, from: peer, to: this.#instance }),
    ];
    const known = new Set(sending.unacknowledgedChat().map(({ id }) => id));
    for (const chat of unacknowledged) if (!known.has(chat.id)) sending.push(chat);
    this.#lanes.delete(peer); // moves the current one to the end
    this.#lanes = new Map([...this.#lanes].slice(-KEPT_LANES));
    this.#lanes.set(peer, [sending, receiving]);
    this.peer = peer;
  }

  /** Keep a frame until the peer acknowledges it; false if the window is full. @param {Frame} frame */
  push(frame) {
    return this.#sending.push(frame);
  }

  /**
   * The frames to send now, chosen by the lane: none while nothing can reach the peer.
   *
   * @param {"flush" | "due" | "restart"} choose
   * @param {number} now ms
   */
  going(choose, now) {
    return this.open && this.present ? this.#sending[choose](now) : [];
  }

  /**
   * The frames to deliver; none for an acknowledgement or a frame of another page load.
   *
   * @param {Frame} frame
   * @param {number} now ms
   * @param {number} delay ms until a single frame is acknowledged
   * @returns {Frame[]}
   */
  receive(frame, now, delay) {
    if (frame.match !== this.id) return [];
    if (frame.type === "ack") {
      if (frame.from === this.#instance && frame.to === this.peer) this.#sending.acknowledged(frame.seq, now);
      return [];
    }
    if (frame.to !== this.#instance || frame.from !== this.peer) return [];
    return this.#receiving.receive(frame, now, delay).filter((one) => !this.#sending.obsoletes(one));
  }

  /** The acknowledgements that are due. @param {number} now ms */
  acknowledgements(now) {
    return this.#receiving.due(now);
  }

  get #current() {
    return /** @type {[SendLane, ReceiveLane]} */ (this.#lanes.get(this.peer));
  }

  get #sending() {
    return this.#current[0];
  }

  get #receiving() {
    return this.#current[1];
  }
}

/** Reports to the pool about a match's connection: each state once, over all page loads of the peer. */
export class Outcome {
  #since;
  /** @type {Set<string>} */
  #reported = new Set();
  /** @type {number | undefined} */
  #setupMs;
  /** @type {ConnectionState[]} */
  #unsent = [];

  /** @param {string} match @param {number} now ms */
  constructor(match, now) {
    this.match = match;
    this.#since = now;
  }

  /**
   * @param {ConnectionState["state"]} state
   * @param {Pick<ConnectionState, "path" | "reason">} how
   * @param {number} now ms
   */
  add(state, { path, reason }, now) {
    if (this.#reported.has(state)) return;
    this.#reported.add(state);
    if (state === "connected") this.#setupMs = Math.min(now - this.#since, MAX_SPAN_MS);
    this.#unsent.push({ type: "connection-state", match: this.match, state, setupMs: this.#setupMs, path, reason });
  }

  /** Take the frames to send. */
  take() {
    return this.#unsent.splice(0);
  }
}
