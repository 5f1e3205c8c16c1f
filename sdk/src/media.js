/** Opens the camera and microphone, or whichever of them works. */
import { deviceCode } from "./problems.js";

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * The stream of the devices that could be opened, null if there is none, and the code of the problem with the others.
 *
 * @typedef {{stream: MediaStream | null, code: import("./problems.js").ProblemCode | null}} OpenedMedia
 */

/**
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @returns {Promise<OpenedMedia>}
 */
export async function openMedia(devices) {
  try {
    return { stream: await devices.getUserMedia({ audio: AUDIO, video: VIDEO }), code: null };
  } catch (error) {
    return openOne(devices, error);
  }
}

/**
 * One of the two may work where both together do not.
 *
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @param {unknown} errorOfBoth
 * @returns {Promise<OpenedMedia>}
 */
async function openOne(devices, errorOfBoth) {
  try {
    const stream = await devices.getUserMedia({ audio: AUDIO });
    return { stream, code: await cameraCode(devices, errorOfBoth) };
  } catch (error) {
    try {
      return { stream: await devices.getUserMedia({ video: VIDEO }), code: deviceCode("microphone", error) };
    } catch {
      return { stream: null, code: deviceCode("devices", errorOfBoth) };
    }
  }
}

/**
 * Return why the camera could not be opened, by trying it alone.
 *
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @param {unknown} errorOfBoth
 */
async function cameraCode(devices, errorOfBoth) {
  try {
    const stream = await devices.getUserMedia({ video: VIDEO });
    for (const track of stream.getTracks()) track.stop();
  } catch (error) {
    return deviceCode("camera", error);
  }
  return deviceCode("camera", errorOfBoth);
}
