/** What applications import; each pool serves the modules one by one too, under /web/sdk/. */
export { checkAll } from "./check.js";
export { Switchboard } from "./switchboard.js";
