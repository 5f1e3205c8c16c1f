/**
 * One RTCPeerConnection by perfect negotiation (W3C WebRTC section 10.7): either side may offer at any time, and the
 * polite side yields. All its signals carry its generation, the number of the connection between two page loads.
 */
import { Emitter } from "./events.js";

const FIRST_BATCH_MS = 2; // for the first candidates, which decide when media flows
const BATCH_MS = 20; // for the candidates that follow
const MAX_EARLY = 64; // candidates that are kept until their description arrives

/**
 * What peers send each other about a connection, without the fields of the lane.
 *
 * @typedef {{type: "offer" | "answer", sdp: string, generation?: number}} Description
 * @typedef {{type: "ice-candidate", candidates: RTCIceCandidateInit[], generation?: number}} Candidates
 * @typedef {{type: "ice-restart", generation?: number}} Restart
 * @typedef {Description | Candidates} Negotiation
 * @typedef {Negotiation | Restart} Signal
 */

/**
 * @typedef {object} PeerEvents
 * @property {RTCPeerConnectionState} state
 * @property {MediaStream} stream
 * @property {unknown} video-state what the peer reports about the video that it sends
 * @property {undefined} no-candidates nothing was gathered, so this connection cannot be established by itself
 * @property {unknown} error
 */

/** @extends {Emitter<PeerEvents>} */
export class Peer extends Emitter {
  #connection;
  #pc;
  #polite;
  #send;
  #waits;
  #first = true;
  #makingOffer = false;
  #ignoreOffer = false;
  #answering = false;
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {RTCIceCandidateInit[]} */
  #unsent = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #flush = null;
  #batchMs = FIRST_BATCH_MS;
  #gatheringMs;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #gathering = null;
  #queue = Promise.resolve();
  #abandonStats = () => {};
  #closed = false;
  /** @type {import("./sending.js").VideoState | null} */
  #videoState = null;

  /**
   * `waits` leaves the first offer to the peer. `send` sends a signal to the peer. `gatheringMs` is the time limit for
   * the first candidate.
   *
   * @param {object} options
   * @param {import("./connection.js").Connection} options.connection
   * @param {number} options.generation
   * @param {boolean} options.polite
   * @param {boolean} options.waits
   * @param {RTCConfiguration} options.configuration
   * @param {(signal: Signal) => void} options.send
   * @param {number} options.gatheringMs
   */
  constructor({ connection, generation, polite, waits, configuration, send, gatheringMs }) {
    super();
    this.generation = generation;
    /** Whether this side has gathered a candidate. */
    this.gathered = false;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.#connection = connection;
    this.#pc = connection.pc;
    this.#polite = polite;
    this.#waits = waits;
    this.#send = send;
    this.#gatheringMs = gatheringMs;
    this.#configure(configuration);
    this.#pc.onnegotiationneeded = () => this.#offer();
    this.#pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#gather(candidate);
      else this.#endGathering();
    };
    this.#pc.onconnectionstatechange = () => this.emit("state", this.state);
    this.#pc.ontrack = ({ streams: [stream] }) => {
      this.stream = stream;
      this.emit("stream", stream);
    };
    connection.videoState.onmessage = ({ data }) => this.#receiveVideoState(data);
    connection.videoState.onopen = () => this.#flushVideoState();
    if (!waits) this.#offer();
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** Whether media flows through a relay; null if the browser does not say. @returns {"direct" | "relay" | null} */
  get path() {
    const pair = this.#pc.sctp?.transport.iceTransport.getSelectedCandidatePair?.();
    if (!pair) return null;
    return [pair.local, pair.remote].some((candidate) => candidate?.type === "relay") ? "relay" : "direct";
  }

  /**
   * Why there is no connection, as a reason of the pool's statistics.
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
   * Return the browser's statistics, or null if the connection is closed in the meantime: promises of a removed frame
   * never settle.
   *
   * @returns {Promise<RTCStatsReport | null>}
   */
  getStats() {
    return new Promise((resolve, reject) => {
      this.#abandonStats = () => resolve(null);
      this.#pc.getStats().then(resolve, reject);
    });
  }

  /**
   * Handle a signal from the peer, after all earlier ones.
   *
   * @param {Negotiation} signal
   */
  receive(signal) {
    this.#enqueue(() => (this.#closed ? undefined : this.#handle(signal)));
  }

  /**
   * Use other ICE servers for all signals that are received from now on.
   *
   * @param {Promise<RTCConfiguration>} configuration
   */
  reconfigure(configuration) {
    this.#enqueue(async () => this.#configure(await configuration));
  }

  /**
   * Restart ICE with these ICE servers.
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
   * Report to the peer whether video is sent, now and whenever the data channel opens.
   *
   * @param {import("./sending.js").VideoState} state
   */
  sendVideoState(state) {
    this.#videoState = state;
    this.#flushVideoState();
  }

  close() {
    this.#closed = true;
    this.#abandonStats();
    if (this.#flush !== null) clearTimeout(this.#flush);
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#pc.onconnectionstatechange = null;
    this.#connection.discard();
  }

  /** @param {() => unknown} work */
  #enqueue(work) {
    this.#queue = this.#queue.then(work).then(() => {}, (error) => this.emit("error", error));
  }

  /** @param {RTCConfiguration} configuration */
  #configure(configuration) {
    if (this.#closed) return;
    // A member that is unset counts as a change, and certificates cannot be changed.
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
      if (this.#first) this.#requestMedia();
      await this.#pc.setLocalDescription();
      this.#sendDescription();
    } catch (error) {
      if (!this.#closed) this.emit("error", error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** A side without a camera or microphone receives the peer's video and audio all the same. */
  #requestMedia() {
    const sent = this.#pc.getTransceivers().map(({ receiver }) => receiver.track.kind);
    for (const kind of ["audio", "video"]) {
      if (!sent.includes(kind)) this.#pc.addTransceiver(kind, { direction: "recvonly" });
    }
  }

  /** @param {Description} description */
  async #describe({ type, sdp }) {
    if (type === "answer" && this.#pc.signalingState !== "have-local-offer") return; // its offer was rolled back
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
    this.#sendDescription();
  }

  #sendDescription() {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.#pc.localDescription);
    if (this.#first) this.#gathering ??= setTimeout(() => this.#endGathering(), this.#gatheringMs);
    // The side that offers first opens DTLS too, without waiting for the answer's direction: that saves a round trip.
    // Only the copy that is sent says so; the answer decides for both (RFC 8842 section 5.3).
    const sent = type === "offer" && this.#first ? sdp.replaceAll("a=setup:actpass", "a=setup:active") : sdp;
    this.#first = false;
    this.#send({ type: /** @type {"offer" | "answer"} */ (type), sdp: sent, generation: this.generation });
  }

  // Candidates

  /** @param {RTCIceCandidateInit[]} candidates */
  async #addCandidates(candidates) {
    for (const candidate of candidates) {
      if (!this.#belongs(candidate)) {
        // Its offer has yet to arrive, or was rolled back; then the candidate is never used.
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
    this.#unsent.push(candidate.toJSON());
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      this.#batchMs = BATCH_MS;
      this.#send({ type: "ice-candidate", candidates: this.#unsent.splice(0), generation: this.generation });
    }, this.#batchMs);
  }

  #endGathering() {
    if (!this.gathered && !this.#closed) this.emit("no-candidates", undefined);
  }

  // The state of the video

  /** @param {string} data */
  #receiveVideoState(data) {
    try {
      this.emit("video-state", JSON.parse(data).video);
    } catch (error) {
      this.emit("error", error);
    }
  }

  #flushVideoState() {
    const { videoState } = this.#connection;
    if (this.#videoState !== null && videoState.readyState === "open") {
      videoState.send(JSON.stringify({ video: this.#videoState }));
    }
  }
}
