/** ICE servers: from the pool's HTTP API, and kept fresh during a call. */
import { within } from "./events.js";

const WITHIN = 2000; // ms; then the last known ones must do
const FRESH = 30_000; // ms; no credential lives for less than a minute
const FRESH_IN_DOUBT = 1000; // ms: an act of the partner and one of this side soon after it are one question

/**
 * The address of the pool's API for the address of its socket.
 *
 * @param {string} url ws://… or wss://…
 */
export function apiOf(url) {
  const api = new URL("api/webrtc/config", url);
  api.protocol = api.protocol === "wss:" ? "https:" : "http:";
  return api.href;
}

/**
 * Fetch ICE servers with fresh credentials.
 *
 * @param {string} api
 * @param {string | null} bearer the session's token
 * @returns {Promise<RTCIceServer[]>}
 */
export async function fetchIceServers(api, bearer) {
  /** @type {Record<string, string>} */
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  const answer = await fetch(api, { headers, cache: "no-store" });
  if (!answer.ok) throw new Error(`${api} answered ${answer.status}`);
  return (await answer.json()).iceServers;
}

/**
 * Whether one of the servers relays.
 *
 * @param {RTCIceServer[]} servers
 */
export const hasRelay = (servers) => servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/u.test(url)));

/** The ICE servers of a call. */
export class IceServers {
  #fetch;
  #at;

  /**
   * @param {RTCIceServer[]} list those of the match
   * @param {() => Promise<RTCIceServer[]>} fetch
   * @param {number} now ms
   */
  constructor(list, fetch, now) {
    this.list = list;
    this.#fetch = fetch;
    this.#at = now;
  }

  /**
   * Take fresh ones before credentials expire, and at once where it is in doubt whether a relay of these is still there.
   * A pool that sees no relay just now does not take those away that this call knows: one of them may be back before the
   * pool has noticed.
   *
   * @param {number} now ms
   * @param {boolean} doubt
   */
  async refresh(now, doubt) {
    if (now - this.#at < (doubt ? FRESH_IN_DOUBT : FRESH)) return;
    const fresh = await within(this.#fetch(), WITHIN, "fetching ICE servers");
    this.list = hasRelay(fresh) ? fresh : [...fresh, ...this.list.filter((one) => hasRelay([one]))];
    this.#at = now;
  }
}
