/**
 * A call within one match, between two page loads. It holds one connection, and two while a new one takes over. It
 * restarts or replaces them when media stops, measures what they carry, and adapts what is sent to the network.
 */
import { createConnection, freshRealm } from "./connection.js";
import { Emitter, withTimeout } from "./events.js";
import { hasRelay, IceServers } from "./ice.js";
import { Meter, SAMPLE_INTERVAL_MS } from "./meter.js";
import { Peer } from "./peer.js";
import { Adapter, gradeOf, Score } from "./quality.js";
import { gatheringTimeout, Recovery } from "./recovery.js";
import { applyPlan, localVideoState } from "./sending.js";

const INTERRUPTED_AFTER_MS = 2000; // without a packet
const PROVE_TIMEOUT_MS = 4000;

/**
 * What a call needs from the page around it.
 *
 * @typedef {object} CallEnvironment
 * @property {() => boolean} reachable whether signaling is up and the peer's page is online
 * @property {() => Promise<unknown>} prove resolves once the server is known to be reachable
 * @property {() => void} expectAnswer a frame was sent to the peer: if nothing comes back, the socket is dead
 * @property {() => Promise<RTCIceServer[]>} fetchIceServers
 *
 * @typedef {"connecting" | "connected" | "interrupted" | "failed"} CallState
 * @typedef {import("./sending.js").VideoState} VideoState
 */

/**
 * @typedef {object} CallQuality
 * @property {"audio" | "video"} media what the peer sends
 * @property {number} score 0 (worst) to 100
 * @property {import("./quality.js").Grade} grade the score in words
 * @property {import("./quality.js").SendPlan} plan what is sent
 */

/**
 * What was measured in the last second of a call.
 *
 * @typedef {import("./quality.js").ConnectionStats & CallQuality} CallStats
 */

/**
 * @typedef {object} CallChange
 * @property {CallState} state
 * @property {import("./problems.js").ProblemCode} [code] of the problem with a call that failed
 * @property {"direct" | "relay" | null} path
 * @property {string} reason why a call failed, in the terms of the pool's statistics
 */

/**
 * @typedef {object} CallEvents
 * @property {CallChange} state
 * @property {MediaStream} stream the peer's
 * @property {CallStats} stats every second
 * @property {number} rebuilt the generation of another connection
 * @property {{localVideo: VideoState, remoteVideo: VideoState}} video
 * @property {unknown} error
 */

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  #polite;
  #servers;
  #local;
  #send;
  #relayOnly;
  #gatheringMs;
  #environment;
  /** @type {Peer} */
  #newest;
  /** @type {Peer} */
  #shown;
  /** @type {CallState} */
  #state = "connecting";
  #recovery;
  #everConnected = false;
  #recovering = false;
  #updating = false;
  #meter;
  /** @type {import("./recovery.js").Facts["hint"]} */
  #hint = "none";
  #failures = 0;
  #score = new Score();
  #adapter;
  /** @type {import("./quality.js").SendPlan} */
  #plan;
  /** @type {VideoState} */
  #localVideo = "on";
  /** @type {VideoState} */
  #remoteVideo = "on";
  #timer;
  #closed = false;

  /**
   * `send` sends a signal to the peer. `connection` is one that was created in advance, `generation` the number of the
   * call's first connection: above 0 if these two page loads have had others. `limits` are the pool's, in ms.
   *
   * @param {object} options
   * @param {"polite" | "impolite"} options.role
   * @param {RTCIceServer[]} options.iceServers
   * @param {MediaStream} options.local
   * @param {(signal: import("./peer.js").Signal) => void} options.send
   * @param {CallEnvironment} options.environment
   * @param {boolean} [options.relayOnly]
   * @param {import("./quality.js").VideoQuality} [options.videoQuality]
   * @param {import("./connection.js").Connection} [options.connection]
   * @param {number} [options.generation]
   * @param {{iceGatheringMs: number, connectionMs: number}} options.limits
   */
  constructor({
    role, iceServers, local, send, environment, relayOnly = false, videoQuality = "high", connection, generation = 0,
    limits,
  }) {
    super();
    this.#polite = role === "polite";
    this.#servers = new IceServers(iceServers, environment.fetchIceServers, performance.now());
    this.#local = local;
    this.#send = send;
    this.#relayOnly = relayOnly;
    this.#environment = environment;
    this.#gatheringMs = limits.iceGatheringMs;
    this.#recovery = new Recovery(limits.connectionMs);
    this.#adapter = new Adapter(videoQuality, performance.now());
    this.#plan = this.#adapter.plan;
    this.#localVideo = localVideoState(local, this.#plan);
    // The impolite side makes the very first offer, so that the common case has no glare.
    const waits = this.#polite && generation === 0;
    this.#newest = this.#shown = this.#build(generation, waits, connection ?? createConnection({ local }));
    this.#meter = new Meter(this.#shown);
    this.#timer = setInterval(() => this.#update(), SAMPLE_INTERVAL_MS);
  }

  get state() {
    return this.#state;
  }

  /** The number of the newest connection. */
  get generation() {
    return this.#newest.generation;
  }

  /**
   * Handle a signal from the peer.
   *
   * @param {import("./peer.js").Signal} signal
   */
  receive(signal) {
    const generation = signal.generation ?? 0;
    if (generation < this.#newest.generation) return; // about a connection that was replaced
    if (signal.type === "ice-restart") return void this.#offerRequested(generation);
    if (generation > this.#newest.generation) {
      const refreshed = this.#refreshServers();
      this.#replace(generation, true);
      this.#newest.reconfigure(refreshed.then(() => this.#configuration));
      this.#recovery.joined(performance.now());
    }
    this.#newest.receive(signal);
  }

  /**
   * Check the connection at once, because something has happened to the page.
   *
   * @param {import("./recovery.js").Hint} hint
   */
  hint(hint) {
    if (this.#hint !== "network-changed") this.#hint = hint;
    this.#update();
  }

  /** Try again after "failed", because the user asked for it. */
  retry() {
    this.#recovery.reset();
    this.#become("connecting");
    this.hint("network-changed");
  }

  /** The highest quality of video to send. @param {import("./quality.js").VideoQuality} quality */
  set videoQuality(quality) {
    this.#adapter.quality = quality;
    this.#follow(this.#adapter.plan);
  }

  /** Send another stream from now on. @param {MediaStream} local */
  useLocal(local) {
    this.#local = local;
    this.#take("rebuild");
    this.#follow(this.#plan);
  }

  /** The user turned the camera on or off. */
  cameraChanged() {
    this.#follow(this.#plan);
  }

  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#newest.close();
    this.#shown.close();
  }

  // Connections

  /**
   * @param {number} generation
   * @param {boolean} waits
   * @param {import("./connection.js").Connection} connection
   */
  #build(generation, waits, connection) {
    const peer = new Peer({
      connection, generation, polite: this.#polite, waits, configuration: this.#configuration, send: this.#send,
      gatheringMs: gatheringTimeout(this.#recovery.attempts, this.#gatheringMs),
    });
    peer.sendVideoState(this.#localVideo);
    peer.addEventListener("error", ({ detail }) => this.emit("error", detail));
    peer.addEventListener("stream", () => this.#showStream(peer));
    peer.addEventListener("video-state", ({ detail }) => this.#remoteVideoChanged(detail));
    peer.addEventListener("state", ({ detail }) => this.#peerChanged(peer, detail));
    peer.addEventListener("no-candidates", () => this.#failed(peer));
    return peer;
  }

  /**
   * Build another connection. The one that is shown stays until the new one is connected.
   *
   * @param {number} generation
   * @param {boolean} waits
   */
  #replace(generation, waits) {
    if (this.#newest !== this.#shown) this.#newest.close();
    this.#newest = this.#build(generation, waits, createConnection({ local: this.#local, realm: freshRealm() }));
    this.emit("rebuilt", generation);
  }

  /** @returns {RTCConfiguration} */
  get #configuration() {
    return { iceServers: this.#servers.list, iceTransportPolicy: this.#relayOnly ? "relay" : "all" };
  }

  /**
   * @param {Peer} peer
   * @param {RTCPeerConnectionState} state
   */
  #peerChanged(peer, state) {
    if (state === "failed") return this.#failed(peer);
    if (peer === this.#newest && state === "connected") this.#show(peer);
    this.#update();
  }

  /** @param {Peer} peer */
  #failed(peer) {
    if (peer === this.#newest) this.#failures += 1;
    this.#update();
  }

  /** @param {Peer} peer */
  #show(peer) {
    const before = this.#shown;
    this.#shown = peer;
    if (before !== peer) before.close();
    this.#everConnected = true;
    this.#showStream(peer);
    this.#meter = new Meter(peer);
    this.#adapter.warmUp(performance.now());
    this.#apply(peer);
    this.#become("connected");
  }

  /** Wait for the connection: a video element that gets its stream earlier is slow to start. @param {Peer} peer */
  #showStream(peer) {
    if (this.#everConnected && peer === this.#shown && peer.stream) this.emit("stream", peer.stream);
  }

  // Measuring and recovery

  async #update() {
    if (this.#updating || this.#closed) return;
    this.#updating = true;
    try {
      // Statistics block WebRTC's own threads for a moment, which would delay a first connection.
      if (this.#everConnected) await this.#measure();
      if (!this.#closed) this.#judge();
    } catch (error) {
      this.emit("error", error);
    } finally {
      this.#updating = false;
    }
  }

  async #measure() {
    const meter = this.#meter;
    const stats = await meter.sample(this.#remoteVideo === "on");
    if (stats && meter === this.#meter) this.#report(stats);
  }

  /** @param {import("./quality.js").ConnectionStats} stats */
  #report(stats) {
    if (this.#shown.state !== "connected") return;
    const media = this.#remoteVideo === "on" ? "video" : "audio";
    const score = this.#score.add(stats, media);
    this.#follow(this.#adapter.update(stats));
    this.emit("stats", { ...stats, media, score, grade: gradeOf(score), plan: this.#plan });
  }

  #judge() {
    const works = this.#shown.state === "connected" && this.#meter.silentMs < INTERRUPTED_AFTER_MS;
    if (this.#state !== "connecting" && this.#state !== "failed") this.#become(works ? "connected" : "interrupted");
    const facts = {
      state: this.#shown.state === "connected" ? this.#shown.state : this.#newest.state,
      failures: this.#failures,
      reachable: this.#environment.reachable(),
      silentMs: this.#meter.silentMs,
      hint: this.#hint,
    };
    this.#hint = "none";
    if (this.#recovering) return;
    const step = this.#recovery.decide(facts, performance.now());
    if (step === "give-up") this.#become("failed", this.#failureCode());
    else if (step) this.#recover(step);
  }

  /** @param {"restart" | "rebuild"} step */
  async #recover(step) {
    this.#recovering = true;
    const peer = this.#newest;
    try {
      await withTimeout(this.#environment.prove(), PROVE_TIMEOUT_MS, "signaling");
      await this.#refreshServers();
      if (this.#closed || peer !== this.#newest) return; // the peer was faster
      this.#take(step);
      this.#environment.expectAnswer();
    } catch (error) {
      this.emit("error", error);
    } finally {
      this.#recovering = false;
    }
  }

  /**
   * The polite side requests an offer, and only the impolite one makes it: both notice the same trouble at the same
   * time, and a first offer that is rolled back can leave Chromium's connection without candidates.
   *
   * @param {"restart" | "rebuild"} step
   */
  #take(step) {
    const { generation } = this.#newest;
    const target = step === "restart" ? generation : generation + 1;
    if (this.#polite) this.#send({ type: "ice-restart", generation: target });
    else if (step === "restart") this.#newest.restart(this.#configuration);
    else this.#replace(target, false);
  }

  /**
   * The peer requests an offer for a connection. One that is being set up has its offer under way.
   *
   * @param {number} generation
   */
  async #offerRequested(generation) {
    await this.#refreshServers();
    const { generation: current, state } = this.#newest;
    if (this.#closed || generation < current) return;
    if (generation > current) this.#replace(generation, false);
    else if (state === "new" || state === "connecting") return;
    else this.#newest.restart(this.#configuration);
    this.#recovery.joined(performance.now());
  }

  /** Whether a relay may have failed: media used one, or another connection has not been established either. */
  get #relayInDoubt() {
    return this.#shown.path === "relay" || !this.#everConnected || this.#newest !== this.#shown;
  }

  async #refreshServers() {
    try {
      await this.#servers.refresh(performance.now(), this.#relayInDoubt);
    } catch (error) {
      this.emit("error", error);
    }
  }

  #failureCode() {
    return hasRelay(this.#servers.list) ? "connection-failed" : "no-relay";
  }

  /**
   * @param {CallState} state
   * @param {import("./problems.js").ProblemCode} [code]
   */
  #become(state, code) {
    if (this.#state === state) return;
    this.#state = state;
    const reason = this.#everConnected ? "media-lost" : this.#newest.failure;
    this.emit("state", { state, code, path: this.#shown.path, reason });
  }

  // What is sent, and what the peer reports about what it sends

  /** @param {import("./quality.js").SendPlan} plan */
  #follow(plan) {
    const localVideo = localVideoState(this.#local, plan);
    if (localVideo === this.#localVideo && JSON.stringify(plan) === JSON.stringify(this.#plan)) return;
    this.#plan = plan;
    this.#apply(this.#shown);
    if (localVideo === this.#localVideo) return;
    this.#localVideo = localVideo;
    for (const peer of new Set([this.#shown, this.#newest])) peer.sendVideoState(localVideo);
    this.#videoChanged();
  }

  /** @param {Peer} peer */
  #apply(peer) {
    applyPlan(peer.senders, this.#plan).catch((error) => this.emit("error", error));
  }

  /** @param {unknown} state as the peer sent it */
  #remoteVideoChanged(state) {
    if (state !== "on" && state !== "off" && state !== "none" && state !== "paused") return;
    this.#remoteVideo = state;
    this.#videoChanged();
  }

  #videoChanged() {
    this.emit("video", { localVideo: this.#localVideo, remoteVideo: this.#remoteVideo });
  }
}
