/** Applies a plan to what a connection sends, without negotiation. */

/**
 * Whether video is sent, and if not, why: the camera is "off", there is "none", or video is "paused" because the
 * network carries only audio.
 *
 * @typedef {"on" | "off" | "none" | "paused"} VideoState
 */

/**
 * @param {MediaStream} local
 * @param {import("./quality.js").SendPlan} plan
 * @returns {VideoState}
 */
export function localVideoState(local, plan) {
  const [camera] = local.getVideoTracks();
  if (!camera) return "none";
  if (!camera.enabled) return "off";
  return plan.video ? "on" : "paused";
}

/** @type {WeakMap<RTCRtpSender, Promise<void>>} */
const changes = new WeakMap();

/**
 * Send video as planned. If the sender's parameters cannot be changed right now, it keeps those that it has, and the
 * browser's own congestion control continues.
 *
 * @param {RTCRtpSender[]} senders
 * @param {import("./quality.js").SendPlan} plan
 * @returns {Promise<void>}
 */
export async function applyPlan(senders, plan) {
  const sender = senders.find(({ track }) => track?.kind === "video");
  if (!sender) return;
  // getParameters and setParameters are one transaction (W3C WebRTC section 5.2), so changes must not overlap.
  const change = (changes.get(sender) ?? Promise.resolve()).then(() => setParameters(sender, plan));
  changes.set(sender, change.catch(() => {}));
  await change;
}

/**
 * @param {RTCRtpSender} sender
 * @param {import("./quality.js").SendPlan} plan
 */
async function setParameters(sender, plan) {
  const { track } = sender;
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings;
  if (!track || !encoding) return;
  const captured = track.getSettings().height ?? plan.height;
  encoding.active = plan.video && track.enabled;
  encoding.maxBitrate = plan.bitrate;
  encoding.maxFramerate = plan.frameRate;
  encoding.scaleResolutionDownBy = Math.max(1, captured / plan.height);
  // The only preference with which Chromium lowers the resolution in time on a bad link.
  parameters.degradationPreference = "maintain-framerate";
  await sender.setParameters(parameters);
}
