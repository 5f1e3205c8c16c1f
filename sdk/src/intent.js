/**
 * Intents: the state this client wants to be in, numbered by `revision`. Only this client changes its intent and it repeats
 * it in every heartbeat, so any pod can restore it. Pure: an intent and what happened go in, the next intent comes out.
 */

/**
 * Only tickets of the same `mode` are matched, `preferred` attributes count as required at first, and `blocked` subjects
 * are never matched.
 *
 * @typedef {object} Choice
 * @property {string} [mode]
 * @property {Record<string, string>} [preferred]
 * @property {string[]} [blocked]
 */

/**
 * `ticket`, `attributes`, `required` and `queueToken` if queued, `match` and `token` if matched.
 *
 * @typedef {object} Intent
 * @property {"idle" | "queued" | "matched"} state
 * @property {number} revision
 * @property {string} [ticket]
 * @property {Record<string, string>} [attributes]
 * @property {Record<string, string>} [required]
 * @property {string} [mode]
 * @property {Record<string, string>} [preferred]
 * @property {string[]} [blocked]
 * @property {string} [queueToken]
 * @property {string} [match]
 * @property {string} [token]
 * @property {Intent} [queued] the intent that led to the match
 */

/** @returns {Intent} */
export const idle = (revision = 0) => ({ state: "idle", revision });

/**
 * @param {Intent} intent
 * @param {string} ticket
 * @param {Record<string, string>} [attributes]
 * @param {Record<string, string>} [required]
 * @param {Choice} [choice]
 * @returns {Intent}
 */
export const queued = (intent, ticket, attributes = {}, required = {}, choice = {}) => ({
  state: "queued", revision: intent.revision + 1, ticket, attributes, required, ...choice,
});

/**
 * The match found for the current ticket; `queued` keeps the ticket in case the match fails to form.
 *
 * @param {Intent} intent
 * @param {string} match
 * @returns {Intent}
 */
export const matched = (intent, match) => ({ state: "matched", revision: intent.revision, match, queued: intent });

/**
 * The match failed to form: the same ticket, at its queue order.
 *
 * @param {Intent} intent
 * @returns {Intent}
 */
export const requeued = (intent) => ({ .../** @type {Intent} */ (intent.queued), revision: intent.revision + 1 });

const RANK = { idle: 0, queued: 1, matched: 2 };

/**
 * Whether one intent wins over another: by its higher revision, or by its rank within the same revision.
 *
 * @param {Intent} one
 * @param {Intent} other
 */
export const supersedes = (one, other) =>
  one.revision > other.revision || (one.revision === other.revision && RANK[one.state] > RANK[other.state]);

/** The intent as it is sent, without what only this page remembers. @param {Intent} intent */
export const onWire = ({ queued, ...intent }) => intent;
