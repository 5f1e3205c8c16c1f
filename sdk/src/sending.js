/** Applies a plan to what a connection sends, one change after another. No negotiation is needed for it. */

/**
 * What a partner is told of the picture that does not come: the person has no camera or has turned it off, or the
 * network carries only sound.
 *
 * @typedef {"on" | "off" | "none" | "paused"} Picture
 */

/**
 * @param {MediaStream} local
 * @param {import("./quality.js").Plan} plan
 * @returns {Picture}
 */
export function pictureOf(local, plan) {
  const [camera] = local.getVideoTracks();
  if (!camera) return "none";
  if (!camera.enabled) return "off";
  return plan.video ? "on" : "paused";
}

/** @type {WeakMap<RTCRtpSender, Promise<void>>} */
const changes = new WeakMap();

/**
 * Send the picture as the plan says; a sender whose parameters cannot be changed just now keeps what it has, and the
 * browser's own congestion control goes on.
 *
 * @param {RTCRtpSender[]} senders
 * @param {import("./quality.js").Plan} plan
 * @returns {Promise<void>}
 */
export async function apply(senders, plan) {
  const sender = senders.find(({ track }) => track?.kind === "video");
  if (!sender) return;
  // getParameters and setParameters are one transaction (W3C WebRTC section 5.2): no two at a time.
  const change = (changes.get(sender) ?? Promise.resolve()).then(() => set(sender, plan));
  changes.set(sender, change.catch(() => {}));
  await change;
}

/**
 * @param {RTCRtpSender} sender
 * @param {import("./quality.js").Plan} plan
 */
async function set(sender, plan) {
  const { track } = sender;
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings;
  if (!track || !encoding) return;
  const captured = track.getSettings().height ?? plan.height;
  encoding.active = plan.video && track.enabled;
  encoding.maxBitrate = plan.bitrate;
  encoding.maxFramerate = plan.frameRate;
  encoding.scaleResolutionDownBy = Math.max(1, captured / plan.height);
  // The only preference with which Chromium cuts the size of the picture in time on a bad link.
  parameters.degradationPreference = "maintain-framerate";
  await sender.setParameters(parameters);
}
