/** Measures what a connection carries. */
import { within } from "./events.js";
import { measure, read } from "./quality.js";
import { Silence } from "./recovery.js";

export const LOOK_EVERY = 500; // ms
const NUMBERS_EVERY = 1000;
const WITHIN = 2000;

export class Meter {
  #peer;
  #silence = new Silence();
  /** @type {import("./quality.js").Sample | null} */
  #before = null;

  /** @param {import("./peer.js").Peer} peer */
  constructor(peer) {
    this.#peer = peer;
    /** For how long no packet has come although media should flow, in ms. */
    this.silentMs = 0;
  }

  /**
   * Look, as is due every LOOK_EVERY; returns the numbers of the last second once a second.
   *
   * @param {boolean} picture whether the partner sends one
   */
  async look(picture) {
    const stats = await within(this.#peer.getStats(), WITHIN, "measuring");
    if (!stats) return null;
    const sample = read(/** @type {Map<string, any>} */ (stats), performance.now());
    const { audio, video } = sample.received;
    const expected = audio.packets > 0 || picture;
    this.silentMs = this.#silence.look(audio.packets + video.packets, expected, sample.at, LOOK_EVERY);
    const before = this.#before;
    if (before && sample.at - before.at < NUMBERS_EVERY * 0.9) return null;
    this.#before = sample;
    return before && measure(before, sample);
  }
}
