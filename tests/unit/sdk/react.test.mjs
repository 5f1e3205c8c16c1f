/** The binding in the real React, around a session that is none. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(`${process.env.NPM}/`);
const React = require("react");
const { act, create } = require("react-test-renderer");
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const said = console.error;
console.error = (text, ...rest) => (/react-test-renderer is deprecated/u.test(text) ? undefined : said(text, ...rest));

const { bindReact } = await import(`${process.env.SDK}/react-binding.js`);

let made = [];

class Switchboard extends EventTarget {
  snapshot = { state: "loading", problem: null };
  acts = [];
  constructor(options) {
    super();
    this.options = options;
    made.push(this);
  }
  tell(type, detail) {
    if (type === "change") this.snapshot = detail;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
  start = () => this.acts.push("start");
  stop = () => this.acts.push("stop");
  join = (...wishes) => this.acts.push(["join", ...wishes]);
}

const { useWebRTC, ConnectionQuality } = bindReact(React, { Switchboard });
const MEASURED = { grade: "good", score: 70, numbers: { rtt: 33.6 } };
let call = null;

function Page(options) {
  call = useWebRTC(options);
  return React.createElement("p", null, call.state, React.createElement(ConnectionQuality, { measured: call.measured }));
}

async function render(element) {
  made = [];
  let root;
  await act(async () => (root = create(element)));
  return root;
}

test("a mounted component starts, and one that goes stops", async () => {
  const root = await render(React.createElement(Page, { url: "wss://pool.example/ws" }));
  assert.deepEqual([made.length, made[0].options.url, made[0].acts], [1, "wss://pool.example/ws", ["start"]]);
  await act(async () => root.unmount());
  assert.deepEqual(made[0].acts, ["start", "stop"]);
});

test("each change is rendered, and acts reach the switchboard", async () => {
  const root = await render(React.createElement(Page, {}));
  await act(async () => made[0].tell("change", { state: "idle", problem: null }));
  assert.equal(root.toJSON().children[0], "idle");
  call.join({ language: "en" });
  assert.deepEqual(made[0].acts, ["start", ["join", { language: "en" }]]);
});

test("quality is shown while there is a call, in words too", async () => {
  const root = await render(React.createElement(Page, {}));
  await act(async () => made[0].tell("change", { state: "connected", problem: null }));
  await act(async () => made[0].tell("numbers", MEASURED));
  const svg = root.root.findByType("svg");
  assert.equal(svg.props["aria-label"], "Connection: good, 34 ms");
  assert.deepEqual(svg.findAllByType("rect").map(({ props }) => props.opacity), [1, 1, 1, 0.25]);
  await act(async () => made[0].tell("change", { state: "idle", problem: null }));
  assert.equal(root.root.findAllByType("svg").length, 0);
});

test("chat is collected, and cleared with the partner", async () => {
  await render(React.createElement(Page, {}));
  await act(async () => made[0].tell("chat", { id: "1", text: "Hello", mine: false }));
  assert.deepEqual(call.lines, [{ id: "1", text: "Hello", mine: false }]);
  await act(async () => made[0].tell("change", { state: "queued", problem: null }));
  assert.deepEqual(call.lines, []);
});

test("StrictMode mounts twice: the first one is stopped and the second one lives", async () => {
  await render(React.createElement(React.StrictMode, null, React.createElement(Page, {})));
  const last = made.at(-1);
  assert.ok(made.length >= 2);
  for (const one of made.slice(0, -1)) assert.deepEqual(one.acts, ["start", "stop"]);
  assert.deepEqual(last.acts, ["start"]);
  assert.equal(call.switchboard, last);
});
