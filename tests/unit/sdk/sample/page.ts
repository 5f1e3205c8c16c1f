/** Uses every export of `switchboard-webrtc` as an application in strict TypeScript does. */
import {
  type CallStats,
  type ChatMessage,
  type CheckName,
  type CheckResult,
  type Grade,
  type JoinOptions,
  type Limits,
  type Problem,
  type ProblemAction,
  type ProblemCode,
  type Relaxation,
  runChecks,
  type SendPlan,
  type Snapshot,
  type State,
  Switchboard,
  type SwitchboardEvents,
  type SwitchboardOptions,
  type TokenSource,
  type VideoQuality,
  type VideoState,
} from "switchboard-webrtc";

const token: TokenSource = async ({ fresh }) => (fresh ? "fresh" : "kept");
const options: SwitchboardOptions = { url: "wss://calls.example.com/ws", token, relayOnly: true };
const switchboard = new Switchboard(options);

const stateTexts: Record<State, string> = {
  loading: "Starting", idle: "Ready", queued: "Looking", connecting: "Connecting", connected: "Connected",
  interrupted: "Interrupted", failed: "Lost",
};
const videoTexts: Record<VideoState, string> = { on: "", off: "Camera off", none: "No camera", paused: "Audio only" };
const relaxations: Record<Relaxation, string> = { preferred: "any topic", recent: "people you know" };
const grades: Record<Grade, number> = { excellent: 4, good: 3, poor: 2, bad: 1 };
const checkNames: Record<CheckName, string> = {
  camera: "Camera", microphone: "Microphone", signaling: "Server", udp: "UDP", relay: "Relay",
};
const translations: Partial<Record<ProblemCode, string>> = { "camera-denied": "Kamera nicht erlaubt" };

const show = (snapshot: Snapshot): string => {
  const { state, signaling, queuePosition, relaxed, peerAway, remoteVideo, problem } = snapshot;
  const position: number = queuePosition ?? 0;
  const stream: MediaStream | null = snapshot.remote ?? snapshot.local;
  return [
    stateTexts[state], signaling, position, ...relaxed.map((one) => relaxations[one]), peerAway,
    videoTexts[remoteVideo], videoTexts[snapshot.localVideo], stream?.id, problem && explain(problem),
  ].join(" ");
};
const explain = ({ code, message, remedy, action, actionLabel, fatal }: Problem): string => {
  const known: ProblemAction = action;
  return `${translations[code] ?? message} ${remedy} ${known} ${actionLabel} ${fatal}`;
};
const measure = ({ grade, rttMs, loss, path, plan, limitation }: CallStats): string => {
  const { video, height }: SendPlan = plan;
  return `${grades[grade]} ${rttMs?.toFixed()} ${loss * 100} ${path ?? "?"} ${video ? height : 0} ${limitation}`;
};
const chat = ({ id, text, own }: ChatMessage): string => `${id} ${own ? "me" : "peer"}: ${text}`;

const onChange = ({ detail }: CustomEvent<SwitchboardEvents["change"]>): void => console.log(show(detail));
switchboard.addEventListener("change", onChange);
switchboard.removeEventListener("change", onChange);
switchboard.addEventListener("stats", ({ detail }) => console.log(measure(detail)), { once: true });
switchboard.addEventListener("chat", ({ detail }) => console.log(chat(detail)));
switchboard.addEventListener("warning", ({ detail }) => console.warn(detail.message));
// @ts-expect-error there is no such event
switchboard.addEventListener("chnage", () => {});
// @ts-expect-error attributes are texts
switchboard.join({ attributes: { age: 30 } });

const wanted: JoinOptions = {
  attributes: { language: "en" }, required: {}, preferred: {}, mode: "chess", blocked: ["user-1"],
};
const quality: VideoQuality = "medium";
const limits: Readonly<Limits> = switchboard.limits;
await switchboard.start();
switchboard.join(wanted);
switchboard.videoQuality = quality;
switchboard.microphone = !switchboard.microphone;
switchboard.camera = switchboard.snapshot.camera;
switchboard.relayOnly = false;
switchboard.chat(`limits: ${limits.connectionMs} ms`);
const results: CheckResult[] = await runChecks(switchboard, ({ name, ok, detail }) => {
  console.log(checkNames[name], ok, detail);
});
const servers: RTCIceServer[] = await switchboard.fetchIceServers();
console.log(results.length, servers.length);
await switchboard.openDevices();
switchboard.retry();
switchboard.reconnect();
switchboard.leave();
switchboard.stop();
