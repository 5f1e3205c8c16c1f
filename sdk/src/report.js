/**
 * What the pool is told of a call, for its statistics. Pure: the numbers of single seconds go in, a report comes out.
 */
import { MAX_BITRATE, MAX_SPAN_MS } from "./protocol.js";

const EVERY = 5000; // ms; the server takes one a second at most

/** @type {Record<string, number>} */
const MOST = {
  rttMs: MAX_SPAN_MS,
  jitterMs: MAX_SPAN_MS,
  frozenMs: MAX_SPAN_MS,
  loss: 1,
  remoteLoss: 1,
  sentBitrate: MAX_BITRATE,
  receivedBitrate: MAX_BITRATE,
  freezes: Number.MAX_SAFE_INTEGER,
};

/**
 * Numbers of a browser, brought into the protocol's bounds; what is no number is left out.
 *
 * @param {Partial<Report>} stats
 */
export const bounded = (stats) =>
  Object.fromEntries(
    Object.entries(stats)
      .map(([name, value]) => {
        if (!(name in MOST)) return [name, value ?? undefined];
        if (typeof value !== "number" || !Number.isFinite(value)) return [name, undefined];
        const within = Math.min(Math.max(value, 0), MOST[name]);
        return [name, name === "freezes" ? Math.trunc(within) : within];
      })
      .filter(([, value]) => value !== undefined),
  );

/**
 * @typedef {Omit<import("./protocol.js").Stats, "type" | "match">} Report
 * @typedef {import("./quality.js").Numbers} Numbers
 */

/** Makes a report of five seconds each. */
export class Reporter {
  /** @type {Numbers[]} */
  #seconds = [];
  /** @type {Report["media"]} */
  #media = "video";

  /**
   * Take the numbers of a second; returns a report if one is due.
   *
   * @param {Numbers} numbers
   * @param {"audio" | "video"} media what the partner sends
   * @returns {Report | null}
   */
  add(numbers, media) {
    this.#seconds.push(numbers);
    this.#media = media;
    return numbers.at - this.#seconds[0].at >= EVERY ? this.rest() : null;
  }

  /** What was not reported yet, or null. @returns {Report | null} */
  rest() {
    const seconds = this.#seconds;
    this.#seconds = [];
    if (!seconds.length) return null;
    /** @param {(one: Numbers) => number | null} of */
    const mean = (of) => meanOf(seconds.map(of).filter((value) => value !== null));
    /** @param {(one: Numbers) => number} of */
    const sum = (of) => seconds.reduce((total, one) => total + of(one), 0);
    return {
      media: this.#media,
      path: seconds[seconds.length - 1].path,
      rttMs: mean(({ rtt }) => rtt),
      jitterMs: mean(({ jitter }) => jitter),
      loss: mean(({ loss }) => loss),
      remoteLoss: mean(({ remoteLoss }) => remoteLoss),
      sentBitrate: mean(({ sentBitrate }) => sentBitrate),
      receivedBitrate: mean(({ receivedBitrate }) => receivedBitrate),
      freezes: sum(({ freezes }) => freezes),
      frozenMs: sum(({ frozenMs }) => frozenMs),
    };
  }
}

/** @param {number[]} values */
const meanOf = (values) => (values.length ? values.reduce((sum, one) => sum + one, 0) / values.length : null);
