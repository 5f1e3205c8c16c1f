/** Each failure has a code, a sentence, and an action that helps. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { CODES, deviceCode, endingCode, lacking, problem, Problems, sessionCode } = await import(`${process.env.SDK}/problems.js`);
const { openMedia } = await import(`${process.env.SDK}/media.js`);

const ACTIONS = ["devices", "reload", "join", "retry", "reconnect", "sign-in", "wait"];

for (const code of CODES) {
  test(`${code} says what is wrong and what helps`, () => {
    const { code: same, sentence, help, action, label } = problem(code);
    assert.equal(same, code);
    for (const text of [sentence, help]) assert.match(text, /^[A-Z].*\.$/u);
    assert.ok(ACTIONS.includes(action));
    assert.equal(label === "", action === "wait");
  });
}

test("what is not known is a problem too", () => {
  assert.equal(problem("no-such-code").code, "unknown");
  assert.equal(sessionCode("no-such-code"), "unknown");
});

test("every code and close reason of the server is known or heals by itself", () => {
  const reference = readFileSync(process.env.ERRORS, "utf8");
  const codes = [...reference.matchAll(/^\| `([a-z-]+)` \|/gmu)].map(([, code]) => code);
  assert.ok(codes.length > 8);
  for (const code of codes) assert.notEqual(sessionCode(code), "unknown", code);
});

for (const [reason, code] of [
  ["user", "peer-left"], ["skip", "peer-moved-on"], ["blocked", "peer-moved-on"],
  ["peer-lost", "peer-lost"], ["session-unknown", "session-unknown"], ["ended", "call-ended"],
]) {
  test(`a match that ended by ${reason} is ${code}`, () => assert.equal(endingCode(reason), code));
}

test("a page without https", () => {
  assert.equal(lacking({ isSecureContext: false, navigator: {} }), "insecure-context");
});

test("a browser without calls", () => {
  assert.equal(lacking({ isSecureContext: true, navigator: { mediaDevices: {} } }), "browser-too-old");
  assert.equal(lacking({ isSecureContext: true, RTCPeerConnection: {}, navigator: {} }), "browser-too-old");
  assert.equal(lacking({ isSecureContext: true, RTCPeerConnection: {}, navigator: { mediaDevices: {} } }), null);
});

/** Devices that fail by name, or work. */
function devices(failing) {
  return {
    async getUserMedia({ audio, video }) {
      const [kind] = Object.keys(failing).filter((one) => (one === "audio" ? audio : video));
      if (kind) throw Object.assign(new Error(), { name: failing[kind] });
      return { getTracks: () => [{ stop() {} }], audio: Boolean(audio), video: Boolean(video) };
    },
  };
}

test("all devices work", async () => {
  const { stream, code } = await openMedia(devices({}));
  assert.deepEqual([stream.audio, stream.video, code], [true, true, null]);
});

for (const [name, why] of [["NotAllowedError", "denied"], ["NotFoundError", "missing"], ["NotReadableError", "busy"]]) {
  test(`a camera that is ${why} leaves the microphone`, async () => {
    const { stream, code } = await openMedia(devices({ video: name }));
    assert.deepEqual([stream.audio, stream.video, code], [true, false, `camera-${why}`]);
  });
  test(`a microphone that is ${why} leaves the camera`, async () => {
    const { stream, code } = await openMedia(devices({ audio: name }));
    assert.deepEqual([stream.audio, stream.video, code], [false, true, `microphone-${why}`]);
  });
  test(`devices that are ${why} leave nothing`, async () => {
    const { stream, code } = await openMedia(devices({ audio: name, video: name }));
    assert.deepEqual([stream, code], [null, `devices-${why}`]);
  });
}

test("an error that no device gives", () => {
  assert.equal(deviceCode("camera", new TypeError()), "unknown");
});

test("of several problems a fatal one is shown, else the one closest to the call", () => {
  const problems = new Problems();
  assert.equal(problems.shown, null);
  assert.equal(problems.add("devices", "camera-missing")?.code, "camera-missing");
  assert.equal(problems.add("call", "peer-left")?.code, "peer-left");
  assert.equal(problems.add("link", "pool-busy")?.code, "peer-left");
  assert.equal(problems.add("devices", "devices-denied")?.code, "devices-denied");
  assert.equal(problems.remove("devices")?.code, "peer-left");
  assert.equal(problems.remove("call")?.code, "pool-busy");
  assert.equal(problems.remove("link"), null);
});
