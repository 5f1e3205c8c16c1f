/** The React hook and component, for the React that your application depends on. */
import * as React from "react";
import { bindReact } from "./react-binding.js";

export const { useWebRTC, ConnectionQuality } = bindReact(React);
