/**
 * How good the call is, and what to send then. Pure: statistics and the time go in, numbers and decisions come out.
 */

/**
 * What one look at RTCPeerConnection.getStats() says; counters are since the connection's beginning, spans in ms.
 *
 * @typedef {object} Flow
 * @property {number} bytes
 * @property {number} packets
 * @property {number} lost
 * @property {number} jitter
 * @property {number} frames
 * @property {number} freezes
 * @property {number} frozenMs
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} Sample
 * @property {number} at
 * @property {"direct" | "relay" | null} path
 * @property {number | null} rtt
 * @property {number | null} available bit/s that the sender's estimate allows
 * @property {number | null} remoteLoss share of our packets that the partner missed, 0 to 1
 * @property {string} limitation why the picture is smaller than it could be: none, cpu, bandwidth, other
 * @property {Record<"audio" | "video", Flow>} received
 * @property {Record<"audio" | "video", Flow>} sent
 *
 * What happened between two looks.
 *
 * @typedef {object} Numbers
 * @property {number} at
 * @property {"direct" | "relay" | null} path
 * @property {number | null} rtt ms
 * @property {number | null} available bit/s
 * @property {number} jitter ms, of what was received
 * @property {number} loss share of what was sent to us, 0 to 1
 * @property {number} remoteLoss share of what we sent, 0 to 1
 * @property {string} limitation
 * @property {number} receivedBitrate bit/s
 * @property {number} sentBitrate bit/s
 * @property {number} receivedPackets
 * @property {number} freezes
 * @property {number} frozenMs
 * @property {number} frameRate received, a second
 * @property {number} width received
 * @property {number} height received
 * @property {number} sentHeight
 */

/** @returns {Flow} */
const none = () => ({
  bytes: 0, packets: 0, lost: 0, jitter: 0, frames: 0, freezes: 0, frozenMs: 0, width: 0, height: 0,
});

/**
 * Read a statistics report (W3C WebRTC Statistics sections 8.1 to 8.17).
 *
 * @param {Map<string, any>} report
 * @param {number} at ms
 * @returns {Sample}
 */
export function read(report, at) {
  /** @type {Sample} */
  const sample = {
    at, path: null, rtt: null, available: null, remoteLoss: null, limitation: "none",
    received: { audio: none(), video: none() },
    sent: { audio: none(), video: none() },
  };
  for (const one of report.values()) {
    if (one.type === "inbound-rtp") add(sample.received, one, "packetsReceived", "bytesReceived", "framesDecoded");
    if (one.type === "outbound-rtp") {
      add(sample.sent, one, "packetsSent", "bytesSent", "framesEncoded");
      if (one.kind === "video") sample.limitation = one.qualityLimitationReason ?? "none";
    }
    if (one.type === "remote-inbound-rtp" && one.fractionLost !== undefined) {
      sample.remoteLoss = Math.max(sample.remoteLoss ?? 0, one.fractionLost);
    }
    if (one.type === "transport") readPair(sample, report, report.get(one.selectedCandidatePairId));
  }
  return sample;
}

/**
 * @param {Record<"audio" | "video", Flow>} flows
 * @param {any} one
 * @param {string} packets
 * @param {string} bytes
 * @param {string} frames
 */
function add(flows, one, packets, bytes, frames) {
  const flow = flows[/** @type {"audio" | "video"} */ (one.kind)];
  flow.packets += one[packets] ?? 0;
  flow.bytes += one[bytes] ?? 0;
  flow.frames += one[frames] ?? 0;
  flow.lost += one.packetsLost ?? 0;
  flow.freezes += one.freezeCount ?? 0;
  flow.frozenMs += (one.totalFreezesDuration ?? 0) * 1000;
  flow.jitter = Math.max(flow.jitter, (one.jitter ?? 0) * 1000);
  flow.width = one.frameWidth ?? flow.width;
  flow.height = one.frameHeight ?? flow.height;
}

/**
 * @param {Sample} sample
 * @param {Map<string, any>} report
 * @param {any} pair
 */
function readPair(sample, report, pair) {
  if (!pair) return;
  const kinds = [pair.localCandidateId, pair.remoteCandidateId].map((id) => report.get(id)?.candidateType);
  sample.path = kinds.includes("relay") ? "relay" : "direct";
  sample.rtt = pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000;
  sample.available = pair.availableOutgoingBitrate ?? null;
}

/**
 * What happened between two samples of one connection.
 *
 * @param {Sample} before
 * @param {Sample} after
 * @returns {Numbers}
 */
export function measure(before, after) {
  const seconds = Math.max(after.at - before.at, 1) / 1000;
  /** @param {"received" | "sent"} side @param {"bytes" | "packets" | "lost"} what */
  const grown = (side, what) =>
    after[side].audio[what] - before[side].audio[what] + (after[side].video[what] - before[side].video[what]);
  const receivedPackets = Math.max(grown("received", "packets"), 0);
  const lost = Math.max(grown("received", "lost"), 0); // a late packet takes its loss back
  const [was, is] = [before.received.video, after.received.video];
  return {
    at: after.at,
    path: after.path,
    rtt: after.rtt,
    available: after.available,
    jitter: Math.max(after.received.audio.jitter, is.jitter),
    loss: lost ? lost / (lost + receivedPackets) : 0,
    remoteLoss: after.remoteLoss ?? 0,
    limitation: after.limitation,
    receivedBitrate: (Math.max(grown("received", "bytes"), 0) * 8) / seconds,
    sentBitrate: (Math.max(grown("sent", "bytes"), 0) * 8) / seconds,
    receivedPackets,
    freezes: Math.max(is.freezes - was.freezes, 0),
    frozenMs: Math.max(is.frozenMs - was.frozenMs, 0),
    frameRate: Math.max(is.frames - was.frames, 0) / seconds,
    width: is.width,
    height: is.height,
    sentHeight: after.sent.video.height,
  };
}

// The score

const SCORE_WINDOW = 5000;
const FALL = 0.8;
const RISE = 0.4;
const LOSS_WEIGHT = { audio: 5.3, video: 10 }; // Opus with in-band FEC; video

/**
 * The score of some seconds, 0 to 100, as LiveKit's server counts it (pkg/sfu/connectionquality/scorer.go): 100, less
 * the delay (half of the highest round trip and two jitters: a fortieth of it, above 160 ms a tenth of what exceeds
 * 120), less the loss in percent times a weight.
 *
 * @param {Numbers[]} window
 * @param {"audio" | "video"} kind
 */
export function scoreOf(window, kind) {
  const rtt = Math.max(0, ...window.map((one) => one.rtt ?? 0));
  const jitter = Math.max(0, ...window.map((one) => one.jitter));
  const loss = window.reduce((sum, one) => sum + Math.max(one.loss, one.remoteLoss), 0) / Math.max(window.length, 1);
  const delay = rtt / 2 + 2 * jitter;
  const late = delay > 160 ? (delay - 120) / 10 : delay / 40;
  return Math.min(Math.max(100 - late - loss * 100 * LOSS_WEIGHT[kind], 0), 100);
}

/** @typedef {"excellent" | "good" | "poor" | "bad"} Grade */

/** @param {number} score @returns {Grade} */
export function gradeOf(score) {
  if (score >= 80) return "excellent";
  if (score >= 60) return "good";
  return score >= 40 ? "poor" : "bad";
}

/** A score that falls fast and rises slowly. */
export class Score {
  /** @type {Numbers[]} */
  #window = [];
  /** @type {number | null} */
  #value = null;

  /**
   * @param {Numbers} numbers
   * @param {"audio" | "video"} kind
   */
  add(numbers, kind) {
    this.#window = [...this.#window.filter((one) => numbers.at - one.at < SCORE_WINDOW), numbers];
    const now = scoreOf(this.#window, kind);
    if (this.#value === null) this.#value = now;
    else this.#value += (now - this.#value) * (now < this.#value ? FALL : RISE);
    return Math.round(this.#value);
  }
}

// What to send

/**
 * Sizes of the picture, largest first: lines, bit/s at most and frames a second at most (LiveKit's presets h720, h360
 * and h180; 540 lines lie between).
 */
export const STEPS = [
  { height: 720, bitrate: 1_700_000, frameRate: 30 },
  { height: 540, bitrate: 900_000, frameRate: 30 },
  { height: 360, bitrate: 450_000, frameRate: 20 },
  { height: 180, bitrate: 160_000, frameRate: 15 },
];

/** @typedef {"low" | "medium" | "high"} Tier */
/** The person's choice is a ceiling: the largest step that may be used. @type {Record<Tier, number>} */
export const CEILINGS = { high: 0, medium: 2, low: 3 };

const WARM_UP = 10_000; // ms in which the browser's estimate is still being found
const DOWN_AFTER = 2000; // ms for which a step must be too large
const UP_AFTER = 8000; // ms for which the next larger step must fit
const DOWN_SHARE = 0.6; // a step is too large when the estimate is below this share of its bitrate
const UP_SHARE = 1.2; // and the next one fits when the estimate is above this share of the present one's
const AUDIO_ONLY_BELOW = 100_000; // bit/s
const AUDIO_ONLY_LOSS = 0.15;
const AUDIO_ONLY_AFTER = 6000; // ms
const RETURN_LOSS = 0.05;
const HOLD_FIRST = 20_000; // ms without a picture before it is tried again
const HOLD_CEILING = 320_000;
const PROVEN = 60_000; // ms after which a returned picture is taken to stay

/**
 * What to send: `video` is false for sound only.
 *
 * @typedef {{video: boolean, height: number, bitrate: number, frameRate: number}} Plan
 */

/**
 * Chooses what to send. It lowers and lifts ceilings; within them the browser's own congestion control decides, which
 * is faster. CPU limits are left to the browser, which cuts the picture by itself.
 */
export class Adapter {
  #tier;
  #step;
  #start;
  #video = true;
  #returned = false;
  /** @type {number | null} */
  #tightSince = null;
  /** @type {number | null} */
  #roomySince = null;
  /** @type {number | null} */
  #badSince = null;
  #changedAt;
  #hold = HOLD_FIRST;

  /**
   * @param {Tier} tier
   * @param {number} now ms
   */
  constructor(tier, now) {
    this.#tier = tier;
    this.#step = CEILINGS[tier];
    this.#start = this.#changedAt = now;
  }

  /** @returns {Plan} */
  get plan() {
    return { video: this.#video, ...STEPS[this.#step] };
  }

  /**
   * Take another ceiling; a higher one is used at once.
   *
   * @param {Tier} tier
   */
  set tier(tier) {
    this.#tier = tier;
    this.#step = CEILINGS[tier];
    this.#tightSince = this.#roomySince = null;
  }

  get tier() {
    return this.#tier;
  }

  /**
   * Another connection carries the call: its estimate has to be found anew.
   *
   * @param {number} now ms
   */
  warmUp(now) {
    this.#start = now;
    this.#badSince = this.#tightSince = this.#roomySince = null;
  }

  /**
   * Look at what happened in the last second; returns the plan from now on.
   *
   * @param {Numbers} numbers
   * @returns {Plan}
   */
  look(numbers) {
    const { at } = numbers;
    if (at - this.#start < WARM_UP) return this.plan;
    if (this.#video) this.#withPicture(numbers);
    else if (at - this.#changedAt >= this.#hold && numbers.remoteLoss < RETURN_LOSS) this.#return(at);
    return this.plan;
  }

  /** @param {Numbers} numbers */
  #withPicture({ at, available, remoteLoss }) {
    if (at - this.#changedAt >= PROVEN) {
      this.#hold = HOLD_FIRST;
      this.#returned = false;
    }
    const hopeless = (available !== null && available < AUDIO_ONLY_BELOW) || remoteLoss > AUDIO_ONLY_LOSS;
    this.#badSince = hopeless ? (this.#badSince ?? at) : null;
    if (this.#badSince !== null && at - this.#badSince >= AUDIO_ONLY_AFTER) return this.#stop(at);
    if (available === null) return; // not told by every browser: then its own congestion control must do
    const { bitrate } = STEPS[this.#step];
    this.#tightSince = available < bitrate * DOWN_SHARE ? (this.#tightSince ?? at) : null;
    this.#roomySince = available > bitrate * UP_SHARE ? (this.#roomySince ?? at) : null;
    if (this.#tightSince !== null && at - this.#tightSince >= DOWN_AFTER) this.#move(fitting(available, this.#step));
    else if (this.#roomySince !== null && at - this.#roomySince >= UP_AFTER) this.#move(this.#step - 1);
  }

  /** @param {number} step */
  #move(step) {
    this.#step = Math.min(Math.max(step, CEILINGS[this.#tier]), STEPS.length - 1);
    this.#tightSince = this.#roomySince = null;
  }

  /** @param {number} at */
  #stop(at) {
    // A picture that came back and failed again waits twice as long.
    if (this.#returned) this.#hold = Math.min(this.#hold * 2, HOLD_CEILING);
    this.#video = false;
    this.#changedAt = at;
    this.#badSince = this.#tightSince = this.#roomySince = null;
  }

  /** @param {number} at */
  #return(at) {
    this.#video = this.#returned = true;
    this.#step = STEPS.length - 1;
    this.#changedAt = at;
  }
}

/**
 * The first smaller step whose bitrate the estimate carries.
 *
 * @param {number} available
 * @param {number} step
 */
function fitting(available, step) {
  const found = STEPS.findIndex(({ bitrate }, index) => index > step && available >= bitrate * DOWN_SHARE);
  return found === -1 ? STEPS.length - 1 : found;
}
