/** A look at a live stream: FLV by Media Source Extensions, or HLS as the browser itself plays it, as the page for viewers chooses. */
import { useEffect, useRef, useState } from "preact/hooks";
import { byHLS } from "../../watch/hls.js";
import { playBy } from "../../watch/ways.js";
import * as api from "./api.ts";
import { byFLV } from "./flv.ts";
import type { Place } from "./types.ts";

/** Milliseconds after which it is said anew how it plays. */
const each = 500;

export function Preview({ place, name }: { place: Place; name: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const [text, say] = useState("Looking for the picture…");
  const [facts, tell] = useState("");

  useEffect(() => {
    const v = video.current!;
    const ways = [byFLV, byHLS].filter((way) => way.can());
    if (ways.length === 0) {
      say("This browser can play neither Media Source Extensions nor HLS.");
      return undefined;
    }
    let seen = false;
    const waits = (what: string): void => say(what.replaceAll("\n", " "));
    const stream = { address: (form: string) => api.media(place, name, form as ".flv" | "/index.m3u8") };
    const playing = playBy(ways, stream, v, {
      nobody: () => say(seen ? "The stream has ended." : "Nobody publishes this stream now."),
      waiting: waits,
      next: () => say("Looking for the picture…"),
      failed: (reasons) => waits(`It cannot be shown here. ${reasons.join(" ")}`),
    });
    const shows = (): void => {
      seen = true;
      say("");
    };
    // A failure is an error event, too.
    const begins = (): void => void v.play().catch(() => {});
    v.addEventListener("playing", shows);
    v.addEventListener("loadeddata", begins);
    const clock = setInterval(() => {
      const now = playing.now();
      const behind = now?.behind === undefined ? "" : `; ${now.behind.toFixed(1)} s behind what has come`;
      tell(`By ${playing.way()?.title}, without sound at first${behind}.${now?.note ? ` ${now.note}` : ""}`);
    }, each);
    return () => {
      clearInterval(clock);
      v.removeEventListener("playing", shows);
      v.removeEventListener("loadeddata", begins);
      playing.stop();
    };
  }, [place.application, place.instance, name]);

  return (
    <div class="preview">
      <div class="screen">
        <video ref={video} controls muted playsInline aria-label={`Live picture of ${name}`} />
        <p role="status">{text}</p>
      </div>
      <p class="quiet">{text === "" ? facts : ""}</p>
    </div>
  );
}
