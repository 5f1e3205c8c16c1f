/**
 * One RTCPeerConnection by perfect negotiation (W3C WebRTC section 10.7): either side may offer at any time, and the
 * polite one gives way. All that it says carries `generation`, the number of this connection between two page loads.
 *
 * Events: state {state}, stream {stream}, picture {…} (what the partner says of its picture), barren (no candidate was
 * gathered, so that this connection cannot come about by itself), problem {error}.
 */
import { tell } from "./events.js";

const FIRST_BATCH = 2; // ms in which the first candidates are collected into a frame: they decide when media flows
const BATCH = 20; // ms for those that follow
const MAX_EARLY = 64; // candidates kept for a description that is still to come

/**
 * What partners say about a connection, without the lane's numbers.
 *
 * @typedef {{type: "offer" | "answer", sdp: string, generation?: number}} Description
 * @typedef {{type: "ice-candidate", candidates: RTCIceCandidateInit[], generation?: number}} Candidates
 * @typedef {{type: "ice-restart", generation?: number}} Restart
 * @typedef {Description | Candidates} Negotiation
 * @typedef {Negotiation | Restart} Signal
 */

export class Peer extends EventTarget {
  #ready;
  #pc;
  #polite;
  #say;
  #waits;
  #first = true;
  #makingOffer = false;
  #ignoreOffer = false;
  #answering = false;
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {RTCIceCandidateInit[]} */
  #gathered = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #flush = null;
  #batch = FIRST_BATCH;
  #gatheringMs;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #gathering = null;
  #work = Promise.resolve();
  #unmeasured = () => {};
  #closed = false;
  /** Why the picture that this side sends is missing; said again whenever the channel opens. @type {unknown} */
  #told = null;

  /**
   * `waits` leaves the first offer to the partner. `say` carries to the partner. `gatheringMs` is given to the first
   * candidate.
   *
   * @param {object} options
   * @param {import("./connection.js").Ready} options.ready
   * @param {number} options.generation
   * @param {boolean} options.polite
   * @param {boolean} options.waits
   * @param {RTCConfiguration} options.configuration
   * @param {(signal: Signal) => void} options.say
   * @param {number} options.gatheringMs
   */
  constructor({ ready, generation, polite, waits, configuration, say, gatheringMs }) {
    super();
    this.generation = generation;
    /** Whether this side has found any address. */
    this.gathered = false;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.#ready = ready;
    this.#pc = ready.pc;
    this.#polite = polite;
    this.#waits = waits;
    this.#say = say;
    this.#gatheringMs = gatheringMs;
    this.#configure(configuration);
    this.#pc.onnegotiationneeded = () => this.#offer();
    this.#pc.onicecandidate = ({ candidate }) => (candidate?.candidate ? this.#gather(candidate) : this.#endGathering());
    this.#pc.onconnectionstatechange = () => this.#changed();
    this.#pc.ontrack = ({ streams: [stream] }) => {
      this.stream = stream;
      tell(this, "stream", { stream });
    };
    ready.picture.onmessage = ({ data }) => this.#hearPicture(data);
    ready.picture.onopen = () => this.#sendPicture();
    if (!waits) this.#offer();
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** How media flows, or null where the browser does not tell. @returns {"direct" | "relay" | null} */
  get path() {
    const pair = this.#pc.sctp?.transport.iceTransport.getSelectedCandidatePair?.();
    if (!pair) return null;
    return [pair.local, pair.remote].some((one) => one?.type === "relay") ? "relay" : "direct";
  }

  /**
   * Why there is no connection, as the pool's statistics call it.
   *
   * @returns {"no-candidates" | "dtls-failed" | "ice-failed" | "timeout"}
   */
  get failure() {
    if (!this.gathered) return "no-candidates";
    if (["connected", "completed"].includes(this.#pc.iceConnectionState)) return "dtls-failed";
    return this.state === "failed" ? "ice-failed" : "timeout";
  }

  get senders() {
    return this.#pc.getSenders();
  }

  /**
   * The browser's statistics; none if the connection is closed meanwhile: promises of a frame that is gone never settle.
   *
   * @returns {Promise<RTCStatsReport | null>}
   */
  getStats() {
    return new Promise((resolve, reject) => {
      this.#unmeasured = () => resolve(null);
      this.#pc.getStats().then(resolve, reject);
    });
  }

  /**
   * Take what the partner said, in order: each frame waits for the one before it.
   *
   * @param {Negotiation} signal
   */
  hear(signal) {
    this.#work = this.#work
      .then(() => (this.#closed ? undefined : this.#handle(signal)))
      .catch((error) => tell(this, "problem", { error }));
  }

  /**
   * Take other ICE servers before anything that is heard from now on.
   *
   * @param {Promise<RTCConfiguration>} configuration
   */
  reconfigure(configuration) {
    this.#work = this.#work
      .then(async () => this.#configure(await configuration))
      .catch((error) => tell(this, "problem", { error }));
  }

  /**
   * Look for another path, with these ICE servers.
   *
   * @param {RTCConfiguration} configuration
   */
  restart(configuration) {
    if (this.#closed) return;
    this.#configure(configuration);
    this.#waits = false;
    this.#pc.restartIce();
  }

  /**
   * Tell the partner what has become of the picture, now and whenever the channel opens.
   *
   * @param {unknown} picture
   */
  tellPicture(picture) {
    this.#told = picture;
    this.#sendPicture();
  }

  close() {
    this.#closed = true;
    this.#unmeasured();
    if (this.#flush !== null) clearTimeout(this.#flush);
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#pc.onconnectionstatechange = null;
    this.#ready.discard();
  }

  /** @param {RTCConfiguration} configuration */
  #configure(configuration) {
    if (this.#closed) return;
    // What is left out counts as a change, and certificates cannot be changed.
    this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), ...configuration });
  }

  // Negotiation

  /** @param {Negotiation} signal */
  async #handle(signal) {
    return signal.type === "ice-candidate" ? this.#addCandidates(signal.candidates) : this.#describe(signal);
  }

  async #offer() {
    if (this.#waits || this.#makingOffer || this.#closed) return;
    try {
      this.#makingOffer = true;
      if (this.#first) this.#askForMedia();
      await this.#pc.setLocalDescription();
      this.#sayDescription();
    } catch (error) {
      if (!this.#closed) tell(this, "problem", { error });
    } finally {
      this.#makingOffer = false;
    }
  }

  /** A side without a camera or microphone wants to see and hear the partner all the same. */
  #askForMedia() {
    const sent = this.#pc.getTransceivers().map(({ receiver }) => receiver.track.kind);
    for (const kind of ["audio", "video"]) {
      if (!sent.includes(kind)) this.#pc.addTransceiver(kind, { direction: "recvonly" });
    }
  }

  /** @param {Description} description */
  async #describe({ type, sdp }) {
    if (type === "answer" && this.#pc.signalingState !== "have-local-offer") return; // its offer was given up
    const ready = !this.#makingOffer && (this.#pc.signalingState === "stable" || this.#answering);
    this.#ignoreOffer = type === "offer" && !ready && !this.#polite;
    if (this.#ignoreOffer) return;
    this.#waits = false;
    this.#answering = type === "answer";
    try {
      await this.#pc.setRemoteDescription({ type, sdp });
    } finally {
      this.#answering = false;
    }
    await this.#addCandidates(this.#early.splice(0));
    if (type === "answer") return;
    await this.#pc.setLocalDescription();
    this.#sayDescription();
  }

  #sayDescription() {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.#pc.localDescription);
    if (this.#first) this.#gathering ??= setTimeout(() => this.#endGathering(), this.#gatheringMs);
    // The side that offers first opens DTLS too: it need not wait for the answer's direction, one round trip less. Only
    // the copy that travels says so; the answer decides for both (RFC 8842 section 5.3).
    const said = type === "offer" && this.#first ? sdp.replaceAll("a=setup:actpass", "a=setup:active") : sdp;
    this.#first = false;
    this.#say({ type: /** @type {"offer" | "answer"} */ (type), sdp: said, generation: this.generation });
  }

  // Candidates

  /** @param {RTCIceCandidateInit[]} candidates */
  async #addCandidates(candidates) {
    for (const candidate of candidates) {
      if (!this.#belongs(candidate)) {
        // To an offer that is still to come, or to one that was given up: then it is never used.
        this.#early.push(candidate);
        this.#early.splice(0, this.#early.length - MAX_EARLY);
        continue;
      }
      try {
        await this.#pc.addIceCandidate(candidate);
      } catch (error) {
        if (!this.#ignoreOffer) throw error;
      }
    }
  }

  /** @param {RTCIceCandidateInit} candidate */
  #belongs({ usernameFragment }) {
    const sdp = this.#pc.remoteDescription?.sdp;
    return Boolean(sdp && (!usernameFragment || sdp.includes(`a=ice-ufrag:${usernameFragment}\r\n`)));
  }

  /** @param {RTCIceCandidate} candidate */
  #gather(candidate) {
    this.gathered = true;
    this.#gathered.push(candidate.toJSON());
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      this.#batch = BATCH;
      this.#say({ type: "ice-candidate", candidates: this.#gathered.splice(0), generation: this.generation });
    }, this.#batch);
  }

  #endGathering() {
    if (!this.gathered && !this.#closed) tell(this, "barren");
  }

  // State

  #changed() {
    tell(this, "state", { state: this.state });
  }

  /** @param {string} data */
  #hearPicture(data) {
    try {
      tell(this, "picture", JSON.parse(data));
    } catch (error) {
      tell(this, "problem", { error });
    }
  }

  #sendPicture() {
    const { picture } = this.#ready;
    if (this.#told !== null && picture.readyState === "open") picture.send(JSON.stringify(this.#told));
  }
}
