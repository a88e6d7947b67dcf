/** HLS as the browser itself plays it. */
import { between, notDefined, refusal } from "./ways.js";

const kind = "application/vnd.apple.mpegurl";

/** An address with what a playlist of it knows its viewer by: asked for again, it is the same viewer's. */
function known(url, playlist) {
  const viewer = /[?&]viewer=(\w+)/.exec(playlist)?.[1];
  return viewer === undefined || url.includes("viewer=") ? url : `${url}${url.includes("?") ? "&" : "?"}viewer=${viewer}`;
}

/** @type {import("./ways.js").Way} */
export const byHLS = {
  name: "hls",
  title: "HLS",
  can: () => document.createElement("video").canPlayType(kind) !== "",
  start(stream, video, say) {
    let over = false;
    let timer = 0;
    let tries = 0;
    let begun = false; // live; what ends has a length, as if it were a recording
    const place = stream.address("/index.m3u8");
    let url = place;
    let note = "";
    let end = 0; // s: of what has come
    let grown = 0; // ms, by performance.now: when that was so first

    async function look() {
      try {
        const answer = await fetch(url, { cache: "no-store" });
        if (over) return;
        const said = answer.ok ? await answer.text() : await refusal(answer);
        if (over) return;
        if (answer.ok) {
          tries++;
          url = known(url, said);
          note = answer.headers.get("Flashpod-Left-Out") ?? "";
          end = 0;
          video.src = url;
          return;
        }
        if (answer.status === 403 || answer.status === 415 || notDefined(answer)) {
          say.failed(said);
          return;
        }
        if (answer.status === 404) say.nobody();
        else say.waiting(said);
      } catch {
        if (!over) say.waiting("The server cannot be reached.\nThis page tries again.");
      }
      timer = setTimeout(look, between());
    }

    function ended() {
      if (!begun) return;
      begun = false;
      url = place; // who has watched a stream may see its end again, and is to see the next one
      say.nobody();
      clearTimeout(timer);
      timer = setTimeout(look, between());
    }
    function error() {
      if (tries > 5) {
        say.failed(video.error?.message || "the browser could not play it by HLS");
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(look, between());
    }
    function playing() {
      tries = 0;
      begun ||= live();
    }
    // A player may stand at the end of a stream without a word.
    let at = -1;
    const watch = setInterval(async () => {
      const stands = begun && !video.paused && video.currentTime === at;
      at = video.currentTime;
      if (!stands) return;
      const answer = await fetch(place, { cache: "no-store" }).catch(() => undefined);
      if (answer?.status === 404 && !over) ended();
    }, 2 * between());
    /** Seconds from what is newest. Chromium does not say how far one could seek; its newest segment was complete when it came. */
    function behind() {
      const { seekable, buffered, currentTime } = video;
      if (seekable.length > 0) return Math.max(0, seekable.end(seekable.length - 1) - currentTime);
      if (buffered.length === 0) return undefined;
      const newest = buffered.end(buffered.length - 1);
      if (newest !== end) [end, grown] = [newest, performance.now()];
      return Math.max(0, end - currentTime + (performance.now() - grown) / 1000);
    }
    const listeners = { error, playing, ended };
    const live = () => !Number.isFinite(video.duration);
    for (const [name, f] of Object.entries(listeners)) video.addEventListener(name, f);
    void look();

    return {
      stop() {
        over = true;
        clearTimeout(timer);
        clearInterval(watch);
        for (const [name, f] of Object.entries(listeners)) video.removeEventListener(name, f);
        video.removeAttribute("src");
        video.load();
      },
      now: () => ({ live: live(), behind: behind(), note }),
    };
  },
};
