/** Fakes of the browser that a session needs, with a clock that tests set. Import it before the session's module. */
export const browser = {
  clock: 0,
  /** @type {FakeSocket[]} */
  sockets: [],
  /** The callbacks of setTimeout and setInterval. @type {(() => void)[]} */
  timeouts: [],
  ticks: [],
  stored: new Map(),

  /** The newest socket. */
  get socket() {
    return this.sockets.at(-1);
  },

  reset() {
    Object.assign(this, { clock: 0, sockets: [], timeouts: [], ticks: [], stored: new Map() });
  },
};

class FakeSocket {
  constructor() {
    this.sent = [];
    browser.sockets.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {}
}

const fakes = {
  WebSocket: FakeSocket,
  performance: { now: () => browser.clock },
  sessionStorage: {
    getItem: (key) => browser.stored.get(key) ?? null,
    setItem: (key, value) => browser.stored.set(key, value),
  },
  navigator: {},
  document: { visibilityState: "visible" },
  addEventListener: () => {},
  setInterval: (act) => browser.ticks.push(act),
  setTimeout: (act) => browser.timeouts.push(act),
  clearTimeout: () => {},
};
for (const [name, value] of Object.entries(fakes)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** Wait until all promises so far have settled. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
