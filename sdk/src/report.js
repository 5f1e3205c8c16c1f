/** What the pool learns about a call for its statistics. Pure: the stats of each second go in, a report comes out. */
import { MAX_BITRATE, MAX_SPAN_MS } from "./protocol.js";

const REPORT_INTERVAL_MS = 5000; // the server accepts at most one per second

/** @type {Record<string, number>} */
const MAXIMA = {
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
 * Return measured values within the protocol's bounds, without those that are not numbers.
 *
 * @param {Partial<Report>} stats
 * @returns {Record<string, unknown>}
 */
export const bounded = (stats) =>
  Object.fromEntries(
    Object.entries(stats)
      .map(([name, value]) => {
        if (!(name in MAXIMA)) return [name, value ?? undefined];
        if (typeof value !== "number" || !Number.isFinite(value)) return [name, undefined];
        const within = Math.min(Math.max(value, 0), MAXIMA[name]);
        return [name, name === "freezes" ? Math.trunc(within) : within];
      })
      .filter(([, value]) => value !== undefined),
  );

/**
 * @typedef {Omit<import("./protocol.js").Stats, "type" | "match">} Report
 * @typedef {import("./quality.js").ConnectionStats} ConnectionStats
 */

/** Makes a report of each five seconds. */
export class Reporter {
  /** @type {ConnectionStats[]} */
  #seconds = [];
  /** @type {Report["media"]} */
  #media = "video";

  /**
   * Add the stats of a second; return a report if one is due.
   *
   * @param {ConnectionStats} stats
   * @param {"audio" | "video"} media what the peer sends
   * @returns {Report | null}
   */
  add(stats, media) {
    this.#seconds.push(stats);
    this.#media = media;
    return stats.at - this.#seconds[0].at >= REPORT_INTERVAL_MS ? this.flush() : null;
  }

  /** Return a report of what was not reported yet, or null. @returns {Report | null} */
  flush() {
    const seconds = this.#seconds;
    this.#seconds = [];
    if (!seconds.length) return null;
    /** @param {(second: ConnectionStats) => number | null} value */
    const mean = (value) => meanOf(seconds.map(value).filter((one) => one !== null));
    /** @param {(second: ConnectionStats) => number} value */
    const sum = (value) => seconds.reduce((total, second) => total + value(second), 0);
    return {
      media: this.#media,
      path: seconds[seconds.length - 1].path,
      rttMs: mean(({ rttMs }) => rttMs),
      jitterMs: mean(({ jitterMs }) => jitterMs),
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
const meanOf = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
