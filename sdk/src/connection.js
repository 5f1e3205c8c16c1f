/** Creates RTCPeerConnections before they are needed. */

const VIDEO_STATE_CHANNEL = 0; // the only data channel, which reports why video is not sent

/**
 * A connection that is ready for its first offer. It has its certificate, tracks and data channel, and has gathered
 * nothing yet, because a relay address costs the pool.
 *
 * @typedef {object} Connection
 * @property {RTCPeerConnection} pc
 * @property {RTCDataChannel} videoState
 * @property {() => void} discard
 */

/** @typedef {{RTCPeerConnection: typeof RTCPeerConnection, discard: () => void}} Realm */

/** @returns {Realm} */
const thisRealm = () => ({ RTCPeerConnection, discard: () => {} });

/**
 * Return an empty frame. Its connections see network interfaces that came up after this page was loaded; the page's own
 * connections see them about two seconds later (measured with Chromium 156).
 *
 * @returns {Realm}
 */
export function freshRealm() {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.title = "";
  document.body.append(frame);
  const realm = /** @type {{RTCPeerConnection?: typeof RTCPeerConnection} | null} */ (frame.contentWindow);
  if (realm?.RTCPeerConnection) return { RTCPeerConnection: realm.RTCPeerConnection, discard: () => frame.remove() };
  frame.remove();
  return thisRealm();
}

/**
 * Create a connection that sends a stream.
 *
 * @param {object} options
 * @param {MediaStream} options.local
 * @param {RTCCertificate[]} [options.certificates]
 * @param {Realm} [options.realm]
 * @returns {Connection}
 */
export function createConnection({ local, certificates, realm = thisRealm() }) {
  const pc = new realm.RTCPeerConnection(certificates ? { certificates } : {});
  for (const track of local.getTracks()) pc.addTrack(track, local);
  const videoState = pc.createDataChannel("video-state", { negotiated: true, id: VIDEO_STATE_CHANNEL });
  const discard = () => {
    pc.close();
    realm.discard();
  };
  return { pc, videoState, discard };
}

/**
 * Create a connection with a certificate of its own. A certificate that is used twice would let two peers see that they
 * met the same browser.
 *
 * @param {MediaStream} local
 * @returns {Promise<Connection>}
 */
export async function createCertifiedConnection(local) {
  const certificate = await RTCPeerConnection.generateCertificate(
    /** @type {EcKeyGenParams} */ ({ name: "ECDSA", namedCurve: "P-256" }),
  );
  return createConnection({ local, certificates: [certificate] });
}
