/**
 * One RTCPeerConnection by perfect negotiation (W3C WebRTC section 10.7). The server assigned the roles: the impolite
 * side makes the first offer, so that the common case has no glare; later either side may offer at any time.
 *
 * Events: state {state}, stream {stream}.
 */

const GATHER_BATCH = 20; // milliseconds in which candidates are collected into one frame
const RESTART_AFTER = 2000; // milliseconds of `disconnected`, which often heals by itself

export class Call extends EventTarget {
  #polite;
  #say;
  #local;
  #pc;
  #makingOffer = false;
  #ignoreOffer = false;
  #answering = false;
  #early = [];
  #gathered = [];
  #flush = null;
  #restart = null;
  #work = Promise.resolve();

  /** `say(frame)` carries to the partner; `relayOnly` keeps this side's addresses from the partner. */
  constructor({ role, iceServers, local, say, relayOnly = false }) {
    super();
    this.#polite = role === "polite";
    this.#say = say;
    this.#local = local;
    this.#pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: relayOnly ? "relay" : "all" });
    this.#pc.onnegotiationneeded = () => this.#offer();
    this.#pc.onicecandidate = ({ candidate }) => candidate && this.#gather(candidate);
    this.#pc.onconnectionstatechange = () => this.#changed();
    this.#pc.ontrack = ({ streams }) => this.#tell("stream", { stream: streams[0] });
    if (!this.#polite) this.#addTracks();
  }

  /** Take what the partner said. In order: each frame waits for the one before it. */
  hear(frame) {
    this.#work = this.#work.then(() => this.#handle(frame)).catch((error) => this.#tell("problem", { error }));
  }

  close() {
    clearTimeout(this.#restart);
    clearTimeout(this.#flush);
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  /** How media flows now: {path: "direct" | "relay", rtt in ms}, or null. */
  async route() {
    const stats = await this.#pc.getStats();
    const transport = [...stats.values()].find((one) => one.type === "transport");
    const pair = stats.get(transport?.selectedCandidatePairId);
    if (!pair) return null;
    const kinds = [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.get(id)?.candidateType);
    const rtt = pair.currentRoundTripTime;
    return { path: kinds.includes("relay") ? "relay" : "direct", rtt: rtt === undefined ? null : rtt * 1000 };
  }

  async #handle(frame) {
    if (frame.type === "offer" || frame.type === "answer") return this.#describe(frame);
    if (frame.type === "ice-candidate") return this.#addCandidates(frame.candidates);
    if (frame.type === "ice-restart") this.#pc.restartIce();
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      this.#say({ type: this.#pc.localDescription.type, sdp: this.#pc.localDescription.sdp });
    } catch (error) {
      this.#tell("problem", { error });
    } finally {
      this.#makingOffer = false;
    }
  }

  async #describe({ type, sdp }) {
    const ready = !this.#makingOffer && (this.#pc.signalingState === "stable" || this.#answering);
    this.#ignoreOffer = type === "offer" && !ready && !this.#polite;
    if (this.#ignoreOffer) return;
    this.#answering = type === "answer";
    await this.#pc.setRemoteDescription({ type, sdp });
    this.#answering = false;
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate);
    if (type === "answer") return;
    this.#addTracks();
    await this.#pc.setLocalDescription();
    this.#say({ type: "answer", sdp: this.#pc.localDescription.sdp });
  }

  async #addCandidates(candidates) {
    if (!this.#pc.remoteDescription) {
      this.#early.push(...candidates);
      return;
    }
    for (const candidate of candidates) {
      try {
        await this.#pc.addIceCandidate(candidate);
      } catch (error) {
        if (!this.#ignoreOffer) throw error;
      }
    }
  }

  #addTracks() {
    if (this.#pc.getSenders().some((sender) => sender.track)) return;
    for (const track of this.#local.getTracks()) this.#pc.addTrack(track, this.#local);
  }

  #gather(candidate) {
    this.#gathered.push(candidate.toJSON());
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      this.#say({ type: "ice-candidate", candidates: this.#gathered.splice(0) });
    }, GATHER_BATCH);
  }

  #changed() {
    const state = this.#pc.connectionState;
    clearTimeout(this.#restart);
    if (state === "disconnected") this.#restart = setTimeout(() => this.#pc.restartIce(), RESTART_AFTER);
    if (state === "failed") this.#pc.restartIce();
    this.#tell("state", { state });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
