/** The lanes of a match, and what the pool is told of it. Pure: frames and the time go in, frames come out. */
import { ReceiveLane, SendLane } from "./lane.js";
import { MAX_SPAN_MS } from "./protocol.js";

const KEPT_LANES = 4; // of how many earlier page loads of the partner

/**
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./protocol.js").ConnectionState} ConnectionState
 * @typedef {{role: "polite" | "impolite", iceServers: RTCIceServer[]}} Terms
 */

/** A match as this page load sees it: who the partner's page load is, and what the two say to each other. */
export class Match {
  #inst;
  /** By the partner's page loads, the present one last. @type {Map<string, [SendLane, ReceiveLane]>} */
  #lanes = new Map();

  /**
   * `inst` is this page load.
   *
   * @param {string} m
   * @param {string} inst
   */
  constructor(m, inst) {
    this.m = m;
    this.#inst = inst;
    /** What the pool says of the match beside the partner. @type {Terms} */
    this.terms = { role: "polite", iceServers: [] };
    /** The partner's page load. */
    this.partner = "";
    /** Whether both sides are in, as far as is known here: nothing is said before, but the partner may know sooner. */
    this.open = false;
    /** Whether the partner's page can be reached. */
    this.present = true;
  }

  /**
   * Begin the lanes with a page load of the partner; of what was said to an older one only chat has value. A store that
   * has lost its last writes may name an older page load again for a while: its lanes go on.
   *
   * @param {string} partner
   */
  meet(partner) {
    const unheard = this.partner ? this.#sending.unacknowledgedChat() : [];
    const [sending, receiving] = this.#lanes.get(partner) ?? [
      new SendLane({ m: this.m, from: this.#inst, to: partner }),
      new ReceiveLane({ m: this.m, from: partner, to: this.#inst }),
    ];
    const known = new Set(sending.unacknowledgedChat().map(({ id }) => id));
    for (const chat of unheard) if (!known.has(chat.id)) sending.push(chat);
    this.#lanes.delete(partner); // the present one goes to the end
    this.#lanes = new Map([...this.#lanes].slice(-KEPT_LANES));
    this.#lanes.set(partner, [sending, receiving]);
    this.partner = partner;
  }

  /** Keep a frame until the partner acknowledges it; false if the window is full. @param {Frame} frame */
  push(frame) {
    return this.#sending.push(frame);
  }

  /**
   * The frames to send now, chosen by the lane: none while nothing can reach the partner.
   *
   * @param {"flush" | "due" | "restart"} choose
   * @param {number} now ms
   */
  going(choose, now) {
    return this.open && this.present ? this.#sending[choose](now) : [];
  }

  /**
   * What to show of a frame that the partner said, and what to answer; nothing for one that is of another page load.
   *
   * @param {Frame} frame
   * @param {number} now ms
   * @returns {{said: Frame[], answer: Frame | null}}
   */
  hear(frame, now) {
    const nothing = { said: [], answer: null };
    if (frame.m !== this.m) return nothing;
    if (frame.type === "ack") {
      if (frame.from === this.#inst && frame.to === this.partner) this.#sending.acknowledged(frame.k, now);
      return nothing;
    }
    if (frame.to !== this.#inst || frame.from !== this.partner) return nothing;
    const { ready, ack } = this.#receiving.receive(frame);
    return { said: ready.filter(({ type }) => type !== "noop"), answer: ack };
  }

  get #present() {
    return /** @type {[SendLane, ReceiveLane]} */ (this.#lanes.get(this.partner));
  }

  get #sending() {
    return this.#present[0];
  }

  get #receiving() {
    return this.#present[1];
  }
}

/** What the pool is told of a match's connection: each state once, over all page loads of the partner. */
export class Outcome {
  #since;
  /** @type {Set<string>} */
  #said = new Set();
  /** @type {number | undefined} */
  #setupMs;
  /** @type {ConnectionState[]} */
  #unsent = [];

  /** @param {string} m @param {number} now ms */
  constructor(m, now) {
    this.m = m;
    this.#since = now;
  }

  /**
   * @param {ConnectionState["state"]} state
   * @param {Pick<ConnectionState, "path" | "reason">} how
   * @param {number} now ms
   */
  add(state, { path, reason }, now) {
    if (this.#said.has(state)) return;
    this.#said.add(state);
    if (state === "connected") this.#setupMs = Math.min(now - this.#since, MAX_SPAN_MS);
    this.#unsent.push({ type: "connection-state", m: this.m, state, setupMs: this.#setupMs, path, reason });
  }

  /** What is to be sent; it is given once. */
  take() {
    return this.#unsent.splice(0);
  }
}
