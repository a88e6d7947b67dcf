/** The page of one stream: it plays by WebRTC, by RTMP in a WebSocket where that cannot be, or else by HLS, and says what it does. */
import { addressOf, application, askedWithout, instance, of, path, stream } from "./base.js";
import { byHLS } from "./hls.js";
import { byRTMP } from "./rtmp.js";
import { playBy } from "./ways.js";
import { byWHEP } from "./whep.js";

const query = new URLSearchParams(location.search);
const asked = askedWithout("way", "embed");
/**
 * What is played. The name is what it has in its instance, with ?track=, ?key= and whatever a script may want to see, as the page has
 * them; alone: the way is the only one that is wanted, and what it cannot show is not shown.
 */
const wanted = { path, application, instance, name: stream + asked, alone: query.has("way"), address: (form) => addressOf("/") + form + asked };
const video = of("video");

const all = [byWHEP, byRTMP, byHLS];
const ways = all.filter((way) => way.can() && [null, way.name].includes(query.get("way")) && !(way === byWHEP && query.has("track") && !query.has("way")));
/** @type {ReturnType<typeof playBy> | undefined} */
let playing;
let shown = false;
let live = false; // it has shown the stream live

/** Screen readers say what is new, so that nothing is said again. */
function message(text) {
  const at = of("message");
  if (at.textContent !== text) at.textContent = text;
}

function start() {
  const waiting = (text) => {
    shown = false;
    message(text);
  };
  playing = playBy(ways, wanted, video, {
    nobody: () => waiting(live ? "The stream has ended.\nIt begins here by itself when it is there again." : "Nobody publishes this stream yet.\nIt begins here by itself."),
    waiting,
    next() {
      shown = false;
    },
    failed: (reasons) => waiting(`This stream cannot be played here.\n${reasons.join("\n")}`),
  });
}

/** What is shown below the picture. */
function tell() {
  const now = playing?.now();
  const plays = shown && now !== undefined;
  const state = of("state");
  state.textContent = plays ? (now.live ? "Live" : "Recorded") : "";
  state.classList.toggle("live", plays && now.live);
  const facts = [];
  if (plays) {
    if (now.live && now.behind !== undefined) facts.push(`${now.behind.toFixed(1)} s behind`);
    if (video.videoWidth > 0) facts.push(`${video.videoWidth} × ${video.videoHeight}`);
    facts.push(`by ${playing.way().title}`);
    if (now.note) facts.push(now.note);
  }
  of("facts").textContent = facts.join(" · ");
}

/** Browsers play with sound when somebody has touched the page, and before that without. */
async function play() {
  try {
    await video.play();
  } catch (e) {
    if (e.name !== "NotAllowedError" || video.muted) return;
    hush();
    await video.play().catch(() => message("Press play."));
  }
}

function hush() {
  video.muted = true;
  of("sound").hidden = false;
}

of("sound").addEventListener("click", () => {
  video.muted = false;
  of("sound").hidden = true;
});
video.addEventListener("volumechange", () => {
  if (!video.muted) of("sound").hidden = true;
});
video.addEventListener("loadeddata", () => void play());
video.addEventListener("blocked", hush);
video.addEventListener("playing", () => {
  shown = true;
  live ||= playing?.now()?.live === true;
  message("");
});

document.body.classList.toggle("embedded", query.has("embed"));
setInterval(tell, 500);
if (ways.length === 0) {
  const way = query.get("way");
  const can = all.filter((one) => one.can()).map((one) => one.name);
  message(
    can.length === 0 || way === null
      ? "This browser can play neither Media Source Extensions nor HLS."
      : all.some((one) => one.name === way)
        ? `This browser cannot play it by ${way}, but by ${can.join(" or ")}.`
        : `There is no way called ${way}: the ways are ${all.map((one) => one.name).join(", ")}.`,
  );
} else {
  start();
}
