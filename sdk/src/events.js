/** Typed help around EventTarget: what happened is always in `detail`. */

/**
 * Act on an event.
 *
 * @param {EventTarget} target
 * @param {string} type
 * @param {(detail: any) => void} act
 */
export function listen(target, type, act) {
  target.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail));
}

/**
 * Say that something happened.
 *
 * @param {EventTarget} target
 * @param {string} type
 * @param {unknown} [detail]
 */
export function tell(target, type, detail) {
  target.dispatchEvent(new CustomEvent(type, { detail }));
}

/**
 * The promise's value, or an error if it takes longer than `ms`.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what said in the error
 * @returns {Promise<T>}
 */
export async function within(promise, ms, what) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}
