/** Which ICE servers a call uses. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { configUrl, hasRelay, IceServers } = await import(`${process.env.SDK}/ice.js`);

const STUN = { urls: "stun:s.example" };
const relay = (name) => ({ urls: [`turn:${name}.example`, "stun:s.example"], username: name });

test("the API is next to the socket", () => {
  assert.equal(configUrl("ws://pool.example/ws"), "http://pool.example/api/webrtc/config");
  assert.equal(configUrl("wss://pool.example/calls/ws"), "https://pool.example/calls/api/webrtc/config");
});

test("a relay has the scheme turn or turns", () => {
  assert.deepEqual([[STUN], [relay("a")], [{ urls: "turns:t.example" }], []].map(hasRelay), [false, true, true, false]);
});

test("credentials are replaced after half a minute", async () => {
  const servers = new IceServers([relay("old")], async () => [relay("new")], 0);
  await servers.refresh(29_999, false);
  assert.deepEqual(servers.list, [relay("old")]);
  await servers.refresh(30_000, false);
  assert.deepEqual(servers.list, [relay("new")]);
});

test("servers whose relay may be gone are replaced at once, but not twice within a second", async () => {
  const lists = [[relay("second")], [relay("third")]];
  const servers = new IceServers([relay("first")], async () => lists.shift(), 0);
  await servers.refresh(2000, true);
  assert.deepEqual(servers.list, [relay("second")]);
  await servers.refresh(2999, true);
  assert.deepEqual(servers.list, [relay("second")]);
  await servers.refresh(3000, true);
  assert.deepEqual(servers.list, [relay("third")]);
});

test("a call keeps the relays that it knows while the pool reports none", async () => {
  const servers = new IceServers([STUN, relay("old")], async () => [STUN], 0);
  await servers.refresh(30_000, false);
  assert.deepEqual(servers.list, [STUN, relay("old")]);
});

test("a failed request keeps the list, and the next refresh tries again", async () => {
  let requests = 0;
  const servers = new IceServers([STUN], async () => Promise.reject(new Error(`${++requests}`)), 0);
  await assert.rejects(servers.refresh(30_000, false), /1/u);
  await assert.rejects(servers.refresh(30_000, false), /2/u);
  assert.deepEqual(servers.list, [STUN]);
});
