/** The call page: camera, session and call put together, and their state shown in words. */
import { Call } from "./sdk/call.js";
import { Session } from "./sdk/session.js";

const ROUTE_EVERY = 2000; // milliseconds
const $ = (id) => document.getElementById(id);

const session = new Session(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
let local = null;
let call = null;

// What the person sees

const WORDS = {
  idle: ["Ready when you are", "You will be connected with the next person who is looking."],
  queued: ["Looking for a partner", "Open this page in a second tab to call yourself."],
  connecting: ["Partner found", "Setting up the connection."],
  away: ["Your partner's connection is interrupted", "The call goes on as soon as it is back."],
};
const ENDINGS = {
  user: "Your partner left.",
  skip: "Your partner moved on.",
  "partner-lost": "Your partner's connection was lost.",
  "session-unknown": "The server has started anew.",
};

function show(state, detail) {
  document.body.dataset.state = state;
  const [headline, words] = WORDS[state] ?? ["", ""];
  $("headline").textContent = headline;
  $("detail").textContent = detail ?? words;
  $("start").hidden = state !== "idle";
  $("leave").hidden = state === "idle";
  $("leave").textContent = state === "queued" ? "Stop looking" : "Leave";
  $("next").hidden = state === "idle" || state === "queued";
  $("route").hidden = state !== "connected";
}

function hangUp() {
  call?.close();
  call = null;
  $("remote").srcObject = null;
}

async function showRoute() {
  const route = await call?.route();
  if (!route) return;
  const rtt = route.rtt === null ? "" : ` · ${Math.round(route.rtt)} ms`;
  $("route").textContent = `Connected ${route.path === "relay" ? "through a relay" : "directly"}${rtt}`;
  $("route").dataset.path = route.path;
}

// The session's events

const LINK = {
  connecting: "Connecting", online: "Online", offline: "Reconnecting", stopped: "Taken over by another tab",
};

const on = (type, act) => session.addEventListener(type, ({ detail }) => act(detail));

on("status", ({ status }) => {
  $("link").textContent = LINK[status];
  $("link").dataset.status = status;
  if (status === "online" && local && session.want.state === "idle") $("start").disabled = false;
});
on("queued", () => show("queued"));
on("match", ({ role, iceServers }) => {
  hangUp();
  show("connecting");
  const mine = new Call({ role, iceServers, local, relayOnly: $("relay").checked, say: (frame) => session.say(frame) });
  mine.addEventListener("stream", ({ detail }) => {
    $("remote").srcObject = detail.stream;
  });
  mine.addEventListener("state", ({ detail: { state } }) => {
    if (state === "connected") show("connected");
    if (state === "disconnected" || state === "failed") show("away");
    showRoute();
  });
  mine.addEventListener("problem", ({ detail }) => console.error("call", detail.error));
  call = mine;
});
on("said", (frame) => call?.hear(frame));
on("ended", ({ reason, requeued }) => {
  hangUp();
  if (requeued) show("queued");
  else show("idle", ENDINGS[reason] ?? "The call has ended.");
});
on("problem", ({ code, message, remedy }) => console.warn(`${code}: ${message} ${remedy}`));

// The person's acts

$("start").onclick = () => {
  session.join();
  show("queued");
};
$("next").onclick = () => {
  hangUp();
  session.join();
  show("queued");
};
$("leave").onclick = () => {
  hangUp();
  session.leave();
  show("idle", "You left.");
};

function toggle(button, kind, name) {
  $(button).onclick = () => {
    const [track] = local.getTracks().filter((one) => one.kind === kind);
    track.enabled = !track.enabled;
    $(button).ariaPressed = String(track.enabled);
    $(button).textContent = `${name} ${track.enabled ? "on" : "off"}`;
  };
}
toggle("microphone", "audio", "Microphone");
toggle("camera", "video", "Camera");
$("relay").checked = new URLSearchParams(location.search).get("relay") === "1";

// Start

async function openCamera() {
  if (!navigator.mediaDevices) throw new Error("This page needs https or http://localhost to use your camera.");
  return navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
}

try {
  local = await openCamera();
  $("local").srcObject = local;
  for (const button of ["microphone", "camera"]) $(button).disabled = false;
  show("idle");
  setInterval(showRoute, ROUTE_EVERY);
  await session.start();
  if (session.want.state !== "idle") show(session.want.state === "queued" ? "queued" : "connecting");
} catch (error) {
  $("headline").textContent = "The camera is not available";
  $("detail").textContent = `${error.message} Allow camera and microphone for this page, then load it again.`;
}
