/** The call page: what the SDK knows, shown in words, and what the person does, passed on. */
import { showChecks } from "./page/checks.js";
import { Panel } from "./page/panel.js";
import { LINK, routeFor, wordsFor } from "./page/words.js";
import { listen } from "./sdk/events.js";
import { MAX_CHAT } from "./sdk/protocol.js";
import { Switchboard } from "./sdk/switchboard.js";

const switchboard = new Switchboard();

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
const $ = (id) => /** @type {T} */ (document.getElementById(id));
/** @type {HTMLButtonElement} */
const start = $("start");
/** @type {HTMLInputElement} */
const relay = $("relay");
const panel = new Panel($("numbers"));

// What the person sees

/** @param {string} id @param {string} text */
function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text; // an equal text would be read out again
}

/** @param {string} id @param {string} text shown unless empty */
function note(id, text) {
  say(id, text);
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
  const { state, link, problem } = snapshot;
  const words = wordsFor(snapshot);
  const away = state === "idle" || state === "loading";
  document.body.dataset.state = words.state;
  document.body.dataset.problem = problem?.code ?? "";
  document.body.dataset.picture = snapshot.receiving;
  say("headline", words.headline);
  say("detail", words.detail);
  note("banner", words.banner);
  note("picture", words.picture);
  say("link", LINK[link]);
  $("link").dataset.status = link;
  const mendable = problem && problem.label && problem.action !== "join" && state !== "connected";
  note("mend", mendable ? problem.label : "");
  start.hidden = !away;
  /** @type {HTMLElement} */ (relay.parentElement).hidden = !away; // it counts for the next call
  start.disabled = link !== "online" || !snapshot.local;
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
    say("grade", "");
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
 * @param {boolean} there
 */
function toggle(id, name, on, there) {
  /** @type {HTMLButtonElement} */
  const button = $(id);
  button.disabled = !there;
  button.ariaPressed = String(on);
  say(id, `${name} ${on ? "on" : "off"}`);
}

/** A button that goes away while it has the focus hands it to the one that comes in its place. */
function keepFocus() {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || !focused.hidden) return;
  const next = [$("mend"), start, $("leave")].find((one) => !one.hidden);
  next?.focus();
}

/** @param {"chat" | "panel"} id @param {boolean} wanted */
function open(id, wanted) {
  $(id).hidden = !wanted;
  $(`show-${id}`).ariaExpanded = String(wanted);
  $("side").hidden = $("chat").hidden && $("panel").hidden;
}

listen(switchboard, "change", show);
listen(switchboard, "log", ({ error }) => console.warn(error));
listen(switchboard, "numbers", (measured) => {
  const { path, rtt } = measured.numbers;
  panel.show(measured);
  say("grade", measured.grade);
  $("grade").dataset.grade = measured.grade;
  if (!path || switchboard.snapshot.state !== "connected") return;
  say("route", routeFor(path, rtt));
  $("route").dataset.path = path;
  $("route").hidden = false;
});
listen(switchboard, "chat", ({ text, mine }) => {
  const line = document.createElement("li");
  line.className = mine ? "mine" : "theirs";
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = mine ? "You: " : "Partner: ";
  line.append(who, text);
  $("lines").append(line);
  $("lines").scrollTop = $("lines").scrollHeight;
  if (!mine) open("chat", true);
});

// What the person does

/** @type {Record<string, () => void>} */
const MEND = {
  devices: () => switchboard.openDevices(),
  reload: () => location.reload(),
  retry: () => switchboard.retry(),
  reconnect: () => switchboard.reconnect(),
  "sign-in": () => location.reload(),
};

const ACTS = {
  start: () => switchboard.join(),
  next: () => switchboard.join(),
  leave: () => switchboard.leave(),
  mend: () => MEND[switchboard.snapshot.problem?.action ?? ""]?.(),
  microphone: () => (switchboard.microphone = !switchboard.snapshot.microphone),
  camera: () => (switchboard.camera = !switchboard.snapshot.camera),
  check: () => showChecks($("checks"), $("results"), switchboard),
  "show-panel": () => open("panel", $("panel").hidden),
  "show-chat": () => {
    open("chat", $("chat").hidden);
    if (!$("chat").hidden) $("text").focus();
  },
};
for (const [id, act] of Object.entries(ACTS)) $(id).onclick = () => void act();

/** @type {HTMLInputElement} */
const field = $("text");
field.maxLength = MAX_CHAT;
$("write").onsubmit = (event) => {
  event.preventDefault();
  if (field.value.trim()) switchboard.chat(field.value.trim());
  field.value = "";
};
$("tier").onchange = () => {
  /** @type {HTMLSelectElement} */
  const choice = $("tier");
  switchboard.tier = /** @type {import("./sdk/quality.js").Tier} */ (choice.value);
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
