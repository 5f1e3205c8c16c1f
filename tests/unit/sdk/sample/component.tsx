/** Uses every export of `switchboard-webrtc/react` as an application in strict TypeScript does. */
import {
  type CallControls,
  type CallStats,
  ConnectionQuality,
  type Snapshot,
  type SwitchboardOptions,
  useWebRTC,
} from "switchboard-webrtc/react";

const options: SwitchboardOptions = { relayOnly: true };

function Controls(controls: CallControls) {
  const { join, leave, chat, setMicrophone, setCamera, setVideoQuality, switchboard, messages } = controls;
  return (
    <>
      <button disabled={switchboard === null} onClick={() => join({ attributes: { language: "en" } })}>Call</button>
      <button onClick={leave}>Leave</button>
      <button onClick={() => chat("Hello")}>Greet</button>
      <button onClick={() => setMicrophone(false)}>Mute</button>
      <button onClick={() => setCamera(false)}>Camera off</button>
      <button onClick={() => setVideoQuality("low")}>Low quality</button>
      {messages.map(({ id, text, own }) => <p key={id} className={own ? "own" : "peer"}>{text}</p>)}
    </>
  );
}

const titleOf = ({ state, problem }: Snapshot): string => problem?.message ?? state;

export function Call() {
  const call = useWebRTC(options);
  const stats: CallStats | null = call.stats;
  return (
    <main title={titleOf(call)}>
      <video autoPlay ref={(video) => { if (video) video.srcObject = call.remote; }} />
      <ConnectionQuality stats={stats} />
      <Controls {...call} />
    </main>
  );
}
