/** Recordings as MP4 in Chromium's own player: <video> plays them, and seeks in them. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { program, serve, type Server } from "./server.ts";

let browser: Browser;
let server: Server;
let page: Page;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "flashpod-mp4-"));
  mkdirSync(join(folder, "tv/streams/studio"), { recursive: true });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
  server = await serve({ "tv/notes.txt": "" }, 0, [], folder);
  page = await browser.newPage();
  await page.goto(`http://${server.web}/`);
});
after(async () => {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const step = 25; // of brightness, a second
const seconds = 8;

/** Records pictures that are brighter each second, and sound, under a name. */
function record(name: string, mode: "record" | "append", size: string, ...codecs: string[]): void {
  const file = join(folder, `${name}-source.mp4`);
  const picture = `color=s=${size}:r=25,geq=lum='20+${step}*floor(T)':cb=128:cr=128`;
  execFileSync("ffmpeg", ["-v", "error", "-nostdin", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=r=48000", ...codecs, "-g", "50", "-pix_fmt", "yuv420p", "-t", `${seconds}`, "-strict", "-2", "-y", file], { env: { ...process.env, SVT_LOG: "1" } });
  execFileSync(program, ["publish", file, server.url(`tv/studio/${name}`), "--mode", mode, "--fast"], { stdio: "ignore" });
}

interface Seen {
  at: number; // where the player is
  second: number; // that the picture is of
}

/** Seeks to places, one after another, and looks at the pictures. */
function look(path: string, places: number[]): Promise<{ duration: number; seen: Seen[]; error: string; seekable: number }> {
  return page.evaluate(
    async ({ path, places, step }) => {
      const video = document.createElement("video");
      video.muted = true;
      const event = (...names: string[]) => new Promise<void>((resolve) => names.concat("error").forEach((n) => video.addEventListener(n, () => resolve(), { once: true })));
      // The picture of a place may come behind "seeked", on a machine that does much else; one that never comes is not waited for.
      const shows = (at: number) =>
        Promise.race([
          new Promise<void>((resolve) => {
            const look = (_: number, picture: VideoFrameCallbackMetadata): void => {
              if (picture.mediaTime > at - 0.5 && picture.mediaTime <= at + 0.01) resolve();
              else video.requestVideoFrameCallback(look);
            };
            video.requestVideoFrameCallback(look);
          }),
          new Promise<void>((resolve) => setTimeout(resolve, 60_000)),
          event("error"),
        ]);
      const loaded = event("loadeddata");
      video.src = path;
      document.body.append(video);
      await loaded;
      const seen = [];
      const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
      for (const at of places) {
        if (video.error) break;
        const sought = event("seeked");
        const shown = shows(at);
        video.currentTime = at;
        await sought;
        await shown;
        context.drawImage(video, 0, 0, 16, 16);
        const limited = (context.getImageData(8, 8, 1, 1).data[1]! * 219) / 255 + 16; // as video has it
        seen.push({ at: video.currentTime, second: Math.round((limited - 20) / step) });
      }
      const result = { duration: video.duration, seen, error: video.error?.message ?? "", seekable: video.seekable.length > 0 ? video.seekable.end(0) : 0 };
      video.remove();
      return result;
    },
    { path, places, step },
  );
}

const h264 = ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac"];
for (const [name, codecs] of Object.entries({
  h264: h264,
  "h264-flat": ["-bf", "0", ...h264],
  "h264-mp3": ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "libmp3lame"],
  "h264-flac": ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "flac"],
  "av1-opus": ["-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"],
  "vp9-opus": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
})) {
  test(`Chromium seeks in a recording: ${name}`, async () => {
    record(name, "record", "320x180", ...codecs);
    const places = [6.5, 0.5, 3.9, 7.4, 2.1, 4.3];
    const { duration, seen, error, seekable } = await look(`/tv/studio/${name}.mp4`, places);
    assert.equal(error, "");
    assert.deepEqual(
      seen.map((s) => s.second),
      places.map(Math.floor),
    );
    assert(Math.abs(duration - seconds) < 0.2, `it lasts ${duration} s`);
    assert(seekable > seconds - 0.2, `it seeks up to ${seekable} s`);
  });
}

test("Chromium goes on where the pictures of a recording become larger", async () => {
  record("larger", "record", "320x180", ...h264);
  record("larger", "append", "640x360", ...h264);
  const { duration, seen, error } = await look("/tv/studio/larger.mp4", [6.5, seconds + 2.5, 1.5]);
  assert.equal(error, "");
  assert.deepEqual(
    seen.map((s) => s.second),
    [6, 2, 1],
  );
  assert(Math.abs(duration - 2 * seconds) < 0.4, `it lasts ${duration} s`);
});

test("Chromium plays a recording that is still written, as far as it goes", async () => {
  record("source", "record", "320x180", ...h264);
  const publisher = spawn(program, ["publish", join(folder, "source-source.mp4"), server.url("tv/studio/now"), "--mode", "record", "--loop"], { stdio: "ignore" });
  try {
    const url = `http://${server.web}/tv/studio/now.mp4`;
    let ranges: string | null = null;
    for (const end = Date.now() + 120_000; ranges === null && Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
      const answer = await fetch(url, { method: "HEAD" });
      if (answer.ok) ranges = answer.headers.get("accept-ranges");
    }
    assert.equal(ranges, "none");
    const { duration, error } = await look("/tv/studio/now.mp4", []);
    assert.equal(error, "");
    assert(duration > 0 && duration < 60, `it lasts ${duration} s`);
  } finally {
    publisher.kill();
    await once(publisher, "exit");
  }
});
