// The minimum that a call needs: two prepared connections with the same camera that exchange descriptions and candidates
// within the browser; both in one page, or one in each of two pages. It replaces the page's app.js.
const local = await navigator.mediaDevices.getUserMedia({
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
});
for (const [id, muted] of [["local", true], ["remote", false]]) document.getElementById(id).muted = muted;
document.getElementById("local").srcObject = local;
const show = (state) => (document.body.dataset.state = state); // the page looks as in a real call
show("queued");

const READY = 200; // ms, like the time in the queue: all is prepared by then
const now = () => performance.timeOrigin + performance.now(); // pages compare

/** One end of a call; `send` delivers to the other end. */
async function end(relay, send) {
  const { iceServers } = await (await fetch("/api/webrtc/config")).json();
  const certificate = await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
  const policy = relay ? "relay" : "all";
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy, certificates: [certificate] });
  for (const track of local.getTracks()) pc.addTrack(track, local);
  const data = pc.createDataChannel("data", { negotiated: true, id: 0 });
  const when = (target, type, holds) =>
    new Promise((done) => target.addEventListener(type, () => holds() && done(now())));
  const connected = when(pc, "connectionstatechange", () => pc.connectionState === "connected");
  const open = when(data, "open", () => true);
  pc.onicecandidate = ({ candidate }) => candidate && send({ candidate: candidate.toJSON() });
  pc.ontrack = ({ streams: [stream] }) => (document.getElementById("remote").srcObject = stream);
  const describe = async () => {
    await pc.setLocalDescription();
    send({ description: pc.localDescription.toJSON() });
  };
  let work = Promise.resolve();
  const receive = ({ description, candidate }) => {
    work = work.then(async () => {
      if (candidate) return pc.addIceCandidate(candidate);
      await pc.setRemoteDescription(description);
      if (description.type === "offer") await describe();
    });
  };
  return {
    receive,
    /** Offer if `offers`; return the times of the begin, the connection and the open channel. */
    async call(offers) {
      await new Promise((done) => setTimeout(done, READY));
      const began = now();
      if (offers) await describe();
      const av = await connected;
      show("connected");
      return { began, av, data: await open };
    },
    close() {
      show("queued");
      pc.close();
    },
  };
}

/** A call within this page. */
globalThis.callWithin = async (relay) => {
  const ends = [];
  for (const other of [1, 0]) ends.push(await end(relay, (message) => ends[other].receive(message)));
  const times = await Promise.all([ends[0].call(true), ends[1].call(false)]);
  for (const one of ends) one.close();
  return times;
};

/** Prepare this page as one end of a call with another prepared page. */
globalThis.ready = async (relay) => {
  const channel = new BroadcastChannel("signaling");
  const one = await end(relay, (message) => channel.postMessage(message));
  channel.onmessage = ({ data }) => one.receive(data);
  globalThis.callAcross = async (offers) => {
    const times = await one.call(offers);
    globalThis.hangUp = () => [one, channel].forEach((each) => each.close());
    return times;
  };
};
