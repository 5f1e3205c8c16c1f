/** What the pool learns about a call. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { bounded, Reporter } = await import(`${process.env.SDK}/report.js`);

const SECOND = {
  path: "direct", rttMs: 20, jitterMs: 4, loss: 0, remoteLoss: 0.125, sentBitrate: 1e6, receivedBitrate: 2e6, freezes: 0,
  frozenMs: 0,
};
const second = (at, changes = {}) => ({ ...SECOND, at, ...changes });

test("five seconds make a report: means of what was measured, sums of what happened", () => {
  const reporter = new Reporter();
  for (const at of [0, 1000, 2000, 3000]) assert.equal(reporter.add(second(at), "video"), null);
  assert.equal(reporter.add(second(4000, { freezes: 2, frozenMs: 300, loss: 0.75 }), "video"), null);
  assert.deepEqual(reporter.add(second(5000, { path: "relay", rttMs: 80, freezes: 1, frozenMs: 100 }), "audio"), {
    media: "audio", path: "relay", rttMs: 30, jitterMs: 4, loss: 0.125, remoteLoss: 0.125,
    sentBitrate: 1e6, receivedBitrate: 2e6, freezes: 3, frozenMs: 400,
  });
});

test("each second is reported once, and there is no report without one", () => {
  const reporter = new Reporter();
  assert.equal(reporter.flush(), null);
  reporter.add(second(0, { freezes: 1 }), "video");
  assert.equal(reporter.flush().freezes, 1);
  assert.equal(reporter.flush(), null);
});

test("a second without a measured round trip does not count as zero", () => {
  const reporter = new Reporter();
  reporter.add(second(0, { rttMs: null }), "video");
  assert.equal(reporter.flush().rttMs, null);
  reporter.add(second(0, { rttMs: null }), "video");
  reporter.add(second(1000), "video");
  assert.equal(reporter.flush().rttMs, 20);
});

test("values are limited to the protocol's bounds, and omitted if they are not numbers", () => {
  assert.deepEqual(
    bounded({ path: null, rttMs: -1, jitterMs: NaN, loss: 1.5, freezes: 2.5, receivedBitrate: Infinity, media: "audio" }),
    { rttMs: 0, loss: 1, freezes: 2, media: "audio" },
  );
});
