/**
 * What this client wants, numbered by `c`: decided here alone, and repeated in every heartbeat, so that any pod can
 * restore it. Pure: a want and what happened go in, the next want comes out.
 */

/**
 * `mode` parts those who look for different things, `preferred` counts as required at first, subjects that are `blocked`
 * are never met.
 *
 * @typedef {object} Choice
 * @property {string} [mode]
 * @property {Record<string, string>} [preferred]
 * @property {string[]} [blocked]
 */

/**
 * `ticket`, `attributes`, `required` and `place` where it is queued, `m` and `token` where it is matched.
 *
 * @typedef {object} Want
 * @property {"idle" | "queued" | "matched"} state
 * @property {number} c
 * @property {string} [ticket]
 * @property {Record<string, string>} [attributes]
 * @property {Record<string, string>} [required]
 * @property {string} [mode]
 * @property {Record<string, string>} [preferred]
 * @property {string[]} [blocked]
 * @property {string} [place]
 * @property {string} [m]
 * @property {string} [token]
 * @property {Want} [line]
 */

/** @returns {Want} */
export const idle = (c = 0) => ({ state: "idle", c });

/**
 * @param {Want} want
 * @param {string} ticket
 * @param {Record<string, string>} [attributes]
 * @param {Record<string, string>} [required]
 * @param {Choice} [choice]
 * @returns {Want}
 */
export const queued = (want, ticket, attributes = {}, required = {}, choice = {}) => ({
  state: "queued", c: want.c + 1, ticket, attributes, required, ...choice,
});

/**
 * The match that the line found for the ticket that is wanted; `line` remembers the ticket, should the match fail.
 *
 * @param {Want} want
 * @param {string} m
 * @returns {Want}
 */
export const matched = (want, m) => ({ state: "matched", c: want.c, m, line: want });

/**
 * The match was lost before it was open: back to the same place in line.
 *
 * @param {Want} want
 * @returns {Want}
 */
export const requeued = (want) => ({ .../** @type {Want} */ (want.line), c: want.c + 1 });

const RANK = { idle: 0, queued: 1, matched: 2 };

/**
 * Whether the first of two wants holds: by its higher number, or by how far it has come under the same one.
 *
 * @param {Want} one
 * @param {Want} other
 */
export const further = (one, other) => one.c > other.c || (one.c === other.c && RANK[one.state] > RANK[other.state]);

/** The want as it travels: without what only this page remembers. @param {Want} want */
export const onWire = ({ line, ...want }) => want;
