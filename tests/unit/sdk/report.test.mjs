/** What the pool is told of a call. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { bounded, Reporter } = await import(`${process.env.SDK}/report.js`);

const SECOND = {
  path: "direct", rtt: 20, jitter: 4, loss: 0, remoteLoss: 0.125, sentBitrate: 1e6, receivedBitrate: 2e6, freezes: 0,
  frozenMs: 0,
};
const second = (at, news = {}) => ({ ...SECOND, at, ...news });

test("five seconds make a report: means of what was measured, sums of what happened", () => {
  const reporter = new Reporter();
  for (const at of [0, 1000, 2000, 3000]) assert.equal(reporter.add(second(at), "video"), null);
  assert.equal(reporter.add(second(4000, { freezes: 2, frozenMs: 300, loss: 0.75 }), "video"), null);
  assert.deepEqual(reporter.add(second(5000, { path: "relay", rtt: 80, freezes: 1, frozenMs: 100 }), "audio"), {
    media: "audio", path: "relay", rttMs: 30, jitterMs: 4, loss: 0.125, remoteLoss: 0.125,
    sentBitrate: 1e6, receivedBitrate: 2e6, freezes: 3, frozenMs: 400,
  });
});

test("nothing is reported twice, and nothing is no report", () => {
  const reporter = new Reporter();
  assert.equal(reporter.rest(), null);
  reporter.add(second(0, { freezes: 1 }), "video");
  assert.equal(reporter.rest().freezes, 1);
  assert.equal(reporter.rest(), null);
});

test("a round trip that the browser did not measure is not counted as none", () => {
  const reporter = new Reporter();
  reporter.add(second(0, { rtt: null }), "video");
  assert.equal(reporter.rest().rttMs, null);
  reporter.add(second(0, { rtt: null }), "video");
  reporter.add(second(1000), "video");
  assert.equal(reporter.rest().rttMs, 20);
});

test("numbers are brought into the protocol's bounds, and what is none is left out", () => {
  assert.deepEqual(
    bounded({ path: null, rttMs: -1, jitterMs: NaN, loss: 1.5, freezes: 2.5, receivedBitrate: Infinity, media: "audio" }),
    { rttMs: 0, loss: 1, freezes: 2, media: "audio" },
  );
});
