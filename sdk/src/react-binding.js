/** The React hook and component for any React that is passed in; `react.js` passes the one that it imports. */
import { INITIAL, Switchboard } from "./switchboard.js";

/**
 * The part of React that is used.
 *
 * @template Element
 * @typedef {object} ReactLike
 * @property {(type: string, props: {[name: string]: unknown}, ...children: Element[]) => Element} createElement
 * @property {<State>(initial: State) => [State, (next: State | ((before: State) => State)) => void]} useState
 * @property {(effect: () => void | (() => void), dependencies: readonly unknown[]) => void} useEffect
 */

/**
 * @typedef {import("./call.js").CallStats} CallStats
 * @typedef {import("./switchboard.js").ChatMessage} ChatMessage
 * @typedef {import("./switchboard.js").JoinOptions} JoinOptions
 * @typedef {import("./switchboard.js").Snapshot} Snapshot
 * @typedef {import("./switchboard.js").SwitchboardOptions} SwitchboardOptions
 */

/**
 * What the hook adds to the snapshot.
 *
 * @typedef {object} CallControls
 * @property {Switchboard | null} switchboard the object behind the hook; null during the first render
 * @property {CallStats | null} stats of the last second; null while there is no call
 * @property {ChatMessage[]} messages the chat with the current peer
 * @property {(options?: JoinOptions) => void} join look for a peer, or in a call for another one
 * @property {() => void} leave leave the queue or the call
 * @property {(text: string) => void} chat send a chat message
 * @property {(on: boolean) => void} setMicrophone turn the microphone on or off
 * @property {(on: boolean) => void} setCamera turn the camera on or off
 * @property {(quality: import("./quality.js").VideoQuality) => void} setVideoQuality set the highest quality to send
 */

/** @type {Record<import("./quality.js").Grade, number>} */
const BARS = { excellent: 4, good: 3, poor: 2, bad: 1 };

/**
 * Return the hook and the component for a React.
 *
 * @template Element
 * @param {ReactLike<Element>} React
 * @param {typeof Switchboard} [Implementation] for tests
 */
export function bindReact(React, Implementation = Switchboard) {
  /** @param {SwitchboardOptions} [options] @returns {Snapshot & CallControls} */
  function useWebRTC(options = {}) {
    const [switchboard, setSwitchboard] = React.useState(/** @type {Switchboard | null} */ (null));
    const [snapshot, setSnapshot] = React.useState(INITIAL);
    const [stats, setStats] = React.useState(/** @type {CallStats | null} */ (null));
    const [messages, setMessages] = React.useState(/** @type {ChatMessage[]} */ ([]));

    React.useEffect(() => {
      const created = new Implementation(options);
      created.addEventListener("change", ({ detail }) => {
        setSnapshot(detail);
        if (detail.state !== "connected") setStats(null);
        if (detail.state === "queued" || detail.state === "idle") setMessages([]);
      });
      created.addEventListener("stats", ({ detail }) => setStats(detail));
      created.addEventListener("chat", ({ detail }) => setMessages((before) => [...before, detail]));
      setSnapshot(created.snapshot);
      setSwitchboard(created);
      created.start();
      return () => created.stop(); // also between the two mounts of StrictMode
    }, [options.url]);
    React.useEffect(() => {
      if (switchboard) switchboard.relayOnly = options.relayOnly ?? false;
    }, [switchboard, options.relayOnly]);

    return {
      ...snapshot, switchboard, stats, messages,
      join: (joinOptions) => switchboard?.join(joinOptions),
      leave: () => switchboard?.leave(),
      chat: (text) => switchboard?.chat(text),
      setMicrophone: (on) => void (switchboard && (switchboard.microphone = on)),
      setCamera: (on) => void (switchboard && (switchboard.camera = on)),
      setVideoQuality: (quality) => void (switchboard && (switchboard.videoQuality = quality)),
    };
  }

  /** @param {{stats: CallStats | null}} props */
  function ConnectionQuality({ stats }) {
    if (!stats) return null;
    const { grade, rttMs } = stats;
    const delay = rttMs === null ? "" : `, ${Math.round(rttMs)} ms`;
    const bars = [1, 2, 3, 4].map((bar) =>
      React.createElement("rect", {
        key: bar, x: (bar - 1) * 5, y: 16 - bar * 4, width: 4, height: bar * 4, fill: "currentColor",
        opacity: bar <= BARS[grade] ? 1 : 0.25,
      }),
    );
    const label = { role: "img", "aria-label": `Connection: ${grade}${delay}`, "data-grade": grade };
    return React.createElement("svg", { ...label, viewBox: "0 0 19 16", width: 19 }, ...bars);
  }

  return { useWebRTC, ConnectionQuality };
}
