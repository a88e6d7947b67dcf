/** What this browser, or this page as it has come, cannot do, and why. */
import { getEncoders } from "../sdk/flashpod.js";
import { of } from "./base.js";

const list = [];

function cannot(text) {
  const li = document.createElement("li");
  li.textContent = text;
  list.push(li);
}

/** Says what cannot be, and turns off what needs it. Returns whether anything can be published. */
export async function limits() {
  const { video, audio } = await getEncoders();
  if (!isSecureContext) {
    const here = new URL(location.href);
    here.hostname = "localhost";
    cannot(`Publish: browsers have cameras, screens and encoders for pages that come by HTTPS, or from localhost, alone. Open this page by https://, or on the machine of the server at ${here.href}; ffmpeg and OBS publish by RTMP from anywhere.`);
  } else if (video.length === 0 && audio.length === 0) {
    cannot("Publish: this browser has no encoders for pages (WebCodecs). Chromium, Firefox 130 and Safari 26, and those behind them, have.");
  } else {
    for (const option of of("codec").options) {
      if (option.value === "" || video.includes(option.value)) continue;
      option.disabled = true;
      cannot(`${option.text}: this browser does not encode it.`);
    }
    if (audio.length === 0) cannot("Sound: this browser does not encode any.");
    else if (!audio.includes("mp4a")) cannot("AAC: this browser does not encode it. Sound goes out as Opus, which browsers and newer players know, and Flash Player does not.");
    if (!navigator.mediaDevices?.getDisplayMedia) {
      off("screen");
      cannot("Screen: this browser does not let pages see it, as those of phones do not.");
    }
    if (!navigator.mediaDevices?.getUserMedia) {
      off("camera");
      cannot("Camera and microphone: this browser has none for pages.");
    }
  }
  of("cannot").replaceChildren(...list);
  of("limits").hidden = list.length === 0;
  return isSecureContext && video.length + audio.length > 0;
}

function off(kind) {
  document.querySelector(`#kinds [value=${kind}]`).disabled = true;
}
