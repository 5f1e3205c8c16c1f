/** What of a session outlives a reload: kept in the tab's storage, for the one tab that holds its lock. */
import { idle } from "./want.js";

const STORAGE = "switchboard.session";
const LOCK_WAIT = 500; // a reloaded page's old lock is released within this time

/**
 * `n` numbers the sockets, `sid` and `token` are the pool's for the session.
 *
 * @typedef {{n: number, sid: string | null, token: string | null, want: import("./want.js").Want}} Saved
 */

/** @returns {Saved} */
export const nothing = () => ({ n: 0, sid: null, token: null, want: idle() });

/**
 * The session of this tab. A duplicated tab gets a copy of the storage: the session belongs to the one with the lock.
 *
 * @returns {Promise<Saved>}
 */
export async function restore() {
  const saved = JSON.parse(sessionStorage.getItem(STORAGE) ?? "null");
  return saved?.sid && (await lock(saved.sid)) ? saved : nothing();
}

/** @param {Saved} state */
export const save = (state) => sessionStorage.setItem(STORAGE, JSON.stringify(state));

export const remove = () => sessionStorage.removeItem(STORAGE);

/**
 * Hold a session's lock until the page is gone; false if another tab has it.
 *
 * @param {string} sid
 * @returns {Promise<boolean>}
 */
export async function lock(sid) {
  if (!navigator.locks) return true;
  const signal = AbortSignal.timeout(LOCK_WAIT);
  return new Promise((resolve) => {
    const held = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(`switchboard.${sid}`, { signal }, held).catch(() => resolve(false));
  });
}
