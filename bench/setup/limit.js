// The least that a call needs: two connections, made ready with the same camera, that hand each other their descriptions
// and candidates within the browser; both in one page, or one in each of two. Stands in for the page's app.js.
const local = await navigator.mediaDevices.getUserMedia({
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
});
for (const [id, muted] of [["local", true], ["remote", false]]) document.getElementById(id).muted = muted;
document.getElementById("local").srcObject = local;
const show = (state) => (document.body.dataset.state = state); // the page looks as that of people in a call does
show("queued");

const READY = 200; // ms, as a person waits for a partner: all is ready by then
const now = () => performance.timeOrigin + performance.now(); // pages compare

/** One end of a call; `say` carries to the other one. */
async function end(relay, say) {
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
  pc.onicecandidate = ({ candidate }) => candidate && say({ candidate: candidate.toJSON() });
  pc.ontrack = ({ streams: [stream] }) => (document.getElementById("remote").srcObject = stream);
  const describe = async () => {
    await pc.setLocalDescription();
    say({ description: pc.localDescription.toJSON() });
  };
  let work = Promise.resolve();
  const hear = ({ description, candidate }) => {
    work = work.then(async () => {
      if (candidate) return pc.addIceCandidate(candidate);
      await pc.setRemoteDescription(description);
      if (description.type === "offer") await describe();
    });
  };
  return {
    hear,
    /** Offer, if it is this end that does; return when it began, was connected and had its channel open. */
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
  for (const other of [1, 0]) ends.push(await end(relay, (said) => ends[other].hear(said)));
  const times = await Promise.all([ends[0].call(true), ends[1].call(false)]);
  for (const one of ends) one.close();
  return times;
};

/** Make this page one end of a call with another page, which has been made ready too. */
globalThis.ready = async (relay) => {
  const channel = new BroadcastChannel("signaling");
  const one = await end(relay, (said) => channel.postMessage(said));
  channel.onmessage = ({ data }) => one.hear(data);
  globalThis.callAcross = async (offers) => {
    const times = await one.call(offers);
    globalThis.part = () => [one, channel].forEach((part) => part.close());
    return times;
  };
};
