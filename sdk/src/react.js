/** The React hook and component, for the React that your application depends on. */
import * as React from "react";
import { bindReact } from "./react-binding.js";

/**
 * @typedef {import("./call.js").CallStats} CallStats
 * @typedef {import("./react-binding.js").CallControls} CallControls
 * @typedef {import("./switchboard.js").Snapshot} Snapshot
 * @typedef {import("./switchboard.js").SwitchboardOptions} SwitchboardOptions
 */

const bound = bindReact(React);

/**
 * Make calls while the component is mounted, and return what to show. A change of `url` starts again; a change of
 * `relayOnly` applies to the next call.
 *
 * @type {(options?: SwitchboardOptions) => Snapshot & CallControls}
 */
export const useWebRTC = bound.useWebRTC;

/**
 * The quality of the connection as four bars, with a text for screen readers. Renders nothing while there is no call.
 *
 * @type {(props: {stats: CallStats | null}) => React.ReactNode}
 */
export const ConnectionQuality = bound.ConnectionQuality;
