/** What can be published: a camera, a screen or a file, as pictures and sound for NetStream. */

/**
 * @typedef {object} Source
 * @property {"camera" | "screen" | "file"} kind
 * @property {HTMLVideoElement} element shows it on this page
 * @property {MediaStreamTrack | HTMLCanvasElement | undefined} video
 * @property {MediaStreamTrack | undefined} audio
 * @property {() => void} stop
 *
 * @typedef {object} Wanted
 * @property {string} camera the id of a device; empty: whichever the browser takes
 * @property {string} sound the id of a device; "own": what the source has; "none"
 * @property {number | undefined} lines
 * @property {number} fps
 * @property {boolean} loop
 * @property {File | undefined} file
 * @property {(what: string) => void} ended is called once when it ends by itself, with what has ended
 */

const devices = navigator.mediaDevices;
const exactly = (id) => (id === "" || id === "default" ? {} : { deviceId: { exact: id } });

function screenOf(stream) {
  const element = document.createElement("video");
  element.muted = element.playsInline = true;
  element.srcObject = stream;
  void element.play().catch(() => {});
  return element;
}

/** Ends what there is of a source when some of it cannot be had. */
async function withMicrophone(sound, tracks) {
  if (sound === "own" || sound === "none") return undefined;
  try {
    return (await devices.getUserMedia({ audio: exactly(sound) })).getAudioTracks()[0];
  } catch (e) {
    for (const track of tracks) track.stop();
    throw e;
  }
}

function ofTracks(kind, video, audio, all, ended) {
  video?.addEventListener("ended", () => ended(kind), { once: true });
  return {
    kind,
    element: screenOf(new MediaStream(video ? [video] : [])),
    video,
    audio,
    stop() {
      for (const track of all) track.stop();
    },
  };
}

/** @param {Wanted} wanted @returns {Promise<Source>} */
async function openCamera({ camera, sound, lines, fps, ended }) {
  const size = lines ? { width: { ideal: Math.round((lines * 16) / 9) }, height: { ideal: lines } } : {};
  // Both at once, so that who is asked is asked once.
  const stream = await devices.getUserMedia({
    video: { ...exactly(camera), ...size, frameRate: { ideal: fps } },
    audio: sound === "none" ? false : exactly(sound),
  });
  return ofTracks("camera", stream.getVideoTracks()[0], stream.getAudioTracks()[0], stream.getTracks(), ended);
}

/** @param {Wanted} wanted @returns {Promise<Source>} */
async function openScreen({ sound, fps, ended }) {
  const shown = await devices.getDisplayMedia({ video: { frameRate: { ideal: fps } }, audio: sound === "own" });
  const spoken = await withMicrophone(sound, shown.getTracks());
  const video = shown.getVideoTracks()[0];
  return ofTracks("screen", video, spoken ?? shown.getAudioTracks()[0], [...shown.getTracks(), ...(spoken ? [spoken] : [])], ended);
}

/** The pictures of what a video element plays: a track, where the browser has that, which goes on in a page that nobody looks at. */
function picturesOf(element) {
  const capture = element.captureStream ?? element.mozCaptureStream;
  if (capture) {
    const [track] = capture.call(element).getVideoTracks();
    return { picture: track, stop: () => track?.stop() };
  }
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  let over = false;
  const draw = () => {
    if (over) return;
    if (canvas.width !== element.videoWidth || canvas.height !== element.videoHeight) Object.assign(canvas, { width: element.videoWidth, height: element.videoHeight });
    context.drawImage(element, 0, 0);
    element.requestVideoFrameCallback(draw);
  };
  element.requestVideoFrameCallback(draw);
  return { picture: canvas, stop: () => (over = true) };
}

/** How long, in milliseconds, a browser may take to begin to process sound; it says nothing by itself. */
const soundless = 10_000;

/** @param {Wanted} wanted @returns {Promise<Source>} */
async function openFile({ file, sound, loop, ended }) {
  const url = URL.createObjectURL(file);
  const element = document.createElement("video");
  Object.assign(element, { playsInline: true, controls: true, loop, src: url });
  const context = new AudioContext();
  const undo = [() => void context.close(), () => element.pause(), () => element.removeAttribute("src"), () => element.load(), () => URL.revokeObjectURL(url)];
  const stop = () => undo.splice(0).forEach((f) => f());
  try {
    await new Promise((resolve, reject) => {
      element.addEventListener("loadeddata", resolve, { once: true });
      element.addEventListener("error", () => reject(new Error(`this browser cannot play ${file.name} (${element.error?.message || "no reason given"}); "flashpod publish" and ffmpeg know more formats`)), { once: true });
    });
    // It is not heard here: the sound goes to whoever watches.
    const heard = context.createMediaStreamDestination();
    context.createMediaElementSource(element).connect(heard);
    const spoken = await withMicrophone(sound, []);
    if (spoken) undo.push(() => spoken.stop());
    const silent = new Promise((_, reject) => {
      setTimeout(() => reject(new Error("this browser does not begin to process sound, and plays no file without: perhaps there is no device that could play any")), soundless);
    });
    await Promise.race([context.resume(), silent]);
    await element.play();
    const pictures = element.videoWidth > 0 ? picturesOf(element) : undefined;
    if (pictures) undo.push(pictures.stop);
    element.addEventListener("ended", () => ended("file"));
    return { kind: "file", element, video: pictures?.picture, audio: spoken ?? (sound === "own" ? heard.stream.getAudioTracks()[0] : undefined), stop };
  } catch (e) {
    stop();
    throw e;
  }
}

/** Opens a source; it throws what the browser says, which sorry has words for. */
export const open = { camera: openCamera, screen: openScreen, file: openFile };

/** The devices of a kind, "videoinput" or "audioinput", with names as far as the browser gives any. */
export async function devicesOf(kind) {
  const all = (await devices?.enumerateDevices()) ?? [];
  return all.filter((d) => d.kind === kind).map((d, i) => ({ id: d.deviceId, label: d.label || `${kind === "videoinput" ? "Camera" : "Microphone"} ${i + 1}` }));
}

/** Why a source could not be opened, for people. */
export function sorry(kind, e) {
  const what = kind === "camera" ? "The camera or the microphone" : kind === "screen" ? "The screen" : "The file";
  switch (e.name) {
    case "NotAllowedError":
      return kind === "screen" ? "Nothing was chosen to be shown, or the browser was told not to allow it." : `${what} was not allowed: the browser asks, and keeps the answer in the settings of this page.`;
    case "NotFoundError":
      return `${what} was not found: none is connected.`;
    case "NotReadableError":
      return `${what} cannot be read: another program may have it.`;
    case "OverconstrainedError":
      return `${what} that was chosen is not there any more: choose another.`;
  }
  return `${what} could not be opened: ${e.message}.`;
}
