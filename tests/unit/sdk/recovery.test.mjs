/** When a call is restarted, rebuilt, and given up. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { ATTEMPTS, gatheringFor, Patience, Recovery, Silence, WINDOW } = await import(`${process.env.SDK}/recovery.js`);

const WELL = { state: "connected", failures: 0, reachable: true, silentMs: 0, hint: "none" };
const LIMITS = { maxReconnectAttempts: 3, resumeWindowMs: 60_000 };
const LOOK = 500;

/** A call that has been connected once. */
function connected() {
  const recovery = new Recovery();
  recovery.decide(WELL, 0);
  return recovery;
}

/** Look every half second from `from` to `to`; returns the acts as [ms, act]. */
function acts(recovery, from, to, news) {
  const found = [];
  for (let now = from; now <= to; now += LOOK) {
    const facts = typeof news === "function" ? news(now) : news;
    const act = recovery.decide({ ...WELL, ...facts }, now);
    if (act) found.push([now, act]);
  }
  return found;
}

test("a call that flows is left alone", () => {
  assert.deepEqual(acts(connected(), 500, 100_000, {}), []);
});

test("disconnected often heals by itself: it is given two seconds", () => {
  const recovery = connected();
  assert.deepEqual(acts(recovery, 500, 2000, { state: "disconnected" }), []);
  assert.deepEqual(acts(recovery, 2500, 10_000, {}), []);
});

test("then ICE is restarted, a second time after 7.5 s, and after 15 s there is another connection", () => {
  const found = acts(connected(), 500, 30_000, { state: "disconnected" });
  assert.deepEqual(found.slice(0, 4), [[2500, "restart"], [10_000, "restart"], [17_500, "rebuild"], [29_500, "rebuild"]]);
});

test("failed is not waited for", () => {
  assert.deepEqual(acts(connected(), 500, 500, { state: "failed", failures: 1 }), [[500, "restart"]]);
});

test("a second failure brings another connection without waiting", () => {
  const found = acts(connected(), 500, 12_000, (now) => ({ state: "failed", failures: now < 4000 ? 1 : now < 9000 ? 2 : 3 }));
  assert.deepEqual(found, [[500, "restart"], [4000, "restart"], [9000, "rebuild"]]);
});

test("failures that follow each other at once are not answered faster than every two seconds", () => {
  const found = acts(connected(), 500, 5000, (now) => ({ state: "failed", failures: now }));
  assert.deepEqual(found.map(([at]) => at), [500, 2500, 4500]);
});

test("silence of a second brings another connection, which sees another network at once", () => {
  assert.deepEqual(acts(connected(), 500, 2000, (now) => ({ silentMs: now - 500 })), [[1500, "rebuild"]]);
});

test("so does another network, even while media still flows", () => {
  const recovery = connected();
  assert.equal(recovery.decide({ ...WELL, hint: "moved" }, 500), "rebuild");
  assert.deepEqual(acts(recovery, 1000, 20_000, {}), []);
});

test("it waits until signaling is there", () => {
  const recovery = connected();
  assert.equal(recovery.decide({ ...WELL, hint: "moved", reachable: false }, 500), null);
  assert.equal(recovery.decide(WELL, 1000), "rebuild");
});

test("a page that has slept restarts what is disconnected without waiting, and leaves alone what flows", () => {
  assert.equal(connected().decide({ ...WELL, hint: "woken" }, 500), null);
  assert.equal(connected().decide({ ...WELL, state: "disconnected", hint: "woken" }, 500), "restart");
});

test("a first connection has half of the pool's limit, then another one is built, and the whole of it in all", () => {
  const found = (recovery) => acts(recovery, 0, 60_000, { state: "connecting" });
  assert.deepEqual(found(new Recovery()), [[15_000, "rebuild"], [27_000, "rebuild"], [30_000, "give-up"]]);
  assert.deepEqual(found(new Recovery(4000)), [[2000, "rebuild"], [4000, "give-up"]]);
});

test("it gives up when both the attempts and the window are spent, and says so once", () => {
  const found = acts(connected(), 500, 300_000, { state: "disconnected" });
  const given = found.filter(([, act]) => act === "give-up");
  assert.equal(found.length, ATTEMPTS + 1);
  assert.equal(given.length, 1);
  assert.ok(given[0][0] > WINDOW);
});

test("a trouble that follows a good moment is not kept waiting by the one before it", () => {
  const recovery = connected();
  assert.deepEqual(acts(recovery, 500, 1500, { silentMs: 1000 }), [[500, "rebuild"]]);
  assert.deepEqual(acts(recovery, 2000, 5000, {}), []);
  assert.deepEqual(acts(recovery, 5500, 5500, { silentMs: 1000 }), [[5500, "rebuild"]]);
});

test("a connection that the partner has built is waited for as if it were one's own", () => {
  const recovery = connected();
  recovery.decide({ ...WELL, state: "connecting", hint: "moved", reachable: false }, 500);
  recovery.joined(1000);
  assert.deepEqual(acts(recovery, 1500, 13_500, { state: "connecting" }), [[13_000, "restart"]]);
});

test("time without signaling or partner does not count", () => {
  const recovery = connected();
  assert.deepEqual(acts(recovery, 500, 600_000, { state: "disconnected", reachable: false }), []);
  assert.deepEqual(acts(recovery, 600_500, 601_000, { state: "disconnected" }), [[600_500, "restart"]]);
});

test("the person may ask to try again", () => {
  const recovery = connected();
  acts(recovery, 500, 300_000, { state: "disconnected" });
  recovery.reset();
  assert.equal(recovery.attempts, 0);
  assert.equal(recovery.decide({ ...WELL, state: "disconnected", hint: "moved" }, 300_500), "rebuild");
});

test("ten good seconds make a fresh start", () => {
  const recovery = connected();
  acts(recovery, 500, 12_000, { state: "disconnected" });
  acts(recovery, 12_500, 22_000, {});
  assert.equal(recovery.attempts, 2);
  acts(recovery, 22_500, 23_000, {});
  assert.equal(recovery.attempts, 0);
});

test("a mending connection waits less for its first candidate, and twice as long each time, up to the pool's limit", () => {
  assert.deepEqual([0, 1, 2, 3, 6].map((attempts) => gatheringFor(attempts, 10_000)), [10_000, 3000, 6000, 10_000, 10_000]);
  assert.equal(gatheringFor(1, 1000), 1000);
});

test("silence is counted from the last packet while media flowed", () => {
  const silence = new Silence();
  assert.equal(silence.look(0, true, 0, LOOK), 0);
  assert.equal(silence.look(0, true, 500, LOOK), 0); // nothing has flowed yet
  assert.equal(silence.look(10, true, 1000, LOOK), 0);
  assert.equal(silence.look(10, true, 1500, LOOK), 500);
  assert.equal(silence.look(10, true, 2000, LOOK), 1000);
  assert.equal(silence.look(11, true, 2500, LOOK), 0);
});

test("a look that was late itself proves nothing", () => {
  const silence = new Silence();
  silence.look(10, true, 0, LOOK);
  silence.look(20, true, 500, LOOK);
  assert.equal(silence.look(20, true, 3500, LOOK), 0);
});

test("a partner that sends nothing is not silent", () => {
  const silence = new Silence();
  silence.look(10, true, 0, LOOK);
  silence.look(20, true, 500, LOOK);
  assert.equal(silence.look(20, false, 1000, LOOK), 0);
  assert.equal(silence.look(20, true, 1500, LOOK), 0);
});

test("patience with the server ends when attempts and window are both spent", () => {
  const quick = new Patience();
  const often = Array.from({ length: 100 }, (_, index) => quick.spent(LIMITS, true, index * 1000));
  assert.equal(often.indexOf(true), 60);
  const slow = new Patience();
  const seldom = Array.from({ length: 20 }, (_, index) => slow.spent(LIMITS, true, index * 30_000));
  assert.equal(seldom.indexOf(true), 3);
  slow.reset();
  assert.equal(slow.spent(LIMITS, true, 1e6), false);
});

test("time for which the browser is offline does not count", () => {
  const patience = new Patience();
  assert.ok(Array.from({ length: 100 }, (_, index) => patience.spent(LIMITS, false, index * 10_000)).every((one) => !one));
});
