/** Which ICE servers a call uses. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { apiOf, hasRelay, IceServers } = await import(`${process.env.SDK}/ice.js`);

const STUN = { urls: "stun:s.example" };
const relay = (name) => ({ urls: [`turn:${name}.example`, "stun:s.example"], username: name });

test("the API is beside the socket", () => {
  assert.equal(apiOf("ws://pool.example/ws"), "http://pool.example/api/webrtc/config");
  assert.equal(apiOf("wss://pool.example/calls/ws"), "https://pool.example/calls/api/webrtc/config");
});

test("a relay is known by its scheme", () => {
  assert.deepEqual([[STUN], [relay("a")], [{ urls: "turns:t.example" }], []].map(hasRelay), [false, true, true, false]);
});

test("credentials of half a minute are replaced, fresh ones are used", async () => {
  const servers = new IceServers([relay("old")], async () => [relay("new")], 0);
  await servers.refresh(29_999, false);
  assert.deepEqual(servers.list, [relay("old")]);
  await servers.refresh(30_000, false);
  assert.deepEqual(servers.list, [relay("new")]);
});

test("a relay that may be gone is asked about at once, though not twice for one question", async () => {
  const lists = [[relay("second")], [relay("third")]];
  const servers = new IceServers([relay("first")], async () => lists.shift(), 0);
  await servers.refresh(2000, true);
  assert.deepEqual(servers.list, [relay("second")]);
  await servers.refresh(2999, true);
  assert.deepEqual(servers.list, [relay("second")]);
  await servers.refresh(3000, true);
  assert.deepEqual(servers.list, [relay("third")]);
});

test("a pool that sees no relay just now does not take away the one that the call knows", async () => {
  const servers = new IceServers([STUN, relay("old")], async () => [STUN], 0);
  await servers.refresh(30_000, false);
  assert.deepEqual(servers.list, [STUN, relay("old")]);
});

test("without an answer the last known ones stay, and the next trouble asks again", async () => {
  let asked = 0;
  const servers = new IceServers([STUN], async () => Promise.reject(new Error(`${++asked}`)), 0);
  await assert.rejects(servers.refresh(30_000, false), /1/u);
  await assert.rejects(servers.refresh(30_000, false), /2/u);
  assert.deepEqual(servers.list, [STUN]);
});
