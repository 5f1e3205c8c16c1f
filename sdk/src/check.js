/** Checks before a call: camera, microphone, the server, a direct path over UDP, and the relays. */
import { withTimeout } from "./events.js";
import { problemOf } from "./problems.js";

/**
 * What is checked: the devices, the server, a direct path over UDP, and the relays.
 *
 * @typedef {"camera" | "microphone" | "signaling" | "udp" | "relay"} CheckName
 */

/**
 * The result of a check.
 *
 * @typedef {object} CheckResult
 * @property {CheckName} name what was checked
 * @property {boolean | null} ok whether it works; null if the pool has nothing to check it with
 * @property {string} detail the result in a sentence for the user
 */

/**
 * Check whether calls can work here, and return all results. `onResult` receives each one as soon as it is known.
 *
 * @param {import("./switchboard.js").Switchboard} switchboard started, so that it has opened the devices
 * @param {(result: CheckResult) => void} [onResult]
 * @returns {Promise<CheckResult[]>}
 */
export async function runChecks(switchboard, onResult = () => {}) {
  const { local, signaling } = switchboard.snapshot;
  const timeoutMs = switchboard.limits.iceGatheringMs;
  /** @type {CheckResult[]} */
  const results = [];
  /** @param {CheckResult} result */
  const report = (result) => {
    results.push(result);
    onResult(result);
  };
  report(checkDevice("camera", local?.getVideoTracks()));
  report(checkDevice("microphone", local?.getAudioTracks()));
  const askedAt = performance.now();
  /** @type {RTCIceServer[]} */
  let servers = [];
  try {
    servers = await withTimeout(switchboard.fetchIceServers(), timeoutMs, "fetching ICE servers");
    const ms = Math.round(performance.now() - askedAt);
    const ok = signaling === "online";
    report({ name: "signaling", ok, detail: ok ? `The server answers in ${ms} ms.` : unreachable() });
  } catch {
    report({ name: "signaling", ok: false, detail: unreachable() });
  }
  report(await checkUdp(servers, timeoutMs));
  report(await checkRelay(servers, timeoutMs));
  return results;
}

const unreachable = () => problemOf("server-unreachable").message;

/**
 * @param {"camera" | "microphone"} name
 * @param {MediaStreamTrack[] | undefined} tracks
 * @returns {CheckResult}
 */
function checkDevice(name, tracks) {
  const track = tracks?.find(({ readyState }) => readyState === "live");
  return track
    ? { name, ok: true, detail: track.label || "It works." }
    : { name, ok: false, detail: problemOf(`${name}-missing`).message };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {number} timeoutMs
 * @returns {Promise<CheckResult>}
 */
async function checkUdp(servers, timeoutMs) {
  const stun = withUrls(servers, (url) => /^stuns?:/u.test(url) || /^turn:.*transport=udp/u.test(url));
  if (!stun.length) return { name: "udp", ok: null, detail: "This pool has no STUN server to check UDP with." };
  const isRemote = (/** @type {RTCIceCandidate} */ { type, protocol }) => type !== "host" && protocol === "udp";
  const found = await gathers({ iceServers: stun }, timeoutMs, isRemote);
  return found
    ? { name: "udp", ok: true, detail: "Your network allows direct calls." }
    : { name: "udp", ok: false, detail: "Your network blocks UDP. Calls need a relay and may be slower." };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {number} timeoutMs
 * @returns {Promise<CheckResult>}
 */
async function checkRelay(servers, timeoutMs) {
  const turn = withUrls(servers, (url) => /^turns?:/u.test(url));
  if (!turn.length) return { name: "relay", ok: null, detail: "This pool has no relay." };
  const askedAt = performance.now();
  const relayOnly = /** @type {const} */ ({ iceServers: turn, iceTransportPolicy: "relay" });
  const found = await gathers(relayOnly, timeoutMs, ({ type }) => type === "relay");
  return found
    ? { name: "relay", ok: true, detail: `A relay answers in ${Math.round(performance.now() - askedAt)} ms.` }
    : { name: "relay", ok: false, detail: "No relay answers. Calls work only where a direct connection is possible." };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {(url: string) => boolean} matches
 */
function withUrls(servers, matches) {
  return servers
    .map((server) => ({ ...server, urls: [server.urls].flat().filter(matches) }))
    .filter(({ urls }) => urls.length);
}

/**
 * Return whether a matching candidate can be gathered in time.
 *
 * @param {RTCConfiguration} configuration
 * @param {number} timeoutMs
 * @param {(candidate: RTCIceCandidate) => boolean} matches
 */
async function gathers(configuration, timeoutMs, matches) {
  const pc = new RTCPeerConnection(configuration);
  try {
    pc.createDataChannel("check");
    const found = new Promise((resolve) => {
      pc.onicecandidate = ({ candidate }) => {
        if (!candidate) resolve(false);
        else if (matches(candidate)) resolve(true);
      };
    });
    await pc.setLocalDescription();
    return await withTimeout(found, timeoutMs, "gathering");
  } catch {
    return false;
  } finally {
    pc.close();
  }
}
