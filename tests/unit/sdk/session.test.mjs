/**
 * What the JavaScript client does beyond the shared vectors: frames may be sent while a match forms, and go out when it
 * opens; the peer's frames are delivered at once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, settled } from "./browser.mjs";

const { Session } = await import(`${process.env.SDK}/session.js`);

const OFFER = { type: "offer", sdp: "v=0", generation: 0 };

/** A session with an announced match, and the events it emits. */
async function announced() {
  browser.reset();
  const session = new Session("ws://pool.example/ws");
  const events = [];
  for (const event of ["forming", "match", "ended"]) {
    session.addEventListener(event, ({ detail }) => events.push([event, detail.peer ?? detail.requeued]));
  }
  await session.start();
  browser.socket.onopen();
  receive({ type: "welcome", session: "s", token: "t", intent: { state: "idle", revision: 0 }, nextMs: 30000 });
  session.join();
  const { ticket } = browser.socket.sent.at(-1);
  const found = { type: "match-found", match: "m", role: "impolite", peer: "p", iceServers: [], ttlMs: 1000, ticket };
  receive({ ...found, state: "forming" });
  await settled();
  return { session, events, open: { ...found, state: "open", token: "mt" }, found };
}

const receive = (frame) => browser.socket.onmessage({ data: JSON.stringify(frame) });
const sent = (type) => browser.socket.sent.filter((frame) => frame.type === type);

test("a match is entered and reported while it forms, and frames sent then go out when it opens", async () => {
  const { session, events, open } = await announced();
  assert.deepEqual(sent("heartbeat").at(-1).intent, { state: "matched", revision: 1, match: "m" });
  session.say(OFFER);
  session.say({ type: "ice-candidate", candidates: [], generation: 0 });
  assert.deepEqual(sent("offer"), []);
  receive(open);
  assert.deepEqual([sent("offer").length, sent("ice-candidate").length], [1, 1]);
  assert.deepEqual(events, [["forming", "p"], ["match", "p"]]);
});

test("frames from a peer that knows earlier of the open match are delivered, and answered once this side knows", async () => {
  const { session, open } = await announced();
  const received = [];
  session.addEventListener("message", ({ detail }) => received.push(detail.type));
  const { instance } = browser.socket.sent[0];
  receive({ ...OFFER, match: "m", from: "p", to: instance, seq: 1 });
  assert.deepEqual(received, ["offer"]);
  session.say({ ...OFFER, type: "answer" });
  assert.deepEqual(sent("answer"), []);
  receive(open);
  assert.equal(sent("answer").length, 1);
});

test("a hidden page, whose timers are throttled, acknowledges every frame at once", async () => {
  const { open } = await announced();
  receive(open);
  const { instance } = browser.socket.sent[0];
  receive({ ...OFFER, match: "m", from: "p", to: instance, seq: 1 });
  assert.equal(sent("ack").length, 0);
  document.visibilityState = "hidden";
  receive({ ...OFFER, match: "m", from: "p", to: instance, seq: 2 });
  receive({ ...OFFER, match: "m", from: "p", to: instance, seq: 3 });
  document.visibilityState = "visible";
  assert.deepEqual(sent("ack").map(({ seq }) => seq), [2, 3]);
});

test("a single frame is acknowledged by its own timer", async () => {
  const { open } = await announced();
  receive(open);
  const { instance } = browser.socket.sent[0];
  receive({ ...OFFER, match: "m", from: "p", to: instance, seq: 1 });
  browser.clock = 100;
  browser.timeouts.at(-1)();
  assert.deepEqual(sent("ack").map(({ seq }) => seq), [1]);
});

test("frames for a page load that is gone when the match opens are not sent to the next one", async () => {
  const { session, events, open } = await announced();
  session.say(OFFER);
  receive({ ...open, peer: "q" });
  assert.deepEqual(sent("offer"), []);
  assert.deepEqual(events, [["forming", "p"], ["match", "q"]]);
});

test("a match that does not open leaves nothing behind but the queued ticket", async () => {
  const { session, events } = await announced();
  session.say(OFFER);
  session.connection("closed");
  receive({ type: "peer-state", match: "m", state: "left", reason: "peer-lost", requeue: true });
  assert.deepEqual([sent("offer"), sent("connection-state")], [[], []]);
  assert.deepEqual(events, [["forming", "p"], ["ended", true]]);
  assert.equal(session.intent.state, "queued");
});

test("a match that is open does not form again", async () => {
  const { events, open, found } = await announced();
  receive(open);
  receive({ ...found, peer: "q", state: "forming" });
  assert.deepEqual(events, [["forming", "p"], ["match", "p"]]);
});
