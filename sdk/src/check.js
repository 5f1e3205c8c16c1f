/**
 * Looks before a call whether it would work: camera, microphone, the server, a direct path by UDP and the relays.
 */
import { within } from "./events.js";
import { problem } from "./problems.js";

/**
 * `ok` is null where there is nothing to check.
 *
 * @typedef {"camera" | "microphone" | "signaling" | "udp" | "relay"} Name
 * @typedef {{name: Name, ok: boolean | null, detail: string}} Result
 */

/**
 * Check everything, one after another, and say each result as it comes.
 *
 * @param {object} options
 * @param {MediaStream | null} options.local
 * @param {boolean} options.online whether signaling is connected
 * @param {() => Promise<RTCIceServer[]>} options.iceServers
 * @param {number} options.withinMs for each of them
 * @param {(result: Result) => void} options.say
 */
export async function checkAll({ local, online, iceServers, withinMs, say }) {
  say(device("camera", local?.getVideoTracks()));
  say(device("microphone", local?.getAudioTracks()));
  const asked = performance.now();
  /** @type {RTCIceServer[]} */
  let servers = [];
  try {
    servers = await within(iceServers(), withinMs, "the server's answer");
    const ms = Math.round(performance.now() - asked);
    const detail = online ? `The server answers in ${ms} ms.` : problem("attempts-spent").sentence;
    say({ name: "signaling", ok: online, detail });
  } catch {
    say({ name: "signaling", ok: false, detail: problem("attempts-spent").sentence });
  }
  say(await udp(servers, withinMs));
  say(await relay(servers, withinMs));
}

/**
 * @param {"camera" | "microphone"} name
 * @param {MediaStreamTrack[] | undefined} tracks
 * @returns {Result}
 */
function device(name, tracks) {
  const track = tracks?.find(({ readyState }) => readyState === "live");
  return track
    ? { name, ok: true, detail: track.label || "It works." }
    : { name, ok: false, detail: problem(`${name}-missing`).sentence };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {number} withinMs
 * @returns {Promise<Result>}
 */
async function udp(servers, withinMs) {
  const stun = withUrls(servers, (url) => /^stuns?:/u.test(url) || /^turn:.*transport=udp/u.test(url));
  if (!stun.length) return { name: "udp", ok: null, detail: "This pool has no STUN server to try it with." };
  const found = await gather({ iceServers: stun }, withinMs, ({ type, protocol }) => type !== "host" && protocol === "udp");
  return found
    ? { name: "udp", ok: true, detail: "Your network lets calls through." }
    : { name: "udp", ok: false, detail: "Your network blocks UDP: calls need a relay and may be slower." };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {number} withinMs
 * @returns {Promise<Result>}
 */
async function relay(servers, withinMs) {
  const turn = withUrls(servers, (url) => /^turns?:/u.test(url));
  if (!turn.length) return { name: "relay", ok: null, detail: "This pool has no relay." };
  const asked = performance.now();
  const relayOnly = /** @type {const} */ ({ iceServers: turn, iceTransportPolicy: "relay" });
  const found = await gather(relayOnly, withinMs, ({ type }) => type === "relay");
  return found
    ? { name: "relay", ok: true, detail: `A relay answers in ${Math.round(performance.now() - asked)} ms.` }
    : { name: "relay", ok: false, detail: "No relay answers: calls work only where a direct path does." };
}

/**
 * @param {RTCIceServer[]} servers
 * @param {(url: string) => boolean} wanted
 */
function withUrls(servers, wanted) {
  return servers
    .map((server) => ({ ...server, urls: [server.urls].flat().filter(wanted) }))
    .filter(({ urls }) => urls.length);
}

/**
 * Whether a candidate that is wanted can be gathered.
 *
 * @param {RTCConfiguration} configuration
 * @param {number} withinMs
 * @param {(candidate: RTCIceCandidate) => boolean} wanted
 */
async function gather(configuration, withinMs, wanted) {
  const pc = new RTCPeerConnection(configuration);
  try {
    pc.createDataChannel("check");
    const found = new Promise((resolve) => {
      pc.onicecandidate = ({ candidate }) => {
        if (!candidate) resolve(false);
        else if (wanted(candidate)) resolve(true);
      };
    });
    await pc.setLocalDescription();
    return await within(found, withinMs, "gathering");
  } catch {
    return false;
  } finally {
    pc.close();
  }
}
