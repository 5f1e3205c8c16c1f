/** What happens to the page from outside: it sleeps and wakes up, and its network changes. */
import { Emitter } from "./events.js";

const TICK_MS = 1000;
export const SLEEP_MS = 5000; // without a timer; hidden pages still have one per second

/**
 * @typedef {object} PageWatchEvents
 * @property {import("./recovery.js").Hint} change another network may be in use, or the page has slept
 */

/** @extends {Emitter<PageWatchEvents>} */
export class PageWatch extends Emitter {
  #closing = new AbortController();
  #tickedAt = Date.now(); // the monotonic clock stops during sleep on some systems

  constructor() {
    super();
    const { signal } = this.#closing;
    addEventListener("online", () => this.#changed("network-changed"), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#changed("woke-up"), { signal });
    document.addEventListener("resume", () => this.#changed("woke-up"), { signal });
    this.#watchNetwork(/** @type {{connection?: EventTarget & {type?: string}}} */ (navigator).connection);
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  /** Stop watching. */
  close() {
    this.#closing.abort();
  }

  /**
   * Only another type is another network: the event also comes with each new estimate of the speed.
   *
   * @param {EventTarget & {type?: string} | undefined} connection
   */
  #watchNetwork(connection) {
    let type = connection?.type;
    connection?.addEventListener("change", () => {
      if (connection.type !== type && navigator.onLine) this.#changed("network-changed");
      type = connection.type;
    }, { signal: this.#closing.signal });
  }

  #tick() {
    const now = Date.now();
    const gap = now - this.#tickedAt;
    this.#tickedAt = now;
    if (gap > SLEEP_MS) this.#changed("woke-up");
  }

  /** @param {import("./recovery.js").Hint} hint */
  #changed(hint) {
    this.#tickedAt = Date.now();
    this.emit("change", hint);
  }
}
