/** A look at a live stream: HLS, as the browser itself plays it. */
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "./api.ts";
import type { Place } from "./types.ts";

const kind = "application/vnd.apple.mpegurl";
/** Milliseconds until it is looked for anew. */
const between = 2000;
/** Failures in a row after which it says that it cannot, and milliseconds until it is looked for then: a machine may be slow for a while. */
const enough = 5;
const later = 10_000;

export function Preview({ place, name }: { place: Place; name: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const [text, say] = useState("Looking for the picture…");
  const [behind, setBehind] = useState<number>();

  useEffect(() => {
    const v = video.current!;
    if (v.canPlayType(kind) === "") {
      say("This browser does not play HLS by itself. Chrome and Edge from 142 on, and Safari do; the stream's own page plays in every browser.");
      return undefined;
    }
    const address = api.media(place, name, "/index.m3u8");
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    let failures = 0;
    const again = (after = between): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void look(), after);
    };
    const look = async (): Promise<void> => {
      try {
        // A video element does not say why it fails; the server does.
        const answer = await fetch(address, { cache: "no-store" });
        const reason = answer.ok ? "" : (await answer.text()).trim();
        if (over) return;
        if (answer.ok) {
          v.src = address;
          await v.play().catch(() => {}); // a failure is an error event, too
          return;
        }
        say(readable(reason));
      } catch {
        if (!over) say("The server cannot be reached.");
      }
      if (!over) again();
    };
    const listeners: Record<string, () => void> = {
      playing: () => {
        failures = 0;
        say("");
      },
      error: () => {
        const fails = ++failures >= enough;
        if (fails) say(`This browser cannot play it: ${v.error?.message || "it does not say why"}.`);
        again(fails ? later : between);
      },
      ended: () => {
        say("The stream has ended.");
        again();
      },
      timeupdate: () => {
        const { buffered } = v;
        setBehind(buffered.length > 0 ? Math.max(0, buffered.end(buffered.length - 1) - v.currentTime) : undefined);
      },
    };
    for (const [of, f] of Object.entries(listeners)) v.addEventListener(of, f);
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
      for (const [of, f] of Object.entries(listeners)) v.removeEventListener(of, f);
      v.removeAttribute("src");
      v.load();
    };
  }, [place.application, place.instance, name]);

  return (
    <div class="preview">
      <div class="screen">
        <video ref={video} controls muted playsInline aria-label={`Live picture of ${name}`} />
        <p role="status">{text}</p>
      </div>
      <p class="quiet">{text === "" ? `By HLS, without sound at first${behind === undefined ? "" : `; ${behind.toFixed(1)} s behind what has come`}.` : ""}</p>
    </div>
  );
}

/** The reason in a refusal, which is JSON or text. */
export function readable(text: string): string {
  try {
    return (JSON.parse(text) as { error: string }).error;
  } catch {
    return text || "The server does not say why it refuses.";
  }
}
