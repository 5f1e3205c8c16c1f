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
 * @typedef {import("./call.js").CallMeasurement} CallMeasurement
 * @typedef {import("./switchboard.js").ChatMessage} ChatMessage
 * @typedef {import("./switchboard.js").JoinOptions} JoinOptions
 * @typedef {import("./switchboard.js").Snapshot} Snapshot
 * @typedef {import("./switchboard.js").SwitchboardOptions} SwitchboardOptions
 */

/**
 * What the hook adds to the snapshot.
 *
 * @typedef {object} CallControls
 * @property {Switchboard | null} switchboard null during the first render
 * @property {CallMeasurement | null} measurement of the last second; null while there is no call
 * @property {ChatMessage[]} messages the chat with the current peer
 * @property {(options?: JoinOptions) => void} join
 * @property {() => void} leave
 * @property {(text: string) => void} chat
 * @property {(on: boolean) => void} setMicrophone
 * @property {(on: boolean) => void} setCamera
 * @property {(quality: import("./quality.js").VideoQuality) => void} setVideoQuality
 */

/**
 * What the hook returns: the snapshot, and what it adds.
 *
 * @typedef {Snapshot & CallControls} CallHook
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
  /** @param {SwitchboardOptions} [options] @returns {CallHook} */
  function useWebRTC(options = {}) {
    const [switchboard, setSwitchboard] = React.useState(/** @type {Switchboard | null} */ (null));
    const [snapshot, setSnapshot] = React.useState(INITIAL);
    const [measurement, setMeasurement] = React.useState(/** @type {CallMeasurement | null} */ (null));
    const [messages, setMessages] = React.useState(/** @type {ChatMessage[]} */ ([]));

    React.useEffect(() => {
      const created = new Implementation(options);
      created.addEventListener("change", ({ detail }) => {
        setSnapshot(detail);
        if (detail.state !== "connected") setMeasurement(null);
        if (detail.state === "queued" || detail.state === "idle") setMessages([]);
      });
      created.addEventListener("stats", ({ detail }) => setMeasurement(detail));
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
      ...snapshot, switchboard, measurement, messages,
      join: (joinOptions) => switchboard?.join(joinOptions),
      leave: () => switchboard?.leave(),
      chat: (text) => switchboard?.chat(text),
      setMicrophone: (on) => void (switchboard && (switchboard.microphone = on)),
      setCamera: (on) => void (switchboard && (switchboard.camera = on)),
      setVideoQuality: (quality) => void (switchboard && (switchboard.videoQuality = quality)),
    };
  }

  /** @param {{measurement: CallMeasurement | null}} props */
  function ConnectionQuality({ measurement }) {
    if (!measurement) return null;
    const { grade, stats } = measurement;
    const delay = stats.rttMs === null ? "" : `, ${Math.round(stats.rttMs)} ms`;
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
