/**
 * A session with the pool, resumed over reloads, lost networks and stopping pods. It keeps the want and the match; what
 * it learns it says by events:
 *
 *   status   {status: "connecting" | "online" | "offline" | "stopped", reason?}
 *   queued   {ticket, position?, relaxed}: again when one of the two changes
 *   forming  {m, role, iceServers, partner}: a match that both have yet to take; what is said now goes out if it opens
 *   match    {m, role, iceServers, partner}: build a connection (again, if the partner's page was loaded anew)
 *   said     the partner's offer, answer, ice-candidate, chat, …
 *   partner  {state: "present" | "away"}
 *   ended    {reason, requeued}
 *   problem  {code, message, remedy}
 *
 * Where the pool asks for a JWT, `token({fresh})` returns or promises one: it is called for each socket, and with
 * `fresh` true when the one it gave has expired or is about to.
 */
import { listen, tell } from "./events.js";
import { Match, Outcome } from "./match.js";
import { BAD_FRAME, DEFAULT_LIMITS, MAX_CHAT, PEER_UNREACHABLE } from "./protocol.js";
import { bounded } from "./report.js";
import { lock, nothing, remove, restore, save } from "./saved.js";
import { Sockets } from "./sockets.js";
import { further, idle, matched, onWire, queued, requeued } from "./want.js";

const GOAWAY_MOST = 2000; // ms until a socket is moved that may take longer

const CHAT_TOO_LONG = { ...BAD_FRAME, message: `${BAD_FRAME.message}: a chat has at most ${MAX_CHAT} letters` };

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/**
 * @typedef {import("./want.js").Want} Want
 * @typedef {import("./lane.js").Frame} Frame
 * @typedef {import("./protocol.js").ConnectionState} ConnectionState
 */

export class Session extends EventTarget {
  #sockets;
  #inst = newId();
  #state = nothing();
  #limits = DEFAULT_LIMITS;
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
        this.#state.n += 1;
        this.#save();
      },
      greeting: (auth) => this.#greeting(auth),
    });
    listen(this.#sockets, "status", (detail) => tell(this, "status", detail));
    listen(this.#sockets, "problem", (detail) => tell(this, "problem", detail));
    listen(this.#sockets, "frame", ({ frame, newest }) => this.#receive(frame, newest));
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
    this.#sockets.prove(quietMs);
  }

  /** Whether the server was heard on the newest socket within the last `quietMs`. @param {number} quietMs */
  heard(quietMs) {
    return this.#sockets.heard(quietMs);
  }

  /** Try to connect no more, until `prove` or until the network is back. */
  rest() {
    this.#sockets.rest();
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
    this.#match = null;
    this.#wish(queued(this.want, ticket, attributes, required, choice));
    const { c } = this.want;
    this.#sockets.send({ type: "join-queue", c, ticket, attributes, required, ...choice });
  }

  /** Stop looking, or leave the match. */
  leave(reason = "user") {
    const before = this.want;
    this.#match = null;
    this.#wish(idle(before.c + 1));
    const { c } = this.want;
    if (before.state === "queued") this.#sockets.send({ type: "leave-queue", c, ticket: before.ticket });
    if (before.state === "matched") this.#sockets.send({ type: "leave", c, m: before.m, reason });
  }

  /**
   * Say something to the partner; it arrives once and in order while both pages and the match live. A full window is
   * answered with the problem `peer-unreachable`: the frame was not taken. A chat is {type, id, text}.
   *
   * @param {Frame} frame
   */
  say(frame) {
    if (!this.#match) return;
    if (frame.type === "chat" && frame.text.length > MAX_CHAT) tell(this, "problem", CHAT_TOO_LONG);
    else if (this.#match.push(frame)) this.#transmit("flush");
    else tell(this, "problem", PEER_UNREACHABLE);
  }

  /**
   * Tell the pool how the media has been, once in some seconds, for its statistics; what is not known is left out:
   * {media, path, rttMs, jitterMs, loss, remoteLoss, sentBitrate, receivedBitrate, freezes, frozenMs}.
   *
   * @param {Partial<import("./report.js").Report>} stats
   */
  report(stats) {
    if (this.#match) this.#sockets.send({ ...bounded(stats), type: "stats", m: this.#match.m });
  }

  /**
   * Tell the pool that the match's connection is "connected", "failed" for good, or "closed"; each counts once.
   *
   * @param {ConnectionState["state"]} state
   * @param {Pick<ConnectionState, "path" | "reason">} how
   */
  connection(state, how = {}) {
    if (this.#match) this.#outcome?.add(state, how, performance.now());
    this.#tellOutcome();
  }

  /** Close for good: the session is not resumed. */
  stop() {
    clearInterval(this.#ticking);
    remove();
    this.#sockets.stop();
  }

  // To the pool

  /** @param {string} [auth] */
  #greeting(auth) {
    const { n, token, want } = this.#state;
    const common = { n, inst: this.#inst, want: onWire(want), auth };
    return token ? { type: "resume", token, ...common } : { type: "hello", ...common };
  }

  #comeBack() {
    this.#inst = newId();
    this.#match = null;
    this.#sockets.connect();
  }

  #tick() {
    const every = this.want.state === "idle" ? this.#limits.idleHeartbeatMs : this.#limits.heartbeatMs;
    this.#sockets.check(2 * every + 2000);
    this.#transmit("due");
  }

  /** @param {"flush" | "due" | "restart"} choose */
  #transmit(choose) {
    if (!this.#sockets.welcomed) return;
    for (const frame of this.#match?.going(choose, performance.now()) ?? []) this.#sockets.send(frame);
  }

  /** What could not be said before the welcome is said after it. */
  #tellOutcome() {
    if (!this.#match || !this.#sockets.welcomed) return;
    for (const frame of this.#outcome?.take() ?? []) this.#sockets.send(frame);
  }

  #heartbeat() {
    this.#sockets.send({ type: "heartbeat", want: onWire(this.want) });
  }

  // From the pool

  /** @param {any} frame @param {boolean} newest */
  #receive(frame, newest) {
    if (frame.m && "k" in frame) return this.#hear(frame); // what peers say counts on an old socket too
    if (newest) this.#handlers[frame.type]?.(frame);
  }

  /** @type {Record<string, (frame: any) => unknown>} */
  #handlers = {
    welcome: (frame) => this.#welcome(frame),
    heartbeat: ({ token }) => {
      if (token) this.#state.token = token;
      this.#save();
      this.#heartbeat();
    },
    snapshot: ({ want }) => this.#adopt(want),
    queued: ({ ticket, place, position, relaxed = [] }) => {
      if (this.want.ticket !== ticket) return;
      this.#wish({ ...this.want, place });
      tell(this, "queued", { ticket, position, relaxed });
    },
    "match-found": (frame) => this.#matchFound(frame),
    "peer-state": (frame) => this.#peerState(frame),
    "auth-expiring": () => this.#sockets.renew(),
    goaway: ({ withinMs }) => this.#sockets.move(Math.min(withinMs / 4, GOAWAY_MOST)),
    error: (frame) => {
      if (frame.code === "session-unknown") this.#forget();
      tell(this, "problem", frame);
    },
  };

  /** @param {any} frame */
  #welcome({ sid, token, want, timeouts, maxReconnectAttempts = DEFAULT_LIMITS.maxReconnectAttempts }) {
    if (sid !== this.#state.sid) lock(sid);
    Object.assign(this.#state, { sid, token });
    this.#limits = { ...DEFAULT_LIMITS, ...timeouts, maxReconnectAttempts }; // older servers say less
    this.#sockets.welcome();
    // What the user did after the greeting was not sent: no need to wait for the next heartbeat.
    if (want.c < this.want.c) this.#heartbeat();
    this.#adopt(want);
    this.#save();
    tell(this, "status", { status: "online" });
    this.#presumePresent();
    this.#tellOutcome();
    this.#transmit("restart");
  }

  /** @param {any} frame */
  #matchFound(frame) {
    const { m, ticket, state, token } = frame;
    if (this.want.state === "queued" && this.want.ticket === ticket) {
      this.#wish(matched(this.want, m));
      this.#heartbeat();
    }
    if (this.want.m !== m) return;
    const match = this.#match && this.#match.m === m ? this.#match : new Match(m, this.#inst);
    if (match.open && state !== "open") return;
    const met = frame.partner === match.partner;
    if (!met) {
      match.terms = { role: frame.role, iceServers: frame.iceServers };
      match.present = true;
      match.meet(frame.partner);
    }
    this.#match = match;
    if (this.#outcome?.m !== m) this.#outcome = null; // of a match that does not open nothing is told
    if (state === "open") this.#open(match, met, token);
    else if (!met) tell(this, "forming", { m, ...match.terms, partner: match.partner });
  }

  /**
   * Both are in.
   *
   * @param {Match} match
   * @param {boolean} met whether it has been talked to this page load of the partner before
   * @param {string} token
   */
  #open(match, met, token) {
    this.#wish({ ...this.want, token });
    this.#outcome ??= new Outcome(match.m, performance.now());
    if (!match.open) {
      match.open = true;
      this.#begin(match, "flush");
    } else if (!met) this.#begin(match, "restart");
  }

  /** Talk to another page load of the partner than before. @param {Match} match @param {"flush" | "restart"} choose */
  #begin(match, choose) {
    this.#transmit(choose);
    tell(this, "match", { m: match.m, ...match.terms, partner: match.partner });
  }

  /** @param {any} frame */
  #peerState({ m, state, inst, reason, requeue }) {
    if (this.want.m !== m) return;
    if (state === "left") return this.#ended(reason, requeue);
    const match = this.#match;
    if (!match?.open) return;
    match.present = state === "present";
    if (inst && inst !== match.partner) {
      match.meet(inst);
      this.#begin(match, "restart");
    } else if (match.present) this.#transmit("restart");
    tell(this, "partner", { state });
  }

  /** @param {string} reason @param {boolean} [requeue] */
  #ended(reason, requeue) {
    const again = Boolean(requeue && this.want.line);
    this.#match = null;
    this.#wish(again ? requeued(this.want) : idle(this.want.c + 1));
    this.#heartbeat();
    tell(this, "ended", { reason, requeued: again });
  }

  /** @param {Frame} frame */
  #hear(frame) {
    if (!this.#match) return;
    const { said, answer } = this.#match.hear(frame, performance.now());
    for (const one of said) tell(this, "said", one);
    if (answer) this.#sockets.send(answer);
    else this.#transmit("flush"); // an acknowledgement lets further frames out
  }

  /** Forget that the partner was away: a new socket's pod has yet to see it, and says so only if it is. */
  #presumePresent() {
    if (!this.#match || this.#match.present) return;
    this.#match.present = true;
    tell(this, "partner", { state: "present" });
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
    this.#match = null;
    const line = this.want.state === "queued" && this.want.c === want.c ? this.want : undefined;
    this.#wish(line ? { ...want, line } : want);
    if (want.state === "idle") tell(this, "ended", { reason: "ended", requeued: false });
  }

  #forget() {
    const had = this.want.state !== "idle";
    this.#match = null;
    this.#state = nothing();
    this.#save();
    if (had) tell(this, "ended", { reason: "session-unknown", requeued: false });
  }

  #save() {
    save(this.#state);
  }
}
