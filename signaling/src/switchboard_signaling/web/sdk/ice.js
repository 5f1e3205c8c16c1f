/** The pool's HTTP API, as far as calls need it. */

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
