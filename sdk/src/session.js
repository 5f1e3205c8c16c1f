/**
 * A session with the pool, resumed after reloads, network losses and when pods drain. It keeps the intent and the match.
 *
 * If the pool requires a JWT, `token({fresh})` returns one, or a promise of one. It is called for each socket, with
 * `fresh` true if the previous JWT has expired or is about to.
 */
import { Emitter } from "./events.js";
import { idle, matched, onWire, queued, requeued, supersedes } from "./intent.js";
import { ACK_DELAY } from "./lane.js";
import { Match, Outcome } from "./match.js";
import { BAD_FRAME, DEFAULT_LIMITS, HEARTBEAT_GRACE_MS, MAX_CHAT, PEER_UNREACHABLE } from "./protocol.js";
import { bounded } from "./report.js";
import { lock, nothing, remove, restore, save } from "./saved.js";
import { Sockets } from "./sockets.js";

const GOAWAY_MOST = 2000; // ms within which a socket is moved, even if the server allows more

const CHAT_TOO_LONG = { ...BAD_FRAME, message: `${BAD_FRAME.message}: a chat has at most ${MAX_CHAT} characters` };

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/**
 * A match to connect to the peer in.
 *
 * @typedef {object} Found
 * @property {string} match
 * @property {"polite" | "impolite"} role
 * @property {RTCIceServer[]} iceServers
 * @property {string} peer the peer's page load
 */

/**
 * @typedef {object} SessionEvents
 * @property {import("./sockets.js").SignalingStatus} status
 * @property {{ticket: string, position?: number | null, relaxed: ("preferred" | "recent")[]}} queued the position or the
 *   relaxations have changed
 * @property {Found} forming both sides have yet to enter the match; frames to the peer wait until it opens
 * @property {Found} match connect to the peer (again, if the peer has reloaded its page)
 * @property {Frame} message the peer's offer, answer, ICE candidates, chat, …
 * @property {{state: "present" | "away"}} peer
 * @property {{reason: string, requeued: boolean}} ended
 * @property {{code: string, message: string, remedy: string}} problem
 */

/**
 * @typedef {import("./intent.js").Intent} Intent
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./protocol.js").ConnectionState} ConnectionState
 */

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  #sockets;
  #instance = newId();
  #state = nothing();
  #limits = DEFAULT_LIMITS;
  /** Time within which the pool sends the next heartbeat. */
  #nextMs = DEFAULT_LIMITS.heartbeatMs;
  /** @type {Match | null} */
  #match = null;
  /** @type {Outcome | null} */
  #outcome = null;
  #ticking;

  /**
   * @param {string} url
   * @param {{token?: import("./sockets.js").TokenSource}} [options]
   */
  constructor(url, { token } = {}) {
    super();
    this.#sockets = new Sockets({
      url, token,
      next: () => {
        this.#state.socket += 1;
        this.#nextMs = this.#limits.heartbeatMs;
        this.#save();
      },
      greeting: (auth) => this.#greeting(auth),
    });
    this.#sockets.addEventListener("status", ({ detail }) => this.emit("status", detail));
    this.#sockets.addEventListener("problem", ({ detail }) => this.emit("problem", detail));
    this.#sockets.addEventListener("frame", ({ detail: { frame, newest } }) => this.#receive(frame, newest));
    addEventListener("online", () => this.#sockets.connect());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#comeBack();
    });
    this.#ticking = setInterval(() => this.#tick(), 200);
  }

  /** Connect, with the session of this tab if there is one. */
  async start() {
    this.#state = await restore();
    await this.#sockets.connect();
  }

  get intent() {
    return this.#state.intent;
  }

  /** The session's token, for the pool's HTTP API; null before the first welcome. */
  get bearer() {
    return this.#state.token;
  }

  /** The pool's timeouts in ms, and the number of failed attempts after which to give up. */
  get limits() {
    return this.#limits;
  }

  /** Open another socket, unless a frame was received within the last `quietMs`. @param {number} [quietMs] */
  ensureAlive(quietMs = 0) {
    this.#sockets.ensureAlive(quietMs);
  }

  /** Whether the newest socket received a frame within the last `quietMs`. @param {number} quietMs */
  receivedWithin(quietMs) {
    return this.#sockets.receivedWithin(quietMs);
  }

  /** Stop connecting until `ensureAlive` is called or the network is back. */
  pause() {
    this.#sockets.pause();
  }

  /**
   * Look for a peer.
   *
   * @param {Record<string, string>} [attributes]
   * @param {Record<string, string>} [required]
   * @param {import("./intent.js").Choice} [choice]
   */
  join(attributes = {}, required = {}, choice = {}) {
    const ticket = newId();
    this.#match = null;
    this.#setIntent(queued(this.intent, ticket, attributes, required, choice));
    const { revision } = this.intent;
    this.#nextMs = Math.min(this.#nextMs, this.#limits.heartbeatMs);
    this.#sockets.expectAnswer();
    this.#sockets.send({ type: "join-queue", revision, ticket, attributes, required, ...choice });
  }

  /** Stop looking, or leave the match. */
  leave(reason = "user") {
    const before = this.intent;
    this.#match = null;
    this.#setIntent(idle(before.revision + 1));
    const { revision } = this.intent;
    if (before.state === "queued") this.#sockets.send({ type: "leave-queue", revision, ticket: before.ticket });
    if (before.state === "matched") this.#sockets.send({ type: "leave", revision, match: before.match, reason });
  }

  /**
   * Send a frame to the peer; it arrives once and in order while both pages and the match exist. A frame that does not
   * fit into the window is rejected with the problem `peer-unreachable`. A chat is {type, id, text}.
   *
   * @param {Frame} frame
   */
  say(frame) {
    if (!this.#match) return;
    if (frame.type === "chat" && frame.text.length > MAX_CHAT) this.emit("problem", CHAT_TOO_LONG);
    else if (this.#match.push(frame)) this.#transmit("flush");
    else this.emit("problem", PEER_UNREACHABLE);
  }

  /**
   * Report media statistics to the pool every few seconds; omit unknown values:
   * {media, path, rttMs, jitterMs, loss, remoteLoss, sentBitrate, receivedBitrate, freezes, frozenMs}.
   *
   * @param {Partial<import("./report.js").Report>} stats
   */
  report(stats) {
    if (this.#match) this.#sockets.send({ ...bounded(stats), type: "stats", match: this.#match.id });
  }

  /**
   * Report to the pool that the match's connection is "connected", "failed" permanently, or "closed"; each once.
   *
   * @param {ConnectionState["state"]} state
   * @param {Pick<ConnectionState, "path" | "reason">} how
   */
  connection(state, how = {}) {
    if (this.#match) this.#outcome?.add(state, how, performance.now());
    this.#sendOutcome();
  }

  /** Close permanently: the session is not resumed. */
  stop() {
    clearInterval(this.#ticking);
    remove();
    this.#sockets.stop();
  }

  // To the pool

  /** @param {string} [auth] */
  #greeting(auth) {
    const { socket, token, intent } = this.#state;
    const common = { socket, instance: this.#instance, intent: onWire(intent), auth };
    return token ? { type: "resume", token, ...common } : { type: "hello", ...common };
  }

  #comeBack() {
    this.#instance = newId();
    this.#match = null;
    this.#sockets.connect();
  }

  #tick() {
    this.#sockets.check(this.#nextMs + HEARTBEAT_GRACE_MS);
    this.#acknowledge();
    this.#transmit("due");
  }

  /** @param {"flush" | "due" | "restart"} choose */
  #transmit(choose) {
    if (!this.#sockets.welcomed) return;
    for (const frame of this.#match?.going(choose, performance.now()) ?? []) this.#sockets.send(frame);
  }

  /** Send the outcome, which waits for the welcome if there is none yet. */
  #sendOutcome() {
    if (!this.#match || !this.#sockets.welcomed) return;
    for (const frame of this.#outcome?.take() ?? []) this.#sockets.send(frame);
  }

  #heartbeat() {
    this.#sockets.send({ type: "heartbeat", intent: onWire(this.intent) });
  }

  // From the pool

  /** @param {any} frame @param {boolean} newest */
  #receive(frame, newest) {
    if ("seq" in frame) return this.#receiveFromPeer(frame); // the peer's frames count on an old socket too
    if (newest) this.#handlers[frame.type]?.(frame);
  }

  /** @type {Record<string, (frame: any) => unknown>} */
  #handlers = {
    welcome: (frame) => this.#welcome(frame),
    heartbeat: ({ token, nextMs }) => {
      if (token) this.#state.token = token;
      this.#nextMs = nextMs;
      this.#save();
      this.#heartbeat();
    },
    snapshot: ({ intent }) => this.#adopt(intent),
    queued: ({ ticket, queueToken, position, relaxed = [] }) => {
      if (this.intent.ticket !== ticket) return;
      this.#setIntent({ ...this.intent, queueToken });
      this.emit("queued", { ticket, position, relaxed });
    },
    "match-found": (frame) => this.#matchFound(frame),
    "peer-state": (frame) => this.#peerState(frame),
    "auth-expiring": () => this.#sockets.renew(),
    goaway: ({ withinMs }) => this.#sockets.move(Math.min(withinMs / 4, GOAWAY_MOST)),
    error: (frame) => {
      if (frame.code === "session-unknown") this.#forget();
      this.emit("problem", frame);
    },
  };

  /** @param {any} frame */
  #welcome({ session, token, intent, timeouts, nextMs, maxReconnectAttempts = DEFAULT_LIMITS.maxReconnectAttempts }) {
    if (session !== this.#state.session) lock(session);
    Object.assign(this.#state, { session, token });
    this.#limits = { ...DEFAULT_LIMITS, ...timeouts, maxReconnectAttempts }; // older servers send fewer
    this.#nextMs = nextMs;
    this.#sockets.welcome();
    // What the user did since the first frame was not sent: do not wait for the next heartbeat.
    if (intent.revision < this.intent.revision) this.#heartbeat();
    this.#adopt(intent);
    this.#save();
    this.emit("status", { status: "online" });
    this.#presumePresent();
    this.#sendOutcome();
    this.#transmit("restart");
  }

  /** @param {any} frame */
  #matchFound(frame) {
    const { match: id, peer, ticket, state, token } = frame;
    if (this.intent.state === "queued" && this.intent.ticket === ticket) {
      this.#setIntent(matched(this.intent, id));
      this.#heartbeat();
    }
    if (this.intent.match !== id) return;
    const match = this.#match && this.#match.id === id ? this.#match : new Match(id, this.#instance);
    if (match.open && state !== "open") return;
    const met = peer === match.peer;
    if (!met) {
      match.terms = { role: frame.role, iceServers: frame.iceServers };
      match.present = true;
      match.meet(peer);
    }
    this.#match = match;
    if (this.#outcome?.match !== id) this.#outcome = null; // nothing is reported of a match that does not open
    if (state === "open") this.#open(match, met, token);
    else if (!met) this.emit("forming", { match: id, ...match.terms, peer });
  }

  /**
   * Both clients have entered the match.
   *
   * @param {Match} match
   * @param {boolean} met whether the lanes with this page load of the peer exist already
   * @param {string} token
   */
  #open(match, met, token) {
    this.#setIntent({ ...this.intent, token });
    this.#outcome ??= new Outcome(match.id, performance.now());
    if (!match.open) {
      match.open = true;
      this.#begin(match, "flush");
    } else if (!met) this.#begin(match, "restart");
  }

  /** Start with another page load of the peer. @param {Match} match @param {"flush" | "restart"} choose */
  #begin(match, choose) {
    this.#transmit(choose);
    this.emit("match", { match: match.id, ...match.terms, peer: match.peer });
  }

  /** @param {any} frame */
  #peerState({ match: id, state, instance, reason, requeue }) {
    if (this.intent.match !== id) return;
    if (state === "left") return this.#ended(reason, requeue);
    const match = this.#match;
    if (!match?.open) return;
    match.present = state === "present";
    if (instance && instance !== match.peer) {
      match.meet(instance);
      this.#begin(match, "restart");
    } else if (match.present) this.#transmit("restart");
    this.emit("peer", { state });
  }

  /** @param {string} reason @param {boolean} [requeue] */
  #ended(reason, requeue) {
    const again = Boolean(requeue && this.intent.queued);
    this.#match = null;
    this.#setIntent(again ? requeued(this.intent) : idle(this.intent.revision + 1));
    this.#heartbeat();
    this.emit("ended", { reason, requeued: again });
  }

  /** @param {Frame} frame */
  #receiveFromPeer(frame) {
    if (!this.#match) return;
    // Browsers throttle the timers of hidden pages to one per second, by which time the peer repeats its frame.
    const delay = document.visibilityState === "hidden" ? 0 : ACK_DELAY;
    for (const one of this.#match.receive(frame, performance.now(), delay)) this.emit("message", one);
    this.#acknowledge();
    if (frame.type === "ack") this.#transmit("flush"); // it releases further frames
    else setTimeout(() => this.#acknowledge(), ACK_DELAY);
  }

  #acknowledge() {
    if (!this.#sockets.welcomed) return;
    for (const ack of this.#match?.acknowledgements(performance.now()) ?? []) this.#sockets.send(ack);
  }

  /** Assume that the peer is present: a new socket's pod has not observed it yet, and only reports `away`. */
  #presumePresent() {
    if (!this.#match || this.#match.present) return;
    this.#match.present = true;
    this.emit("peer", { state: "present" });
  }

  // The intent

  /** @param {Intent} intent */
  #setIntent(intent) {
    this.#state.intent = intent;
    this.#save();
  }

  /** @param {Intent} intent */
  #adopt(intent) {
    if (!supersedes(intent, this.intent)) return;
    this.#match = null;
    const { intent: before } = this;
    const entered = before.state === "queued" && before.revision === intent.revision;
    this.#setIntent(entered ? { ...intent, queued: before } : intent);
    if (intent.state === "idle") this.emit("ended", { reason: "ended", requeued: false });
  }

  #forget() {
    const had = this.intent.state !== "idle";
    this.#match = null;
    this.#state = nothing();
    this.#save();
    if (had) this.emit("ended", { reason: "session-unknown", requeued: false });
  }

  #save() {
    save(this.#state);
  }
}
