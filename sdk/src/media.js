/** Opens camera and microphone, or as much of them as there is. */
import { deviceCode } from "./problems.js";

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * What could be opened, and the code of what could not; no stream if nothing could.
 *
 * @typedef {{stream: MediaStream | null, code: string | null}} Opened
 */

/**
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @returns {Promise<Opened>}
 */
export async function openMedia(devices) {
  try {
    return { stream: await devices.getUserMedia({ audio: AUDIO, video: VIDEO }), code: null };
  } catch (error) {
    return openPart(devices, error);
  }
}

/**
 * One of the two may work where both together do not.
 *
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @param {unknown} both why both together could not be opened
 * @returns {Promise<Opened>}
 */
async function openPart(devices, both) {
  try {
    const stream = await devices.getUserMedia({ audio: AUDIO });
    return { stream, code: await why(devices, "camera", { video: VIDEO }, both) };
  } catch (error) {
    try {
      return { stream: await devices.getUserMedia({ video: VIDEO }), code: deviceCode("microphone", error) };
    } catch {
      return { stream: null, code: deviceCode("devices", both) };
    }
  }
}

/**
 * @param {Pick<MediaDevices, "getUserMedia">} devices
 * @param {"camera" | "microphone"} device
 * @param {MediaStreamConstraints} constraints
 * @param {unknown} both
 */
async function why(devices, device, constraints, both) {
  try {
    const stream = await devices.getUserMedia(constraints);
    for (const track of stream.getTracks()) track.stop();
  } catch (error) {
    return deviceCode(device, error);
  }
  return deviceCode(device, both);
}
