/** What the page says in each state. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { rate, routeFor, wordsFor } = await import(`${process.env.WEB}/page/words.js`);
const { problem } = await import(`${process.env.WEB}/sdk/problems.js`);

const IDLE = {
  state: "idle", link: "online", position: null, relaxed: [], partnerAway: false, sending: "on", receiving: "on",
  problem: null,
};
const words = (news) => wordsFor({ ...IDLE, ...news });
const IN_CALL = { state: "connected" };

test("each state has a headline, and the page's name for it", () => {
  for (const state of ["loading", "idle", "queued", "connecting", "connected", "interrupted", "failed"]) {
    assert.ok(words({ state }).headline);
    assert.equal(words({ state }).state, state === "interrupted" ? "away" : state);
  }
});

test("a fatal problem takes the headline", () => {
  const { headline, detail, banner } = words({ state: "loading", link: "connecting", problem: problem("devices-denied") });
  assert.match(headline, /camera and microphone/u);
  assert.match(detail, /Allow them/u);
  assert.equal(banner, "");
});

test("who waits reads the position, and what the search has let go of", () => {
  const waiting = (news) => words({ state: "queued", ...news }).detail;
  const alone = "Open this page in a second tab to call yourself.";
  for (const [news, detail] of [
    [{}, alone],
    [{ position: 1 }, `You are next in line. ${alone}`],
    [{ position: 4 }, "You are number 4 in line."],
    [
      { position: 4, relaxed: ["preferred"] },
      "You are number 4 in line. Still looking, now beyond what you prefer.",
    ],
    [{ relaxed: ["recent"] }, `You may meet somebody again. ${alone}`],
    [{ position: 2, relaxed: ["from-the-future"] }, "You are number 2 in line."],
  ]) assert.equal(waiting(news), detail);
});

test("why a call ended stands below the headline", () => {
  assert.match(words({ problem: problem("peer-left") }).detail, /^Your partner left\./u);
});

test("a problem beside a call is a banner", () => {
  assert.match(words({ ...IN_CALL, problem: problem("camera-missing") }).banner, /No camera was found/u);
});

test("a lost link to the server does not frighten: the call goes on", () => {
  assert.match(words({ ...IN_CALL, link: "offline" }).banner, /The call goes on/u);
  assert.equal(words({ link: "offline" }).banner, "Reconnecting to the server.");
});

test("the partner's lost link is told", () => {
  assert.match(words({ ...IN_CALL, partnerAway: true }).banner, /partner is reconnecting/u);
  assert.match(words({ state: "interrupted", partnerAway: true }).headline, /Your partner's/u);
});

test("a missing picture is explained on both sides", () => {
  assert.match(words({ ...IN_CALL, receiving: "paused" }).picture, /too slow/u);
  assert.match(words({ ...IN_CALL, receiving: "off" }).picture, /camera is off/u);
  assert.match(words({ ...IN_CALL, receiving: "none" }).picture, /no camera/u);
  assert.equal(words({ ...IN_CALL }).picture, "");
  assert.match(words({ ...IN_CALL, sending: "paused" }).banner, /only hears you/u);
  assert.equal(words({ state: "interrupted", sending: "paused" }).banner, "");
});

test("routes and rates", () => {
  assert.equal(routeFor("direct", 12.4), "Connected directly · 12 ms");
  assert.equal(routeFor("relay", null), "Connected through a relay");
  assert.deepEqual([rate(1_240_000), rate(96_400)], ["1.2 Mbit/s", "96 kbit/s"]);
});
