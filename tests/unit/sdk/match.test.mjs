/** The lanes of a match over several page loads of the peer, and the reports about it to the pool. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { Match, Outcome } = await import(`${process.env.SDK}/match.js`);

const chat = (id) => ({ type: "chat", id, text: id });
const sent = (frames) => frames.map(({ to, seq, id }) => [to, seq, id]);

function met(...peers) {
  const match = new Match("m", "me");
  for (const peer of peers) match.meet(peer);
  match.open = true;
  return match;
}

test("chat that a page load has not acknowledged is sent to the next one", () => {
  const match = met("one");
  for (const frame of [chat("a"), { type: "offer", sdp: "" }, chat("b")]) match.push(frame);
  match.going("flush", 0);
  match.receive({ type: "ack", match: "m", from: "me", to: "one", seq: 1 }, 10, 0);
  match.meet("two");
  assert.deepEqual(sent(match.going("restart", 20)), [["two", 1, "b"]]);
});

test("the lanes with an earlier page load continue when it is named again", () => {
  const match = met("one");
  match.push(chat("a"));
  match.going("flush", 0);
  match.receive({ ...chat("x"), match: "m", from: "one", to: "me", seq: 1 }, 0, 0);
  match.meet("two");
  match.meet("one");
  assert.deepEqual(sent(match.going("restart", 10)), [["one", 1, "a"]]);
  assert.deepEqual(match.receive({ ...chat("x"), match: "m", from: "one", to: "me", seq: 1 }, 10, 0), []);
});

test("the lanes of a few earlier page loads are kept", () => {
  const match = met("one", "two", "three", "four", "five", "six");
  match.receive({ ...chat("x"), match: "m", from: "six", to: "me", seq: 1 }, 0, 0);
  match.meet("one");
  assert.equal(match.receive({ ...chat("x"), match: "m", from: "one", to: "me", seq: 1 }, 0, 0).length, 1);
});

test("frames of another match, page load or peer are neither delivered nor answered", () => {
  const match = met("one");
  const frame = { ...chat("x"), match: "m", from: "one", to: "me", seq: 1 };
  for (const news of [{ match: "other" }, { from: "two" }, { to: "you" }, { type: "ack", from: "you", to: "one" }]) {
    assert.deepEqual(match.receive({ ...frame, ...news }, 0, 0), []);
    assert.deepEqual(match.acknowledgements(0), []);
  }
  assert.deepEqual(match.receive(frame, 0, 0), [frame]);
  assert.deepEqual(match.acknowledgements(0), [{ type: "ack", match: "m", from: "one", to: "me", seq: 1 }]);
});

test("frames sent while the match forms go out once it is open", () => {
  const match = met("one");
  match.open = false;
  for (const id of ["a", "b"]) match.push(chat(id));
  assert.deepEqual(match.going("flush", 0), []);
  match.open = true;
  assert.deepEqual(sent(match.going("flush", 0)), [["one", 1, "a"], ["one", 2, "b"]]);
});

test("nothing is sent while the peer is away", () => {
  const match = met("one");
  match.push(chat("a"));
  match.present = false;
  assert.deepEqual(match.going("flush", 0), []);
  match.present = true;
  assert.equal(match.going("restart", 0).length, 1);
});

test("each state of the connection is reported once, with its set-up time", () => {
  const outcome = new Outcome("m", 1000);
  outcome.add("connected", { path: "relay" }, 1250);
  outcome.add("connected", { path: "direct" }, 9000);
  outcome.add("closed", {}, 10_000);
  assert.deepEqual(
    outcome.take().map(({ state, setupMs, path }) => [state, setupMs, path]),
    [["connected", 250, "relay"], ["closed", 250, undefined]],
  );
  assert.deepEqual(outcome.take(), []);
});
