/**
 * The JavaScript client passes the shared vectors. Run by test_vectors.py, with the folders of both in the
 * environment; the browser's clock is the vector's.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { browser, settled } from "./browser.mjs";

const { SDK, VECTORS } = process.env;
const EVENTS = ["queued", "match", "message", "peer", "ended", "problem"];

const { Session } = await import(pathToFileURL(join(SDK, "session.js")));

class Player {
  variables = new Map();
  emitted = [];
  auth = null;

  constructor(steps) {
    browser.reset();
    const token = ({ fresh }) => this.auth[fresh ? "fresh" : "kept"];
    this.session = new Session("ws://pool.example/ws", steps.some(({ auth }) => auth) ? { token } : {});
    this.session.addEventListener("status", ({ detail: { status } }) => {
      if (status === "stopped") this.emitted.push({ event: "stopped" });
    });
    for (const event of EVENTS) {
      this.session.addEventListener(event, ({ detail }) => this.emitted.push({ ...detail, event }));
    }
  }

  async play({ at, auth, times = 1, sends = [], emits = [], ...step }) {
    browser.clock = at ?? browser.clock;
    this.auth = auth ?? this.auth;
    for (let time = 0; time < times; time++) {
      await this.act(this.filled(step));
      this.agree(sends, browser.socket.sent.splice(0));
      this.agree(emits, this.emitted.splice(0));
    }
  }

  async act({ connect, join, leave, say, receive, report, connection }) {
    if (connect) await this.connect(connect);
    else if (join) this.session.join(join.attributes, join.required);
    else if (leave) this.session.leave(leave);
    else if (say) this.session.say(say);
    else if (report) this.session.report(report);
    else if (connection) this.session.connection(connection.state, connection);
    else if (receive) browser.socket.onmessage({ data: JSON.stringify(receive) });
    else for (const tick of browser.ticks) tick();
    await settled();
  }

  async connect(code) {
    const before = browser.sockets.length;
    if (before) {
      browser.socket.onclose({ code: code === true ? 1006 : code, reason: "" });
      for (const act of browser.timeouts.splice(0)) act();
    } else await this.session.start();
    await settled();
    if (browser.sockets.length > before) browser.socket.onopen();
  }

  /** A step with its variables and long texts put in. */
  filled(value) {
    if (Array.isArray(value)) return value.map((one) => this.filled(one));
    if (typeof value === "string") return this.variables.get(value) ?? unfolded(value);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.filled(one)]));
  }

  agree(expected, actual) {
    if (typeof expected === "string" && expected.startsWith("$")) {
      if (!this.variables.has(expected)) this.variables.set(expected, actual);
      assert.equal(actual, this.variables.get(expected));
    } else if (expected === null || typeof expected !== "object") {
      assert.equal(actual, expected);
    } else {
      if (Array.isArray(expected)) assert.equal(actual.length, expected.length, JSON.stringify({ expected, actual }));
      for (const [key, one] of Object.entries(expected)) this.agree(one, actual?.[key]);
    }
  }
}

function unfolded(text) {
  const [, count, letter] = text.match(/^\{(\d+) x (.)\}$/u) ?? [];
  return count ? letter.repeat(Number(count)) : text;
}

for (const file of readdirSync(VECTORS).filter((name) => name.endsWith(".json"))) {
  const { preamble, vectors } = JSON.parse(readFileSync(join(VECTORS, file), "utf8"));
  for (const { name, steps } of vectors) {
    test(`${file}: ${name}`, async () => {
      const all = [...preamble, ...steps];
      const player = new Player(all);
      for (const step of all) {
        try {
          await player.play(step);
        } catch (error) {
          throw new Error(JSON.stringify(step), { cause: error });
        }
      }
    });
  }
}
