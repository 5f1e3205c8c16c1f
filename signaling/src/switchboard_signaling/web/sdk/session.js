/**
 * A session with the pool: one socket at a time (two while moving), resumed over reloads, lost networks and stopping
 * pods. It keeps the want and the lanes; what it learns it says by events:
 *
 *   status   {status: "connecting" | "online" | "offline" | "stopped", reason?}
 *   queued   {ticket, position?, relaxed}: again when one of the two changes
 *   match    {m, role, iceServers, partner}: build a connection (again, if the partner's page was loaded anew)
 *   said     the partner's offer, answer, ice-candidate, chat, …
 *   partner  {state: "present" | "away"}
 *   ended    {reason, requeued}
 *   problem  {code, message, remedy}
 *
 * Where the pool asks for a JWT, `token({fresh})` returns or promises one: it is called for each socket, and with
 * `fresh` true when the one it gave has expired or is about to.
 */
import { ReceiveLane, SendLane } from "./lane.js";
import { bounded, MAX_SPAN_MS } from "./report.js";
import { further, idle, matched, onWire, queued, requeued } from "./want.js";

const SUBPROTOCOL = "switchboard.v1";
const STORAGE = "switchboard.session";
const RETRY_FIRST = 300;
const RETRY_CEILING = 5000;
const NEVER_AGAIN = new Set([1009, 4400, 4402, 4403, 4409, 4410, 4423]);
const AUTH_EXPIRED = 4419;
const RETRY = 4421;
const MAX_CHAT = 4096;
const TOKEN_WAIT = 10000; // for the application to give its JWT
const KEPT_LANES = 4; // of how many earlier page loads of the partner
const LOCK_WAIT = 500; // a reloaded page's old lock is released within this time

/** What holds until a welcome says otherwise, and what an older server does not say (protocol/messages.py). */
const LIMITS = {
  heartbeatMs: 5000,
  idleHeartbeatMs: 30_000,
  resumeWindowMs: 60_000,
  iceGatheringMs: 10_000,
  connectionMs: 30_000,
  maxReconnectAttempts: 3,
};

const UNREACHABLE = {
  code: "peer-unreachable",
  message: "The partner cannot be reached just now",
  remedy: "Keep the frame and repeat it.",
  retryable: true,
};

const CHAT_TOO_LONG = {
  code: "bad-frame",
  message: `The frame is not a valid message: a chat has at most ${MAX_CHAT} letters`,
  remedy: "Send a JSON object as the protocol reference describes it.",
  retryable: false,
};

const NO_TOKEN = {
  code: "token-failed",
  message: "The application gave no JWT",
  remedy: "Mend the function `token` that the session was made with.",
  retryable: true,
};

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/**
 * @typedef {import("./want.js").Want} Want
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./protocol.js").ConnectionState} ConnectionState
 *
 * @typedef {object} Match
 * @property {string} m
 * @property {string} partner the partner's page load
 * @property {"polite" | "impolite"} role
 * @property {RTCIceServer[]} iceServers
 * @property {boolean} present
 * @property {Map<string, [SendLane, ReceiveLane]>} lanes by the partner's page loads, the present one last
 * @property {SendLane} sending
 * @property {ReceiveLane} receiving
 *
 * @typedef {(wish: {fresh: boolean}) => string | Promise<string>} TokenSource
 */

export class Session extends EventTarget {
  #url;
  #token;
  #fresh = false;
  #dialing = false;
  #inst = newId();
  /** What outlives a reload. @type {{n: number, sid: string | null, token: string | null, want: Want}} */
  #state = { n: 0, sid: null, token: null, want: idle() };
  /** @type {WebSocket | null} */
  #socket = null;
  #welcomed = false;
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #retry = null;
  #heardAt = 0;
  #limits = LIMITS;
  /** @type {Match | null} */
  #match = null;
  /** @type {{m: string, since: number, said: Set<string>, setupMs?: number, unsent: ConnectionState[]} | null} */
  #call = null; // what the pool was told of the match, over all page loads of the partner
  #stopped = false;
  #resting = false;
  #ticking;

  /**
   * @param {string} url
   * @param {{token?: TokenSource}} [options]
   */
  constructor(url, { token } = {}) {
    super();
    this.#url = url;
    this.#token = token;
    addEventListener("online", () => this.#connect());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#comeBack();
    });
    this.#ticking = setInterval(() => this.#tick(), 200);
  }

  /** Connect, with the session of this tab if there is one. */
  async start() {
    await this.#restore();
    await this.#connect();
  }

  get want() {
    return this.#state.want;
  }

  /** The session's token, for the pool's HTTP API; null before the first welcome. */
  get bearer() {
    return this.#state.token;
  }

  /** How often and for how long something is tried, as the pool says: spans in ms, and sockets tried in vain. */
  get limits() {
    return this.#limits;
  }

  /** Open another socket, unless the server was heard within the last `quietMs`. @param {number} [quietMs] */
  prove(quietMs = 0) {
    if (performance.now() - this.#heardAt > quietMs) this.#connect();
  }

  /** Whether the server was heard on the newest socket within the last `quietMs`. @param {number} quietMs */
  heard(quietMs) {
    return this.#welcomed && performance.now() - this.#heardAt <= quietMs;
  }

  /** Try to connect no more, until `prove` or until the network is back. */
  rest() {
    this.#clearRetry();
    this.#resting = true;
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = false;
    socket?.close();
    this.#tell("status", { status: "stopped", reason: "attempts-spent" });
  }

  /**
   * Look for a partner.
   *
   * @param {Record<string, string>} [attributes]
   * @param {Record<string, string>} [required]
   * @param {import("./want.js").Choice} [choice]
   */
  join(attributes = {}, required = {}, choice = {}) {
    const ticket = newId();
    this.#leaveMatch();
    this.#wish(queued(this.want, ticket, attributes, required, choice));
    const { c } = this.want;
    this.#send({ type: "join-queue", c, ticket, attributes, required, ...choice });
  }

  /** Stop looking, or leave the match. */
  leave(reason = "user") {
    const before = this.want;
    this.#leaveMatch();
    this.#wish(idle(before.c + 1));
    const { c } = this.want;
    if (before.state === "queued") this.#send({ type: "leave-queue", c, ticket: before.ticket });
    if (before.state === "matched") this.#send({ type: "leave", c, m: before.m, reason });
  }

  /**
   * Say something to the partner; it arrives once and in order while both pages and the match live. A full window is
   * answered with the problem `peer-unreachable`: the frame was not taken. A chat is {type, id, text}.
   *
   * @param {Frame} frame
   */
  say(frame) {
    if (!this.#match) return;
    if (frame.type === "chat" && frame.text.length > MAX_CHAT) this.#tell("problem", CHAT_TOO_LONG);
    else if (this.#match.sending.push(frame)) this.#transmit("flush");
    else this.#tell("problem", UNREACHABLE);
  }

  /**
   * Tell the pool how the media has been, once in some seconds, for its statistics; what is not known is left out:
   * {media, path, rttMs, jitterMs, loss, remoteLoss, sentBitrate, receivedBitrate, freezes, frozenMs}.
   *
   * @param {Partial<import("./report.js").Report>} stats
   */
  report(stats) {
    if (this.#match) this.#send({ ...bounded(stats), type: "stats", m: this.#match.m });
  }

  /**
   * Tell the pool that the match's connection is "connected", "failed" for good, or "closed"; each counts once.
   *
   * @param {ConnectionState["state"]} state
   * @param {Pick<ConnectionState, "path" | "reason">} how
   */
  connection(state, { path, reason } = {}) {
    const call = this.#call;
    if (!this.#match || !call || call.said.has(state)) return;
    call.said.add(state);
    if (state === "connected") call.setupMs = Math.min(performance.now() - call.since, MAX_SPAN_MS);
    call.unsent.push({ type: "connection-state", m: call.m, state, setupMs: call.setupMs, path, reason });
    this.#sendUnsent();
  }

  /** Send what could not be said before the welcome. */
  #sendUnsent() {
    if (this.#match && this.#welcomed) for (const frame of this.#call?.unsent.splice(0) ?? []) this.#send(frame);
  }

  /** Close for good: the session is not resumed. */
  stop() {
    this.#stopped = true;
    clearInterval(this.#ticking);
    sessionStorage.removeItem(STORAGE);
    this.#socket?.close(1000);
  }

  // Sockets

  async #restore() {
    const saved = JSON.parse(sessionStorage.getItem(STORAGE) ?? "null");
    // A duplicated tab gets a copy of the storage: the session belongs to the tab that holds its lock.
    if (saved?.sid && (await this.#lock(saved.sid))) this.#state = saved;
  }

  /** @param {string} sid @returns {Promise<boolean>} */
  async #lock(sid) {
    if (!navigator.locks) return true;
    const signal = AbortSignal.timeout(LOCK_WAIT);
    return new Promise((resolve) => {
      const held = () => {
        resolve(true);
        return new Promise(() => {}); // held until the page is gone
      };
      navigator.locks.request(`switchboard.${sid}`, { signal }, held).catch(() => resolve(false));
    });
  }

  /** Open another socket, once the application has given its JWT. */
  async #connect() {
    this.#clearRetry();
    this.#resting = false;
    if (this.#stopped || this.#dialing) return;
    if (!this.#welcomed) this.#tell("status", { status: "connecting" });
    if (!this.#token) return this.#dial();
    this.#dialing = true;
    const auth = await this.#authenticate();
    this.#dialing = false;
    if (this.#stopped || this.#resting) return;
    if (auth) this.#dial(auth);
    else this.#later();
  }

  #clearRetry() {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** The application's JWT, or null if it gave none, which is told as a problem. */
  async #authenticate() {
    try {
      const tooLong = new Promise((_, reject) => setTimeout(() => reject(new Error("it took too long")), TOKEN_WAIT));
      const given = await Promise.race([this.#token?.({ fresh: this.#fresh }), tooLong]);
      if (!given) throw new Error("it gave nothing");
      return given;
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      this.#tell("problem", { ...NO_TOKEN, message: `${NO_TOKEN.message}: ${why}` });
      return null;
    }
  }

  /** @param {string} [auth] */
  #dial(auth) {
    this.#state.n += 1;
    this.#save();
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    const old = this.#socket;
    this.#socket = socket;
    if (old && !this.#welcomed) old.close();
    this.#welcomed = false; // a socket that is not open yet takes no frames: they wait for its welcome
    socket.onopen = () => this.#greet(socket, auth);
    socket.onmessage = ({ data }) => this.#receive(socket, JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    this.#heardAt = performance.now();
  }

  /** @param {WebSocket} socket @param {string} [auth] */
  #greet(socket, auth) {
    const { n, token, want } = this.#state;
    const common = { n, inst: this.#inst, want: onWire(want), auth };
    socket.send(JSON.stringify(token ? { type: "resume", token, ...common } : { type: "hello", ...common }));
  }

  /** @param {WebSocket} socket @param {number} code @param {string} reason */
  #closed(socket, code, reason) {
    if (socket !== this.#socket || this.#stopped) return;
    this.#welcomed = false;
    if (NEVER_AGAIN.has(code)) {
      this.#stopped = true;
      this.#tell("status", { status: "stopped", reason });
      return;
    }
    this.#fresh ||= code === AUTH_EXPIRED;
    this.#tell("status", { status: "offline", reason });
    if (code === RETRY) this.#attempts = 0; // another pod takes us: it counts as no attempt
    this.#later();
  }

  #later() {
    const ceiling = Math.min(RETRY_FIRST * 2 ** this.#attempts++, RETRY_CEILING);
    this.#retry ??= setTimeout(() => this.#connect(), Math.random() * ceiling);
  }

  #comeBack() {
    this.#inst = newId();
    this.#match = null;
    this.#connect();
  }

  #tick() {
    const now = performance.now();
    const every = this.want.state === "idle" ? this.#limits.idleHeartbeatMs : this.#limits.heartbeatMs;
    if (this.#socket && !this.#retry && !this.#stopped && now - this.#heardAt > 2 * every + 2000) this.#connect();
    this.#transmit("due");
  }

  /**
   * Send what the lane chooses, unless nothing can reach the partner anyway.
   *
   * @param {"flush" | "due" | "restart"} choose
   */
  #transmit(choose) {
    if (!this.#welcomed || !this.#match?.present) return;
    for (const frame of this.#match.sending[choose](performance.now())) this.#send(frame);
  }

  /** @param {Frame} frame */
  #send(frame) {
    if (this.#welcomed) this.#socket?.send(JSON.stringify(frame));
  }

  // Frames

  /** @param {WebSocket} socket @param {any} frame */
  #receive(socket, frame) {
    if (this.#stopped) return;
    this.#heardAt = performance.now();
    if (frame.m && "k" in frame) return this.#hear(frame); // what peers say counts on an old socket too
    if (socket !== this.#socket) return;
    this.#handlers[frame.type]?.(frame);
  }

  /** @type {Record<string, (frame: any) => unknown>} */
  #handlers = {
    welcome: ({ sid, token, want, timeouts, maxReconnectAttempts = LIMITS.maxReconnectAttempts }) => {
      if (sid !== this.#state.sid) this.#lock(sid);
      Object.assign(this.#state, { sid, token });
      this.#limits = { ...LIMITS, ...timeouts, maxReconnectAttempts };
      this.#welcomed = true;
      this.#attempts = 0;
      this.#fresh = false;
      // What the user did after the greeting was not sent: no need to wait for the next heartbeat.
      if (want.c < this.want.c) this.#heartbeat();
      this.#adopt(want);
      this.#save();
      this.#tell("status", { status: "online" });
      this.#presumePresent();
      this.#sendUnsent();
      this.#transmit("restart");
    },
    heartbeat: ({ token }) => {
      if (token) this.#state.token = token;
      this.#save();
      this.#heartbeat();
    },
    snapshot: ({ want }) => this.#adopt(want),
    queued: ({ ticket, place, position, relaxed = [] }) => {
      if (this.want.ticket !== ticket) return;
      this.#wish({ ...this.want, place });
      this.#tell("queued", { ticket, position, relaxed });
    },
    "match-found": (frame) => this.#matchFound(frame),
    "peer-state": (frame) => this.#peerState(frame),
    "auth-expiring": async () => {
      this.#fresh = true;
      const token = await this.#authenticate();
      if (!token) return; // the server asks again
      this.#send({ type: "auth", token });
      this.#fresh = false;
      if (this.#welcomed) this.#tell("status", { status: "online" }); // whoever was told of a missing JWT
    },
    goaway: ({ withinMs }) => {
      this.#retry ??= setTimeout(() => this.#connect(), Math.random() * Math.min(withinMs / 4, 2000));
    },
    error: (frame) => {
      if (frame.code === "session-unknown") this.#forget();
      this.#tell("problem", frame);
    },
  };

  /** @param {any} frame */
  #matchFound(frame) {
    const { m, ticket, state, token } = frame;
    if (this.want.state === "queued" && this.want.ticket === ticket) {
      this.#wish(matched(this.want, m));
      this.#heartbeat();
    }
    if (this.want.m !== m || state !== "open") return;
    this.#wish({ ...this.want, token });
    this.#meet(frame.partner, frame);
  }

  /**
   * Begin the lanes with a page load of the partner; of what was said to an older one only chat has value.
   *
   * @param {string} partner
   * @param {{m: string, role: Match["role"], iceServers: RTCIceServer[]}} found
   */
  #meet(partner, { m, role, iceServers }, present = true) {
    const old = this.#match;
    if (old?.partner === partner) return;
    if (this.#call?.m !== m) this.#call = { m, since: performance.now(), said: new Set(), unsent: [] };
    // A store that has lost its last writes may name an older page load again for a while: its lanes go on.
    const lanes = new Map([...(old?.lanes ?? [])].slice(-KEPT_LANES));
    const [sending, receiving] = lanes.get(partner) ?? [
      new SendLane({ m, from: this.#inst, to: partner }),
      new ReceiveLane({ m, from: partner, to: this.#inst }),
    ];
    const known = new Set(sending.unacknowledgedChat().map(({ id }) => id));
    for (const chat of old?.sending.unacknowledgedChat() ?? []) if (!known.has(chat.id)) sending.push(chat);
    lanes.delete(partner); // the present one goes to the end
    lanes.set(partner, [sending, receiving]);
    this.#match = { m, partner, role, iceServers, present, lanes, sending, receiving };
    this.#transmit("restart");
    this.#tell("match", { m, role, iceServers, partner });
  }

  /** @param {any} frame */
  #peerState({ m, state, inst, reason, requeue }) {
    if (this.want.m !== m) return;
    if (state === "left") return this.#ended(reason, requeue);
    if (!this.#match) return;
    const present = state === "present";
    this.#match.present = present;
    if (inst && inst !== this.#match.partner) this.#meet(inst, this.#match, present);
    else if (present) this.#transmit("restart");
    this.#tell("partner", { state });
  }

  /** @param {string} reason @param {boolean} [requeue] */
  #ended(reason, requeue) {
    const again = Boolean(requeue && this.want.line);
    this.#match = null;
    this.#wish(again ? requeued(this.want) : idle(this.want.c + 1));
    this.#heartbeat();
    this.#tell("ended", { reason, requeued: again });
  }

  /** @param {any} frame */
  #hear(frame) {
    const match = this.#match;
    if (!match || match.m !== frame.m) return;
    if (frame.type === "ack") {
      if (frame.from !== this.#inst || frame.to !== match.partner) return;
      match.sending.acknowledged(frame.k, performance.now());
      this.#transmit("flush");
      return;
    }
    if (frame.to !== this.#inst || frame.from !== match.partner) return;
    const { ready, ack } = match.receiving.receive(frame);
    for (const one of ready) if (one.type !== "noop") this.#tell("said", one);
    this.#send(ack);
  }

  /** Forget that the partner was away: a new socket's pod has yet to see it, and says so only if it is. */
  #presumePresent() {
    if (!this.#match || this.#match.present) return;
    this.#match.present = true;
    this.#tell("partner", { state: "present" });
  }

  // The want

  /** @param {Want} want */
  #wish(want) {
    this.#state.want = want;
    this.#save();
  }

  /** @param {Want} want */
  #adopt(want) {
    if (!further(want, this.want)) return;
    this.#leaveMatch();
    const line = this.want.state === "queued" && this.want.c === want.c ? this.want : undefined;
    this.#wish(line ? { ...want, line } : want);
    if (want.state === "idle") this.#tell("ended", { reason: "ended", requeued: false });
  }

  #forget() {
    const had = this.want.state !== "idle";
    this.#match = null;
    this.#state = { n: 0, sid: null, token: null, want: idle() };
    this.#save();
    if (had) this.#tell("ended", { reason: "session-unknown", requeued: false });
  }

  #leaveMatch() {
    this.#match = null;
  }

  #heartbeat() {
    this.#send({ type: "heartbeat", want: onWire(this.want) });
  }

  #save() {
    sessionStorage.setItem(STORAGE, JSON.stringify(this.#state));
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
