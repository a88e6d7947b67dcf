/** What goes out, in figures, once a second. */
import { of } from "./base.js";

const codecNames = { avc1: "H.264", vp09: "VP9", av01: "AV1", Opus: "Opus", mp4a: "AAC" };
/** A FourCC that metadata has as a number. */
const codecOf = (n) => {
  const name = String.fromCharCode((n >> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255);
  return codecNames[name] ?? name;
};
const rate = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
const size = (bytes) => (bytes >= 1 << 20 ? `${(bytes / (1 << 20)).toFixed(1)} MiB` : `${Math.round(bytes / 1024)} KiB`);
const two = (n) => String(n).padStart(2, "0");
const clock = (s) => `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;

/** Shows the figures of a NetStream that has published since then, by performance.now, until the function that it returns is called. */
export function showFigures(ns, since) {
  let before = { at: performance.now(), info: ns.info };
  const tell = () => {
    const at = performance.now();
    const { info } = ns;
    const seconds = (at - before.at) / 1000;
    const bytes = (of) => of.videoByteCount + of.audioByteCount;
    const { width, height, videocodecid, audiocodecid } = info.metaData;
    const figures = {
      time: clock(Math.round((at - since) / 1000)),
      rate: rate((Math.max(0, bytes(info) - bytes(before.info)) * 8) / seconds),
      fps: Math.round(Math.max(0, info.videoFrameCount - before.info.videoFrameCount) / seconds),
      size: width ? `${width} × ${height}` : "no picture",
      codecs: [videocodecid, audiocodecid].filter((id) => id !== undefined).map(codecOf).join(", "),
      dropped: `${info.droppedFrames} ${info.droppedFrames === 1 ? "picture" : "pictures"}`,
      waiting: size(info.bufferByteLength),
    };
    for (const [name, text] of Object.entries(figures)) of(`out-${name}`).textContent = text;
    before = { at, info };
  };
  const timer = setInterval(tell, 1000);
  of("out").hidden = false;
  for (const dd of of("out").querySelectorAll("dd")) dd.textContent = "…";
  return () => {
    clearInterval(timer);
    of("out").hidden = true;
  };
}
