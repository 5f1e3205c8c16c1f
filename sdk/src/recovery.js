/**
 * When to restart ICE, when to build another connection, and when to give up. Pure: facts and the time go in, the next
 * act comes out.
 *
 * A restart keeps the connection and looks for another path; it is cheap, but it looks among the network interfaces
 * that the browser knew when the connection was made. A new connection made from a fresh realm sees new interfaces at
 * once, so that it comes first when the network has changed or media has fallen silent.
 */
import { DEFAULT_LIMITS } from "./protocol.js";

const DISCONNECTED_FOR = 2000; // ms of `disconnected`, which often heals by itself (matrix-js-sdk #3341)
export const SILENCE = 1000; // ms without a packet although media flowed
const RESTARTS = 2; // then another connection
const RESTART_WAIT = 7500; // ms given to a restart, so that two of them make the 15 s of client-sdk-js
const REBUILD_WAIT = 12_000;
const ACT_APART = 2000; // ms between two acts, however soon the first one fails
const STABLE = 10_000; // ms of a working connection after which all is forgotten
const FIRST_CANDIDATE = 3000; // ms given to the first candidate of a mending connection; a relay answers in two round trips
export const ATTEMPTS = 6;
export const WINDOW = 60_000; // ms of trouble, counted only while both sides can be reached

/**
 * @typedef {object} Facts
 * @property {RTCPeerConnectionState} state of the newest connection
 * @property {number} failures how often it has become `failed`
 * @property {boolean} reachable whether this side's signaling is up and the partner's page is there
 * @property {number} silentMs for how long no packet has come although media should flow
 * @property {"none" | "moved" | "woken"} hint what the surroundings say: another network; awake after a sleep
 *
 * @typedef {"restart" | "rebuild" | "give-up"} Act
 */

export class Recovery {
  #connectionMs;
  #attempts = 0;
  #restarts = 0;
  #everConnected = false;
  #failures = 0;
  #failed = false;
  #actedAt = -ACT_APART;
  #waiting = false;
  #nextAt = 0;
  #spent = 0; // ms of trouble while both sides could be reached
  /** @type {number | null} */
  #lookedAt = null;
  /** @type {number | null} */
  #troubleSince = null;
  /** @type {number | null} */
  #wellSince = null;
  #hurried = false;
  #moved = false;
  #over = false;

  /**
   * `connectionMs` is the pool's limit for a first connection; after half of it another one is built (client-sdk-js: 15 s).
   *
   * @param {number} [connectionMs]
   */
  constructor(connectionMs = DEFAULT_LIMITS.connectionMs) {
    this.#connectionMs = connectionMs;
  }

  get attempts() {
    return this.#attempts;
  }

  /** Begin anew, since the person asks for it. */
  reset() {
    this.#forget();
    this.#over = false;
  }

  /**
   * What to do now; to be asked several times a second.
   *
   * @param {Facts} facts
   * @param {number} now ms
   * @returns {Act | null}
   */
  decide(facts, now) {
    const passed = now - (this.#lookedAt ?? now);
    this.#lookedAt = now;
    if (facts.hint === "moved") this.#moved = true;
    if (facts.hint !== "none") this.#hurried = true;
    const silent = facts.silentMs >= SILENCE;
    if (facts.state === "connected" && !silent && !this.#moved) return this.#well(now);
    this.#wellSince = null;
    this.#troubleSince ??= now;
    if (!facts.reachable || this.#over) return null;
    this.#spent += passed;
    return this.#act(facts, silent, now);
  }

  /**
   * The partner has built another connection: that is what this side would have done.
   *
   * @param {number} now ms
   */
  joined(now) {
    this.#moved = this.#hurried = this.#failed = false;
    this.#wait(now + REBUILD_WAIT);
  }

  /** @param {number} until */
  #wait(until) {
    this.#waiting = true;
    this.#nextAt = until;
  }

  /**
   * @param {Facts} facts
   * @param {boolean} silent
   * @param {number} now
   * @returns {Act | null}
   */
  #act({ failures }, silent, now) {
    const failed = failures > this.#failures;
    this.#failures = failures;
    if (!this.#everConnected && this.#spent >= this.#connectionMs) return this.#giveUp();
    if (!this.#due(silent, failed, now)) return null;
    if (this.#attempts >= ATTEMPTS && this.#spent >= WINDOW) return this.#giveUp();
    const another = this.#moved || silent || this.#restarts >= RESTARTS || !this.#everConnected;
    this.#moved = this.#hurried = this.#failed = false;
    this.#attempts += 1;
    if (!another) this.#restarts += 1;
    this.#actedAt = now;
    this.#wait(now + (another ? REBUILD_WAIT : RESTART_WAIT));
    return another ? "rebuild" : "restart";
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
    if (now - this.#actedAt < ACT_APART) return false;
    if (this.#failed || this.#moved) return true; // a new failure ends the wait, and so does another network
    if (this.#waiting) return now >= this.#nextAt;
    if (!this.#everConnected) return now - (this.#troubleSince ?? now) >= this.#connectionMs / 2;
    if (silent) return true;
    return this.#hurried || now - (this.#troubleSince ?? now) >= DISCONNECTED_FOR;
  }

  /**
   * @param {number} now
   * @returns {null}
   */
  #well(now) {
    this.#everConnected = true;
    this.#waiting = false; // the next trouble does not wait for what this one was given
    this.#troubleSince = null;
    this.#hurried = this.#failed = false;
    this.#wellSince ??= now;
    if (now - this.#wellSince >= STABLE) this.#forget();
    return null;
  }

  #forget() {
    this.#attempts = this.#restarts = this.#spent = 0;
    this.#waiting = false;
    this.#troubleSince = null;
    this.#moved = this.#hurried = this.#failed = false;
  }
}

/**
 * For how long a connection may gather without a candidate until another one is built. A call that was there waits less
 * for a relay that may be dead, and twice as long each time, lest the network be merely slow.
 *
 * @param {number} attempts to mend the call
 * @param {number} limit the pool's, ms
 */
export const gatheringFor = (attempts, limit) =>
  attempts ? Math.min(limit, FIRST_CANDIDATE * 2 ** (attempts - 1)) : limit;

/**
 * Counts for how long no packet has come. Looks that were late themselves (a starved or sleeping page) prove nothing.
 */
export class Silence {
  #packets = 0;
  #flowing = false;
  #ms = 0;
  /** @type {number | null} */
  #at = null;

  /**
   * @param {number} packets received since the connection's beginning
   * @param {boolean} expected whether the partner sends anything
   * @param {number} now ms
   * @param {number} period ms between looks
   */
  look(packets, expected, now, period) {
    const passed = now - (this.#at ?? now);
    this.#at = now;
    if (packets > this.#packets) {
      this.#flowing = true;
      this.#ms = 0;
    } else if (!expected) {
      this.#flowing = false;
      this.#ms = 0;
    } else if (this.#flowing && passed <= period * 1.6) this.#ms += passed;
    this.#packets = packets;
    return this.#ms;
  }
}

/**
 * Says when to stop trying to reach the server: when both the attempts and the pool's window are spent. Time for which the
 * browser knows that it is offline does not count.
 */
export class Patience {
  #attempts = 0;
  #spent = 0;
  /** @type {number | null} */
  #at = null;

  /** The server was reached. */
  reset() {
    this.#attempts = this.#spent = 0;
    this.#at = null;
  }

  /**
   * Another attempt begins; returns whether it is one too many.
   *
   * @param {{maxReconnectAttempts: number, resumeWindowMs: number}} limits
   * @param {boolean} onLine
   * @param {number} now ms
   */
  spent({ maxReconnectAttempts, resumeWindowMs }, onLine, now) {
    if (onLine) {
      this.#attempts += 1;
      this.#spent += now - (this.#at ?? now);
    }
    this.#at = now;
    return this.#attempts > maxReconnectAttempts && this.#spent >= resumeWindowMs;
  }
}
