// The least that a call needs: two connections of one page, made ready with the same camera, that hand each other their
// descriptions and candidates by calling each other. Stands in for the page's app.js.
const local = await navigator.mediaDevices.getUserMedia({
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
});
for (const [id, muted] of [["local", true], ["remote", false]]) document.getElementById(id).muted = muted;
document.getElementById("local").srcObject = local;
document.body.dataset.state = "connected";

async function made(configuration) {
  const certificate = await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
  const pc = new RTCPeerConnection({ ...configuration, certificates: [certificate] });
  for (const track of local.getTracks()) pc.addTrack(track, local);
  const data = pc.createDataChannel("data", { negotiated: true, id: 0 });
  const when = (target, type, holds) =>
    new Promise((done) => target.addEventListener(type, () => holds() && done(performance.now())));
  return {
    pc,
    connected: when(pc, "connectionstatechange", () => pc.connectionState === "connected"),
    open: when(data, "open", () => true),
  };
}

/** One call; what it took until both sides were connected, and until their channels were open, in ms. */
globalThis.call = async (relay) => {
  const { iceServers } = await (await fetch("/api/webrtc/config")).json();
  const configuration = { iceServers, iceTransportPolicy: relay ? "relay" : "all" };
  const [one, other] = [await made(configuration), await made(configuration)];
  one.pc.onicecandidate = ({ candidate }) => candidate && other.pc.addIceCandidate(candidate);
  other.pc.onicecandidate = ({ candidate }) => candidate && one.pc.addIceCandidate(candidate);
  one.pc.ontrack = ({ streams: [stream] }) => (document.getElementById("remote").srcObject = stream);
  await new Promise((done) => setTimeout(done, 200)); // as a person waits for a partner: all is ready by then
  const began = performance.now();
  await one.pc.setLocalDescription();
  await other.pc.setRemoteDescription(one.pc.localDescription);
  await other.pc.setLocalDescription();
  await one.pc.setRemoteDescription(other.pc.localDescription);
  const [av, data] = [await Promise.all([one.connected, other.connected]), await Promise.all([one.open, other.open])];
  for (const { pc } of [one, other]) pc.close();
  return { av: Math.max(...av) - began, data: Math.max(...data) - began };
};
