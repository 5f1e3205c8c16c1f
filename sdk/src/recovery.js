/**
 * When to restart ICE, when to build another connection, and when to give up. Pure: facts and the time go in, the next
 * step comes out.
 *
 * An ICE restart keeps the connection and looks for another path. It is cheap, but searches only the network interfaces
 * that the browser knew when the connection was created. A connection created in a fresh realm sees new interfaces at
 * once, so it comes first after a change of network or when media has stopped arriving.
 */
import { DEFAULT_LIMITS } from "./protocol.js";

const DISCONNECTED_MS = 2000; // "disconnected" often recovers by itself (matrix-js-sdk #3341)
export const SILENCE_MS = 1000; // without a packet although media flowed
const RESTARTS = 2; // then another connection
const RESTART_WAIT_MS = 7500; // for one restart: two of them take the 15 s of client-sdk-js
const REBUILD_WAIT_MS = 12_000;
const STEP_INTERVAL_MS = 2000; // between two steps, however soon the first one fails
const STABLE_MS = 10_000; // a connection that has worked for this long starts counting again
const FIRST_CANDIDATE_MS = 3000; // for the first candidate of a replacement; a relay answers in two round trips
export const ATTEMPTS = 6;
export const WINDOW_MS = 60_000; // of trouble, counted only while both sides can be reached

/**
 * @typedef {object} Facts
 * @property {RTCPeerConnectionState} state of the newest connection
 * @property {number} failures how often it has become "failed"
 * @property {boolean} reachable whether this side's signaling is up and the peer's page is online
 * @property {number} silentMs time since the last packet, if media should flow
 * @property {Hint | "none"} hint what has happened to the page
 *
 * @typedef {"network-changed" | "woke-up"} Hint
 * @typedef {"restart" | "rebuild" | "give-up"} Step
 */

export class Recovery {
  #connectionMs;
  #attempts = 0;
  #restarts = 0;
  #everConnected = false;
  #failures = 0;
  #failed = false;
  #steppedAt = -STEP_INTERVAL_MS;
  #waiting = false;
  #nextAt = 0;
  #spentMs = 0; // in trouble while both sides could be reached
  /** @type {number | null} */
  #decidedAt = null;
  /** @type {number | null} */
  #troubleSince = null;
  /** @type {number | null} */
  #workingSince = null;
  #hurried = false;
  #networkChanged = false;
  #over = false;

  /**
   * `connectionMs` is the pool's limit for the first connection; after half of it another one is built (client-sdk-js:
   * 15 s).
   *
   * @param {number} [connectionMs]
   */
  constructor(connectionMs = DEFAULT_LIMITS.connectionMs) {
    this.#connectionMs = connectionMs;
  }

  get attempts() {
    return this.#attempts;
  }

  /** Start again, because the user asked for it. */
  reset() {
    this.#forget();
    this.#over = false;
  }

  /**
   * Return what to do now, or null. Call it several times per second.
   *
   * @param {Facts} facts
   * @param {number} now in ms
   * @returns {Step | null}
   */
  decide(facts, now) {
    const passed = now - (this.#decidedAt ?? now);
    this.#decidedAt = now;
    if (facts.hint === "network-changed") this.#networkChanged = true;
    if (facts.hint !== "none") this.#hurried = true;
    const silent = facts.silentMs >= SILENCE_MS;
    if (facts.state === "connected" && !silent && !this.#networkChanged) return this.#works(now);
    this.#workingSince = null;
    this.#troubleSince ??= now;
    if (!facts.reachable || this.#over) return null;
    this.#spentMs += passed;
    return this.#step(facts, silent, now);
  }

  /**
   * Count the peer's new connection as this side's step: it would have done the same.
   *
   * @param {number} now in ms
   */
  joined(now) {
    this.#networkChanged = this.#hurried = this.#failed = false;
    this.#waitUntil(now + REBUILD_WAIT_MS);
  }

  /** @param {number} time */
  #waitUntil(time) {
    this.#waiting = true;
    this.#nextAt = time;
  }

  /**
   * @param {Facts} facts
   * @param {boolean} silent
   * @param {number} now
   * @returns {Step | null}
   */
  #step({ failures }, silent, now) {
    const failed = failures > this.#failures;
    this.#failures = failures;
    if (!this.#everConnected && this.#spentMs >= this.#connectionMs) return this.#giveUp();
    if (!this.#due(silent, failed, now)) return null;
    if (this.#attempts >= ATTEMPTS && this.#spentMs >= WINDOW_MS) return this.#giveUp();
    const rebuild = this.#networkChanged || silent || this.#restarts >= RESTARTS || !this.#everConnected;
    this.#networkChanged = this.#hurried = this.#failed = false;
    this.#attempts += 1;
    if (!rebuild) this.#restarts += 1;
    this.#steppedAt = now;
    this.#waitUntil(now + (rebuild ? REBUILD_WAIT_MS : RESTART_WAIT_MS));
    return rebuild ? "rebuild" : "restart";
  }

  /** @returns {"give-up"} */
  #giveUp() {
    this.#over = true;
    return "give-up";
  }

  /**
   * @param {boolean} silent
   * @param {boolean} failed
   * @param {number} now
   */
  #due(silent, failed, now) {
    this.#failed ||= failed;
    if (now - this.#steppedAt < STEP_INTERVAL_MS) return false;
    if (this.#failed || this.#networkChanged) return true; // either one ends the wait
    if (this.#waiting) return now >= this.#nextAt;
    if (!this.#everConnected) return now - (this.#troubleSince ?? now) >= this.#connectionMs / 2;
    if (silent) return true;
    return this.#hurried || now - (this.#troubleSince ?? now) >= DISCONNECTED_MS;
  }

  /**
   * @param {number} now
   * @returns {null}
   */
  #works(now) {
    this.#everConnected = true;
    this.#waiting = false; // the next trouble does not wait because of this one
    this.#troubleSince = null;
    this.#hurried = this.#failed = false;
    this.#workingSince ??= now;
    if (now - this.#workingSince >= STABLE_MS) this.#forget();
    return null;
  }

  #forget() {
    this.#attempts = this.#restarts = this.#spentMs = 0;
    this.#waiting = false;
    this.#troubleSince = null;
    this.#networkChanged = this.#hurried = this.#failed = false;
  }
}

/**
 * Return how long a connection may gather without a candidate, in ms, before another one is built.
 *
 * A replacement waits less than a first connection, because its relay may be dead, and each further one twice as long,
 * in case the network is only slow.
 *
 * @param {number} attempts to recover the call
 * @param {number} limit of the pool, in ms
 */
export const gatheringTimeout = (attempts, limit) =>
  attempts ? Math.min(limit, FIRST_CANDIDATE_MS * 2 ** (attempts - 1)) : limit;

/**
 * Measures how long no packet has arrived. Updates that were late themselves (a throttled or sleeping page) prove
 * nothing.
 */
export class MediaSilence {
  #packets = 0;
  #flowing = false;
  #silentMs = 0;
  /** @type {number | null} */
  #updatedAt = null;

  /**
   * Take a count of packets; return for how many ms none has arrived.
   *
   * @param {number} packets received since the connection was created
   * @param {boolean} expected whether the peer sends anything
   * @param {number} now in ms
   * @param {number} interval between updates, in ms
   */
  update(packets, expected, now, interval) {
    const passed = now - (this.#updatedAt ?? now);
    this.#updatedAt = now;
    if (packets > this.#packets) {
      this.#flowing = true;
      this.#silentMs = 0;
    } else if (!expected) {
      this.#flowing = false;
      this.#silentMs = 0;
    } else if (this.#flowing && passed <= interval * 1.6) this.#silentMs += passed;
    this.#packets = packets;
    return this.#silentMs;
  }
}

/**
 * Decides when to stop trying to reach the server: when both the pool's attempts and its window are used up. Time in
 * which the browser is known to be offline does not count.
 */
export class ReconnectBudget {
  #attempts = 0;
  #spentMs = 0;
  /** @type {number | null} */
  #attemptedAt = null;

  /** The server was reached. */
  reset() {
    this.#attempts = this.#spentMs = 0;
    this.#attemptedAt = null;
  }

  /**
   * Count another attempt; return whether it exceeds the budget.
   *
   * @param {{maxReconnectAttempts: number, resumeWindowMs: number}} limits
   * @param {boolean} onLine
   * @param {number} now in ms
   */
  exceeded({ maxReconnectAttempts, resumeWindowMs }, onLine, now) {
    if (onLine) {
      this.#attempts += 1;
      this.#spentMs += now - (this.#attemptedAt ?? now);
    }
    this.#attemptedAt = now;
    return this.#attempts > maxReconnectAttempts && this.#spentMs >= resumeWindowMs;
  }
}
