/** FLV by HTTP, shown by Media Source Extensions as the SDK does it: half a second behind. */
import { MSEPlayer } from "../../sdk/src/player-mse.ts";
import { Viewer } from "../../sdk/src/viewer.ts";
import { between, patience, refusal, type Way } from "../../watch/ways.js";

/** Bytes: before the first tag; before and behind what is in a tag; and of the largest that is taken, which is more than a publisher may send. */
const front = 13;
const head = 11;
const tail = 4;
const maxTag = 16 << 20;
/** Types of tags, the same as of messages of RTMP [FLV §E.4.1]. */
const sound = 8;
const pictures = 9;

interface Tag {
  type: number;
  /** Milliseconds. */
  time: number;
  body: Uint8Array<ArrayBuffer>;
}

/** Cuts FLV into its tags. */
async function* tagsOf(file: ReadableStream<Uint8Array>): AsyncGenerator<Tag> {
  const reader = file.getReader();
  let have = new Uint8Array(0); // from at on it is not cut yet
  let at = 0;
  let wants = front; // bytes until something can be cut
  let begun = false;
  for (;;) {
    const parts: Uint8Array[] = [have.subarray(at)];
    for (let size = have.length - at; size < wants; ) {
      const { done, value } = await reader.read();
      if (done) return;
      parts.push(value);
      size += value.length;
    }
    if (parts.length > 1) {
      have = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
      let n = 0;
      for (const part of parts) {
        have.set(part, n);
        n += part.length;
      }
      at = 0;
    }
    if (!begun) {
      begun = true;
      at += front;
      wants = head;
      continue;
    }
    const size = (have[at + 1]! << 16) | (have[at + 2]! << 8) | have[at + 3]!;
    if (size > maxTag) throw new Error(`the stream has a tag of ${size} bytes`);
    if (wants === head) {
      wants = head + size + tail;
      continue;
    }
    const time = ((have[at + 7]! << 24) | (have[at + 4]! << 16) | (have[at + 5]! << 8) | have[at + 6]!) >>> 0;
    yield { type: have[at]! & 31, time, body: have.slice(at + head, at + head + size) };
    at += wants;
    wants = head;
  }
}

export const byFLV: Way = {
  name: "flv",
  title: "FLV",
  can: () => "MediaSource" in globalThis || "ManagedMediaSource" in globalThis,
  start(stream, video, says) {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let note = "";
    let heard = 0; // when it came first, by performance.now; 0: nothing has
    let held = false; // by the element's own controls
    const over = (): boolean => stop.signal.aborted;
    const fails = (reason: string): void => {
      if (!over()) says.failed(reason);
    };
    const viewer = new Viewer((level, _, description) => {
      const sentence = `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;
      if (level === "error") fails(sentence);
      else if (level === "warning") note = sentence; // of the other track something may be shown
    });
    const player = new MSEPlayer(video, {
      bufferTime: 0.3,
      bufferTimeMax: 1.5,
      say: (level, _, description) => level === "error" && fails(description),
      blocked: () => video.dispatchEvent(new Event("blocked")),
      pausedByHand() {
        held = true;
        player.pause();
      },
      resumedByHand() {
        held = false;
        viewer.restart(true, undefined);
        player.resume();
      },
      soughtByHand() {},
      again() {},
      moved: (seconds) => viewer.moved(seconds),
    });
    viewer.show(player);
    const watch = setInterval(() => {
      if (heard !== 0 && !held && video.readyState < 2 && performance.now() - heard > patience) fails(note || "The browser shows nothing of it.");
    }, 1000);

    async function play(file: ReadableStream<Uint8Array>): Promise<void> {
      viewer.restart(true, undefined);
      for await (const { type, time, body } of tagsOf(file)) {
        if (held || (type !== sound && type !== pictures)) continue;
        if (heard === 0) heard = performance.now();
        viewer.media({ type, stream: 1, time, body });
      }
    }

    async function look(): Promise<void> {
      try {
        const answer = await fetch(stream.address(".flv"), { cache: "no-store", signal: stop.signal });
        if (answer.ok && !answer.headers.has("ETag")) {
          await play(answer.body!);
          if (!over()) says.nobody();
        } else if (answer.ok) {
          await answer.body!.cancel(); // it is a recording that has the name
          says.nobody();
        } else {
          const reason = await refusal(answer);
          if (over()) return;
          if (answer.status === 403) return fails(reason);
          if (answer.status === 404) says.nobody();
          else says.waiting(reason);
        }
      } catch {
        if (!over()) says.waiting(heard === 0 ? "The server cannot be reached." : "The connection was lost.");
      }
      heard = 0;
      if (!over()) timer = setTimeout(() => void look(), between());
    }
    void look();

    return {
      stop() {
        stop.abort();
        clearTimeout(timer);
        clearInterval(watch);
        viewer.close();
      },
      now: () => ({ note, live: true, behind: heard === 0 ? undefined : viewer.bufferLength }),
    };
  },
};
