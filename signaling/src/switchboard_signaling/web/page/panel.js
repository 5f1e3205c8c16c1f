/** The connection panel: numbers of the last second, and charts of the last minute. */
import { rate } from "./words.js";

const SECONDS = 60;
const [WIDTH, HEIGHT] = [240, 44];
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {import("../sdk/quality.js").Numbers} Numbers */
/** @typedef {{numbers: Numbers, score: number, grade: string, plan: import("../sdk/quality.js").Plan}} Measured */

/**
 * `least` is what the top of a chart stands for when all is quiet.
 *
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} name
 * @property {(numbers: Numbers) => number} of
 * @property {number} least
 * @property {(value: number) => string} show
 */

/** @type {Chart[]} */
const CHARTS = [
  { id: "rtt", name: "Round trip", of: ({ rtt }) => rtt ?? 0, least: 100, show: (ms) => `${Math.round(ms)} ms` },
  { id: "in", name: "Receiving", of: ({ receivedBitrate }) => receivedBitrate, least: 500_000, show: rate },
  { id: "out", name: "Sending", of: ({ sentBitrate }) => sentBitrate, least: 500_000, show: rate },
  {
    id: "loss", name: "Loss", of: ({ loss, remoteLoss }) => Math.max(loss, remoteLoss) * 100, least: 5,
    show: (percent) => `${percent.toFixed(1)} %`,
  },
];

/** @param {Numbers} numbers */
const sizeOf = ({ width, height, frameRate }) => `${width} × ${height}, ${Math.round(frameRate)}/s`;

/** @type {Array<[name: string, of: (measured: Measured) => string]>} */
const ROWS = [
  ["Path", ({ numbers }) => (numbers.path === "relay" ? "through a relay" : "direct")],
  ["Jitter", ({ numbers }) => `${Math.round(numbers.jitter)} ms`],
  ["Picture received", ({ numbers }) => (numbers.width ? sizeOf(numbers) : "none")],
  ["Picture sent", ({ numbers, plan }) => (plan.video && numbers.sentHeight ? `${numbers.sentHeight} lines` : "none")],
  ["Freezes", ({ numbers }) => (numbers.freezes ? `${numbers.freezes} in the last second` : "none")],
];

/**
 * The newest value is at the right; the line touches neither edge.
 *
 * @param {number[]} values
 * @param {number} least
 */
function pointsOf(values, least) {
  const highest = Math.max(least, ...values);
  const first = SECONDS - values.length;
  const x = (/** @type {number} */ index) => ((first + index) * WIDTH) / (SECONDS - 1);
  const y = (/** @type {number} */ value) => HEIGHT - 2 - (value / highest) * (HEIGHT - 4);
  return values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}

export class Panel {
  #place;
  /** @type {Measured[]} */
  #history = [];
  /** @type {Map<string, {line: Element, value: Element, svg: Element}>} */
  #charts = new Map();
  /** @type {Map<string, Element>} */
  #cells = new Map();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    for (const { id, name } of CHARTS) this.#addChart(id, name);
    const list = this.#add(place, "dl");
    for (const [name] of ROWS) {
      this.#add(list, "dt").textContent = name;
      this.#cells.set(name, this.#add(list, "dd"));
    }
    this.clear();
  }

  /** @param {Measured} measured */
  show(measured) {
    this.#history = [...this.#history, measured].slice(-SECONDS);
    if (this.#place.hidden) return;
    for (const { id, of, least, show } of CHARTS) {
      const values = this.#history.map(({ numbers }) => of(numbers));
      const chart = this.#charts.get(id);
      const now = show(values[values.length - 1]);
      chart?.line.setAttribute("points", pointsOf(values, least));
      chart?.svg.setAttribute("aria-label", `now ${now}, at most ${show(Math.max(...values))} in the last minute`);
      if (chart) chart.value.textContent = now;
    }
    for (const [name, of] of ROWS) /** @type {Element} */ (this.#cells.get(name)).textContent = of(measured);
  }

  /** Forget a call that is over. */
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
    const figure = this.#add(this.#place, "figure");
    const caption = this.#add(figure, "figcaption");
    this.#add(caption, "span").textContent = name;
    const value = this.#add(caption, "output");
    value.id = `number-${id}`;
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
    const made = document.createElement(name);
    parent.append(made);
    return made;
  }
}
