/** The dialog with checks before a call. */
import { runChecks } from "../sdk/check.js";

/** @type {Record<import("../sdk/check.js").CheckName, string>} */
const NAMES = { camera: "Camera", microphone: "Microphone", signaling: "Server", udp: "Direct calls", relay: "Relay" };
const MARKS = new Map([[true, "Works"], [false, "Does not work"], [null, "Not checked"]]);

/**
 * @param {HTMLElement} dialog
 * @param {HTMLElement} list
 * @param {import("../sdk/switchboard.js").Switchboard} switchboard
 */
export async function showChecks(dialog, list, switchboard) {
  const rows = new Map(Object.entries(NAMES).map(([name, title]) => [name, row(name, title)]));
  list.replaceChildren(...rows.values());
  list.ariaBusy = "true";
  /** @type {HTMLDialogElement} */ (dialog).showModal();
  await runChecks(switchboard, ({ name, ok, detail }) => {
    const item = /** @type {HTMLElement} */ (rows.get(name));
    item.dataset.ok = String(ok);
    /** @type {Element} */ (item.lastElementChild).textContent = `${MARKS.get(ok)}. ${detail}`;
  });
  list.ariaBusy = "false";
}

/**
 * @param {string} name
 * @param {string} title
 */
function row(name, title) {
  const item = document.createElement("li");
  item.dataset.check = name;
  item.dataset.ok = "waiting";
  const head = document.createElement("strong");
  head.textContent = title;
  const detail = document.createElement("span");
  detail.textContent = "Checking …";
  item.append(head, " ", detail);
  return item;
}
