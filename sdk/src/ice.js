/** ICE servers, from the pool's HTTP API, and refreshed during a call. */
import { withTimeout } from "./events.js";

const TIMEOUT_MS = 2000; // then the call keeps the servers that it has
const REFRESH_AFTER_MS = 30_000; // no credential lives for less than a minute
const REFRESH_IN_DOUBT_AFTER_MS = 1000; // a step of the peer and one of this side soon after it share one request

/**
 * Return the URL of the pool's ICE configuration for the URL of its socket.
 *
 * @param {string} url ws://… or wss://…
 */
export function configUrl(url) {
  const api = new URL("api/webrtc/config", url);
  api.protocol = api.protocol === "wss:" ? "https:" : "http:";
  return api.href;
}

/**
 * Fetch ICE servers with fresh credentials. Throws an error if the pool refuses or cannot be reached.
 *
 * @param {string} url
 * @param {string | null} bearer the session's token
 * @returns {Promise<RTCIceServer[]>}
 */
export async function fetchIceServers(url, bearer) {
  /** @type {Record<string, string>} */
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  const response = await fetch(url, { headers, cache: "no-store" });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()).iceServers;
}

/**
 * Return whether one of the servers is a relay.
 *
 * @param {RTCIceServer[]} servers
 */
export const hasRelay = (servers) => servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/u.test(url)));

/** The ICE servers of a call. */
export class IceServers {
  #fetch;
  #fetchedAt;

  /**
   * @param {RTCIceServer[]} list those of the match
   * @param {() => Promise<RTCIceServer[]>} fetch
   * @param {number} now in ms
   */
  constructor(list, fetch, now) {
    this.list = list;
    this.#fetch = fetch;
    this.#fetchedAt = now;
  }

  /**
   * Fetch the servers again before their credentials expire, or soon if a relay may be gone. Rejects if they cannot be
   * fetched in time; the list stays.
   *
   * If the pool reports no relay, the call keeps those that it knows: one may be back before the pool has noticed.
   *
   * @param {number} now in ms
   * @param {boolean} inDoubt whether a relay may be gone
   */
  async refresh(now, inDoubt) {
    if (now - this.#fetchedAt < (inDoubt ? REFRESH_IN_DOUBT_AFTER_MS : REFRESH_AFTER_MS)) return;
    const fresh = await withTimeout(this.#fetch(), TIMEOUT_MS, "fetching ICE servers");
    this.list = hasRelay(fresh) ? fresh : [...fresh, ...this.list.filter((server) => hasRelay([server]))];
    this.#fetchedAt = now;
  }
}
