// Record the times of a match and of each step of its connection, in ms since 1970, which pages can compare.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const steps = (globalThis.steps = {});
  let reached = () => {};
  const first = (name) => {
    steps[name] ??= now();
    if ("connected" in steps && "data" in steps) reached(steps);
  };
  /** Reset the steps, and return the time of each once the call is connected. */
  globalThis.nextCall = () => {
    for (const name of Object.keys(steps)) delete steps[name];
    return new Promise((done) => (reached = done));
  };

  const Socket = globalThis.WebSocket;
  if (Socket) {
    globalThis.WebSocket = class extends Socket {
      constructor(...args) {
        super(...args);
        this.addEventListener("message", ({ data }) => {
          if (data.includes('"match-found"')) first(data.includes('"open"') ? "match" : "forming");
        });
      }
    };
  }

  const Connection = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      this.addEventListener("icecandidate", ({ candidate }) => candidate && first(`candidate-${candidate.type}`));
      this.addEventListener("iceconnectionstatechange", () => {
        if (["connected", "completed"].includes(this.iceConnectionState)) first("ice");
      });
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState === "connected") first("connected");
      });
    }
    createDataChannel(...args) {
      const channel = super.createDataChannel(...args);
      channel.addEventListener("open", () => first("data"));
      return channel;
    }
    async setLocalDescription(...args) {
      await super.setLocalDescription(...args);
      first("local");
    }
    async setRemoteDescription(...args) {
      first("received");
      await super.setRemoteDescription(...args);
      first("remote");
    }
  };
})();
