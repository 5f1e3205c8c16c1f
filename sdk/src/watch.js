/**
 * What happens to the page from outside: it sleeps and wakes, and its network goes and comes.
 *
 * Events: change {hint: "moved" | "woken"}: another network may be in use, or the page has slept.
 */
import { tell } from "./events.js";

const TICK = 1000;
export const WAKE_GAP = 5000; // ms without a timer (hidden pages have one a second) mean that the page slept

export class PageWatch extends EventTarget {
  #ending = new AbortController();
  #at = Date.now(); // the monotonic clock stops in sleep on some systems

  constructor() {
    super();
    const { signal } = this.#ending;
    addEventListener("online", () => this.#tell("moved"), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#tell("woken"), { signal });
    document.addEventListener("resume", () => this.#tell("woken"), { signal });
    this.#watchConnection(/** @type {{connection?: EventTarget & {type?: string}}} */ (navigator).connection);
    const ticking = setInterval(() => this.#tick(), TICK);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  /** Watch no more. */
  close() {
    this.#ending.abort();
  }

  /**
   * Only another type is another network: the event also comes with each new estimate of the speed.
   *
   * @param {EventTarget & {type?: string} | undefined} connection
   */
  #watchConnection(connection) {
    let type = connection?.type;
    connection?.addEventListener("change", () => {
      if (connection.type !== type && navigator.onLine) this.#tell("moved");
      type = connection.type;
    }, { signal: this.#ending.signal });
  }

  #tick() {
    const now = Date.now();
    const gap = now - this.#at;
    this.#at = now;
    if (gap > WAKE_GAP) this.#tell("woken");
  }

  /** @param {"moved" | "woken"} hint */
  #tell(hint) {
    this.#at = Date.now();
    tell(this, "change", { hint });
  }
}
