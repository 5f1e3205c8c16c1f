/**
 * What the JavaScript client does beyond the shared vectors: it may speak before a match is open, and is heard after; what
 * the partner says is heard at once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, settled } from "./browser.mjs";

const { Session } = await import(`${process.env.SDK}/session.js`);

const OFFER = { type: "offer", sdp: "v=0", neg: 0 };

/** A session to which a match has been announced, and what it tells. */
async function announced() {
  browser.reset();
  const session = new Session("ws://pool.example/ws");
  const told = [];
  for (const event of ["forming", "match", "ended"]) {
    session.addEventListener(event, ({ detail }) => told.push([event, detail.partner ?? detail.requeued]));
  }
  await session.start();
  browser.socket.onopen();
  receive({ type: "welcome", sid: "s", token: "t", want: { state: "idle", c: 0 } });
  session.join();
  const { ticket } = browser.socket.sent.at(-1);
  const found = { type: "match-found", m: "m", role: "impolite", partner: "p", iceServers: [], ttlMs: 1000, ticket };
  receive({ ...found, state: "forming" });
  await settled();
  return { session, told, open: { ...found, state: "open", token: "mt" }, found };
}

const receive = (frame) => browser.socket.onmessage({ data: JSON.stringify(frame) });
const sent = (type) => browser.socket.sent.filter((frame) => frame.type === type);

test("a match is taken and told while it forms, and what is said then goes out when it opens", async () => {
  const { session, told, open } = await announced();
  assert.deepEqual(sent("heartbeat").at(-1).want, { state: "matched", c: 1, m: "m" });
  session.say(OFFER);
  session.say({ type: "ice-candidate", candidates: [], neg: 0 });
  assert.deepEqual(sent("offer"), []);
  receive(open);
  assert.deepEqual([sent("offer").length, sent("ice-candidate").length], [1, 1]);
  assert.deepEqual(told, [["forming", "p"], ["match", "p"]]);
});

test("a partner that knows sooner that the match is open is heard, and answered once this side knows", async () => {
  const { session, open } = await announced();
  const said = [];
  session.addEventListener("said", ({ detail }) => said.push(detail.type));
  const { inst } = browser.socket.sent[0];
  receive({ ...OFFER, m: "m", from: "p", to: inst, k: 1 });
  assert.deepEqual([said, sent("ack").length], [["offer"], 1]);
  session.say({ ...OFFER, type: "answer" });
  assert.deepEqual(sent("answer"), []);
  receive(open);
  assert.equal(sent("answer").length, 1);
});

test("what is said to a page load that is gone when the match opens is not said to the next one", async () => {
  const { session, told, open } = await announced();
  session.say(OFFER);
  receive({ ...open, partner: "q" });
  assert.deepEqual(sent("offer"), []);
  assert.deepEqual(told, [["forming", "p"], ["match", "q"]]);
});

test("a match that does not open leaves nothing behind but the place in line", async () => {
  const { session, told } = await announced();
  session.say(OFFER);
  session.connection("closed");
  receive({ type: "peer-state", m: "m", state: "left", reason: "partner-lost", requeue: true });
  assert.deepEqual([sent("offer"), sent("connection-state")], [[], []]);
  assert.deepEqual(told, [["forming", "p"], ["ended", true]]);
  assert.equal(session.want.state, "queued");
});

test("a match that is open does not form again", async () => {
  const { told, open, found } = await announced();
  receive(open);
  receive({ ...found, partner: "q", state: "forming" });
  assert.deepEqual(told, [["forming", "p"], ["match", "p"]]);
});
