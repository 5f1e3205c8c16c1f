/**
 * A call within one match, between two page loads. It holds one connection, and two while another one takes over; it
 * restarts or replaces them when media does not flow, measures what flows, and fits what is sent to the network.
 *
 * Events:
 *   state    {state: "connecting" | "connected" | "interrupted" | "failed", code?, path, reason}: `reason` in the words
 *            of the pool's statistics
 *   stream   {stream}
 *   numbers  {numbers, media, score, grade, plan}: every second
 *   built    {generation}: another connection
 *   picture  {sending, receiving}: "on", or why there is none: "off", "none", "paused"
 *   problem  {error}
 */
import { freshRealm, makeReady } from "./connection.js";
import { listen, tell, within } from "./events.js";
import { hasRelay, IceServers } from "./ice.js";
import { LOOK_EVERY, Meter } from "./meter.js";
import { Peer } from "./peer.js";
import { Adapter, gradeOf, Score } from "./quality.js";
import { gatheringFor, Recovery } from "./recovery.js";
import { apply, pictureOf } from "./sending.js";

const SHOW_SILENCE = 2000; // ms until silence is worth telling the person
const PROVE_WITHIN = 4000;

/**
 * What a call needs of the page around it.
 *
 * @typedef {object} Surroundings
 * @property {() => boolean} reachable whether signaling is up and the partner's page is there
 * @property {() => Promise<unknown>} prove resolves once the server was heard lately
 * @property {() => void} expectAnswer the partner was just told something: if nothing is heard, the socket is dead
 * @property {() => Promise<RTCIceServer[]>} iceServers fresh ones
 *
 * @typedef {"connecting" | "connected" | "interrupted" | "failed"} CallState
 */

export class Call extends EventTarget {
  #polite;
  #servers;
  #local;
  #say;
  #relayOnly;
  #gatheringMs;
  #surroundings;
  /** @type {Peer} */
  #newest;
  /** @type {Peer} */
  #shown;
  /** @type {CallState} */
  #state = "connecting";
  #recovery;
  #everConnected = false;
  #recovering = false;
  #looking = false;
  #meter;
  /** @type {"none" | "moved" | "woken"} */
  #hint = "none";
  #failures = 0;
  #score = new Score();
  #adapter;
  /** @type {import("./quality.js").Plan} */
  #plan;
  /** @type {import("./sending.js").Picture} */
  #sending = "on";
  /** @type {import("./sending.js").Picture} */
  #receiving = "on";
  #timer;
  #closed = false;

  /**
   * `say` carries to the partner, `relayOnly` keeps this side's addresses from it. `ready` is a connection that was
   * prepared for this call, `generation` the number of its first connection: above 0 if these two page loads have had others.
   * `limits` are the pool's, in ms.
   *
   * @param {object} options
   * @param {"polite" | "impolite"} options.role
   * @param {RTCIceServer[]} options.iceServers
   * @param {MediaStream} options.local
   * @param {(signal: import("./peer.js").Signal) => void} options.say
   * @param {Surroundings} options.surroundings
   * @param {boolean} [options.relayOnly]
   * @param {import("./quality.js").Tier} [options.tier]
   * @param {import("./connection.js").Ready} [options.ready]
   * @param {number} [options.generation]
   * @param {{iceGatheringMs: number, connectionMs: number}} options.limits
   */
  constructor({ role, iceServers, local, say, surroundings, relayOnly = false, tier = "high", ready, generation = 0, limits }) {
    super();
    this.#polite = role === "polite";
    this.#servers = new IceServers(iceServers, surroundings.iceServers, performance.now());
    this.#local = local;
    this.#say = say;
    this.#relayOnly = relayOnly;
    this.#surroundings = surroundings;
    this.#gatheringMs = limits.iceGatheringMs;
    this.#recovery = new Recovery(limits.connectionMs);
    this.#adapter = new Adapter(tier, performance.now());
    this.#plan = this.#adapter.plan;
    this.#sending = pictureOf(local, this.#plan);
    // The impolite side makes the very first offer, so that the common case has no glare.
    this.#newest = this.#shown = this.#build(generation, this.#polite && generation === 0, ready ?? makeReady({ local }));
    this.#meter = new Meter(this.#shown);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
  }

  get state() {
    return this.#state;
  }

  /** The number of the newest connection. */
  get generation() {
    return this.#newest.generation;
  }

  /**
   * Take what the partner said.
   *
   * @param {import("./peer.js").Signal} signal
   */
  hear(signal) {
    const generation = signal.generation ?? 0;
    if (generation < this.#newest.generation) return; // about a connection that is no more
    if (signal.type === "ice-restart") return void this.#asked(generation);
    if (generation > this.#newest.generation) {
      const refreshed = this.#refresh();
      this.#replace(generation, true);
      this.#newest.reconfigure(refreshed.then(() => this.#configuration));
      this.#recovery.joined(performance.now());
    }
    this.#newest.hear(signal);
  }

  /**
   * Look at once: the network has changed, or the page has slept.
   *
   * @param {"moved" | "woken"} hint
   */
  hint(hint) {
    if (this.#hint !== "moved") this.#hint = hint;
    this.#look();
  }

  /** Try again after `failed`, because the person asks for it. */
  retry() {
    this.#recovery.reset();
    this.#become("connecting");
    this.hint("moved");
  }

  /** Set the largest picture that is sent. @param {import("./quality.js").Tier} tier */
  set tier(tier) {
    this.#adapter.tier = tier;
    this.#follow(this.#adapter.plan);
  }

  /** Send other devices from now on. @param {MediaStream} local */
  useLocal(local) {
    this.#local = local;
    this.#mend("rebuild");
    this.#follow(this.#plan);
  }

  /** The person turned the camera on or off. */
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
   * @param {import("./connection.js").Ready} ready
   */
  #build(generation, waits, ready) {
    const peer = new Peer({
      ready, generation, polite: this.#polite, waits, configuration: this.#configuration, say: this.#say,
      gatheringMs: gatheringFor(this.#recovery.attempts, this.#gatheringMs),
    });
    peer.tellPicture({ picture: this.#sending });
    listen(peer, "problem", (detail) => tell(this, "problem", detail));
    listen(peer, "stream", () => this.#showStream(peer));
    listen(peer, "picture", ({ picture }) => this.#pictureSaid(picture));
    listen(peer, "state", ({ state }) => this.#peerChanged(peer, state));
    listen(peer, "barren", () => this.#failed(peer));
    return peer;
  }

  /**
   * Build another connection; the one that is shown stays until the other one is connected.
   *
   * @param {number} generation
   * @param {boolean} waits
   */
  #replace(generation, waits) {
    if (this.#newest !== this.#shown) this.#newest.close();
    this.#newest = this.#build(generation, waits, makeReady({ local: this.#local, realm: freshRealm() }));
    tell(this, "built", { generation });
  }

  get #configuration() {
    /** @type {RTCConfiguration} */
    const configuration = {
      iceServers: this.#servers.list,
      iceTransportPolicy: this.#relayOnly ? "relay" : "all",
    };
    return configuration;
  }

  /**
   * @param {Peer} peer
   * @param {RTCPeerConnectionState} state
   */
  #peerChanged(peer, state) {
    if (state === "failed") return this.#failed(peer);
    if (peer === this.#newest && state === "connected") this.#show(peer);
    this.#look();
  }

  /** @param {Peer} peer */
  #failed(peer) {
    if (peer === this.#newest) this.#failures += 1;
    this.#look();
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

  /** Not before there is a connection: what shows a stream is slow to begin. @param {Peer} peer */
  #showStream(peer) {
    if (this.#everConnected && peer === this.#shown && peer.stream) tell(this, "stream", { stream: peer.stream });
  }

  // Once and again

  async #look() {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    try {
      // Statistics stop WebRTC's own threads for a moment, which a first connection would wait for.
      if (this.#everConnected) await this.#measure();
      if (!this.#closed) this.#judge();
    } catch (error) {
      tell(this, "problem", { error });
    } finally {
      this.#looking = false;
    }
  }

  async #measure() {
    const meter = this.#meter;
    const numbers = await meter.look(this.#receiving === "on");
    if (numbers && meter === this.#meter) this.#report(numbers);
  }

  /** @param {import("./quality.js").Numbers} numbers */
  #report(numbers) {
    if (this.#shown.state !== "connected") return;
    const media = this.#receiving === "on" ? "video" : "audio";
    const score = this.#score.add(numbers, media);
    this.#follow(this.#adapter.look(numbers));
    tell(this, "numbers", { numbers, media, score, grade: gradeOf(score), plan: this.#plan });
  }

  #judge() {
    const well = this.#shown.state === "connected" && this.#meter.silentMs < SHOW_SILENCE;
    if (this.#state !== "connecting" && this.#state !== "failed") this.#become(well ? "connected" : "interrupted");
    const facts = {
      state: this.#shown.state === "connected" ? this.#shown.state : this.#newest.state,
      failures: this.#failures,
      reachable: this.#surroundings.reachable(),
      silentMs: this.#meter.silentMs,
      hint: this.#hint,
    };
    this.#hint = "none";
    if (this.#recovering) return;
    const act = this.#recovery.decide(facts, performance.now());
    if (act === "give-up") this.#become("failed", this.#why());
    else if (act) this.#recover(act);
  }

  /** @param {"restart" | "rebuild"} act */
  async #recover(act) {
    this.#recovering = true;
    const peer = this.#newest;
    try {
      await within(this.#surroundings.prove(), PROVE_WITHIN, "signaling");
      await this.#refresh();
      if (this.#closed || peer !== this.#newest) return; // the partner was faster
      this.#mend(act);
      this.#surroundings.expectAnswer();
    } catch (error) {
      tell(this, "problem", { error });
    } finally {
      this.#recovering = false;
    }
  }

  /**
   * The polite side asks for an offer, and only the impolite one makes it: both see the same trouble at the same time,
   * and a first offer that is rolled back can leave Chromium's connection without candidates.
   *
   * @param {"restart" | "rebuild"} act
   */
  #mend(act) {
    const { generation } = this.#newest;
    const wanted = act === "restart" ? generation : generation + 1;
    if (this.#polite) this.#say({ type: "ice-restart", generation: wanted });
    else if (act === "restart") this.#newest.restart(this.#configuration);
    else this.#replace(wanted, false);
  }

  /**
   * The partner asks for an offer about connection `generation`. One that is being set up has its offer under way.
   *
   * @param {number} generation
   */
  async #asked(generation) {
    await this.#refresh();
    const { generation: mine, state } = this.#newest;
    if (this.#closed || generation < mine) return;
    if (generation > mine) this.#replace(generation, false);
    else if (state === "new" || state === "connecting") return;
    else this.#newest.restart(this.#configuration);
    this.#recovery.joined(performance.now());
  }

  /** Whether a relay may be what failed: media took one, or another connection has not come about either. */
  get #inDoubt() {
    return this.#shown.path === "relay" || !this.#everConnected || this.#newest !== this.#shown;
  }

  async #refresh() {
    try {
      await this.#servers.refresh(performance.now(), this.#inDoubt);
    } catch (error) {
      tell(this, "problem", { error });
    }
  }

  #why() {
    return hasRelay(this.#servers.list) ? "connection-failed" : "no-relay";
  }

  /**
   * @param {CallState} state
   * @param {string} [code]
   */
  #become(state, code) {
    if (this.#state === state) return;
    this.#state = state;
    const reason = this.#everConnected ? "media-lost" : this.#newest.failure;
    tell(this, "state", { state, code, path: this.#shown.path, reason });
  }

  // What is sent, and what the partner says about what it sends

  /** @param {import("./quality.js").Plan} plan */
  #follow(plan) {
    const sending = pictureOf(this.#local, plan);
    if (sending === this.#sending && JSON.stringify(plan) === JSON.stringify(this.#plan)) return;
    this.#plan = plan;
    this.#apply(this.#shown);
    if (sending === this.#sending) return;
    this.#sending = sending;
    for (const peer of new Set([this.#shown, this.#newest])) peer.tellPicture({ picture: sending });
    this.#tellPictures();
  }

  /** @param {Peer} peer */
  #apply(peer) {
    apply(peer.senders, this.#plan).catch((error) => tell(this, "problem", { error }));
  }

  /** @param {unknown} picture */
  #pictureSaid(picture) {
    if (picture !== "on" && picture !== "off" && picture !== "none" && picture !== "paused") return;
    this.#receiving = picture;
    this.#tellPictures();
  }

  #tellPictures() {
    tell(this, "picture", { sending: this.#sending, receiving: this.#receiving });
  }
}
