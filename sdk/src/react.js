/** The React hook and component, for the React that your application depends on. */
import * as React from "react";
import { bindReact } from "./react-binding.js";

const bound = bindReact(React);

/**
 * Make calls while the component is mounted, and return what to show. A change of `url` starts again; a change of
 * `relayOnly` applies to the next call.
 *
 * @type {(options?: import("./switchboard.js").SwitchboardOptions) => import("./react-binding.js").CallHook}
 */
export const useWebRTC = bound.useWebRTC;

/**
 * The quality of the connection as four bars, with a text for screen readers. Renders nothing while there is no call.
 *
 * @type {(props: {measurement: import("./call.js").CallMeasurement | null}) => React.ReactElement | null}
 */
export const ConnectionQuality = bound.ConnectionQuality;

/**
 * @typedef {import("./react-binding.js").CallControls} CallControls
 * @typedef {import("./react-binding.js").CallHook} CallHook
 */
