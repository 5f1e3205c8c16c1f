/** RTCPeerConnections, made ready before they are needed. */

const PICTURE_CHANNEL = 0; // the one data channel: why the picture stopped, and for nothing else

/**
 * A connection that is ready for its first offer: certificate, tracks and data channel are there, and nothing is
 * gathered yet, since a relay's address costs the pool.
 *
 * @typedef {object} Ready
 * @property {RTCPeerConnection} pc
 * @property {RTCDataChannel} picture
 * @property {() => void} discard
 */

/** @typedef {{RTCPeerConnection: typeof RTCPeerConnection, discard: () => void}} Realm */

/** @returns {Realm} */
const thisRealm = () => ({ RTCPeerConnection, discard: () => {} });

/**
 * An empty frame, whose connections see network interfaces that have come up since this page was loaded; those of the
 * page itself see them about two seconds later (measured with Chromium 156).
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
 * Make a connection that sends `local`.
 *
 * @param {object} options
 * @param {MediaStream} options.local
 * @param {RTCCertificate[]} [options.certificates]
 * @param {Realm} [options.realm]
 * @returns {Ready}
 */
export function makeReady({ local, certificates, realm = thisRealm() }) {
  const pc = new realm.RTCPeerConnection(certificates ? { certificates } : {});
  for (const track of local.getTracks()) pc.addTrack(track, local);
  const picture = pc.createDataChannel("picture", { negotiated: true, id: PICTURE_CHANNEL });
  const discard = () => {
    pc.close();
    realm.discard();
  };
  return { pc, picture, discard };
}

/**
 * Make a connection with a certificate of its own while the person waits for a partner; a certificate that was used
 * twice would tell two partners that they met the same browser.
 *
 * @param {MediaStream} local
 * @returns {Promise<Ready>}
 */
export async function prepare(local) {
  const certificate = await RTCPeerConnection.generateCertificate(
    /** @type {EcKeyGenParams} */ ({ name: "ECDSA", namedCurve: "P-256" }),
  );
  return makeReady({ local, certificates: [certificate] });
}
