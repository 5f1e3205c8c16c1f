/** What is said in a match over several page loads of the partner, and what the pool is told of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { Match, Outcome } = await import(`${process.env.SDK}/match.js`);

const chat = (id) => ({ type: "chat", id, text: id });
const heard = (frames) => frames.map(({ to, k, id }) => [to, k, id]);

function met(...partners) {
  const match = new Match("m", "me");
  for (const partner of partners) match.meet(partner);
  match.open = true;
  return match;
}

test("what a page load has not acknowledged is said to the next one, if it has value there", () => {
  const match = met("one");
  for (const frame of [chat("a"), { type: "offer", sdp: "" }, chat("b")]) match.push(frame);
  match.going("flush", 0);
  match.hear({ type: "ack", m: "m", from: "me", to: "one", k: 1 }, 10);
  match.meet("two");
  assert.deepEqual(heard(match.going("restart", 20)), [["two", 1, "b"]]);
});

test("the lanes with an earlier page load go on when it is named again", () => {
  const match = met("one");
  match.push(chat("a"));
  match.going("flush", 0);
  match.hear({ ...chat("x"), m: "m", from: "one", to: "me", k: 1 }, 0);
  match.meet("two");
  match.meet("one");
  assert.deepEqual(heard(match.going("restart", 10)), [["one", 1, "a"]]);
  assert.deepEqual(match.hear({ ...chat("x"), m: "m", from: "one", to: "me", k: 1 }, 10).said, []);
});

test("of earlier page loads so many are kept as a person may cause, and no more", () => {
  const match = met("one", "two", "three", "four", "five", "six");
  match.hear({ ...chat("x"), m: "m", from: "six", to: "me", k: 1 }, 0);
  match.meet("one");
  assert.equal(match.hear({ ...chat("x"), m: "m", from: "one", to: "me", k: 1 }, 0).said.length, 1);
});

test("what is of another match, page load or partner is neither shown nor answered", () => {
  const match = met("one");
  const frame = { ...chat("x"), m: "m", from: "one", to: "me", k: 1 };
  for (const news of [{ m: "other" }, { from: "two" }, { to: "you" }, { type: "ack", from: "you", to: "one" }]) {
    assert.deepEqual(match.hear({ ...frame, ...news }, 0), { said: [], answer: null });
  }
  assert.deepEqual(match.hear(frame, 0), { said: [frame], answer: { type: "ack", m: "m", from: "one", to: "me", k: 1 } });
});

test("what is said before both sides are in goes out once they are", () => {
  const match = met("one");
  match.open = false;
  for (const id of ["a", "b"]) match.push(chat(id));
  assert.deepEqual(match.going("flush", 0), []);
  match.open = true;
  assert.deepEqual(heard(match.going("flush", 0)), [["one", 1, "a"], ["one", 2, "b"]]);
});

test("nothing goes out while the partner cannot be reached", () => {
  const match = met("one");
  match.push(chat("a"));
  match.present = false;
  assert.deepEqual(match.going("flush", 0), []);
  match.present = true;
  assert.equal(match.going("restart", 0).length, 1);
});

test("each state of the connection is told once, with the time that its set-up took", () => {
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
