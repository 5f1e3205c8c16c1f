/**
 * The connection to the pool: one socket at a time (two while moving), reopened after network losses and when pods drain.
 */
import { Emitter, withTimeout } from "./events.js";
import { CLOSE_REACTIONS, SUBPROTOCOL } from "./protocol.js";

const RETRY_FIRST = 300;
const RETRY_CEILING = 5000;
const TOKEN_WAIT = 10000; // for the application to return its JWT

const NO_TOKEN = {
  code: "token-failed",
  message: "The application returned no JWT",
  remedy: "Fix the `token` function that was passed to the session.",
  retryable: true,
};

/** @param {number} code */
const reactionTo = (code) =>
  CLOSE_REACTIONS.find(({ from, to }) => code >= from && code <= to)?.reaction ?? "back-off";

/**
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./switchboard.js").TokenSource} TokenSource
 * @typedef {{status: "connecting" | "online" | "offline" | "stopped", reason?: string}} SignalingStatus
 */

/**
 * @typedef {object} SocketsEvents
 * @property {SignalingStatus} status
 * @property {{frame: Frame, newest: boolean}} frame `newest`: whether the newest socket received it
 * @property {{code: string, message: string, remedy: string}} problem
 */

/** @extends {Emitter<SocketsEvents>} */
export class Sockets extends Emitter {
  #url;
  #token;
  #next;
  #greeting;
  #fresh = false;
  #dialing = false;
  /** @type {WebSocket | null} */
  #socket = null;
  #welcomed = false;
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #retry = null;
  #receivedAt = 0;
  #stopped = false;
  #paused = false;

  /**
   * `next` is called before each socket is opened; `greeting` returns its first frame.
   *
   * @param {object} options
   * @param {string} options.url
   * @param {TokenSource} [options.token]
   * @param {() => void} options.next
   * @param {(auth?: string) => Frame} options.greeting
   */
  constructor({ url, token, next, greeting }) {
    super();
    this.#url = url;
    this.#token = token;
    this.#next = next;
    this.#greeting = greeting;
  }

  /** Whether the pool has answered the first frame on the newest socket; only then it accepts others. */
  get welcomed() {
    return this.#welcomed;
  }

  /** Note that the pool has answered the first frame. */
  welcome() {
    this.#welcomed = true;
    this.#attempts = 0;
    this.#fresh = false;
  }

  /** Open another socket, once the application has returned its JWT. */
  async connect() {
    this.#clearRetry();
    this.#paused = false;
    if (this.#stopped || this.#dialing) return;
    if (!this.#welcomed) this.emit("status", { status: "connecting" });
    if (!this.#token) return this.#dial();
    this.#dialing = true;
    const auth = await this.#authenticate();
    this.#dialing = false;
    if (this.#stopped || this.#paused) return;
    if (auth) this.#dial(auth);
    else this.#later();
  }

  /** Open another socket within this time, unless one is about to be opened. @param {number} ms */
  move(ms) {
    this.#retry ??= setTimeout(() => this.connect(), Math.random() * ms);
  }

  /** Open another socket, unless a frame was received within the last `quietMs`. @param {number} quietMs */
  ensureAlive(quietMs) {
    if (performance.now() - this.#receivedAt > quietMs) this.connect();
  }

  /** Open another socket if the pool has been silent for longer than this. @param {number} silentMs */
  check(silentMs) {
    if (this.#socket && !this.#retry && !this.#stopped) this.ensureAlive(silentMs);
  }

  /** Whether the newest socket received a frame within the last `quietMs`. @param {number} quietMs */
  receivedWithin(quietMs) {
    return this.#welcomed && performance.now() - this.#receivedAt <= quietMs;
  }

  /** Measure the pool's silence from now on: it answers what is sent next. */
  expectAnswer() {
    this.#receivedAt = performance.now();
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#welcomed) this.#socket?.send(JSON.stringify(frame));
  }

  /** Send a fresh JWT; if the application returns none, the pool asks again. */
  async renew() {
    this.#fresh = true;
    const token = await this.#authenticate();
    if (!token) return;
    this.send({ type: "auth", token });
    this.#fresh = false;
    if (this.#welcomed) this.emit("status", { status: "online" }); // for listeners that were notified of the missing JWT
  }

  /** Stop connecting until `ensureAlive` or `connect`. */
  pause() {
    this.#clearRetry();
    this.#paused = true;
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = false;
    socket?.close();
    this.emit("status", { status: "stopped", reason: "server-unreachable" });
  }

  /** Close permanently. */
  stop() {
    this.#stopped = true;
    this.#socket?.close(1000);
  }

  #clearRetry() {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** The application's JWT; null if it returned none, which is reported as a problem. */
  async #authenticate() {
    try {
      const given = await withTimeout(Promise.resolve(this.#token?.({ fresh: this.#fresh })), TOKEN_WAIT, "the function");
      if (!given) throw new Error("it returned nothing");
      return given;
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      this.emit("problem", { ...NO_TOKEN, message: `${NO_TOKEN.message}: ${why}` });
      return null;
    }
  }

  /** @param {string} [auth] */
  #dial(auth) {
    this.#next();
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    const old = this.#socket;
    this.#socket = socket;
    if (old && !this.#welcomed) old.close();
    this.#welcomed = false; // frames wait for the new socket's welcome
    socket.onopen = () => socket.send(JSON.stringify(this.#greeting(auth)));
    socket.onmessage = ({ data }) => this.#receive(socket, JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    this.#receivedAt = performance.now();
  }

  /** @param {WebSocket} socket @param {Frame} frame */
  #receive(socket, frame) {
    if (this.#stopped) return;
    this.#receivedAt = performance.now();
    this.emit("frame", { frame, newest: socket === this.#socket });
  }

  /** @param {WebSocket} socket @param {number} code @param {string} reason */
  #closed(socket, code, reason) {
    if (socket !== this.#socket || this.#stopped) return;
    this.#welcomed = false;
    const reaction = reactionTo(code);
    if (reaction === "stop") {
      this.#stopped = true;
      this.emit("status", { status: "stopped", reason });
      return;
    }
    this.#fresh ||= reaction === "fresh-jwt";
    this.emit("status", { status: "offline", reason });
    if (reaction === "reconnect") this.#attempts = 0; // another pod accepts this client: not a failed attempt
    this.#later();
  }

  #later() {
    this.move(Math.min(RETRY_FIRST * 2 ** this.#attempts++, RETRY_CEILING));
  }
}
