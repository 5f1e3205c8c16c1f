/** The connection panel: the stats of the last second, and charts of the last minute. */
import { formatBitrate } from "./words.js";

const SECONDS = 60;
const [WIDTH, HEIGHT] = [240, 44];
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {import("../sdk/call.js").CallStats} CallStats */

/**
 * `scale` is the value at the top of a chart unless a higher one was measured.
 *
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} name
 * @property {(stats: CallStats) => number} value
 * @property {number} scale
 * @property {(value: number) => string} format
 */

/** @type {Chart[]} */
const CHARTS = [
  {
    id: "rtt", name: "Round trip", scale: 100,
    value: ({ rttMs }) => rttMs ?? 0, format: (ms) => `${Math.round(ms)} ms`,
  },
  {
    id: "received", name: "Receiving", scale: 500_000,
    value: ({ receivedBitrate }) => receivedBitrate, format: formatBitrate,
  },
  {
    id: "sent", name: "Sending", scale: 500_000,
    value: ({ sentBitrate }) => sentBitrate, format: formatBitrate,
  },
  {
    id: "loss", name: "Loss", scale: 5,
    value: ({ loss, remoteLoss }) => Math.max(loss, remoteLoss) * 100, format: (percent) => `${percent.toFixed(1)} %`,
  },
];

/** @param {CallStats} stats */
const formatVideo = ({ width, height, frameRate }) => `${width} × ${height}, ${Math.round(frameRate)} fps`;

/** @type {Array<[name: string, format: (stats: CallStats) => string]>} */
const ROWS = [
  ["Path", ({ path }) => (path === "relay" ? "relay" : "direct")],
  ["Jitter", ({ jitterMs }) => `${Math.round(jitterMs)} ms`],
  ["Video received", (stats) => (stats.width ? formatVideo(stats) : "none")],
  ["Video sent", ({ sentHeight, plan }) => (plan.video && sentHeight ? `${sentHeight}p` : "none")],
  ["Freezes", ({ freezes }) => (freezes ? `${freezes} in the last second` : "none")],
];

/**
 * Return the points of a chart's line. The newest value is on the right; the line touches neither edge.
 *
 * @param {number[]} values
 * @param {number} scale
 */
function pointsOf(values, scale) {
  const highest = Math.max(scale, ...values);
  const first = SECONDS - values.length;
  const x = (/** @type {number} */ index) => ((first + index) * WIDTH) / (SECONDS - 1);
  const y = (/** @type {number} */ value) => HEIGHT - 2 - (value / highest) * (HEIGHT - 4);
  return values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}

export class Panel {
  #container;
  /** @type {CallStats[]} */
  #history = [];
  /** @type {Map<string, {line: Element, value: Element, svg: Element}>} */
  #charts = new Map();
  /** @type {Map<string, Element>} */
  #cells = new Map();

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    for (const { id, name } of CHARTS) this.#addChart(id, name);
    const list = this.#add(container, "dl");
    for (const [name] of ROWS) {
      this.#add(list, "dt").textContent = name;
      this.#cells.set(name, this.#add(list, "dd"));
    }
    this.clear();
  }

  /** @param {CallStats} stats */
  show(stats) {
    this.#history = [...this.#history, stats].slice(-SECONDS);
    if (this.#container.hidden) return;
    for (const { id, value, scale, format } of CHARTS) {
      const values = this.#history.map(value);
      const chart = this.#charts.get(id);
      const now = format(values[values.length - 1]);
      chart?.line.setAttribute("points", pointsOf(values, scale));
      chart?.svg.setAttribute("aria-label", `now ${now}, at most ${format(Math.max(...values))} in the last minute`);
      if (chart) chart.value.textContent = now;
    }
    for (const [name, format] of ROWS) /** @type {Element} */ (this.#cells.get(name)).textContent = format(stats);
  }

  /** Remove the values of a call that has ended. */
  clear() {
    this.#history = [];
    for (const { line, value, svg } of this.#charts.values()) {
      line.setAttribute("points", "");
      svg.setAttribute("aria-label", "no call");
      value.textContent = "–";
    }
    for (const cell of this.#cells.values()) cell.textContent = "–";
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  #addChart(id, name) {
    const figure = this.#add(this.#container, "figure");
    const caption = this.#add(figure, "figcaption");
    this.#add(caption, "span").textContent = name;
    const value = this.#add(caption, "output");
    value.id = `stats-${id}`;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    const line = document.createElementNS(SVG, "polyline");
    svg.append(line);
    figure.append(svg);
    this.#charts.set(id, { line, value, svg });
  }

  /**
   * @param {Element} parent
   * @param {string} name
   */
  #add(parent, name) {
    const element = document.createElement(name);
    parent.append(element);
    return element;
  }
}
