/**
 * What this client wants, numbered by `c`: decided here alone, and repeated in every heartbeat, so that any pod can
 * restore it. Pure: a want and what happened go in, the next want comes out.
 */

export const idle = (c = 0) => ({ state: "idle", c });

export const queued = (want, ticket, attributes = {}, required = {}) => ({
  state: "queued", c: want.c + 1, ticket, attributes, required,
});

/** The match that the line found for the ticket that is wanted; `line` remembers the ticket, should the match fail. */
export const matched = (want, m) => ({ state: "matched", c: want.c, m, line: want });

/** The match was lost before it was open: back to the same place in line. */
export const requeued = (want) => ({ ...want.line, c: want.c + 1 });

/** The want as it travels: without what only this page remembers. */
export const onWire = ({ line, ...want }) => want;
