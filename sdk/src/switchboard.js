/**
 * Video calls with whoever is looking too: camera, session and call put together. All that an application shows is in
 * `snapshot`, which is replaced, never changed, and said by the event `change`.
 *
 *     const switchboard = new Switchboard();
 *     switchboard.addEventListener("change", () => show(switchboard.snapshot));
 *     await switchboard.start();
 *     switchboard.join();
 *
 * Events: change; chat {id, text, mine}; numbers {numbers, media, score, grade, plan}; log {error}, for developers.
 */
import { Call } from "./call.js";
import { listen, tell } from "./events.js";
import { apiOf, fetchIceServers } from "./ice.js";
import { openMedia } from "./media.js";
import { deviceCode, endingCode, lacking, Problems, sessionCode } from "./problems.js";
import { MAX_CHAT } from "./protocol.js";
import { Patience } from "./recovery.js";
import { Reporter } from "./report.js";
import { Session } from "./session.js";
import { Spare } from "./spare.js";
import { PageWatch } from "./watch.js";

const QUIET = 1000; // ms within which a server was heard that needs no new socket after a sleep or a change of network
const ALIVE = 6000; // ms within which it is heard anyway during a match, by its heartbeats of 5 s
const ANSWER = 700; // ms in which an offer is acknowledged, unless a socket on the way is dead
const PROVE_EVERY = 50;
const TELL_AFTER = 300; // ms that a set-up may take untold

/**
 * loading: no devices yet; idle; queued: looking for a partner; connecting; connected; interrupted: media does not
 * flow and is being mended; failed: mending was given up.
 *
 * @typedef {"loading" | "idle" | "queued" | "connecting" | "connected" | "interrupted" | "failed"} State
 *
 * @typedef {object} Snapshot
 * @property {State} state
 * @property {"connecting" | "online" | "offline" | "stopped"} link to the server
 * @property {number | null} position in line, 1 for whoever is next; null while it is not known
 * @property {readonly Relaxation[]} relaxed what waiting in line has relaxed
 * @property {boolean} partnerAway whether the partner's page cannot be reached just now
 * @property {MediaStream | null} local
 * @property {MediaStream | null} remote
 * @property {boolean} microphone whether it is on
 * @property {boolean} camera whether it is on
 * @property {import("./quality.js").Tier} tier
 * @property {import("./sending.js").Picture} sending
 * @property {import("./sending.js").Picture} receiving
 * @property {import("./problems.js").Problem | null} problem what is wrong, newest first to be mended
 *
 * @typedef {{match: string, role: "polite" | "impolite", iceServers: RTCIceServer[], peer: string}} Found
 *
 * @typedef {"preferred" | "recent"} Relaxation what is preferred counts no more; who was met lately may be met again
 */

/** @type {Snapshot} */
const BEGINNING = Object.freeze({
  state: "loading", link: "connecting", position: null, relaxed: [], partnerAway: false, local: null, remote: null,
  microphone: false, camera: false, tier: "high", sending: "on", receiving: "on", problem: null,
});

/** The line before the pool has said anything of it. @type {Partial<Snapshot>} */
const IN_LINE = Object.freeze({ state: "queued", position: null, relaxed: BEGINNING.relaxed });

/** @type {Record<string, State>} */
const SHOWN = { idle: "idle", queued: "queued", matched: "connecting" };

const here = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;

export class Switchboard extends EventTarget {
  #url;
  #session;
  #watch = new PageWatch();
  #patience = new Patience();
  #reporter = new Reporter();
  /** @type {Call | null} */
  #call = null;
  /** The match that forms, and that there is a call for already. @type {Found | null} */
  #forming = null;
  #spare = new Spare();
  #problems = new Problems();
  /** The number of the next connection with each of the partner's page loads. @type {Map<string, number>} */
  #generations = new Map();
  /** @type {Set<string>} */
  #chats = new Set();
  #started = false;
  #stopped = false;
  /** Keep this side's addresses from partners, at the price of a longer way. For calls from now on. */
  relayOnly;
  /** @type {Readonly<Snapshot>} */
  snapshot = BEGINNING;

  /**
   * `url` is the pool's socket, by default the one beside this page. `token({fresh})` gives the JWT where the pool asks
   * for one.
   *
   * @param {object} [options]
   * @param {string} [options.url]
   * @param {(wish: {fresh: boolean}) => string | Promise<string>} [options.token]
   * @param {boolean} [options.relayOnly]
   */
  constructor({ url = here(), token, relayOnly = false } = {}) {
    super();
    this.#url = url;
    this.relayOnly = relayOnly;
    this.#session = new Session(url, { token });
    this.#listen();
  }

  /** Open camera and microphone, connect, and come back to the call that this tab was in, if there was one. */
  async start() {
    const code = lacking(window);
    if (code) return this.#wrong("devices", code);
    await this.openDevices();
  }

  /** Ask for camera and microphone, the first time or again; a call that is in progress gets them. */
  async openDevices() {
    const { stream, code } = await openMedia(navigator.mediaDevices);
    if (this.#stopped) return stream?.getTracks().forEach((track) => track.stop());
    if (code) this.#wrong("devices", code);
    else this.#right("devices");
    if (!stream) return;
    for (const track of this.snapshot.local?.getTracks() ?? []) track.stop();
    for (const track of stream.getTracks()) track.onended = () => this.#lost(track);
    const has = (/** @type {string} */ kind) => stream.getTracks().some((track) => track.kind === kind);
    this.#update({ local: stream, microphone: has("audio"), camera: has("video") });
    this.#call?.useLocal(stream);
    this.#prepare();
    if (!this.#started) await this.#connect();
  }

  /**
   * Look for a partner, or for another one.
   *
   * @param {Record<string, string>} [attributes] what this person is, such as {language: "en"}
   * @param {Record<string, string>} [required] what the partner must be
   * @param {import("./intent.js").Choice} [choice] what else matters
   */
  join(attributes = {}, required = {}, choice = {}) {
    this.#close();
    this.#generations.clear();
    this.#chats.clear();
    this.#right("call");
    this.#session.join(attributes, required, choice);
    if (!this.#spare.there) this.#prepare();
    this.#update(IN_LINE);
  }

  /** Stop looking, or leave the call. */
  leave() {
    this.#close();
    this.#right("call");
    this.#session.leave();
    if (!this.#spare.there) this.#prepare();
    this.#update({ state: "idle" });
  }

  /** Build the connection anew after `failed`. */
  retry() {
    this.#right("call");
    this.#call?.retry();
  }

  /** Connect to the server after `attempts-spent`. */
  reconnect() {
    this.#right("link");
    this.#patience.reset();
    this.#session.ensureAlive();
  }

  /**
   * Write to the partner.
   *
   * @param {string} text
   */
  chat(text) {
    if (text.length > MAX_CHAT) return this.#wrong("call", "chat-too-long");
    const id = crypto.randomUUID();
    this.#session.say({ type: "chat", id, text });
    tell(this, "chat", { id, text, mine: true });
  }

  /** @param {boolean} on */
  set microphone(on) {
    this.#turn("audio", on);
    this.#update({ microphone: on });
  }

  /** @param {boolean} on */
  set camera(on) {
    this.#turn("video", on);
    this.#update({ camera: on });
    this.#call?.cameraChanged();
  }

  /** The largest picture to send. @param {import("./quality.js").Tier} tier */
  set tier(tier) {
    if (this.#call) this.#call.tier = tier;
    this.#update({ tier });
  }

  /** The pool's limits, in ms; the usual ones before the first welcome. */
  get limits() {
    return this.#session.limits;
  }

  /** ICE servers with fresh credentials, for checks before a call. */
  iceServers() {
    return fetchIceServers(apiOf(this.#url), this.#session.bearer);
  }

  /** Leave for good: the session ends, and camera and microphone are released. */
  stop() {
    this.#stopped = true;
    this.#close();
    this.#spare.take()?.discard();
    this.#watch.close();
    this.#session.stop();
    for (const track of this.snapshot.local?.getTracks() ?? []) track.stop();
    this.#update({ state: "loading", link: "stopped", local: null });
  }

  // Events of the parts

  #listen() {
    const session = this.#session;
    listen(session, "status", (detail) => this.#linkChanged(detail));
    listen(session, "forming", (detail) => this.#form(detail));
    listen(session, "match", (detail) => this.#meet(detail));
    listen(session, "message", (frame) => this.#hear(frame));
    listen(session, "queued", ({ position = null, relaxed }) => this.#update({ state: "queued", position, relaxed }));
    listen(session, "peer", ({ state }) => this.#update({ partnerAway: state === "away" }));
    listen(session, "ended", (detail) => this.#ended(detail));
    listen(session, "problem", ({ code, message }) => {
      tell(this, "log", { error: new Error(`${code}: ${message}`) });
      const known = sessionCode(code);
      if (known && known !== "session-unknown") this.#wrong(known === "peer-unreachable" ? "call" : "link", known);
    });
    listen(this.#watch, "change", ({ hint }) => {
      if (this.#started) session.ensureAlive(QUIET);
      this.#call?.hint(hint);
      if (hint === "moved") this.#prepare(); // what was made before does not know the new network
    });
  }

  async #connect() {
    this.#started = true;
    await this.#session.start();
    const { state } = this.#session.intent;
    if (this.snapshot.state === "loading") this.#update({ state: SHOWN[state] });
  }

  /** @param {{status: Snapshot["link"], reason?: string}} detail */
  #linkChanged({ status, reason }) {
    if (status === "online") {
      this.#patience.reset();
      this.#right("link");
    }
    this.#update({ link: status });
    if (status === "stopped") this.#wrong("link", sessionCode(reason ?? "") ?? "unknown");
    if (status === "offline" && reason === "pool-busy") this.#wrong("link", reason);
    if (status === "connecting" && this.#patience.spent(this.limits, navigator.onLine, performance.now())) {
      setTimeout(() => this.#session.pause());
    }
  }

  /** Build the call while both sides take the match, so that its offer is there when they have. @param {Found} found */
  #form(found) {
    this.#build(found);
    this.#forming = this.#call && found; // there is none without a camera or microphone
  }

  /** @param {Found} found */
  #meet(found) {
    if (this.#forming?.match !== found.match || this.#forming.peer !== found.peer) this.#build(found);
    this.#forming = null;
    const call = this.#call;
    if (!call) return;
    this.#generations.set(found.peer, call.generation + 1);
    // Most calls are there before anybody could read that they are being set up, and painting it would delay them.
    setTimeout(() => {
      if (call === this.#call && call.state === "connecting") this.#update({ state: "connecting" });
    }, TELL_AFTER);
  }

  /** @param {Found} found */
  #build({ role, iceServers, peer }) {
    const { local, tier } = this.snapshot;
    if (!local) return;
    const ready = this.#spare.take();
    this.#hangUp();
    const call = new Call({
      role, iceServers, local, tier, ready, limits: this.limits,
      generation: this.#generations.get(peer) ?? 0,
      relayOnly: this.relayOnly,
      say: (signal) => this.#session.say(signal),
      surroundings: {
        reachable: () => this.snapshot.link === "online" && !this.snapshot.partnerAway,
        prove: () => this.#prove(),
        expectAnswer: () => setTimeout(() => this.#session.ensureAlive(ANSWER), ANSWER),
        iceServers: () => this.iceServers(),
      },
    });
    listen(call, "state", ({ state, code, path, reason }) => {
      this.#update({ state });
      if (state === "connected") this.#session.connection("connected", { path });
      if (state === "failed") this.#session.connection("failed", { path, reason });
      if (code) this.#wrong("call", code);
      if (state === "connected") this.#right("call");
    });
    listen(call, "stream", ({ stream }) => this.#update({ remote: stream }));
    listen(call, "picture", (pictures) => this.#update(pictures));
    listen(call, "numbers", (detail) => {
      this.#report(this.#reporter.add(detail.numbers, detail.media));
      tell(this, "numbers", detail);
    });
    listen(call, "problem", (detail) => tell(this, "log", detail));
    listen(call, "built", ({ generation }) => this.#generations.set(peer, generation + 1));
    this.#call = call;
  }

  /** @param {any} frame */
  #hear(frame) {
    if (frame.type !== "chat") return this.#call?.hear(frame);
    if (this.#chats.has(frame.id)) return; // said again to this page, since the partner's was loaded anew
    this.#chats.add(frame.id);
    tell(this, "chat", { id: frame.id, text: frame.text, mine: false });
  }

  /** @param {{reason: string, requeued: boolean}} detail */
  #ended({ reason, requeued }) {
    this.#hangUp();
    if (!this.#spare.there) this.#prepare();
    if (!requeued) this.#wrong("call", endingCode(reason));
    this.#update(requeued ? IN_LINE : { state: "idle" });
  }

  // Acts

  /** Resolves once the server was heard lately. */
  async #prove() {
    const asked = performance.now();
    this.#session.ensureAlive(ALIVE);
    while (!this.#session.receivedWithin(ALIVE + performance.now() - asked)) {
      await new Promise((done) => setTimeout(done, PROVE_EVERY));
    }
  }

  /** Make a connection ready for the next call. */
  #prepare() {
    const { local } = this.snapshot;
    if (local && !this.#call) this.#spare.prepare(local).catch((error) => tell(this, "log", { error }));
  }

  /** The person ends the call, if there is one. */
  #close() {
    if (this.#call) {
      this.#report(this.#reporter.rest());
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
    this.#update({ remote: null, partnerAway: false, receiving: "on" });
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {boolean} on
   */
  #turn(kind, on) {
    for (const track of this.snapshot.local?.getTracks() ?? []) if (track.kind === kind) track.enabled = on;
  }

  /** The device is gone. @param {MediaStreamTrack} track */
  #lost(track) {
    const device = track.kind === "video" ? "camera" : "microphone";
    this.#wrong("devices", deviceCode(device, { name: "NotFoundError" }));
    this.#update({ [device]: false });
  }

  // What the application sees

  /** @param {import("./problems.js").About} about @param {string} code */
  #wrong(about, code) {
    this.#update({ problem: this.#problems.add(about, code) });
  }

  /** @param {import("./problems.js").About} about */
  #right(about) {
    this.#update({ problem: this.#problems.remove(about) });
  }

  /** @param {Partial<Snapshot>} news */
  #update(news) {
    const before = /** @type {Record<string, unknown>} */ (this.snapshot);
    if (Object.entries(news).every(([key, value]) => before[key] === value)) return;
    this.snapshot = Object.freeze({ ...this.snapshot, ...news });
    tell(this, "change", this.snapshot);
  }
}
