/** Typed events, and promises with a time limit. */

/**
 * @template Detail
 * @typedef {(event: CustomEvent<Detail>) => void} Handler
 */

/**
 * @template Detail
 * @typedef {Handler<Detail> | {handleEvent: Handler<Detail>} | null} Listener
 */

/**
 * An EventTarget with typed events. Each event is a CustomEvent; `Events` has the type of its `detail` by its name.
 *
 * @template {object} Events
 */
export class Emitter extends EventTarget {
  /**
   * Call a listener for each event of a type.
   *
   * @template {keyof Events & string} Name
   * @override
   * @param {Name} type
   * @param {Listener<Events[Name]>} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, /** @type {EventListener} */ (listener), options);
  }

  /**
   * Stop calling a listener.
   *
   * @template {keyof Events & string} Name
   * @override
   * @param {Name} type
   * @param {Listener<Events[Name]>} listener
   * @param {boolean | EventListenerOptions} [options]
   */
  removeEventListener(type, listener, options) {
    super.removeEventListener(type, /** @type {EventListener} */ (listener), options);
  }

  /**
   * Dispatch an event to all listeners.
   *
   * @template {keyof Events & string} Name
   * @protected
   * @param {Name} type
   * @param {Events[Name]} detail
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Return the promise's value, or throw an error if it takes longer than `ms`.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what the subject of the error's message
 * @returns {Promise<T>}
 */
export async function withTimeout(promise, ms, what) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
