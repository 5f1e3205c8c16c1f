/**
 * The JavaScript client behind the conversation of docs/reference/vectors.md, with the browser's clock set to the
 * vector's. Run by test_vectors.py, with the SDK's folder in the environment.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { browser, settled } from "./browser.mjs";

const { SDK } = process.env;
const EVENTS = ["queued", "match", "message", "peer", "ended", "problem"];

const { Session } = await import(pathToFileURL(join(SDK, "session.js")));

class Player {
  emitted = [];
  auth = null;

  /** @returns {Session} the session, which is created with the first socket: only then it is known whether it needs JWTs */
  begin() {
    browser.reset();
    const token = ({ fresh }) => this.auth[fresh ? "fresh" : "kept"];
    const session = new Session("ws://pool.example/ws", this.auth ? { token } : {});
    session.addEventListener("status", ({ detail: { status } }) => {
      if (status === "stopped") this.emitted.push({ event: "stopped" });
    });
    for (const event of EVENTS) {
      session.addEventListener(event, ({ detail }) => this.emitted.push({ ...detail, event }));
    }
    return session;
  }

  async answer({ at, auth, ...action }) {
    this.auth = auth ?? this.auth;
    this.session ??= this.begin();
    browser.clock = at;
    await this.act(action);
    return { sends: browser.socket.sent.splice(0), emits: this.emitted.splice(0) };
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
}

let player = new Player();
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.start) player = new Player();
  console.log(JSON.stringify(request.start ? {} : await player.answer(request)));
}
