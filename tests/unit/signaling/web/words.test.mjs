/** The page's texts in each state. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { formatBitrate, routeFor, wordsFor } = await import(`${process.env.WEB}/page/words.js`);
const { problemOf } = await import(`${process.env.WEB}/sdk/problems.js`);

const IDLE = {
  state: "idle", signaling: "online", queuePosition: null, relaxed: [], peerAway: false, localVideo: "on",
  remoteVideo: "on", problem: null,
};
const words = (changes) => wordsFor({ ...IDLE, ...changes });
const IN_CALL = { state: "connected" };

test("each state has a headline and the page's name for it", () => {
  for (const state of ["loading", "idle", "queued", "connecting", "connected", "interrupted", "failed"]) {
    assert.ok(words({ state }).headline);
    assert.equal(words({ state }).state, state === "interrupted" ? "away" : state);
  }
});

test("a fatal problem is the headline", () => {
  const { headline, detail, banner } = words({
    state: "loading", signaling: "connecting", problem: problemOf("devices-denied"),
  });
  assert.match(headline, /camera and microphone/u);
  assert.match(detail, /Allow them/u);
  assert.equal(banner, "");
});

test("the queue shows the position and what has been relaxed", () => {
  const queued = (changes) => words({ state: "queued", ...changes }).detail;
  const alone = "Open this page in a second tab to call yourself.";
  for (const [changes, detail] of [
    [{}, alone],
    [{ queuePosition: 1 }, `You are next. ${alone}`],
    [{ queuePosition: 4 }, "You are number 4 in the queue."],
    [
      { queuePosition: 4, relaxed: ["preferred"] },
      "You are number 4 in the queue. Still looking, now beyond your preferences.",
    ],
    [{ relaxed: ["recent"] }, `You may meet someone again. ${alone}`],
    [{ queuePosition: 2, relaxed: ["from-the-future"] }, "You are number 2 in the queue."],
  ]) assert.equal(queued(changes), detail);
});

test("the reason why a call ended is below the headline", () => {
  assert.match(words({ problem: problemOf("peer-left") }).detail, /^The other person left\./u);
});

test("a problem during a call is a banner", () => {
  assert.match(words({ ...IN_CALL, problem: problemOf("camera-missing") }).banner, /No camera was found/u);
});

test("while the server is unreachable, the page says that the call continues", () => {
  assert.match(words({ ...IN_CALL, signaling: "offline" }).banner, /The call continues/u);
  assert.equal(words({ signaling: "offline" }).banner, "Reconnecting to the server.");
});

test("the page says that the other person has lost the server", () => {
  assert.match(words({ ...IN_CALL, peerAway: true }).banner, / is reconnecting to the server/u);
  assert.match(words({ state: "interrupted", peerAway: true }).headline, /^Your .*connection is interrupted$/u);
});

test("missing video is explained on both sides", () => {
  assert.match(words({ ...IN_CALL, remoteVideo: "paused" }).videoNote, /too slow/u);
  assert.match(words({ ...IN_CALL, remoteVideo: "off" }).videoNote, /camera is off/u);
  assert.match(words({ ...IN_CALL, remoteVideo: "none" }).videoNote, /no camera/u);
  assert.equal(words({ ...IN_CALL }).videoNote, "");
  assert.match(words({ ...IN_CALL, localVideo: "paused" }).banner, /only hears you/u);
  assert.equal(words({ state: "interrupted", localVideo: "paused" }).banner, "");
});

test("routes and bitrates", () => {
  assert.equal(routeFor("direct", 12.4), "Connected directly · 12 ms");
  assert.equal(routeFor("relay", null), "Connected through a relay");
  assert.deepEqual([formatBitrate(1_240_000), formatBitrate(96_400)], ["1.2 Mbit/s", "96 kbit/s"]);
});
