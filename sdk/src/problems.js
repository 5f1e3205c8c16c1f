/**
 * What can go wrong, in words: each problem has a code for programs, a sentence for people, and an action that helps.
 */

/**
 * What an application offers: ask for the devices again, load the page anew, look for another partner, build the call
 * anew, connect anew, sign in again, or nothing but to wait.
 *
 * @typedef {"devices" | "reload" | "join" | "retry" | "reconnect" | "sign-in" | "wait"} Action
 *
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} sentence what is wrong
 * @property {string} help what to do about it
 * @property {Action} action
 * @property {string} label of a button that does it; empty for "wait"
 * @property {boolean} fatal whether nothing works until it is mended
 */

/** @type {Record<Action, string>} */
const LABELS = {
  devices: "Try again",
  reload: "Load again",
  join: "Find a partner",
  retry: "Try again",
  reconnect: "Connect again",
  "sign-in": "Sign in",
  wait: "",
};

/** @type {Record<string, [sentence: string, help: string, action: Action, fatal?: "fatal"]>} */
const CATALOGUE = {
  // The browser and its page
  "insecure-context": [
    "This page is not secure, so the browser keeps camera and microphone from it.",
    "Open it by https, or by http://localhost.", "reload", "fatal",
  ],
  "browser-too-old": [
    "This browser cannot make video calls.",
    "Use a current Chrome, Edge, Firefox or Safari.", "reload", "fatal",
  ],
  // Devices
  "camera-denied": [
    "The browser does not let this page use your camera.",
    "Allow it in the address bar, beside the page's address, and try again.", "devices",
  ],
  "microphone-denied": [
    "The browser does not let this page use your microphone.",
    "Allow it in the address bar, beside the page's address, and try again.", "devices",
  ],
  "devices-denied": [
    "The browser does not let this page use your camera and microphone.",
    "Allow them in the address bar, beside the page's address, and try again.", "devices", "fatal",
  ],
  "camera-missing": ["No camera was found.", "Plug one in and try again, or go on with sound alone.", "devices"],
  "microphone-missing": ["No microphone was found.", "Plug one in and try again, or go on without it.", "devices"],
  "devices-missing": [
    "Neither a camera nor a microphone was found.", "Plug one in and try again.", "devices", "fatal",
  ],
  "camera-busy": ["Another program uses your camera.", "Close it there and try again.", "devices"],
  "microphone-busy": ["Another program uses your microphone.", "Close it there and try again.", "devices"],
  "devices-busy": [
    "Another program uses your camera and microphone.", "Close them there and try again.", "devices", "fatal",
  ],
  // Signaling
  "attempts-spent": [
    "The server could not be reached for a while.",
    "Look whether you are online, then connect again.", "reconnect", "fatal",
  ],
  replaced: [
    "This call was taken over by another tab.", "Go on there, or load this page again.", "reload", "fatal",
  ],
  disconnected: ["Those who run this service ended your session.", "Load the page again.", "reload", "fatal"],
  blocked: [
    "You cannot call here for now.", "Ask those who run this service, then load the page again.", "reload", "fatal",
  ],
  "origin-refused": [
    "This page's address is not allowed to make calls here.",
    "Ask those who run this service to add it to the pool's allowed origins.", "reload", "fatal",
  ],
  "pool-busy": ["All places are taken just now.", "This page connects as soon as one is free.", "wait"],
  retry: ["The server is being replaced.", "This page moves to another one by itself.", "wait"],
  "store-unavailable": [
    "New partners cannot be found just now.", "This page tries again by itself; a call goes on.", "wait",
  ],
  "session-unknown": ["The server has started anew and ended the call.", "Look for a partner again.", "join"],
  "rate-limited": ["That was too fast.", "Wait a few seconds.", "wait"],
  "client-outdated": ["This page is out of date.", "Load it again.", "reload", "fatal"],
  "auth-required": ["Only people who are signed in can call here.", "Sign in.", "sign-in", "fatal"],
  "auth-invalid": ["The server does not accept your sign-in.", "Sign in again.", "sign-in", "fatal"],
  "auth-expired": ["Your sign-in has expired.", "Sign in again.", "sign-in"],
  "auth-unavailable": ["Your sign-in cannot be checked just now.", "This page tries again by itself.", "wait"],
  "token-failed": ["This page could not sign you in.", "Sign in again.", "sign-in"],
  // The call
  "connection-failed": [
    "The connection to your partner could not be made, although it was tried several times.",
    "Try again, or look for another partner. A firewall may be in the way.", "retry",
  ],
  "no-relay": [
    "Your network and your partner's do not let a direct connection through, and this pool has no relay.",
    "Try another network, or tell the pool's operators that it needs a TurnFleet.", "retry",
  ],
  "peer-unreachable": ["Your partner cannot be reached just now.", "Send it again in a moment.", "wait"],
  "chat-too-long": ["This message is too long.", "Send it in parts.", "wait"],
  "peer-left": ["Your partner left.", "Look for another one.", "join"],
  "peer-moved-on": ["Your partner moved on.", "Look for another one.", "join"],
  "peer-lost": ["Your partner's connection was lost.", "Look for another one.", "join"],
  "call-ended": ["The call has ended.", "Look for another partner.", "join"],
  unknown: ["Something went wrong.", "Load the page again.", "reload"],
};

export const CODES = Object.keys(CATALOGUE);

/**
 * The problem with a code; an unknown code is a problem too.
 *
 * @param {string} code
 * @returns {Problem}
 */
export function problem(code) {
  const known = code in CATALOGUE ? code : "unknown";
  const [sentence, help, action, fatal] = CATALOGUE[known];
  return { code: known, sentence, help, action, label: LABELS[action], fatal: fatal === "fatal" };
}

/** @type {Record<string, string>} */
const DEVICE_ERRORS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * The code for what getUserMedia answered (W3C Media Capture and Streams section 10.2).
 *
 * @param {"camera" | "microphone" | "devices"} device
 * @param {unknown} error
 */
export function deviceCode(device, error) {
  const why = DEVICE_ERRORS[/** @type {Error} */ (error)?.name];
  return why ? `${device}-${why}` : "unknown";
}

/** @type {Record<string, string>} */
const ENDINGS = {
  user: "peer-left",
  skip: "peer-moved-on",
  blocked: "peer-moved-on",
  "peer-lost": "peer-lost",
  "session-unknown": "session-unknown",
};

/**
 * The code for why a match ended.
 *
 * @param {string} reason of the session's event `ended`
 */
export const endingCode = (reason) => ENDINGS[reason] ?? "call-ended";

/** @type {Record<string, string>} */
const SERVER = {
  "unknown-type": "client-outdated",
  "bad-frame": "client-outdated",
  "too-big": "client-outdated",
};
/** What the protocol mends by itself, without the person. */
const QUIET = new Set(["hello-first", "already-welcome", "stale-intent", "not-in-match", "wrong-sender"]);

/**
 * The code for what the session reports, or null for what heals by itself.
 *
 * @param {string} code of the session's event `problem`, or the reason of a closed socket
 */
export function sessionCode(code) {
  if (QUIET.has(code)) return null;
  const known = SERVER[code] ?? code;
  return known in CATALOGUE ? known : "unknown";
}

/**
 * What this page lacks for calls, or null.
 *
 * @param {{isSecureContext: boolean, RTCPeerConnection?: unknown, navigator: {mediaDevices?: unknown}}} page the window
 */
export function lacking(page) {
  if (!page.isSecureContext) return "insecure-context";
  if (!page.RTCPeerConnection || !page.navigator.mediaDevices) return "browser-too-old";
  return null;
}

/** @typedef {"devices" | "link" | "call"} About */

/** What is wrong just now, one problem about each part; the one to show is a fatal one, or the one closest to the call. */
export class Problems {
  /** @type {Map<About, Problem>} */
  #known = new Map();

  /**
   * @param {About} about
   * @param {string} code
   */
  add(about, code) {
    this.#known.set(about, problem(code));
    return this.shown;
  }

  /** @param {About} about */
  remove(about) {
    this.#known.delete(about);
    return this.shown;
  }

  /** @returns {Problem | null} */
  get shown() {
    const all = /** @type {About[]} */ (["devices", "link", "call"]).map((about) => this.#known.get(about));
    const fatal = all.find((one) => one?.fatal);
    return fatal ?? all.reverse().find(Boolean) ?? null;
  }
}
