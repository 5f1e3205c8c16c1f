/** Video calls for an application: devices, session and call behind one object. */
import { Call } from "./call.js";
import { Emitter } from "./events.js";
import { configUrl, fetchIceServers } from "./ice.js";
import { openMedia } from "./media.js";
import { PreparedConnection } from "./prepared-connection.js";
import { deviceCode, endingCode, Problems, signalingCode, unsupportedCode } from "./problems.js";
import { MAX_CHAT } from "./protocol.js";
import { ReconnectBudget } from "./recovery.js";
import { Reporter } from "./report.js";
import { Session } from "./session.js";
import { PageWatch } from "./watch.js";

const RECENT_MS = 1000; // after a frame this recent, a sleep or a change of network needs no new socket
const HEARTBEAT_MS = 6000; // the server sends heartbeats every 5 s during a match
const ANSWER_MS = 700; // an offer is acknowledged within this time, unless a socket on its way is dead
const PROVE_INTERVAL_MS = 50;
const SHOW_CONNECTING_AFTER_MS = 300;

/**
 * What a call is doing:
 * - `loading`: no devices yet
 * - `idle`
 * - `queued`: waiting for a peer
 * - `connecting`: a peer was found
 * - `connected`
 * - `interrupted`: media does not flow, and the SDK is recovering the call
 * - `failed`: the call could not be connected or recovered
 *
 * @typedef {"loading" | "idle" | "queued" | "connecting" | "connected" | "interrupted" | "failed"} State
 */

/**
 * A requirement that waiting in the queue has relaxed: `preferred` values no longer count, or peers from `recent` calls
 * may be matched again.
 *
 * @typedef {"preferred" | "recent"} Relaxation
 */

/**
 * Everything that an application shows. A snapshot never changes; each change brings another one.
 *
 * @typedef {object} Snapshot
 * @property {State} state what the call is doing
 * @property {"connecting" | "online" | "offline" | "stopped"} signaling the connection to the server
 * @property {number | null} queuePosition position in the queue, from 1; null until the pool has reported it
 * @property {readonly Relaxation[]} relaxed which requirements waiting has relaxed
 * @property {boolean} peerAway whether the peer's page has lost its connection to the server
 * @property {MediaStream | null} local the stream of the user's devices
 * @property {MediaStream | null} remote the peer's stream
 * @property {boolean} microphone whether the microphone is on
 * @property {boolean} camera whether the camera is on
 * @property {import("./quality.js").VideoQuality} videoQuality the highest quality of video to send
 * @property {import("./sending.js").VideoState} localVideo whether video is sent, or why not
 * @property {import("./sending.js").VideoState} remoteVideo whether the peer sends video, or why not
 * @property {import("./problems.js").Problem | null} problem what is wrong, if anything
 */

/**
 * Options of a Switchboard object.
 *
 * @typedef {object} SwitchboardOptions
 * @property {string} [url] the pool's socket, wss://…/ws; default: /ws on the page's own host
 * @property {TokenSource} [token] returns a JWT, where the pool requires one
 * @property {boolean} [relayOnly] whether to hide the user's addresses from peers by relaying all media; default: false
 */

/**
 * Return a JWT, or a promise of one. It is called for each socket, with `fresh` true if the JWT that it returned last
 * has expired or is about to. The SDK waits up to 10 s for it.
 *
 * @callback TokenSource
 * @param {{fresh: boolean}} request
 * @returns {string | Promise<string>}
 */

/**
 * Which peer to look for.
 *
 * @typedef {object} JoinOptions
 * @property {Record<string, string>} [attributes] this user's own attributes, such as `{ language: "en" }`
 * @property {Record<string, string>} [required] attributes that the peer must have
 * @property {Record<string, string>} [preferred] attributes that the peer must have during the first ten seconds
 * @property {string} [mode] only users with the same mode are matched
 * @property {string[]} [blocked] subjects (of JWTs) that are never matched with this user
 */

/**
 * How long and how often the SDK tries, as the pool has configured it.
 *
 * @typedef {object} Limits
 * @property {number} heartbeatMs time between heartbeats while queued or in a call
 * @property {number} idleHeartbeatMs time between heartbeats while idle
 * @property {number} resumeWindowMs time within which a session can be resumed
 * @property {number} iceGatheringMs time for the first ICE candidate
 * @property {number} connectionMs time for the first connection of a call
 * @property {number} maxReconnectAttempts failed attempts to reach the server before `server-unreachable`
 */

/**
 * A chat message of either side.
 *
 * @typedef {object} ChatMessage
 * @property {string} id unique among the messages of a call
 * @property {string} text the message
 * @property {boolean} own whether this user wrote it
 */

/**
 * The events of a Switchboard object. Each is a CustomEvent with a `detail`.
 *
 * @typedef {object} SwitchboardEvents
 * @property {Snapshot} change the snapshot has changed
 * @property {ChatMessage} chat either side has written a message
 * @property {import("./call.js").CallStats} stats once per second during a call
 * @property {Error} warning something failed and the SDK continues; write it to your log
 */

/** @type {Readonly<Snapshot>} */
export const INITIAL = Object.freeze({
  state: "loading", signaling: "connecting", queuePosition: null, relaxed: [], peerAway: false, local: null,
  remote: null, microphone: false, camera: false, videoQuality: "high", localVideo: "on", remoteVideo: "on",
  problem: null,
});

/** The queue before the pool has reported anything. @type {Partial<Snapshot>} */
const QUEUED = Object.freeze({ state: "queued", queuePosition: null, relaxed: INITIAL.relaxed });

/** @type {Record<string, State>} */
const STATE_OF_INTENT = { idle: "idle", queued: "queued", matched: "connecting" };

const ownHost = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;

/**
 * Video calls with the other users of a pool.
 *
 *     const switchboard = new Switchboard({ url: "wss://calls.example.com/ws" });
 *     switchboard.addEventListener("change", ({ detail }) => show(detail));
 *     await switchboard.start();
 *     switchboard.join();
 *
 * @extends {Emitter<SwitchboardEvents>}
 */
export class Switchboard extends Emitter {
  #url;
  #session;
  #watch = new PageWatch();
  #reconnects = new ReconnectBudget();
  #reporter = new Reporter();
  /** @type {Call | null} */
  #call = null;
  /** The match that is forming, if there is a call for it already. @type {import("./session.js").Found | null} */
  #forming = null;
  #prepared = new PreparedConnection();
  #problems = new Problems();
  /** The generation of the next connection with each of the peer's page loads. @type {Map<string, number>} */
  #generations = new Map();
  /** @type {Set<string>} */
  #chatIds = new Set();
  #started = false;
  #stopped = false;

  /** Whether to relay all media, which hides the user's addresses from peers. A change applies to the next call. */
  relayOnly;

  /** What to show now. @type {Readonly<Snapshot>} */
  snapshot = INITIAL;

  /** @param {SwitchboardOptions} [options] */
  constructor({ url = ownHost(), token, relayOnly = false } = {}) {
    super();
    this.#url = url;
    this.relayOnly = relayOnly;
    this.#session = new Session(url, { token });
    this.#listen();
  }

  /** Open the camera and microphone and connect. Resumes the call that this tab was in before a reload. */
  async start() {
    const code = unsupportedCode(window);
    if (code) return this.#addProblem("devices", code);
    await this.openDevices();
  }

  /** Ask for the camera and microphone again. A call in progress uses them at once. */
  async openDevices() {
    const { stream, code } = await openMedia(navigator.mediaDevices);
    if (this.#stopped) return stream?.getTracks().forEach((track) => track.stop());
    if (code) this.#addProblem("devices", code);
    else this.#removeProblem("devices");
    if (!stream) return;
    for (const track of this.snapshot.local?.getTracks() ?? []) track.stop();
    for (const track of stream.getTracks()) track.onended = () => this.#deviceLost(track);
    const has = (/** @type {string} */ kind) => stream.getTracks().some((track) => track.kind === kind);
    this.#update({ local: stream, microphone: has("audio"), camera: has("video") });
    this.#call?.useLocal(stream);
    this.#prepare();
    if (!this.#started) await this.#connect();
  }

  /**
   * Look for a peer. In a call, leave it and look for another one.
   *
   * @param {JoinOptions} [options]
   */
  join({ attributes = {}, required = {}, ...choice } = {}) {
    this.#endCall();
    this.#generations.clear();
    this.#chatIds.clear();
    this.#removeProblem("call");
    this.#session.join(attributes, required, choice);
    if (!this.#prepared.ready) this.#prepare();
    this.#update(QUEUED);
  }

  /** Leave the queue or the call. */
  leave() {
    this.#endCall();
    this.#removeProblem("call");
    this.#session.leave();
    if (!this.#prepared.ready) this.#prepare();
    this.#update({ state: "idle" });
  }

  /** Try again to connect a call in state `failed`. */
  retry() {
    this.#removeProblem("call");
    this.#call?.retry();
  }

  /** Try again to reach the server, after the problem `server-unreachable`. */
  reconnect() {
    this.#removeProblem("signaling");
    this.#reconnects.reset();
    this.#session.ensureAlive();
  }

  /**
   * Send a chat message to the peer, of at most 4096 characters.
   *
   * @param {string} text
   */
  chat(text) {
    if (text.length > MAX_CHAT) return this.#addProblem("call", "chat-too-long");
    const id = crypto.randomUUID();
    this.#session.say({ type: "chat", id, text });
    this.emit("chat", { id, text, own: true });
  }

  /** Whether the microphone is on. */
  get microphone() {
    return this.snapshot.microphone;
  }

  set microphone(on) {
    this.#enable("audio", on);
    this.#update({ microphone: on });
  }

  /** Whether the camera is on. */
  get camera() {
    return this.snapshot.camera;
  }

  set camera(on) {
    this.#enable("video", on);
    this.#update({ camera: on });
    this.#call?.cameraChanged();
  }

  /** The highest quality of video to send. */
  get videoQuality() {
    return this.snapshot.videoQuality;
  }

  set videoQuality(quality) {
    if (this.#call) this.#call.videoQuality = quality;
    this.#update({ videoQuality: quality });
  }

  /** The pool's limits; the defaults until the pool has reported them. @returns {Readonly<Limits>} */
  get limits() {
    return this.#session.limits;
  }

  /** Fetch the pool's ICE servers with fresh credentials. Rejects if the pool refuses or cannot be reached. */
  fetchIceServers() {
    return fetchIceServers(configUrl(this.#url), this.#session.bearer);
  }

  /** End the session and release the camera and microphone. The object cannot be started again. */
  stop() {
    this.#stopped = true;
    this.#endCall();
    this.#prepared.take()?.discard();
    this.#watch.close();
    this.#session.stop();
    for (const track of this.snapshot.local?.getTracks() ?? []) track.stop();
    this.#update({ state: "loading", signaling: "stopped", local: null });
  }

  // Events of the session and the page

  #listen() {
    const session = this.#session;
    session.addEventListener("status", ({ detail }) => this.#signalingChanged(detail));
    session.addEventListener("forming", ({ detail }) => this.#matchForming(detail));
    session.addEventListener("match", ({ detail }) => this.#matchOpened(detail));
    session.addEventListener("message", ({ detail }) => this.#receive(detail));
    session.addEventListener("queued", ({ detail: { position, relaxed } }) => {
      this.#update({ state: "queued", queuePosition: position ?? null, relaxed });
    });
    session.addEventListener("peer", ({ detail }) => this.#update({ peerAway: detail.state === "away" }));
    session.addEventListener("ended", ({ detail }) => this.#matchEnded(detail));
    session.addEventListener("problem", ({ detail: { code, message } }) => {
      this.#warn(new Error(`${code}: ${message}`));
      const known = signalingCode(code);
      if (!known || known === "session-unknown") return; // the match ends with the latter
      this.#addProblem(known === "peer-unreachable" ? "call" : "signaling", known);
    });
    this.#watch.addEventListener("change", ({ detail: hint }) => {
      if (this.#started) session.ensureAlive(RECENT_MS);
      this.#call?.hint(hint);
      if (hint === "network-changed") this.#prepare(); // the prepared connection does not know the new network
    });
  }

  async #connect() {
    this.#started = true;
    await this.#session.start();
    if (this.snapshot.state === "loading") this.#update({ state: STATE_OF_INTENT[this.#session.intent.state] });
  }

  /** @param {import("./session.js").SessionEvents["status"]} detail */
  #signalingChanged({ status, reason }) {
    if (status === "online") {
      this.#reconnects.reset();
      this.#removeProblem("signaling");
    }
    this.#update({ signaling: status });
    if (status === "stopped") this.#addProblem("signaling", signalingCode(reason ?? "") ?? "unknown");
    if (status === "offline" && reason === "pool-busy") this.#addProblem("signaling", reason);
    if (status === "connecting" && this.#reconnects.exceeded(this.limits, navigator.onLine, performance.now())) {
      setTimeout(() => this.#session.pause());
    }
  }

  /**
   * Build the call while both sides enter the match, so that its offer is ready when the match opens.
   *
   * @param {import("./session.js").Found} found
   */
  #matchForming(found) {
    this.#build(found);
    this.#forming = this.#call && found; // there is none without a camera or microphone
  }

  /** @param {import("./session.js").Found} found */
  #matchOpened(found) {
    if (this.#forming?.match !== found.match || this.#forming.peer !== found.peer) this.#build(found);
    this.#forming = null;
    const call = this.#call;
    if (!call) return;
    this.#generations.set(found.peer, call.generation + 1);
    // Most calls connect before anyone could read "connecting", and rendering it would delay them.
    setTimeout(() => {
      if (call === this.#call && call.state === "connecting") this.#update({ state: "connecting" });
    }, SHOW_CONNECTING_AFTER_MS);
  }

  /** @param {import("./session.js").Found} found */
  #build({ role, iceServers, peer }) {
    const { local, videoQuality } = this.snapshot;
    if (!local) return;
    const connection = this.#prepared.take();
    this.#hangUp();
    const call = new Call({
      role, iceServers, local, videoQuality, connection, limits: this.limits,
      generation: this.#generations.get(peer) ?? 0,
      relayOnly: this.relayOnly,
      send: (signal) => this.#session.say(signal),
      environment: {
        reachable: () => this.snapshot.signaling === "online" && !this.snapshot.peerAway,
        prove: () => this.#prove(),
        expectAnswer: () => setTimeout(() => this.#session.ensureAlive(ANSWER_MS), ANSWER_MS),
        fetchIceServers: () => this.fetchIceServers(),
      },
    });
    call.addEventListener("state", ({ detail: { state, code, path, reason } }) => {
      this.#update({ state });
      if (state === "connected") this.#session.connection("connected", { path });
      if (state === "failed") this.#session.connection("failed", { path, reason });
      if (code) this.#addProblem("call", code);
      if (state === "connected") this.#removeProblem("call");
    });
    call.addEventListener("stream", ({ detail }) => this.#update({ remote: detail }));
    call.addEventListener("video", ({ detail }) => this.#update(detail));
    call.addEventListener("stats", ({ detail }) => {
      this.#report(this.#reporter.add(detail, detail.media));
      this.emit("stats", detail);
    });
    call.addEventListener("error", ({ detail }) => this.#warn(detail));
    call.addEventListener("rebuilt", ({ detail }) => this.#generations.set(peer, detail + 1));
    this.#call = call;
  }

  /** @param {import("./lane.js").Frame} frame */
  #receive(frame) {
    if (frame.type !== "chat") {
      this.#call?.receive(/** @type {import("./peer.js").Signal} */ (frame));
      return;
    }
    const { id, text } = /** @type {import("./protocol.js").Chat} */ (frame);
    if (this.#chatIds.has(id)) return; // repeated after the peer's page was reloaded
    this.#chatIds.add(id);
    this.emit("chat", { id, text, own: false });
  }

  /** @param {import("./session.js").SessionEvents["ended"]} detail */
  #matchEnded({ reason, requeued }) {
    this.#hangUp();
    if (!this.#prepared.ready) this.#prepare();
    if (!requeued) this.#addProblem("call", endingCode(reason));
    this.#update(requeued ? QUEUED : { state: "idle" });
  }

  // Actions

  /** Resolve once the server has sent a frame recently. */
  async #prove() {
    const askedAt = performance.now();
    this.#session.ensureAlive(HEARTBEAT_MS);
    while (!this.#session.receivedWithin(HEARTBEAT_MS + performance.now() - askedAt)) {
      await new Promise((resolve) => setTimeout(resolve, PROVE_INTERVAL_MS));
    }
  }

  /** Create the connection for the next call. */
  #prepare() {
    const { local } = this.snapshot;
    if (local && !this.#call) this.#prepared.prepare(local).catch((error) => this.#warn(error));
  }

  /** End the call because the user did, if there is one. */
  #endCall() {
    if (this.#call) {
      this.#report(this.#reporter.flush());
      this.#session.connection("closed");
    }
    this.#hangUp();
  }

  /** @param {import("./report.js").Report | null} report */
  #report(report) {
    if (report) this.#session.report(report);
  }

  #hangUp() {
    this.#reporter = new Reporter();
    this.#call?.close();
    this.#call = this.#forming = null;
    this.#update({ remote: null, peerAway: false, remoteVideo: "on" });
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {boolean} on
   */
  #enable(kind, on) {
    for (const track of this.snapshot.local?.getTracks() ?? []) if (track.kind === kind) track.enabled = on;
  }

  /** @param {MediaStreamTrack} track */
  #deviceLost(track) {
    const device = track.kind === "video" ? "camera" : "microphone";
    this.#addProblem("devices", deviceCode(device, { name: "NotFoundError" }));
    this.#update({ [device]: false });
  }

  // The snapshot

  /** @param {import("./problems.js").ProblemArea} area @param {import("./problems.js").ProblemCode} code */
  #addProblem(area, code) {
    this.#update({ problem: this.#problems.add(area, code) });
  }

  /** @param {import("./problems.js").ProblemArea} area */
  #removeProblem(area) {
    this.#update({ problem: this.#problems.remove(area) });
  }

  /** @param {unknown} error */
  #warn(error) {
    this.emit("warning", error instanceof Error ? error : new Error(String(error)));
  }

  /** @param {Partial<Snapshot>} changes */
  #update(changes) {
    const before = /** @type {Record<string, unknown>} */ (this.snapshot);
    if (Object.entries(changes).every(([key, value]) => before[key] === value)) return;
    this.snapshot = Object.freeze({ ...this.snapshot, ...changes });
    this.emit("change", this.snapshot);
  }
}
