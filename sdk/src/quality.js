/**
 * How good a call is, and which video to send. Pure: readings of the browser's statistics and the time go in, measured
 * values and decisions come out.
 */

/**
 * Counters of the RTP streams of one kind, since the connection was created.
 *
 * @typedef {object} StreamCounters
 * @property {number} bytes
 * @property {number} packets
 * @property {number} lost packets
 * @property {number} jitterMs
 * @property {number} frames
 * @property {number} freezes
 * @property {number} frozenMs
 * @property {number} width in pixels
 * @property {number} height in pixels
 */

/**
 * One reading of RTCPeerConnection.getStats().
 *
 * @typedef {object} Sample
 * @property {number} at in ms, on the page's monotonic clock
 * @property {"direct" | "relay" | null} path
 * @property {number | null} rttMs
 * @property {number | null} availableBitrate
 * @property {number | null} remoteLoss
 * @property {"none" | "cpu" | "bandwidth" | "other"} limitation
 * @property {Record<"audio" | "video", StreamCounters>} received
 * @property {Record<"audio" | "video", StreamCounters>} sent
 */

/**
 * What a connection carried in about one second.
 *
 * @typedef {object} ConnectionStats
 * @property {number} at time of the measurement in ms, as performance.now() returns it
 * @property {"direct" | "relay" | null} path whether media flows through a relay; null if unknown
 * @property {number | null} rttMs round-trip time; null if unknown
 * @property {number | null} availableBitrate the browser's estimate of what it could send, in bit/s; null if unknown
 * @property {number} jitterMs jitter of the received streams
 * @property {number} loss share of the peer's packets that did not arrive, 0 to 1
 * @property {number} remoteLoss share of the sent packets that did not arrive at the peer, 0 to 1
 * @property {"none" | "cpu" | "bandwidth" | "other"} limitation why the sent video is smaller than planned
 * @property {number} receivedBitrate of audio and video, in bit/s
 * @property {number} sentBitrate of audio and video, in bit/s
 * @property {number} receivedPackets number of packets of audio and video
 * @property {number} freezes how often the received video froze
 * @property {number} frozenMs for how long it froze
 * @property {number} frameRate received frames per second
 * @property {number} width of the received video in pixels
 * @property {number} height of the received video in pixels
 * @property {number} sentHeight of the sent video in pixels
 */

/** @returns {StreamCounters} */
const noCounters = () => ({
  bytes: 0, packets: 0, lost: 0, jitterMs: 0, frames: 0, freezes: 0, frozenMs: 0, width: 0, height: 0,
});

/**
 * An entry of a statistics report: RTCStats, or the members of its dictionaries that are read here
 * (W3C WebRTC Statistics, sections 8.1 to 8.17).
 *
 * @typedef {object} StatsEntry
 * @property {string} type
 * @property {"audio" | "video"} [kind]
 * @property {number} [packetsReceived]
 * @property {number} [bytesReceived]
 * @property {number} [framesDecoded]
 * @property {number} [packetsSent]
 * @property {number} [bytesSent]
 * @property {number} [framesEncoded]
 * @property {"none" | "cpu" | "bandwidth" | "other"} [qualityLimitationReason]
 * @property {number} [fractionLost]
 * @property {number} [packetsLost]
 * @property {number} [freezeCount]
 * @property {number} [totalFreezesDuration]
 * @property {number} [jitter]
 * @property {number} [frameWidth]
 * @property {number} [frameHeight]
 * @property {string} [selectedCandidatePairId]
 * @property {string} [localCandidateId]
 * @property {string} [remoteCandidateId]
 * @property {string} [candidateType]
 * @property {number} [currentRoundTripTime]
 * @property {number} [availableOutgoingBitrate]
 */

/**
 * Return what is used of a statistics report.
 *
 * @param {ReadonlyMap<string, StatsEntry>} report
 * @param {number} at in ms
 * @returns {Sample}
 */
export function readStats(report, at) {
  /** @type {Sample} */
  const sample = {
    at, path: null, rttMs: null, availableBitrate: null, remoteLoss: null, limitation: "none",
    received: { audio: noCounters(), video: noCounters() },
    sent: { audio: noCounters(), video: noCounters() },
  };
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp") {
      addCounters(sample.received, entry, entry.packetsReceived, entry.bytesReceived, entry.framesDecoded);
    }
    if (entry.type === "outbound-rtp") {
      addCounters(sample.sent, entry, entry.packetsSent, entry.bytesSent, entry.framesEncoded);
      if (entry.kind === "video") sample.limitation = entry.qualityLimitationReason ?? "none";
    }
    if (entry.type === "remote-inbound-rtp" && entry.fractionLost !== undefined) {
      sample.remoteLoss = Math.max(sample.remoteLoss ?? 0, entry.fractionLost);
    }
    if (entry.type === "transport") readPair(sample, report, report.get(entry.selectedCandidatePairId ?? ""));
  }
  return sample;
}

/**
 * @param {Record<"audio" | "video", StreamCounters>} streams
 * @param {StatsEntry} entry
 * @param {number} [packets]
 * @param {number} [bytes]
 * @param {number} [frames]
 */
function addCounters(streams, entry, packets = 0, bytes = 0, frames = 0) {
  const counters = streams[entry.kind ?? "audio"];
  counters.packets += packets;
  counters.bytes += bytes;
  counters.frames += frames;
  counters.lost += entry.packetsLost ?? 0;
  counters.freezes += entry.freezeCount ?? 0;
  counters.frozenMs += (entry.totalFreezesDuration ?? 0) * 1000;
  counters.jitterMs = Math.max(counters.jitterMs, (entry.jitter ?? 0) * 1000);
  counters.width = entry.frameWidth ?? counters.width;
  counters.height = entry.frameHeight ?? counters.height;
}

/**
 * @param {Sample} sample
 * @param {ReadonlyMap<string, StatsEntry>} report
 * @param {StatsEntry | undefined} pair
 */
function readPair(sample, report, pair) {
  if (!pair) return;
  const types = [pair.localCandidateId, pair.remoteCandidateId].map((id) => report.get(id ?? "")?.candidateType);
  sample.path = types.includes("relay") ? "relay" : "direct";
  sample.rttMs = pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000;
  sample.availableBitrate = pair.availableOutgoingBitrate ?? null;
}

/**
 * Return what happened between two samples of one connection.
 *
 * @param {Sample} before
 * @param {Sample} after
 * @returns {ConnectionStats}
 */
export function statsBetween(before, after) {
  const seconds = Math.max(after.at - before.at, 1) / 1000;
  /** @param {"received" | "sent"} direction @param {"bytes" | "packets" | "lost"} counter */
  const increase = (direction, counter) =>
    after[direction].audio[counter] - before[direction].audio[counter] +
    (after[direction].video[counter] - before[direction].video[counter]);
  const receivedPackets = Math.max(increase("received", "packets"), 0);
  const lost = Math.max(increase("received", "lost"), 0); // a late packet lowers the browser's counter again
  const [videoBefore, video] = [before.received.video, after.received.video];
  return {
    at: after.at,
    path: after.path,
    rttMs: after.rttMs,
    availableBitrate: after.availableBitrate,
    jitterMs: Math.max(after.received.audio.jitterMs, video.jitterMs),
    loss: lost ? lost / (lost + receivedPackets) : 0,
    remoteLoss: after.remoteLoss ?? 0,
    limitation: after.limitation,
    receivedBitrate: (Math.max(increase("received", "bytes"), 0) * 8) / seconds,
    sentBitrate: (Math.max(increase("sent", "bytes"), 0) * 8) / seconds,
    receivedPackets,
    freezes: Math.max(video.freezes - videoBefore.freezes, 0),
    frozenMs: Math.max(video.frozenMs - videoBefore.frozenMs, 0),
    frameRate: Math.max(video.frames - videoBefore.frames, 0) / seconds,
    width: video.width,
    height: video.height,
    sentHeight: after.sent.video.height,
  };
}

// The score

const SCORE_WINDOW_MS = 5000;
const FALL = 0.8;
const RISE = 0.4;
const LOSS_WEIGHT = { audio: 5.3, video: 10 }; // Opus with in-band FEC; video

/**
 * Return the score of some seconds, 0 to 100.
 *
 * The formula is that of LiveKit's server (pkg/sfu/connectionquality/scorer.go): 100, minus a penalty for the delay,
 * minus the loss in percent times a weight. The delay is half of the highest round trip plus two jitters; its penalty is
 * a fortieth of it, and above 160 ms a tenth of what exceeds 120 ms.
 *
 * @param {ConnectionStats[]} window
 * @param {"audio" | "video"} media
 */
export function scoreOf(window, media) {
  const rtt = Math.max(0, ...window.map((second) => second.rttMs ?? 0));
  const jitter = Math.max(0, ...window.map((second) => second.jitterMs));
  const losses = window.map((second) => Math.max(second.loss, second.remoteLoss));
  const loss = losses.reduce((sum, value) => sum + value, 0) / Math.max(window.length, 1);
  const delay = rtt / 2 + 2 * jitter;
  const penalty = delay > 160 ? (delay - 120) / 10 : delay / 40;
  return Math.min(Math.max(100 - penalty - loss * 100 * LOSS_WEIGHT[media], 0), 100);
}

/**
 * The score in words.
 *
 * @typedef {"excellent" | "good" | "poor" | "bad"} Grade
 */

/** @param {number} score @returns {Grade} */
export function gradeOf(score) {
  if (score >= 80) return "excellent";
  if (score >= 60) return "good";
  return score >= 40 ? "poor" : "bad";
}

/** A score that falls fast and rises slowly. */
export class Score {
  /** @type {ConnectionStats[]} */
  #window = [];
  /** @type {number | null} */
  #value = null;

  /**
   * Add a second; return the score, 0 to 100.
   *
   * @param {ConnectionStats} stats
   * @param {"audio" | "video"} media what the peer sends
   */
  add(stats, media) {
    this.#window = [...this.#window.filter((second) => stats.at - second.at < SCORE_WINDOW_MS), stats];
    const score = scoreOf(this.#window, media);
    if (this.#value === null) this.#value = score;
    else this.#value += (score - this.#value) * (score < this.#value ? FALL : RISE);
    return Math.round(this.#value);
  }
}

// The video to send

/**
 * Video sizes, largest first: height in pixels, highest bitrate in bit/s, highest frame rate per second. LiveKit's
 * presets h720, h360 and h180, and 540 between them.
 */
export const STEPS = [
  { height: 720, bitrate: 1_700_000, frameRate: 30 },
  { height: 540, bitrate: 900_000, frameRate: 30 },
  { height: 360, bitrate: 450_000, frameRate: 20 },
  { height: 180, bitrate: 160_000, frameRate: 15 },
];

/**
 * The highest quality of video to send: 720p, 360p or 180p.
 *
 * @typedef {"high" | "medium" | "low"} VideoQuality
 */

/** The first step that a quality allows. @type {Record<VideoQuality, number>} */
export const CEILINGS = { high: 0, medium: 2, low: 3 };

const WARM_UP_MS = 10_000; // the browser is still finding its estimate
const DOWN_AFTER_MS = 2000; // a step must be too large for this long
const UP_AFTER_MS = 8000; // the next larger step must fit for this long
const DOWN_SHARE = 0.6; // a step is too large if the estimate is below this share of its bitrate
const UP_SHARE = 1.2; // the next larger step fits if the estimate is above this share of the current bitrate
const AUDIO_ONLY_BELOW = 100_000; // bit/s
const AUDIO_ONLY_LOSS = 0.15;
const AUDIO_ONLY_AFTER_MS = 6000;
const RESUME_LOSS = 0.05;
const FIRST_PAUSE_MS = 20_000;
const LONGEST_PAUSE_MS = 320_000;
const STABLE_MS = 60_000; // video that has been back for this long starts with the first pause again

/**
 * What is sent. Video is paused where the network carries only audio.
 *
 * @typedef {object} SendPlan
 * @property {boolean} video whether video is sent at all
 * @property {number} height in pixels
 * @property {number} bitrate highest bitrate in bit/s
 * @property {number} frameRate highest number of frames per second
 */

/**
 * Decides which video to send. It lowers and raises ceilings; within them the browser's own congestion control decides,
 * which is faster. It ignores CPU limits, for which the browser lowers the resolution by itself.
 */
export class Adapter {
  #quality;
  #step;
  #startedAt;
  #video = true;
  #resumed = false;
  /** @type {number | null} */
  #tooLargeSince = null;
  /** @type {number | null} */
  #fitsSince = null;
  /** @type {number | null} */
  #audioOnlySince = null;
  #changedAt;
  #pauseMs = FIRST_PAUSE_MS;

  /**
   * @param {VideoQuality} quality
   * @param {number} now in ms
   */
  constructor(quality, now) {
    this.#quality = quality;
    this.#step = CEILINGS[quality];
    this.#startedAt = this.#changedAt = now;
  }

  /** @returns {SendPlan} */
  get plan() {
    return { video: this.#video, ...STEPS[this.#step] };
  }

  /**
   * The highest quality to send. A change applies at once, upwards too.
   *
   * @param {VideoQuality} quality
   */
  set quality(quality) {
    this.#quality = quality;
    this.#step = CEILINGS[quality];
    this.#tooLargeSince = this.#fitsSince = null;
  }

  get quality() {
    return this.#quality;
  }

  /**
   * Wait for the browser's estimate again: a new connection carries the call.
   *
   * @param {number} now in ms
   */
  warmUp(now) {
    this.#startedAt = now;
    this.#audioOnlySince = this.#tooLargeSince = this.#fitsSince = null;
  }

  /**
   * Take the stats of the last second; return the plan from now on.
   *
   * @param {ConnectionStats} stats
   * @returns {SendPlan}
   */
  update(stats) {
    const { at } = stats;
    if (at - this.#startedAt < WARM_UP_MS) return this.plan;
    if (this.#video) this.#adaptVideo(stats);
    else if (at - this.#changedAt >= this.#pauseMs && stats.remoteLoss < RESUME_LOSS) this.#resumeVideo(at);
    return this.plan;
  }

  /** @param {ConnectionStats} stats */
  #adaptVideo({ at, availableBitrate, remoteLoss }) {
    if (at - this.#changedAt >= STABLE_MS) {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#resumed = false;
    }
    const audioOnly =
      (availableBitrate !== null && availableBitrate < AUDIO_ONLY_BELOW) || remoteLoss > AUDIO_ONLY_LOSS;
    this.#audioOnlySince = audioOnly ? (this.#audioOnlySince ?? at) : null;
    if (this.#audioOnlySince !== null && at - this.#audioOnlySince >= AUDIO_ONLY_AFTER_MS) return this.#pauseVideo(at);
    if (availableBitrate === null) return; // not every browser has an estimate; its own congestion control must do
    const { bitrate } = STEPS[this.#step];
    this.#tooLargeSince = availableBitrate < bitrate * DOWN_SHARE ? (this.#tooLargeSince ?? at) : null;
    this.#fitsSince = availableBitrate > bitrate * UP_SHARE ? (this.#fitsSince ?? at) : null;
    if (this.#tooLargeSince !== null && at - this.#tooLargeSince >= DOWN_AFTER_MS) {
      this.#moveTo(fittingStep(availableBitrate, this.#step));
    } else if (this.#fitsSince !== null && at - this.#fitsSince >= UP_AFTER_MS) this.#moveTo(this.#step - 1);
  }

  /** @param {number} step */
  #moveTo(step) {
    this.#step = Math.min(Math.max(step, CEILINGS[this.#quality]), STEPS.length - 1);
    this.#tooLargeSince = this.#fitsSince = null;
  }

  /** @param {number} at */
  #pauseVideo(at) {
    // Video that came back and failed again waits twice as long.
    if (this.#resumed) this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#video = false;
    this.#changedAt = at;
    this.#audioOnlySince = this.#tooLargeSince = this.#fitsSince = null;
  }

  /** @param {number} at */
  #resumeVideo(at) {
    this.#video = this.#resumed = true;
    this.#step = STEPS.length - 1;
    this.#changedAt = at;
  }
}

/**
 * Return the largest smaller step whose bitrate the estimate carries, or the smallest one.
 *
 * @param {number} availableBitrate
 * @param {number} step
 */
function fittingStep(availableBitrate, step) {
  const found = STEPS.findIndex(({ bitrate }, index) => index > step && availableBitrate >= bitrate * DOWN_SHARE);
  return found === -1 ? STEPS.length - 1 : found;
}
