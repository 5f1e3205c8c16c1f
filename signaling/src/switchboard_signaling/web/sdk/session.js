/**
 * A session with the pool: one socket at a time (two while moving), resumed over reloads, lost networks and stopping
 * pods. It keeps the want and the lanes; what it learns it says by events:
 *
 *   status   {status: "connecting" | "online" | "offline" | "stopped", reason?}
 *   queued   {ticket}
 *   match    {m, role, iceServers}: build a connection (again, if the partner's page was loaded anew)
 *   said     the partner's offer, answer, ice-candidate, chat, …
 *   partner  {state: "present" | "away"}
 *   ended    {reason, requeued}
 *   problem  {code, message, remedy}
 */
import { ReceiveLane, SendLane } from "./lane.js";
import { idle, matched, onWire, queued, requeued } from "./want.js";

const SUBPROTOCOL = "switchboard.v1";
const STORAGE = "switchboard.session";
const RETRY_FIRST = 300;
const RETRY_CEILING = 5000;
const NEVER_AGAIN = new Set([1009, 4400, 4409]);
const MAX_CHAT = 4096;
const LOCK_WAIT = 500; // a reloaded page's old lock is released within this time

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

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

export class Session extends EventTarget {
  #url;
  #inst = newId();
  #state = { n: 0, sid: null, token: null, want: idle() };
  #socket = null;
  #welcomed = false;
  #attempts = 0;
  #retry = null;
  #heardAt = 0;
  #timeouts = { heartbeatMs: 5000, idleHeartbeatMs: 30000 };
  #match = null;
  #stopped = false;

  constructor(url) {
    super();
    this.#url = url;
    addEventListener("online", () => this.#connect());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#comeBack();
    });
    setInterval(() => this.#tick(), 200);
  }

  /** Connect, with the session of this tab if there is one. */
  async start() {
    await this.#restore();
    this.#connect();
  }

  get want() {
    return this.#state.want;
  }

  /** Look for a partner. */
  join(attributes = {}, required = {}) {
    const ticket = newId();
    this.#leaveMatch();
    this.#wish(queued(this.want, ticket, attributes, required));
    const { c } = this.want;
    this.#send({ type: "join-queue", c, ticket, attributes, required });
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
   */
  say(frame) {
    if (!this.#match) return;
    if (frame.type === "chat" && frame.text.length > MAX_CHAT) this.#tell("problem", CHAT_TOO_LONG);
    else if (this.#match.sending.push(frame)) this.#transmit("flush");
    else this.#tell("problem", UNREACHABLE);
  }

  /** Close for good: the session is not resumed. */
  stop() {
    this.#stopped = true;
    sessionStorage.removeItem(STORAGE);
    this.#socket?.close(1000);
  }

  // Sockets

  async #restore() {
    const saved = JSON.parse(sessionStorage.getItem(STORAGE) ?? "null");
    // A duplicated tab gets a copy of the storage: the session belongs to the tab that holds its lock.
    if (saved?.sid && (await this.#lock(saved.sid))) this.#state = saved;
  }

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

  #connect() {
    clearTimeout(this.#retry);
    this.#retry = null;
    if (this.#stopped) return;
    if (!this.#welcomed) this.#tell("status", { status: "connecting" });
    this.#state.n += 1;
    this.#save();
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    const old = this.#socket;
    this.#socket = socket;
    if (old && !this.#welcomed) old.close();
    this.#welcomed = false; // a socket that is not open yet takes no frames: they wait for its welcome
    socket.onopen = () => this.#greet(socket);
    socket.onmessage = ({ data }) => this.#receive(socket, JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    this.#heardAt = performance.now();
  }

  #greet(socket) {
    const { n, token, want } = this.#state;
    const common = { n, inst: this.#inst, want: onWire(want) };
    socket.send(JSON.stringify(token ? { type: "resume", token, ...common } : { type: "hello", ...common }));
  }

  #closed(socket, code, reason) {
    if (socket !== this.#socket || this.#stopped) return;
    this.#welcomed = false;
    if (NEVER_AGAIN.has(code)) {
      this.#stopped = true;
      this.#tell("status", { status: "stopped", reason });
      return;
    }
    this.#tell("status", { status: "offline", reason });
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
    const every = this.want.state === "idle" ? this.#timeouts.idleHeartbeatMs : this.#timeouts.heartbeatMs;
    if (this.#socket && !this.#retry && !this.#stopped && now - this.#heardAt > 2 * every + 2000) this.#connect();
    this.#transmit("due");
  }

  /** Send what the lane chooses, unless nothing can reach the partner anyway. */
  #transmit(choose) {
    if (!this.#welcomed || !this.#match?.present) return;
    for (const frame of this.#match.sending[choose](performance.now())) this.#send(frame);
  }

  #send(frame) {
    if (this.#welcomed) this.#socket.send(JSON.stringify(frame));
  }

  // Frames

  #receive(socket, frame) {
    if (this.#stopped) return;
    this.#heardAt = performance.now();
    if (frame.m && "k" in frame) return this.#hear(frame); // what peers say counts on an old socket too
    if (socket !== this.#socket) return;
    this.#handlers[frame.type]?.(frame);
  }

  #handlers = {
    welcome: ({ sid, token, want, timeouts }) => {
      if (sid !== this.#state.sid) this.#lock(sid);
      Object.assign(this.#state, { sid, token });
      this.#timeouts = timeouts;
      this.#welcomed = true;
      this.#attempts = 0;
      // What the user did after the greeting was not sent: no need to wait for the next heartbeat.
      if (want.c < this.want.c) this.#heartbeat();
      this.#adopt(want);
      this.#save();
      this.#tell("status", { status: "online" });
      this.#transmit("restart");
    },
    heartbeat: ({ token }) => {
      if (token) this.#state.token = token;
      this.#save();
      this.#heartbeat();
    },
    snapshot: ({ want }) => this.#adopt(want),
    queued: ({ ticket, place }) => {
      if (this.want.ticket !== ticket) return;
      this.#wish({ ...this.want, place });
      this.#tell("queued", { ticket });
    },
    "match-found": (frame) => this.#matchFound(frame),
    "peer-state": (frame) => this.#peerState(frame),
    goaway: ({ withinMs }) => {
      this.#retry ??= setTimeout(() => this.#connect(), Math.random() * Math.min(withinMs / 4, 2000));
    },
    error: (frame) => {
      if (frame.code === "session-unknown") this.#forget();
      this.#tell("problem", frame);
    },
  };

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

  /** Begin the lanes with a page load of the partner; of what was said to an older one only chat has value. */
  #meet(partner, { m, role, iceServers }, present = true) {
    const old = this.#match;
    if (old?.partner === partner) return;
    const sending = new SendLane({ m, from: this.#inst, to: partner });
    for (const chat of old?.sending.unacknowledgedChat() ?? []) sending.push(chat);
    const receiving = new ReceiveLane({ m, from: partner, to: this.#inst });
    this.#match = { m, partner, role, iceServers, present, sending, receiving };
    this.#transmit("restart");
    this.#tell("match", { m, role, iceServers });
  }

  #peerState({ m, state, inst, reason, requeue }) {
    if (this.want.m !== m) return;
    if (state === "left") return this.#ended(reason, requeue);
    if (!this.#match) return;
    const present = state === "present";
    const back = present && !this.#match.present;
    this.#match.present = present;
    if (inst && inst !== this.#match.partner) this.#meet(inst, this.#match, present);
    else if (back) this.#transmit("restart");
    this.#tell("partner", { state });
  }

  #ended(reason, requeue) {
    const again = Boolean(requeue && this.want.line);
    this.#match = null;
    this.#wish(again ? requeued(this.want) : idle(this.want.c + 1));
    this.#heartbeat();
    this.#tell("ended", { reason, requeued: again });
  }

  #hear(frame) {
    const match = this.#match;
    if (match?.m !== frame.m) return;
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

  // The want

  #wish(want) {
    this.#state.want = want;
    this.#save();
  }

  #adopt(want) {
    if (want.c <= this.want.c) return;
    this.#leaveMatch();
    this.#wish(want);
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

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
