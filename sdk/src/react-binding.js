/**
 * A thin binding to React, which is given and not bundled:
 *
 *     const { useWebRTC, ConnectionQuality } = bindReact(React);
 */
import { listen } from "./events.js";
import { Switchboard } from "./switchboard.js";

/**
 * As much of React as is used.
 *
 * @typedef {object} ReactLike
 * @property {(type: any, props: any, ...children: any[]) => any} createElement
 * @property {<T>(value: T) => [T, (next: T | ((before: T) => T)) => void]} useState
 * @property {(effect: () => void | (() => void), dependencies: unknown[]) => void} useEffect
 *
 * @typedef {{numbers: import("./quality.js").Numbers, score: number, grade: import("./quality.js").Grade}} Measured
 * @typedef {{id: string, text: string, mine: boolean}} Line
 * @typedef {ConstructorParameters<typeof Switchboard>[0]} Options
 */

/** @type {Record<string, number>} */
const BARS = { excellent: 4, good: 3, poor: 2, bad: 1 };

/**
 * @param {ReactLike} React
 * @param {{Switchboard?: typeof Switchboard}} [parts] for tests
 */
export function bindReact(React, parts = {}) {
  const Made = parts.Switchboard ?? Switchboard;

  /**
   * Calls for as long as the component is mounted: the snapshot, what was measured last, the chat, and the acts. They
   * begin anew when `url` changes; `relayOnly` counts for the next call.
   *
   * @param {Options} [options]
   */
  function useWebRTC(options = {}) {
    const [switchboard, setSwitchboard] = React.useState(/** @type {Switchboard | null} */ (null));
    const [snapshot, setSnapshot] = React.useState(/** @type {any} */ ({ state: "loading", problem: null }));
    const [measured, setMeasured] = React.useState(/** @type {Measured | null} */ (null));
    const [lines, setLines] = React.useState(/** @type {Line[]} */ ([]));

    React.useEffect(() => {
      const made = new Made(options);
      listen(made, "change", (news) => {
        setSnapshot(news);
        if (news.state !== "connected") setMeasured(null);
        if (news.state === "queued" || news.state === "idle") setLines([]);
      });
      listen(made, "numbers", setMeasured);
      listen(made, "chat", (line) => setLines((before) => [...before, line]));
      setSnapshot(made.snapshot);
      setSwitchboard(made);
      made.start();
      return () => made.stop(); // also between the two mounts of StrictMode
    }, [options.url]);
    React.useEffect(() => {
      if (switchboard) switchboard.relayOnly = options.relayOnly ?? false;
    }, [switchboard, options.relayOnly]);

    return {
      ...snapshot, measured, lines, switchboard,
      join: (/** @type {Parameters<Switchboard["join"]>} */ ...wishes) => switchboard?.join(...wishes),
      leave: () => switchboard?.leave(),
      chat: (/** @type {string} */ text) => switchboard?.chat(text),
      setMicrophone: (/** @type {boolean} */ on) => switchboard && (switchboard.microphone = on),
      setCamera: (/** @type {boolean} */ on) => switchboard && (switchboard.camera = on),
      setTier: (/** @type {import("./quality.js").Tier} */ tier) => switchboard && (switchboard.tier = tier),
    };
  }

  /**
   * The quality of the connection as four bars, with words for who does not see them; nothing while there is none.
   *
   * @param {{measured: Measured | null}} props
   */
  function ConnectionQuality({ measured }) {
    if (!measured) return null;
    const { grade, numbers } = measured;
    const delay = numbers.rtt === null ? "" : `, ${Math.round(numbers.rtt)} ms`;
    const bars = [1, 2, 3, 4].map((bar) =>
      React.createElement("rect", {
        key: bar, x: (bar - 1) * 5, y: 16 - bar * 4, width: 4, height: bar * 4, fill: "currentColor",
        opacity: bar <= BARS[grade] ? 1 : 0.25,
      }),
    );
    const words = { role: "img", "aria-label": `Connection: ${grade}${delay}`, "data-grade": grade };
    return React.createElement("svg", { ...words, viewBox: "0 0 19 16", width: 19 }, ...bars);
  }

  return { useWebRTC, ConnectionQuality };
}
