/** When a call restarts ICE, builds another connection, and gives up. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { ATTEMPTS, gatheringTimeout, MediaSilence, ReconnectBudget, Recovery, WINDOW_MS } = await import(
  `${process.env.SDK}/recovery.js`
);

const WORKING = { state: "connected", failures: 0, reachable: true, silentMs: 0, hint: "none" };
const LIMITS = { maxReconnectAttempts: 3, resumeWindowMs: 60_000 };
const INTERVAL = 500;

/** The recovery of a call that has been connected. */
function connected() {
  const recovery = new Recovery();
  recovery.decide(WORKING, 0);
  return recovery;
}

/** Decide every half second from `from` to `to`; return the steps as [ms, step]. */
function steps(recovery, from, to, changes) {
  const found = [];
  for (let now = from; now <= to; now += INTERVAL) {
    const facts = typeof changes === "function" ? changes(now) : changes;
    const step = recovery.decide({ ...WORKING, ...facts }, now);
    if (step) found.push([now, step]);
  }
  return found;
}

test("a call that works is left alone", () => {
  assert.deepEqual(steps(connected(), 500, 100_000, {}), []);
});

test("a disconnected call has two seconds to recover by itself", () => {
  const recovery = connected();
  assert.deepEqual(steps(recovery, 500, 2000, { state: "disconnected" }), []);
  assert.deepEqual(steps(recovery, 2500, 10_000, {}), []);
});

test("then ICE restarts, again after 7.5 s, and after 15 s another connection is built", () => {
  const found = steps(connected(), 500, 30_000, { state: "disconnected" });
  assert.deepEqual(found.slice(0, 4), [[2500, "restart"], [10_000, "restart"], [17_500, "rebuild"], [29_500, "rebuild"]]);
});

test("a failed connection restarts at once", () => {
  assert.deepEqual(steps(connected(), 500, 500, { state: "failed", failures: 1 }), [[500, "restart"]]);
});

test("each further failure leads to the next step without waiting", () => {
  const found = steps(connected(), 500, 12_000, (now) => ({ state: "failed", failures: now < 4000 ? 1 : now < 9000 ? 2 : 3 }));
  assert.deepEqual(found, [[500, "restart"], [4000, "restart"], [9000, "rebuild"]]);
});

test("steps are at least two seconds apart, however fast failures follow", () => {
  const found = steps(connected(), 500, 5000, (now) => ({ state: "failed", failures: now }));
  assert.deepEqual(found.map(([at]) => at), [500, 2500, 4500]);
});

test("a second without packets leads to another connection, which sees a new network at once", () => {
  assert.deepEqual(steps(connected(), 500, 2000, (now) => ({ silentMs: now - 500 })), [[1500, "rebuild"]]);
});

test("so does a change of network, even while media still flows", () => {
  const recovery = connected();
  assert.equal(recovery.decide({ ...WORKING, hint: "network-changed" }, 500), "rebuild");
  assert.deepEqual(steps(recovery, 1000, 20_000, {}), []);
});

test("recovery waits until signaling is available", () => {
  const recovery = connected();
  assert.equal(recovery.decide({ ...WORKING, hint: "network-changed", reachable: false }, 500), null);
  assert.equal(recovery.decide(WORKING, 1000), "rebuild");
});

test("a page that woke up restarts a disconnected call at once, and leaves a working one alone", () => {
  assert.equal(connected().decide({ ...WORKING, hint: "woke-up" }, 500), null);
  assert.equal(connected().decide({ ...WORKING, state: "disconnected", hint: "woke-up" }, 500), "restart");
});

test("a first connection is rebuilt after half of the pool's limit and given up after all of it", () => {
  const found = (recovery) => steps(recovery, 0, 60_000, { state: "connecting" });
  assert.deepEqual(found(new Recovery()), [[15_000, "rebuild"], [27_000, "rebuild"], [30_000, "give-up"]]);
  assert.deepEqual(found(new Recovery(4000)), [[2000, "rebuild"], [4000, "give-up"]]);
});

test("a call is given up once, when both its attempts and its time are used up", () => {
  const found = steps(connected(), 500, 300_000, { state: "disconnected" });
  const last = found.filter(([, step]) => step === "give-up");
  assert.equal(found.length, ATTEMPTS + 1);
  assert.equal(last.length, 1);
  assert.ok(last[0][0] > WINDOW_MS);
});

test("trouble after a working moment does not wait because of the trouble before", () => {
  const recovery = connected();
  assert.deepEqual(steps(recovery, 500, 1500, { silentMs: 1000 }), [[500, "rebuild"]]);
  assert.deepEqual(steps(recovery, 2000, 5000, {}), []);
  assert.deepEqual(steps(recovery, 5500, 5500, { silentMs: 1000 }), [[5500, "rebuild"]]);
});

test("a connection that the peer built counts as this side's own", () => {
  const recovery = connected();
  recovery.decide({ ...WORKING, state: "connecting", hint: "network-changed", reachable: false }, 500);
  recovery.joined(1000);
  assert.deepEqual(steps(recovery, 1500, 13_500, { state: "connecting" }), [[13_000, "restart"]]);
});

test("time without signaling or without the peer does not count", () => {
  const recovery = connected();
  assert.deepEqual(steps(recovery, 500, 600_000, { state: "disconnected", reachable: false }), []);
  assert.deepEqual(steps(recovery, 600_500, 601_000, { state: "disconnected" }), [[600_500, "restart"]]);
});

test("the user may ask to try again", () => {
  const recovery = connected();
  steps(recovery, 500, 300_000, { state: "disconnected" });
  recovery.reset();
  assert.equal(recovery.attempts, 0);
  assert.equal(recovery.decide({ ...WORKING, state: "disconnected", hint: "network-changed" }, 300_500), "rebuild");
});

test("ten working seconds reset the attempts", () => {
  const recovery = connected();
  steps(recovery, 500, 12_000, { state: "disconnected" });
  steps(recovery, 12_500, 22_000, {});
  assert.equal(recovery.attempts, 2);
  steps(recovery, 22_500, 23_000, {});
  assert.equal(recovery.attempts, 0);
});

test("a replacement waits less for its first candidate, then twice as long each time, up to the pool's limit", () => {
  const timeouts = [0, 1, 2, 3, 6].map((attempts) => gatheringTimeout(attempts, 10_000));
  assert.deepEqual(timeouts, [10_000, 3000, 6000, 10_000, 10_000]);
  assert.equal(gatheringTimeout(1, 1000), 1000);
});

test("silence counts from the last packet after media has flowed", () => {
  const silence = new MediaSilence();
  assert.equal(silence.update(0, true, 0, INTERVAL), 0);
  assert.equal(silence.update(0, true, 500, INTERVAL), 0); // nothing has flowed yet
  assert.equal(silence.update(10, true, 1000, INTERVAL), 0);
  assert.equal(silence.update(10, true, 1500, INTERVAL), 500);
  assert.equal(silence.update(10, true, 2000, INTERVAL), 1000);
  assert.equal(silence.update(11, true, 2500, INTERVAL), 0);
});

test("an update that was late itself proves nothing", () => {
  const silence = new MediaSilence();
  silence.update(10, true, 0, INTERVAL);
  silence.update(20, true, 500, INTERVAL);
  assert.equal(silence.update(20, true, 3500, INTERVAL), 0);
});

test("a peer that sends nothing is not silent", () => {
  const silence = new MediaSilence();
  silence.update(10, true, 0, INTERVAL);
  silence.update(20, true, 500, INTERVAL);
  assert.equal(silence.update(20, false, 1000, INTERVAL), 0);
  assert.equal(silence.update(20, true, 1500, INTERVAL), 0);
});

test("reconnecting stops when both the attempts and the window are used up", () => {
  const fast = new ReconnectBudget();
  const often = Array.from({ length: 100 }, (_, index) => fast.exceeded(LIMITS, true, index * 1000));
  assert.equal(often.indexOf(true), 60);
  const slow = new ReconnectBudget();
  const seldom = Array.from({ length: 20 }, (_, index) => slow.exceeded(LIMITS, true, index * 30_000));
  assert.equal(seldom.indexOf(true), 3);
  slow.reset();
  assert.equal(slow.exceeded(LIMITS, true, 1e6), false);
});

test("time in which the browser is offline does not count", () => {
  const budget = new ReconnectBudget();
  const exceeded = Array.from({ length: 100 }, (_, index) => budget.exceeded(LIMITS, false, index * 10_000));
  assert.ok(exceeded.every((one) => !one));
});
