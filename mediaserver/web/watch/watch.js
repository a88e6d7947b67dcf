/** The page of one stream: it plays by WebRTC, by RTMP in a WebSocket where that cannot be, or else by HLS, and says what it does. */
import { application, instance, of, path, stream } from "./base.js";
import { byHLS } from "./hls.js";
import { byRTMP } from "./rtmp.js";
import { byWHEP } from "./whep.js";

/**
 * A way to play. It shows the stream in a video element until it fails, for which `failed` is called once, and takes itself back by
 * what start returns.
 *
 * @typedef {object} Way
 * @property {string} name as ?way= has it
 * @property {string} title for people
 * @property {() => boolean} can whether this browser can
 * @property {(stream: Stream, video: HTMLVideoElement, say: Says) => Running} start
 *
 * @typedef {object} Stream
 * @property {string} path APPLICATION/INSTANCE/NAME, as addresses have it
 * @property {string} application
 * @property {string} instance
 * @property {string} name in the instance, with ?track= and ?key= as the page has them
 * @property {boolean} alone whether the way is the only one that is wanted: what it cannot show is not shown then
 *
 * @typedef {object} Says
 * @property {() => void} nobody nobody publishes it: yet, or any more, which the page knows
 * @property {(text: string) => void} waiting it waits for something else
 * @property {(reason: string) => void} failed this way does not work here
 *
 * @typedef {object} Running
 * @property {() => void} stop
 * @property {() => {live: boolean, behind: number | undefined}} behind: seconds from what has come last; note: what it cannot show
 */

const query = new URLSearchParams(location.search);
const said = new URLSearchParams([...query].filter(([name]) => name === "track" || name === "key")).toString();
const wanted = { path, application, instance, name: said === "" ? stream : `${stream}?${said}`, alone: query.has("way") };
const video = of("video");

const all = [byWHEP, byRTMP, byHLS];
/** @type {Way[]} */
const ways = all.filter((way) => way.can() && [null, way.name].includes(query.get("way")) && !(way === byWHEP && query.has("track") && !query.has("way")));
let at = 0; // which of them
/** @type {string[]} why those before it do not play */
let reasons = [];
/** @type {Running | undefined} */
let running;
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
  running = ways[at].start(wanted, video, {
    nobody: () => waiting(live ? "The stream has ended.\nIt begins here by itself when it is there again." : "Nobody publishes this stream yet.\nIt begins here by itself."),
    waiting,
    failed(reason) {
      running?.stop();
      running = undefined;
      shown = false;
      if (reason !== "") reasons.push(reason);
      at++;
      if (at < ways.length) {
        start();
        return;
      }
      message(`This stream cannot be played here.\n${[...new Set(reasons)].join("\n")}`);
      setTimeout(() => {
        at = 0;
        reasons = [];
        start();
      }, again());
    },
  });
}

/** How long, in milliseconds, until it is tried anew: pages that were opened together do not come together. */
function again() {
  return 4000 + Math.random() * 4000;
}

/** What is shown below the picture. */
function tell() {
  const now = running?.now();
  const playing = shown && now !== undefined;
  const state = of("state");
  state.textContent = playing ? (now.live ? "Live" : "Recorded") : "";
  state.classList.toggle("live", playing && now.live);
  const facts = [];
  if (playing) {
    if (now.live && now.behind !== undefined) facts.push(`${now.behind.toFixed(1)} s behind`);
    if (video.videoWidth > 0) facts.push(`${video.videoWidth} × ${video.videoHeight}`);
    facts.push(`by ${ways[at].title}`);
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
  live ||= running?.now().live === true;
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
