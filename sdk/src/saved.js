/** The part of a session that survives a reload: kept in the tab's storage, for the one tab that holds its lock. */
import { idle } from "./intent.js";

const STORAGE = "switchboard.session";
const LOCK_WAIT = 500; // a reloaded page releases its lock within this time

/**
 * `socket` numbers the sockets; `session` and `token` come from the pool.
 *
 * @typedef {object} Saved
 * @property {number} socket
 * @property {string | null} session
 * @property {string | null} token
 * @property {import("./intent.js").Intent} intent
 */

/** @returns {Saved} */
export const nothing = () => ({ socket: 0, session: null, token: null, intent: idle() });

/**
 * Return this tab's session. A duplicated tab gets a copy of the storage: the session belongs to the tab with the lock.
 *
 * @returns {Promise<Saved>}
 */
export async function restore() {
  const saved = JSON.parse(sessionStorage.getItem(STORAGE) ?? "null");
  return saved?.session && (await lock(saved.session)) ? saved : nothing();
}

/** @param {Saved} state */
export const save = (state) => sessionStorage.setItem(STORAGE, JSON.stringify(state));

export const remove = () => sessionStorage.removeItem(STORAGE);

/**
 * Hold a session's lock until the page is closed; false if another tab holds it.
 *
 * @param {string} session
 * @returns {Promise<boolean>}
 */
export async function lock(session) {
  if (!navigator.locks) return true;
  const signal = AbortSignal.timeout(LOCK_WAIT);
  return new Promise((resolve) => {
    const held = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(`switchboard.${session}`, { signal }, held).catch(() => resolve(false));
  });
}
