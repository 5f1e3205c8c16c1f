/** What numbers mean and what is sent then. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { Adapter, gradeOf, measure, read, Score, scoreOf, STEPS } = await import(`${process.env.SDK}/quality.js`);

const QUIET = {
  at: 0, path: "direct", rtt: 20, available: 3e6, jitter: 2, loss: 0, remoteLoss: 0, limitation: "none",
  receivedBitrate: 1e6, sentBitrate: 1e6, receivedPackets: 100, freezes: 0, frozenMs: 0, frameRate: 30, width: 1280,
  height: 720, sentHeight: 720,
};
const numbers = (news) => ({ ...QUIET, ...news });

function report(news = {}) {
  const all = [
    { id: "pair", currentRoundTripTime: 0.05, availableOutgoingBitrate: 2e6, localCandidateId: "l", remoteCandidateId: "r" },
    { id: "l", candidateType: "host" },
    { id: "r", candidateType: news.remote ?? "host" },
    { id: "t", type: "transport", selectedCandidatePairId: "pair" },
    { id: "ia", type: "inbound-rtp", kind: "audio", packetsReceived: 50, packetsLost: 1, bytesReceived: 4000, jitter: 0.004 },
    {
      id: "iv", type: "inbound-rtp", kind: "video", packetsReceived: 100, packetsLost: news.lost ?? 0, bytesReceived: 1e5,
      framesDecoded: 30, freezeCount: 1, totalFreezesDuration: 0.25, frameWidth: 640, frameHeight: 360, jitter: 0.002,
    },
    { id: "ov", type: "outbound-rtp", kind: "video", bytesSent: 9e4, packetsSent: 90, frameHeight: 720, qualityLimitationReason: "cpu" },
    { id: "ri", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.03 },
  ];
  return new Map(all.map((one) => [one.id, one]));
}

test("a report gives path, round trip, estimate, loss and flows", () => {
  const sample = read(report(), 1000);
  assert.equal(sample.path, "direct");
  assert.equal(sample.rtt, 50);
  assert.equal(sample.available, 2e6);
  assert.equal(sample.remoteLoss, 0.03);
  assert.equal(sample.limitation, "cpu");
  assert.deepEqual([sample.received.audio.packets, sample.received.video.frozenMs], [50, 250]);
});

test("a relay on either side makes the path one through a relay", () => {
  assert.equal(read(report({ remote: "relay" }), 0).path, "relay");
});

test("a connection without a pair has neither path nor round trip", () => {
  const sample = read(new Map([["t", { type: "transport" }]]), 0);
  assert.deepEqual([sample.path, sample.rtt, sample.available, sample.remoteLoss], [null, null, null, null]);
});

test("two samples give rates by the time between them", () => {
  const [before, after] = [read(report(), 0), read(report(), 2000)];
  after.received.video.bytes += 250_000;
  after.received.video.frames += 60;
  after.received.video.packets += 80;
  after.received.video.lost += 20;
  const got = measure(before, after);
  assert.equal(got.receivedBitrate, 1e6);
  assert.equal(got.frameRate, 30);
  assert.equal(got.loss, 0.2);
});

test("a packet that comes late after all is no negative loss", () => {
  assert.equal(measure(read(report({ lost: 5 }), 0), read(report({ lost: 3 }), 1000)).loss, 0);
});

test("the score falls by delay and by loss", () => {
  assert.equal(scoreOf([], "video"), 100);
  assert.equal(scoreOf([numbers({ rtt: 80, jitter: 0 })], "video"), 99); // 40 ms one way: a fortieth
  assert.equal(scoreOf([numbers({ rtt: 600, jitter: 10 })], "video"), 80); // 320 ms: a tenth above 120
  assert.equal(scoreOf([numbers({ rtt: 0, jitter: 0, loss: 0.05 })], "video"), 50);
  assert.equal(scoreOf([numbers({ rtt: 0, jitter: 0, remoteLoss: 0.05 })], "audio"), 73.5);
  assert.equal(scoreOf([numbers({ loss: 1 })], "video"), 0);
});

test("it falls fast, rises slowly, and looks five seconds back", () => {
  const score = new Score();
  assert.equal(score.add(numbers({ rtt: 0, jitter: 0 }), "video"), 100);
  const fallen = score.add(numbers({ at: 1000, rtt: 0, jitter: 0, loss: 0.2 }), "video");
  assert.equal(fallen, 20); // ten percent on average: 0; four fifths of the way
  const later = numbers({ at: 7000, rtt: 0, jitter: 0 });
  assert.equal(score.add(later, "video"), 52); // two fifths of the way back to 100
});

test("grades", () => {
  assert.deepEqual([100, 80, 79, 60, 59, 40, 39].map(gradeOf), ["excellent", "excellent", "good", "good", "poor", "poor", "bad"]);
});

/** Let seconds pass in which the numbers are the same; returns the plans. */
function seconds(adapter, from, count, news) {
  return Array.from({ length: count }, (_, index) => adapter.look(numbers({ at: from + index * 1000, ...news })));
}
const heights = (plans) => plans.map(({ video, height }) => (video ? height : 0));

test("the tier is a ceiling, whatever the network could carry", () => {
  for (const [tier, height] of [["high", 720], ["medium", 360], ["low", 180]]) {
    const adapter = new Adapter(tier, 0);
    assert.ok(heights(seconds(adapter, 0, 60, { available: 1e7 })).every((one) => one === height));
  }
});

test("another tier is used at once", () => {
  const adapter = new Adapter("low", 0);
  adapter.tier = "high";
  assert.equal(adapter.plan.height, 720);
  assert.equal(adapter.tier, "high");
});

test("the first ten seconds say nothing, nor those of another connection", () => {
  const adapter = new Adapter("high", 0);
  assert.ok(heights(seconds(adapter, 0, 10, { available: 50_000 })).every((one) => one === 720));
  adapter.warmUp(10_000);
  assert.ok(heights(seconds(adapter, 10_000, 10, { available: 50_000 })).every((one) => one === 720));
});

test("a step that is too large for two seconds gives way to one that fits", () => {
  const adapter = new Adapter("high", 0);
  assert.deepEqual(heights(seconds(adapter, 10_000, 4, { available: 300_000 })), [720, 720, 360, 360]);
  assert.equal(heights(seconds(adapter, 14_000, 3, { available: 150_000 })).at(-1), 180);
});

test("one bad second changes nothing", () => {
  const adapter = new Adapter("high", 0);
  for (let at = 10_000; at < 40_000; at += 2000) {
    seconds(adapter, at, 1, { available: 300_000 });
    assert.deepEqual(heights(seconds(adapter, at + 1000, 1, {})), [720]);
  }
});

test("room for eight seconds lifts it by one step", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 3, { available: 300_000 });
  const plans = heights(seconds(adapter, 13_000, 20, { available: 700_000 }));
  assert.equal(plans.indexOf(540), 8);
  assert.ok(!plans.includes(720));
});

test("a browser that estimates nothing is left to its own congestion control", () => {
  const adapter = new Adapter("high", 0);
  assert.ok(heights(seconds(adapter, 10_000, 20, { available: null })).every((one) => one === 720));
});

test("too little for a picture for six seconds leaves the sound", () => {
  for (const hopeless of [{ available: 80_000 }, { remoteLoss: 0.2 }]) {
    const plans = heights(seconds(new Adapter("high", 0), 10_000, 8, hopeless));
    assert.ok(plans.slice(0, 6).every(Boolean));
    assert.equal(plans.at(6), 0);
  }
});

test("the picture comes back small after twenty seconds, and each time it fails again after twice as long", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  let at = 17_000;
  for (const hold of [20, 40, 80, 160, 320, 320]) {
    const plans = heights(seconds(adapter, at, hold + 1, {}));
    assert.equal(plans.findIndex(Boolean), hold - 1);
    assert.equal(plans.find(Boolean), STEPS.at(-1).height);
    at += (hold - 1) * 1000;
    assert.equal(heights(seconds(adapter, at, 8, { remoteLoss: 0.2 })).indexOf(0), 7 - 1 + 0);
    at += 7000;
  }
});

test("it does not come back while the sound is lossy", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  assert.ok(heights(seconds(adapter, 17_000, 100, { remoteLoss: 0.1 })).every((one) => one === 0));
});

test("a picture that stayed for a minute is trusted again", () => {
  const adapter = new Adapter("high", 0);
  seconds(adapter, 10_000, 7, { remoteLoss: 0.2 });
  seconds(adapter, 17_000, 85, {});
  seconds(adapter, 102_000, 7, { remoteLoss: 0.2 });
  assert.equal(heights(seconds(adapter, 109_000, 21, {})).findIndex(Boolean), 19);
});
