/** What the browser's statistics mean, and which video is sent then. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { Adapter, gradeOf, readStats, Score, scoreOf, statsBetween, STEPS } = await import(
  `${process.env.SDK}/quality.js`
);

const GOOD = {
  at: 0, path: "direct", rttMs: 20, availableBitrate: 3e6, jitterMs: 2, loss: 0, remoteLoss: 0, limitation: "none",
  receivedBitrate: 1e6, sentBitrate: 1e6, receivedPackets: 100, freezes: 0, frozenMs: 0, frameRate: 30, width: 1280,
  height: 720, sentHeight: 720,
};
const stats = (changes) => ({ ...GOOD, ...changes });

function report({ remote = "host", lost = 0 } = {}) {
  const entries = [
    {
      id: "pair", currentRoundTripTime: 0.05, availableOutgoingBitrate: 2e6, localCandidateId: "l",
      remoteCandidateId: "r",
    },
    { id: "l", candidateType: "host" },
    { id: "r", candidateType: remote },
    { id: "t", type: "transport", selectedCandidatePairId: "pair" },
    {
      id: "ia", type: "inbound-rtp", kind: "audio", packetsReceived: 50, packetsLost: 1, bytesReceived: 4000,
      jitter: 0.004,
    },
    {
      id: "iv", type: "inbound-rtp", kind: "video", packetsReceived: 100, packetsLost: lost, bytesReceived: 1e5,
      framesDecoded: 30, freezeCount: 1, totalFreezesDuration: 0.25, frameWidth: 640, frameHeight: 360, jitter: 0.002,
    },
    {
      id: "ov", type: "outbound-rtp", kind: "video", bytesSent: 9e4, packetsSent: 90, frameHeight: 720,
      qualityLimitationReason: "cpu",
    },
    { id: "ri", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.03 },
  ];
  return new Map(entries.map((entry) => [entry.id, entry]));
}

test("a report gives path, round trip, estimated bitrate, loss and counters", () => {
  const sample = readStats(report(), 1000);
  assert.equal(sample.path, "direct");
  assert.equal(sample.rttMs, 50);
  assert.equal(sample.availableBitrate, 2e6);
  assert.equal(sample.remoteLoss, 0.03);
  assert.equal(sample.limitation, "cpu");
  assert.deepEqual([sample.received.audio.packets, sample.received.video.frozenMs], [50, 250]);
});

test("the path is a relay if either side uses one", () => {
  assert.equal(readStats(report({ remote: "relay" }), 0).path, "relay");
});

test("a connection without a candidate pair has no path and no round trip", () => {
  const sample = readStats(new Map([["t", { type: "transport" }]]), 0);
  assert.deepEqual([sample.path, sample.rttMs, sample.availableBitrate, sample.remoteLoss], [null, null, null, null]);
});

test("two samples give rates over the time between them", () => {
  const [before, after] = [readStats(report(), 0), readStats(report(), 2000)];
  after.received.video.bytes += 250_000;
  after.received.video.frames += 60;
  after.received.video.packets += 80;
  after.received.video.lost += 20;
  const found = statsBetween(before, after);
  assert.equal(found.receivedBitrate, 1e6);
  assert.equal(found.frameRate, 30);
  assert.equal(found.loss, 0.2);
});

test("a late packet does not make the loss negative", () => {
  assert.equal(statsBetween(readStats(report({ lost: 5 }), 0), readStats(report({ lost: 3 }), 1000)).loss, 0);
});

test("the score falls with delay and loss", () => {
  assert.equal(scoreOf([], "video"), 100);
  assert.equal(scoreOf([stats({ rttMs: 80, jitterMs: 0 })], "video"), 99); // 40 ms one way: a fortieth
  assert.equal(scoreOf([stats({ rttMs: 600, jitterMs: 10 })], "video"), 80); // 320 ms: a tenth above 120
  assert.equal(scoreOf([stats({ rttMs: 0, jitterMs: 0, loss: 0.05 })], "video"), 50);
  assert.equal(scoreOf([stats({ rttMs: 0, jitterMs: 0, remoteLoss: 0.05 })], "audio"), 73.5);
  assert.equal(scoreOf([stats({ loss: 1 })], "video"), 0);
});

test("the score falls fast, rises slowly, and covers five seconds", () => {
  const score = new Score();
  assert.equal(score.add(stats({ rttMs: 0, jitterMs: 0 }), "video"), 100);
  const fallen = score.add(stats({ at: 1000, rttMs: 0, jitterMs: 0, loss: 0.2 }), "video");
  assert.equal(fallen, 20); // ten percent on average is 0; the score falls by four fifths of the difference
  const later = stats({ at: 7000, rttMs: 0, jitterMs: 0 });
  assert.equal(score.add(later, "video"), 52); // and rises by two fifths of the difference to 100
});

test("grades", () => {
  const grades = { 100: "excellent", 80: "excellent", 79: "good", 60: "good", 59: "poor", 40: "poor", 39: "bad" };
  for (const [score, grade] of Object.entries(grades)) assert.equal(gradeOf(Number(score)), grade);
});

/** Update the adapter with the same stats for some seconds; return the plans. */
function seconds(adapter, from, count, changes) {
  return Array.from({ length: count }, (_, index) => adapter.update(stats({ at: from + index * 1000, ...changes })));
}
const heights = (plans) => plans.map(({ video, height }) => (video ? height : 0));

test("the chosen quality is an upper bound, whatever the network could carry", () => {
  for (const [quality, height] of [["high", 720], ["medium", 360], ["low", 180]]) {
    const adapter = new Adapter(quality, 0);
    assert.ok(heights(seconds(adapter, 0, 60, { availableBitrate: 1e7 })).every((one) => one === height));
  }
});

test("another quality applies at once", () => {
  const adapter = new Adapter("low", 0);
  adapter.quality = "high";
  assert.equal(adapter.plan.height, 720);
  assert.equal(adapter.quality, "high");
});

test("the first ten seconds of a connection are ignored", () => {
  const adapter = new Adapter("high", 0);
  assert.ok(heights(seconds(adapter, 0, 10, { availableBitrate: 50_000 })).every((one) => one === 720));
  adapter.warmUp(10_000);
  assert.ok(heights(seconds(adapter, 10_000, 10, { availableBitrate: 50_000 })).every((one) => one === 720));
});

test("a step that is too large for two seconds is replaced by one that fits", () => {
  const adapter = new Adapter("high", 0);
  assert.deepEqual(heights(seconds(adapter, 10_000, 4, { availableBitrate: 300_000 })), [720, 720, 360, 360]);
  assert.equal(heights(seconds(adapter, 14_000, 3, { availableBitrate: 150_000 })).at(-1), 180);
});

test("one bad second changes nothing", () => {
  const adapter = new Adapter("high", 0);
  for (let at = 10_000; at < 40_000; at += 2000) {
    seconds(adapter, at, 1, { availableBitrate: 300_000 });
    assert.deepEqual(heights(seconds(adapter, at + 1000, 1, {})), [720]);
  }
});

test("enough bandwidth for eight seconds raises the video by one step", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 3, { availableBitrate: 300_000 });
  const plans = heights(seconds(adapter, 13_000, 20, { availableBitrate: 700_000 }));
  assert.equal(plans.indexOf(540), 8);
  assert.ok(!plans.includes(720));
});

test("without an estimate, the browser's own congestion control decides", () => {
  const adapter = new Adapter("high", 0);
  assert.ok(heights(seconds(adapter, 10_000, 20, { availableBitrate: null })).every((one) => one === 720));
});

test("too little bandwidth for video for six seconds leaves only audio", () => {
  for (const changes of [{ availableBitrate: 80_000 }, { remoteLoss: 0.2 }]) {
    const plans = heights(seconds(new Adapter("high", 0), 10_000, 8, changes));
    assert.ok(plans.slice(0, 6).every(Boolean));
    assert.equal(plans.at(6), 0);
  }
});

test("video resumes small after twenty seconds, and after twice as long each time that it fails again", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  let at = 17_000;
  for (const pause of [20, 40, 80, 160, 320, 320]) {
    const plans = heights(seconds(adapter, at, pause + 1, {}));
    assert.equal(plans.findIndex(Boolean), pause - 1);
    assert.equal(plans.find(Boolean), STEPS.at(-1).height);
    at += (pause - 1) * 1000;
    assert.equal(heights(seconds(adapter, at, 8, { remoteLoss: 0.2 })).indexOf(0), 6);
    at += 7000;
  }
});

test("video does not resume while audio is lossy", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  assert.ok(heights(seconds(adapter, 17_000, 100, { remoteLoss: 0.1 })).every((one) => one === 0));
});

test("video that was stable for a minute starts with the first pause again", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  seconds(adapter, 17_000, 85, {});
  seconds(adapter, 102_000, 7, { remoteLoss: 0.2 });
  assert.equal(heights(seconds(adapter, 109_000, 21, {})).findIndex(Boolean), 19);
});
