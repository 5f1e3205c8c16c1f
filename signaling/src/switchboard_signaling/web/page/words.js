/** The page's texts, as a function of the SDK's snapshot. Pure. */

/**
 * @typedef {import("../sdk/switchboard.js").Snapshot} Snapshot
 *
 * @typedef {object} Words
 * @property {string} state for body[data-state]
 * @property {string} headline
 * @property {string} detail
 * @property {string} banner what is wrong while the call continues
 * @property {string} videoNote why there is no video of the partner
 */

/** @type {Record<import("../sdk/switchboard.js").State, [headline: string, detail: string]>} */
const STATES = {
  loading: ["Starting your camera", "Your browser asks for your camera and microphone first."],
  idle: ["Ready when you are", "You will be connected to the next person who is looking."],
  queued: ["Looking for a partner", ""],
  connecting: ["Partner found", "Connecting the call."],
  connected: ["Connected", ""],
  interrupted: ["The connection is interrupted", "The call continues as soon as it is back."],
  failed: ["The connection is lost", ""],
};

/** @type {Record<import("../sdk/sending.js").VideoState, string>} */
const VIDEO_NOTES = {
  on: "",
  off: "Your partner's camera is off.",
  none: "Your partner has no camera.",
  paused: "The network is too slow for your partner's video. Audio continues, and the video returns by itself.",
};

/** @type {Record<string, string>} */
const RELAXED = {
  preferred: "Still looking, now beyond your preferences.",
  recent: "You may meet someone again.",
};

const ALONE = "Open this page in a second tab to call yourself.";

const VIDEO_PAUSED = "Your network is too slow for your video: for now, your partner only hears you.";

/** @type {Record<Snapshot["signaling"], string>} */
export const SIGNALING = {
  connecting: "Connecting", online: "Online", offline: "Reconnecting", stopped: "Not connected",
};

/** Authors of chat messages. */
export const AUTHORS = { own: "You", peer: "Partner" };

/** @param {Snapshot} snapshot @returns {Words} */
export function wordsFor(snapshot) {
  const { state, problem } = snapshot;
  let [headline, detail] = STATES[state];
  if (state === "interrupted" && snapshot.peerAway) {
    [headline, detail] = ["Your partner's connection is interrupted", "The call continues as soon as it is back."];
  }
  if (state === "queued") detail = queueDetail(snapshot);
  if (problem?.fatal) [headline, detail] = [problem.message, problem.remedy];
  else if (problem && (state === "idle" || state === "failed")) detail = `${problem.message} ${problem.remedy}`;
  return {
    state: state === "interrupted" ? "away" : state,
    headline,
    detail,
    banner: problem?.fatal ? "" : bannerFor(snapshot),
    videoNote: state === "connected" ? VIDEO_NOTES[snapshot.remoteVideo] : "",
  };
}

/**
 * The queue position and what has been relaxed, as far as the pool has reported them.
 *
 * @param {Snapshot} snapshot
 */
function queueDetail({ queuePosition, relaxed }) {
  const next = queuePosition === null || queuePosition === 1;
  const position = next ? "You are next." : `You are number ${queuePosition} in the queue.`;
  const relaxations = relaxed.map((what) => RELAXED[what]);
  return [queuePosition === null ? "" : position, ...relaxations, next ? ALONE : ""].filter(Boolean).join(" ");
}

/** @param {Snapshot} snapshot */
function bannerFor({ state, signaling, problem, localVideo, peerAway }) {
  const inCall = state === "connected" || state === "interrupted";
  if (signaling !== "online" && inCall) return "Reconnecting to the server. The call continues.";
  if (peerAway && state === "connected") return "Your partner is reconnecting to the server. The call continues.";
  if (signaling === "offline" && state !== "loading") return "Reconnecting to the server.";
  if (localVideo === "paused" && state === "connected") return VIDEO_PAUSED;
  if (problem && state !== "idle" && state !== "failed") return `${problem.message} ${problem.remedy}`;
  return "";
}

/**
 * @param {"direct" | "relay"} path
 * @param {number | null} rttMs
 */
export function routeFor(path, rttMs) {
  const route = path === "relay" ? "through a relay" : "directly";
  return `Connected ${route}${rttMs === null ? "" : ` · ${Math.round(rttMs)} ms`}`;
}

/** @param {number} bitrate in bit/s */
export const formatBitrate = (bitrate) =>
  bitrate >= 1e6 ? `${(bitrate / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitrate / 1000)} kbit/s`;
