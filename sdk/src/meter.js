/** Measures what a connection carries. */
import { withTimeout } from "./events.js";
import { readStats, statsBetween } from "./quality.js";
import { MediaSilence } from "./recovery.js";

export const SAMPLE_INTERVAL_MS = 500;
const STATS_INTERVAL_MS = 1000;
const TIMEOUT_MS = 2000;

/** @typedef {import("./quality.js").StatsEntry} StatsEntry */

export class Meter {
  #peer;
  #silence = new MediaSilence();
  /** @type {import("./quality.js").Sample | null} */
  #before = null;

  /** @param {import("./peer.js").Peer} peer */
  constructor(peer) {
    this.#peer = peer;
    /** Time since the last packet in ms; 0 if no media is expected. */
    this.silentMs = 0;
  }

  /**
   * Take a sample, every SAMPLE_INTERVAL_MS; return the stats of the last second once per second, else null.
   *
   * @param {boolean} videoExpected whether the peer sends video
   */
  async sample(videoExpected) {
    const report = await withTimeout(this.#peer.getStats(), TIMEOUT_MS, "measuring");
    if (!report) return null;
    const sample = readStats(/** @type {ReadonlyMap<string, StatsEntry>} */ (report), performance.now());
    const { audio, video } = sample.received;
    const expected = audio.packets > 0 || videoExpected;
    this.silentMs = this.#silence.update(audio.packets + video.packets, expected, sample.at, SAMPLE_INTERVAL_MS);
    const before = this.#before;
    if (before && sample.at - before.at < STATS_INTERVAL_MS * 0.9) return null;
    this.#before = sample;
    return before && statsBetween(before, sample);
  }
}
