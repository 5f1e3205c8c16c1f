/** Each problem has a code, a message, a remedy, and an action that helps. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { deviceCode, endingCode, PROBLEM_CODES, problemOf, Problems, signalingCode, unsupportedCode } = await import(
  `${process.env.SDK}/problems.js`
);
const { openMedia } = await import(`${process.env.SDK}/media.js`);

const ACTIONS = ["open-devices", "join", "retry", "reconnect", "reload", "sign-in", "wait"];

for (const code of PROBLEM_CODES) {
  test(`${code} has a message and a remedy`, () => {
    const problem = problemOf(code);
    assert.equal(problem.code, code);
    for (const text of [problem.message, problem.remedy]) assert.match(text, /^[A-Z].*\.$/u);
    assert.ok(ACTIONS.includes(problem.action));
    assert.equal(problem.actionLabel === "", problem.action === "wait");
  });
}

test("an unknown code of the server is a problem too", () => {
  assert.equal(signalingCode("no-such-code"), "unknown");
  assert.equal(signalingCode("toString"), "unknown");
});

test("every error and close reason of the server has a problem, or needs none", () => {
  const reference = readFileSync(process.env.ERRORS, "utf8");
  const codes = [...reference.matchAll(/^\| `([a-z-]+)` \|/gmu)].map(([, code]) => code);
  assert.ok(codes.length > 8);
  for (const code of codes) assert.notEqual(signalingCode(code), "unknown", code);
});

for (const [reason, code] of [
  ["user", "peer-left"], ["skip", "peer-moved-on"], ["blocked", "peer-moved-on"],
  ["peer-lost", "peer-lost"], ["session-unknown", "session-unknown"], ["ended", "call-ended"],
]) {
  test(`a match that ended with the reason ${reason} has the problem ${code}`, () => {
    assert.equal(endingCode(reason), code);
  });
}

test("a page without https is insecure", () => {
  assert.equal(unsupportedCode({ isSecureContext: false, navigator: {} }), "insecure-context");
});

test("a browser without WebRTC or without devices is unsupported", () => {
  const page = { isSecureContext: true, RTCPeerConnection: {}, navigator: { mediaDevices: {} } };
  assert.equal(unsupportedCode({ ...page, RTCPeerConnection: undefined }), "browser-unsupported");
  assert.equal(unsupportedCode({ ...page, navigator: {} }), "browser-unsupported");
  assert.equal(unsupportedCode(page), null);
});

/** Devices whose opening fails with the error named for "audio" or "video". */
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

for (const [name, failure] of Object.entries({
  NotAllowedError: "denied", NotFoundError: "missing", NotReadableError: "busy",
})) {
  test(`with a camera that is ${failure}, the microphone is used`, async () => {
    const { stream, code } = await openMedia(devices({ video: name }));
    assert.deepEqual([stream.audio, stream.video, code], [true, false, `camera-${failure}`]);
  });
  test(`with a microphone that is ${failure}, the camera is used`, async () => {
    const { stream, code } = await openMedia(devices({ audio: name }));
    assert.deepEqual([stream.audio, stream.video, code], [false, true, `microphone-${failure}`]);
  });
  test(`with both devices ${failure}, there is no stream`, async () => {
    const { stream, code } = await openMedia(devices({ audio: name, video: name }));
    assert.deepEqual([stream, code], [null, `devices-${failure}`]);
  });
}

test("an error that getUserMedia does not document is unknown", () => {
  assert.equal(deviceCode("camera", new TypeError()), "unknown");
});

test("of several problems a fatal one is shown, else the one closest to the call", () => {
  const problems = new Problems();
  assert.equal(problems.shown, null);
  assert.equal(problems.add("devices", "camera-missing")?.code, "camera-missing");
  assert.equal(problems.add("call", "peer-left")?.code, "peer-left");
  assert.equal(problems.add("signaling", "pool-busy")?.code, "peer-left");
  assert.equal(problems.add("devices", "devices-denied")?.code, "devices-denied");
  assert.equal(problems.remove("devices")?.code, "peer-left");
  assert.equal(problems.remove("call")?.code, "pool-busy");
  assert.equal(problems.remove("signaling"), null);
});
