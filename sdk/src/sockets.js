/**
 * The way to the pool: one socket at a time (two while moving), opened anew over lost networks and stopping pods.
 *
 * Events: status {status: "connecting" | "online" | "offline" | "stopped", reason?}, frame {frame, newest: whether it
 * came by the newest socket}, problem {code, message, remedy, retryable}.
 */
import { tell, within } from "./events.js";
import { CLOSE_RETRY, FINAL_CLOSE_CODES, FRESH_TOKEN_CLOSE_CODES, SUBPROTOCOL } from "./protocol.js";

const RETRY_FIRST = 300;
const RETRY_CEILING = 5000;
const TOKEN_WAIT = 10000; // for the application to give its JWT

const NO_TOKEN = {
  code: "token-failed",
  message: "The application gave no JWT",
  remedy: "Mend the function `token` that the session was made with.",
  retryable: true,
};

/**
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {(wish: {fresh: boolean}) => string | Promise<string>} TokenSource
 */

export class Sockets extends EventTarget {
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
  #heardAt = 0;
  #stopped = false;
  #resting = false;

  /**
   * `next` is called before each socket is opened, `greeting` gives what is said first on it.
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

  /** Whether the pool has answered the greeting on the newest socket: only then it takes frames. */
  get welcomed() {
    return this.#welcomed;
  }

  /** The pool has answered the greeting. */
  welcome() {
    this.#welcomed = true;
    this.#attempts = 0;
    this.#fresh = false;
  }

  /** Open another socket, once the application has given its JWT. */
  async connect() {
    this.#clearRetry();
    this.#resting = false;
    if (this.#stopped || this.#dialing) return;
    if (!this.#welcomed) tell(this, "status", { status: "connecting" });
    if (!this.#token) return this.#dial();
    this.#dialing = true;
    const auth = await this.#authenticate();
    this.#dialing = false;
    if (this.#stopped || this.#resting) return;
    if (auth) this.#dial(auth);
    else this.#later();
  }

  /** Open another socket within a span, unless one is to be opened anyway. @param {number} ms */
  move(ms) {
    this.#retry ??= setTimeout(() => this.connect(), Math.random() * ms);
  }

  /** Open another socket, unless the pool was heard within the last `quietMs`. @param {number} quietMs */
  prove(quietMs) {
    if (performance.now() - this.#heardAt > quietMs) this.connect();
  }

  /** Open another socket if the pool was silent for longer than that. @param {number} silentMs */
  check(silentMs) {
    if (this.#socket && !this.#retry && !this.#stopped) this.prove(silentMs);
  }

  /** Whether the pool was heard on the newest socket within the last `quietMs`. @param {number} quietMs */
  heard(quietMs) {
    return this.#welcomed && performance.now() - this.#heardAt <= quietMs;
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#welcomed) this.#socket?.send(JSON.stringify(frame));
  }

  /** Send a fresh JWT; if the application gives none, the pool asks again. */
  async renew() {
    this.#fresh = true;
    const token = await this.#authenticate();
    if (!token) return;
    this.send({ type: "auth", token });
    this.#fresh = false;
    if (this.#welcomed) tell(this, "status", { status: "online" }); // whoever was told of a missing JWT
  }

  /** Try to connect no more, until `prove` or `connect`. */
  rest() {
    this.#clearRetry();
    this.#resting = true;
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = false;
    socket?.close();
    tell(this, "status", { status: "stopped", reason: "attempts-spent" });
  }

  /** Close for good. */
  stop() {
    this.#stopped = true;
    this.#socket?.close(1000);
  }

  #clearRetry() {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** The application's JWT, or null if it gave none, which is told as a problem. */
  async #authenticate() {
    try {
      const given = await within(Promise.resolve(this.#token?.({ fresh: this.#fresh })), TOKEN_WAIT, "the function");
      if (!given) throw new Error("it gave nothing");
      return given;
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      tell(this, "problem", { ...NO_TOKEN, message: `${NO_TOKEN.message}: ${why}` });
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
    this.#welcomed = false; // a socket that is not open yet takes no frames: they wait for its welcome
    socket.onopen = () => socket.send(JSON.stringify(this.#greeting(auth)));
    socket.onmessage = ({ data }) => this.#receive(socket, JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    this.#heardAt = performance.now();
  }

  /** @param {WebSocket} socket @param {Frame} frame */
  #receive(socket, frame) {
    if (this.#stopped) return;
    this.#heardAt = performance.now();
    tell(this, "frame", { frame, newest: socket === this.#socket });
  }

  /** @param {WebSocket} socket @param {number} code @param {string} reason */
  #closed(socket, code, reason) {
    if (socket !== this.#socket || this.#stopped) return;
    this.#welcomed = false;
    if (FINAL_CLOSE_CODES.includes(code)) {
      this.#stopped = true;
      tell(this, "status", { status: "stopped", reason });
      return;
    }
    this.#fresh ||= FRESH_TOKEN_CLOSE_CODES.includes(code);
    tell(this, "status", { status: "offline", reason });
    if (code === CLOSE_RETRY) this.#attempts = 0; // another pod takes us: it counts as no attempt
    this.#later();
  }

  #later() {
    this.move(Math.min(RETRY_FIRST * 2 ** this.#attempts++, RETRY_CEILING));
  }
}
