/** The public API. Each pool serves the same modules under /web/sdk/. */
export { Switchboard } from "./switchboard.js";
export { runChecks } from "./check.js";

/**
 * @typedef {import("./switchboard.js").SwitchboardOptions} SwitchboardOptions
 * @typedef {import("./switchboard.js").TokenSource} TokenSource
 * @typedef {import("./switchboard.js").SwitchboardEvents} SwitchboardEvents
 * @typedef {import("./switchboard.js").Snapshot} Snapshot
 * @typedef {import("./switchboard.js").State} State
 * @typedef {import("./sending.js").VideoState} VideoState
 * @typedef {import("./switchboard.js").JoinOptions} JoinOptions
 * @typedef {import("./switchboard.js").Relaxation} Relaxation
 * @typedef {import("./switchboard.js").ChatMessage} ChatMessage
 * @typedef {import("./problems.js").Problem} Problem
 * @typedef {import("./problems.js").ProblemAction} ProblemAction
 * @typedef {import("./problems.js").ProblemCode} ProblemCode
 * @typedef {import("./call.js").CallStats} CallStats
 * @typedef {import("./quality.js").Grade} Grade
 * @typedef {import("./quality.js").SendPlan} SendPlan
 * @typedef {import("./quality.js").VideoQuality} VideoQuality
 * @typedef {import("./switchboard.js").Limits} Limits
 * @typedef {import("./check.js").CheckResult} CheckResult
 * @typedef {import("./check.js").CheckName} CheckName
 */
