/** What can go wrong: a code for programs, a message and a remedy for users, and the action that helps. */

/**
 * What your page should offer when there is a problem: `openDevices()`, `join()`, `retry()` or `reconnect()` of the
 * Switchboard object, a reload of the page, your own sign-in, or nothing, because the SDK tries again by itself.
 *
 * @typedef {"open-devices" | "join" | "retry" | "reconnect" | "reload" | "sign-in" | "wait"} ProblemAction
 */

/** @type {Readonly<Record<ProblemAction, string>>} */
const ACTION_LABELS = {
  "open-devices": "Try again",
  join: "Find someone",
  retry: "Try again",
  reconnect: "Reconnect",
  reload: "Reload",
  "sign-in": "Sign in",
  wait: "",
};

/** @satisfies {Record<string, [message: string, remedy: string, action: ProblemAction, fatal?: "fatal"]>} */
const CATALOGUE = {
  // The browser
  "insecure-context": [
    "This page is not secure, so the browser blocks the camera and microphone.",
    "Open it over https, or at http://localhost.", "reload", "fatal",
  ],
  "browser-unsupported": [
    "This browser does not support video calls.",
    "Use a current version of Chrome, Edge, Firefox or Safari.", "reload", "fatal",
  ],
  // Devices
  "camera-denied": [
    "The browser does not allow this page to use your camera.",
    "Allow it in the address bar and try again.", "open-devices",
  ],
  "microphone-denied": [
    "The browser does not allow this page to use your microphone.",
    "Allow it in the address bar and try again.", "open-devices",
  ],
  "devices-denied": [
    "The browser does not allow this page to use your camera and microphone.",
    "Allow them in the address bar and try again.", "open-devices", "fatal",
  ],
  "camera-missing": ["No camera was found.", "Connect one and try again, or continue with audio only.", "open-devices"],
  "microphone-missing": [
    "No microphone was found.", "Connect one and try again, or continue without it.", "open-devices",
  ],
  "devices-missing": ["No camera or microphone was found.", "Connect one and try again.", "open-devices", "fatal"],
  "camera-busy": ["Another application is using your camera.", "Close it and try again.", "open-devices"],
  "microphone-busy": ["Another application is using your microphone.", "Close it and try again.", "open-devices"],
  "devices-busy": [
    "Another application is using your camera and microphone.", "Close it and try again.", "open-devices", "fatal",
  ],
  // Signaling
  "server-unreachable": [
    "The server could not be reached.", "Check your internet connection and reconnect.", "reconnect", "fatal",
  ],
  replaced: ["This call continues in another tab.", "Use that tab, or reload this page.", "reload", "fatal"],
  disconnected: ["An administrator ended your session.", "Reload the page.", "reload", "fatal"],
  blocked: [
    "You are blocked from making calls here.", "Ask an administrator, then reload the page.", "reload", "fatal",
  ],
  "origin-refused": [
    "This website is not allowed to make calls here.",
    "Ask an administrator to add its origin to the pool's allowed origins.", "reload", "fatal",
  ],
  "pool-busy": ["The service is full right now.", "This page connects as soon as there is room.", "wait"],
  retry: ["The server is being replaced.", "This page connects to another one by itself.", "wait"],
  "store-unavailable": [
    "New calls are not possible right now.", "This page keeps trying; your call continues.", "wait",
  ],
  "session-unknown": ["The server restarted and the call ended.", "Start a new call.", "join"],
  "rate-limited": ["You are doing that too often.", "Wait a few seconds.", "wait"],
  "client-outdated": ["This page is out of date.", "Reload it.", "reload", "fatal"],
  "auth-required": ["You must sign in to make calls here.", "Sign in.", "sign-in", "fatal"],
  "auth-invalid": ["The server did not accept your sign-in.", "Sign in again.", "sign-in", "fatal"],
  "auth-expired": ["Your sign-in has expired.", "Sign in again.", "sign-in"],
  "auth-unavailable": ["Your sign-in cannot be checked right now.", "This page keeps trying.", "wait"],
  "token-failed": ["This page could not sign you in.", "Sign in again.", "sign-in"],
  // The call
  "connection-failed": [
    "The call could not be connected after several attempts. A firewall may be blocking it.",
    "Try again, or find someone else.", "retry",
  ],
  "no-relay": [
    "The two networks do not allow a direct connection, and this service has no relay.",
    "Try another network, or ask an administrator to add a TurnFleet to the pool.", "retry",
  ],
  "peer-unreachable": ["The other person cannot be reached right now.", "Send it again in a moment.", "wait"],
  "chat-too-long": ["This message is too long.", "Send it in parts.", "wait"],
  "peer-left": ["The other person left.", "Find someone else.", "join"],
  "peer-moved-on": ["The other person moved on to another call.", "Find someone else.", "join"],
  "peer-lost": ["The other person's connection was lost.", "Find someone else.", "join"],
  "call-ended": ["The call ended.", "Start a new call.", "join"],
  unknown: ["Something went wrong.", "Reload the page.", "reload"],
};

/**
 * The code of a problem. Codes are stable; a newer SDK may have more.
 *
 * @typedef {keyof typeof CATALOGUE} ProblemCode
 */

/**
 * Something that is wrong, for your page to show. Its texts are English; translate by `code`.
 *
 * @typedef {object} Problem
 * @property {ProblemCode} code what is wrong
 * @property {string} message what is wrong, in a sentence for the user
 * @property {string} remedy what the user can do about it
 * @property {ProblemAction} action what your page should offer
 * @property {string} actionLabel the text of a button for the action; empty for "wait"
 * @property {boolean} fatal whether no call is possible until the problem is solved
 */

/** @param {string} code @returns {code is ProblemCode} */
const isKnown = (code) => Object.hasOwn(CATALOGUE, code);

export const PROBLEM_CODES = /** @type {ProblemCode[]} */ (Object.keys(CATALOGUE));

/**
 * Return the problem that has a code.
 *
 * @param {ProblemCode} code
 * @returns {Problem}
 */
export function problemOf(code) {
  const [message, remedy, action, fatal] = CATALOGUE[code];
  return { code, message, remedy, action, actionLabel: ACTION_LABELS[action], fatal: fatal === "fatal" };
}

/** @typedef {"denied" | "missing" | "busy"} DeviceFailure */

/** @type {Record<string, DeviceFailure>} */
const DEVICE_ERRORS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * Return the code for an error of getUserMedia (W3C Media Capture and Streams, section 10.2).
 *
 * @param {"camera" | "microphone" | "devices"} device
 * @param {unknown} error
 * @returns {ProblemCode}
 */
export function deviceCode(device, error) {
  const failure = DEVICE_ERRORS[/** @type {Error} */ (error)?.name];
  return failure ? `${device}-${failure}` : "unknown";
}

/** @type {Record<string, ProblemCode>} */
const ENDINGS = {
  user: "peer-left",
  skip: "peer-moved-on",
  blocked: "peer-moved-on",
  "peer-lost": "peer-lost",
  "session-unknown": "session-unknown",
};

/**
 * Return the code for the reason why a match ended.
 *
 * @param {string} reason of the session's event `ended`
 */
export const endingCode = (reason) => ENDINGS[reason] ?? "call-ended";

/** @type {Record<string, ProblemCode>} */
const SERVER_CODES = {
  "unknown-type": "client-outdated",
  "bad-frame": "client-outdated",
  "too-big": "client-outdated",
};
/** Errors from which the protocol recovers without the user. */
const RECOVERED = new Set(["hello-first", "already-welcome", "stale-intent", "not-in-match", "wrong-sender"]);

/**
 * Return the code for an error of the server, or null if the protocol recovers from it.
 *
 * @param {string} code of the session's event `problem`, or the reason of a closed socket
 * @returns {ProblemCode | null}
 */
export function signalingCode(code) {
  if (RECOVERED.has(code)) return null;
  const known = SERVER_CODES[code] ?? code;
  return isKnown(known) ? known : "unknown";
}

/**
 * Return the code for what the page lacks for calls, or null.
 *
 * @param {{isSecureContext: boolean, RTCPeerConnection?: unknown, navigator: {mediaDevices?: unknown}}} page its window
 * @returns {ProblemCode | null}
 */
export function unsupportedCode(page) {
  if (!page.isSecureContext) return "insecure-context";
  if (!page.RTCPeerConnection || !page.navigator.mediaDevices) return "browser-unsupported";
  return null;
}

/** @typedef {"devices" | "signaling" | "call"} ProblemArea */

/** What is wrong right now, at most one problem per area. The one to show is fatal, or else closest to the call. */
export class Problems {
  /** @type {Map<ProblemArea, Problem>} */
  #current = new Map();

  /**
   * @param {ProblemArea} area
   * @param {ProblemCode} code
   */
  add(area, code) {
    this.#current.set(area, problemOf(code));
    return this.shown;
  }

  /** @param {ProblemArea} area */
  remove(area) {
    this.#current.delete(area);
    return this.shown;
  }

  /** @returns {Problem | null} */
  get shown() {
    const areas = /** @type {const} */ (["call", "signaling", "devices"]);
    const problems = areas.map((area) => this.#current.get(area)).filter((problem) => problem !== undefined);
    return problems.findLast(({ fatal }) => fatal) ?? problems[0] ?? null;
  }
}
