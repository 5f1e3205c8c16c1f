/** The call page: shows the SDK's snapshot and passes on what the user does. */
import { showChecks } from "./page/checks.js";
import { Panel } from "./page/panel.js";
import { AUTHORS, routeFor, SIGNALING, wordsFor } from "./page/words.js";
import { MAX_CHAT } from "./sdk/protocol.js";
import { Switchboard } from "./sdk/switchboard.js";

const switchboard = new Switchboard();

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
const $ = (id) => /** @type {T} */ (document.getElementById(id));
/** @type {HTMLButtonElement} */
const start = $("start");
/** @type {HTMLInputElement} */
const relay = $("relay");
const panel = new Panel($("stats"));

// What the user sees

/** @param {string} id @param {string} text */
function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text; // screen readers would read an equal text again
}

/** @param {string} id @param {string} text shown unless it is empty */
function showText(id, text) {
  setText(id, text);
  $(id).hidden = !text;
}

/** @param {string} id @param {MediaStream | null} stream */
function play(id, stream) {
  /** @type {HTMLVideoElement} */
  const video = $(id);
  if (video.srcObject !== stream) video.srcObject = stream;
}

function show() {
  const { snapshot } = switchboard;
  const { state, signaling, problem } = snapshot;
  const words = wordsFor(snapshot);
  const away = state === "idle" || state === "loading";
  document.body.dataset.state = words.state;
  document.body.dataset.problem = problem?.code ?? "";
  document.body.dataset.video = snapshot.remoteVideo;
  setText("headline", words.headline);
  setText("detail", words.detail);
  showText("banner", words.banner);
  showText("video-note", words.videoNote);
  setText("link", SIGNALING[signaling]);
  $("link").dataset.status = signaling;
  const solvable = problem && problem.actionLabel && problem.action !== "join" && state !== "connected";
  showText("solve", solvable ? problem.actionLabel : "");
  start.hidden = !away;
  /** @type {HTMLElement} */ (relay.parentElement).hidden = !away; // it applies to the next call
  start.disabled = signaling !== "online" || !snapshot.local;
  $("leave").hidden = away;
  $("leave").textContent = state === "queued" ? "Stop looking" : "Leave";
  $("next").hidden = away || state === "queued";
  $("show-chat").hidden = $("next").hidden;
  if (state !== "connected") {
    $("route").hidden = true;
    delete $("route").dataset.path;
  }
  if ($("next").hidden) open("chat", false);
  if (away || state === "queued") {
    panel.clear();
    $("lines").replaceChildren();
    setText("grade", "");
  }
  toggle("microphone", "Microphone", snapshot.microphone, Boolean(snapshot.local?.getAudioTracks().length));
  toggle("camera", "Camera", snapshot.camera, Boolean(snapshot.local?.getVideoTracks().length));
  play("local", snapshot.local);
  play("remote", snapshot.remote);
  keepFocus();
}

/**
 * @param {string} id
 * @param {string} name
 * @param {boolean} on
 * @param {boolean} available
 */
function toggle(id, name, on, available) {
  /** @type {HTMLButtonElement} */
  const button = $(id);
  button.disabled = !available;
  button.ariaPressed = String(on);
  setText(id, `${name} ${on ? "on" : "off"}`);
}

/** Move the focus from a button that was hidden to the one that replaces it. */
function keepFocus() {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || !focused.hidden) return;
  const next = [$("solve"), start, $("leave")].find((button) => !button.hidden);
  next?.focus();
}

/** @param {"chat" | "panel"} id @param {boolean} visible */
function open(id, visible) {
  $(id).hidden = !visible;
  $(`show-${id}`).ariaExpanded = String(visible);
  $("side").hidden = $("chat").hidden && $("panel").hidden;
}

switchboard.addEventListener("change", show);
switchboard.addEventListener("warning", ({ detail }) => console.warn(detail));
switchboard.addEventListener("stats", ({ detail: stats }) => {
  const { path, rttMs, grade } = stats;
  panel.show(stats);
  setText("grade", grade);
  $("grade").dataset.grade = grade;
  if (!path || switchboard.snapshot.state !== "connected") return;
  setText("route", routeFor(path, rttMs));
  $("route").dataset.path = path;
  $("route").hidden = false;
});
switchboard.addEventListener("chat", ({ detail: { text, own } }) => {
  const message = document.createElement("li");
  message.className = own ? "own" : "theirs";
  const author = document.createElement("span");
  author.className = "author";
  author.textContent = `${own ? AUTHORS.own : AUTHORS.peer}: `;
  message.append(author, text);
  $("lines").append(message);
  $("lines").scrollTop = $("lines").scrollHeight;
  if (!own) open("chat", true);
});

// What the user does

/** @type {Record<string, () => void>} */
const SOLUTIONS = {
  "open-devices": () => switchboard.openDevices(),
  reload: () => location.reload(),
  retry: () => switchboard.retry(),
  reconnect: () => switchboard.reconnect(),
  "sign-in": () => location.reload(),
};

const ACTIONS = {
  start: () => switchboard.join(),
  next: () => switchboard.join(),
  leave: () => switchboard.leave(),
  solve: () => SOLUTIONS[switchboard.snapshot.problem?.action ?? ""]?.(),
  microphone: () => (switchboard.microphone = !switchboard.microphone),
  camera: () => (switchboard.camera = !switchboard.camera),
  check: () => showChecks($("checks"), $("results"), switchboard),
  "show-panel": () => open("panel", $("panel").hidden),
  "show-chat": () => {
    open("chat", $("chat").hidden);
    if (!$("chat").hidden) $("text").focus();
  },
};
for (const [id, action] of Object.entries(ACTIONS)) $(id).onclick = () => void action();

/** @type {HTMLInputElement} */
const field = $("text");
field.maxLength = MAX_CHAT;
$("write").onsubmit = (event) => {
  event.preventDefault();
  if (field.value.trim()) switchboard.chat(field.value.trim());
  field.value = "";
};
$("video-quality").onchange = () => {
  /** @type {HTMLSelectElement} */
  const choice = $("video-quality");
  switchboard.videoQuality = /** @type {import("./sdk/quality.js").VideoQuality} */ (choice.value);
};
relay.onchange = () => {
  switchboard.relayOnly = relay.checked;
};
addEventListener("keydown", ({ key, target, ctrlKey, altKey, metaKey }) => {
  if (ctrlKey || altKey || metaKey || (target instanceof HTMLElement && target.matches("input, select"))) return;
  const button = { m: "microphone", v: "camera", n: "next" }[key.toLowerCase()];
  if (button && !$(button).hidden) $(button).click();
});

relay.checked = switchboard.relayOnly = new URLSearchParams(location.search).get("relay") === "1";
show();
await switchboard.start();
