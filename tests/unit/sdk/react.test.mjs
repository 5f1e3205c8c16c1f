/** The hook and the component in the real React, with a fake Switchboard. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(`${process.env.NPM}/`);
const React = require("react");
const { act, create } = require("react-test-renderer");
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const logError = console.error;
console.error = (text, ...rest) => {
  if (!/react-test-renderer is deprecated/u.test(text)) logError(text, ...rest);
};

const { bindReact } = await import(`${process.env.SDK}/react-binding.js`);

let created = [];

class FakeSwitchboard extends EventTarget {
  snapshot = { state: "loading", problem: null };
  calls = [];
  constructor(options) {
    super();
    this.options = options;
    created.push(this);
  }
  emit(type, detail) {
    if (type === "change") this.snapshot = detail;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
  start = () => this.calls.push("start");
  stop = () => this.calls.push("stop");
  join = (options) => this.calls.push(["join", options]);
}

const { useWebRTC, ConnectionQuality } = bindReact(React, FakeSwitchboard);
const STATS = { grade: "good", score: 70, rttMs: 33.6 };
let call = null;

function Page(options) {
  call = useWebRTC(options);
  return React.createElement("p", null, call.state, React.createElement(ConnectionQuality, { stats: call.stats }));
}

async function render(element) {
  created = [];
  let root;
  await act(async () => (root = create(element)));
  return root;
}

test("a component starts when it is mounted and stops when it is unmounted", async () => {
  const root = await render(React.createElement(Page, { url: "wss://pool.example/ws" }));
  assert.deepEqual([created.length, created[0].options.url, created[0].calls], [1, "wss://pool.example/ws", ["start"]]);
  await act(async () => root.unmount());
  assert.deepEqual(created[0].calls, ["start", "stop"]);
});

test("each change is rendered, and actions reach the Switchboard", async () => {
  const root = await render(React.createElement(Page, {}));
  await act(async () => created[0].emit("change", { state: "idle", problem: null }));
  assert.equal(root.toJSON().children[0], "idle");
  call.join({ attributes: { language: "en" } });
  assert.deepEqual(created[0].calls, ["start", ["join", { attributes: { language: "en" } }]]);
});

test("the quality is rendered during a call, with a text", async () => {
  const root = await render(React.createElement(Page, {}));
  await act(async () => created[0].emit("change", { state: "connected", problem: null }));
  await act(async () => created[0].emit("stats", STATS));
  const svg = root.root.findByType("svg");
  assert.equal(svg.props["aria-label"], "Connection: good, 34 ms");
  assert.deepEqual(svg.findAllByType("rect").map(({ props }) => props.opacity), [1, 1, 1, 0.25]);
  await act(async () => created[0].emit("change", { state: "idle", problem: null }));
  assert.equal(root.root.findAllByType("svg").length, 0);
});

test("chat messages are collected, and cleared with the call", async () => {
  await render(React.createElement(Page, {}));
  await act(async () => created[0].emit("chat", { id: "1", text: "Hello", own: false }));
  assert.deepEqual(call.messages, [{ id: "1", text: "Hello", own: false }]);
  await act(async () => created[0].emit("change", { state: "queued", problem: null }));
  assert.deepEqual(call.messages, []);
});

test("StrictMode mounts twice: the first Switchboard is stopped and the second one is used", async () => {
  await render(React.createElement(React.StrictMode, null, React.createElement(Page, {})));
  const last = created.at(-1);
  assert.ok(created.length >= 2);
  for (const one of created.slice(0, -1)) assert.deepEqual(one.calls, ["start", "stop"]);
  assert.deepEqual(last.calls, ["start"]);
  assert.equal(call.switchboard, last);
});
