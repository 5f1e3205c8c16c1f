/** What the page says, as a function of the SDK's snapshot. Pure. */

/**
 * @typedef {import("../sdk/switchboard.js").Snapshot} Snapshot
 *
 * @typedef {object} Words
 * @property {string} state for body[data-state]
 * @property {string} headline
 * @property {string} detail
 * @property {string} banner what is being mended while the call goes on
 * @property {string} picture why there is no picture of the partner
 */

/** @type {Record<string, [headline: string, detail: string]>} */
const STATES = {
  loading: ["Starting your camera", "Your browser asks for camera and microphone first."],
  idle: ["Ready when you are", "You will be connected with the next person who is looking."],
  queued: ["Looking for a partner", ""],
  connecting: ["Partner found", "Setting up the connection."],
  connected: ["Connected", ""],
  interrupted: ["The connection is interrupted", "It is being mended; the call goes on as soon as it is back."],
  failed: ["The connection is lost", ""],
};

/** @type {Record<string, string>} */
const PICTURES = {
  off: "Your partner's camera is off.",
  none: "Your partner has no camera.",
  paused: "The network is too slow for your partner's picture. You still hear each other, and the picture comes back by itself.",
};

/** @type {Record<string, string>} */
const RELAXED = {
  preferred: "Still looking, now beyond what you prefer.",
  recent: "You may meet somebody again.",
};

const ALONE = "Open this page in a second tab to call yourself.";

const SENDING_PAUSED = "Your network is too slow for your picture: your partner only hears you for now.";

/** @type {Record<string, string>} */
export const LINK = { connecting: "Connecting", online: "Online", offline: "Reconnecting", stopped: "Not connected" };

/** @param {Snapshot} snapshot @returns {Words} */
export function wordsFor(snapshot) {
  const { state, problem } = snapshot;
  let [headline, detail] = STATES[state];
  if (state === "interrupted" && snapshot.partnerAway) {
    [headline, detail] = ["Your partner's connection is interrupted", "The call goes on as soon as it is back."];
  }
  if (state === "queued") detail = lineFor(snapshot);
  if (problem?.fatal) [headline, detail] = [problem.sentence, problem.help];
  else if (problem && (state === "idle" || state === "failed")) detail = `${problem.sentence} ${problem.help}`;
  return {
    state: state === "interrupted" ? "away" : state,
    headline,
    detail,
    banner: problem?.fatal ? "" : bannerFor(snapshot),
    picture: state === "connected" ? (PICTURES[snapshot.receiving] ?? "") : "",
  };
}

/**
 * How the search goes, as far as the pool has said.
 *
 * @param {Snapshot} snapshot
 */
function lineFor({ position, relaxed }) {
  const next = position === null || position === 1;
  const place = next ? "You are next in line." : `You are number ${position} in line.`;
  const widened = relaxed.map((what) => RELAXED[what]);
  return [position === null ? "" : place, ...widened, next ? ALONE : ""].filter(Boolean).join(" ");
}

/** @param {Snapshot} snapshot */
function bannerFor({ state, link, problem, sending, partnerAway }) {
  const inCall = state === "connected" || state === "interrupted";
  if (link !== "online" && inCall) return "Reconnecting to the server. The call goes on.";
  if (partnerAway && state === "connected") return "Your partner is reconnecting to the server. The call goes on.";
  if (link === "offline" && state !== "loading") return "Reconnecting to the server.";
  if (sending === "paused" && state === "connected") return SENDING_PAUSED;
  if (problem && state !== "idle" && state !== "failed") return `${problem.sentence} ${problem.help}`;
  return "";
}

/**
 * @param {"direct" | "relay" | null} path
 * @param {number | null} rtt
 */
export function routeFor(path, rtt) {
  const way = path === "relay" ? "through a relay" : "directly";
  return `Connected ${way}${rtt === null ? "" : ` · ${Math.round(rtt)} ms`}`;
}

/** @param {number} bits a second */
export const rate = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1000)} kbit/s`);
