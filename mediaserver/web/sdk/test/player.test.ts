/** What a page's NetStream does with a video element beside playing: sound of MP3, the element's own controls, figures. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NetStream as Stream, type MediaMessage } from "../src/index.ts";
import { pages, type Pages } from "./browser.ts";
import { connect as dial, serve, type Server } from "./server.ts";

let all: Pages;
let server: Server;
let folder: string;
let camera: ChildProcess;
const sources = ["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc=s=320x180:r=25", "-re", "-f", "lavfi", "-i", "sine=r=44100"];
const pictures = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "flashpod-player-"));
  mkdirSync(join(folder, "tv/streams/studio"), { recursive: true });
  const film = sources.filter((word) => word !== "-re");
  execFileSync("ffmpeg", [...film, ...pictures, "-c:a", "libmp3lame", "-t", "30", join(folder, "tv/streams/studio/film.flv")]);
  all = await pages();
  server = await serve({ "tv/notes.txt": "" }, 0, ["--web-origin", all.origin], folder);
  camera = spawn("ffmpeg", [...sources, ...pictures, "-c:a", "aac", "-f", "flv", server.url("tv/studio/camera")], { stdio: "inherit" });
});
after(async () => {
  camera?.kill("SIGKILL");
  await all?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Publishes what the camera does under another name, but for the kinds that are held back. */
async function relay(name: string): Promise<{ holds: Set<MediaMessage["kind"]>; close(): void }> {
  const nc = await dial(server, "tv/studio");
  const [from, to] = [new Stream(nc), new Stream(nc)];
  const holds = new Set<MediaMessage["kind"]>();
  await to.publish(name);
  from.on("media", (m) => {
    if (m.kind !== "data" && !holds.has(m.kind)) to.sendMedia(m);
  });
  await from.play("camera", -1);
  return { holds, close: () => nc.close() };
}

async function watch(name: string, start: number) {
  const page = await all.open();
  await page.evaluate(
    async ({ url, name, start }) => {
      const ns = (globalThis.ns = await connect(url));
      const video = document.querySelector("video")!;
      ns.attachDisplay(video);
      await ns.play(name, start);
      await until("it plays", () => video.currentTime > 0.5 && !video.paused && video.videoWidth > 0);
    },
    { url: `ws://${server.web}/tv/studio`, name, start },
  );
  return page;
}

test("a video element plays MP3 beside pictures, and seeks in it", async () => {
  const page = await watch("film", 0);
  const seen = await page.evaluate(async () => {
    const video = document.querySelector("video") as HTMLVideoElement & { webkitAudioDecodedByteCount: number };
    await until("sound", () => video.webkitAudioDecodedByteCount > 0);
    /** Sound and pictures are where the display is, both. */
    const together = () => {
      const { audioBufferLength: a, videoBufferLength: v } = ns.info;
      return a > 0.2 && v > 0.2 && Math.abs(a - v) < 1;
    };
    await until("both", together);
    await ns.seek(20);
    await until("20 s", () => ns.time >= 20 && ns.time < 29 && !video.seeking && together());
    const before = video.webkitAudioDecodedByteCount;
    await until("more of it", () => ns.time > 20.5 && video.webkitAudioDecodedByteCount > before);
    return codes;
  });
  assert(!seen.some((code) => /warning|error/.test(code)), seen.join());
  await page.close();
});

test("who pauses a video by its own controls while it waits for more is heard", async () => {
  const { holds, close } = await relay("halting");
  const page = await watch("halting", -1);
  holds.add("audio").add("video");
  await page.evaluate(async () => {
    const video = document.querySelector("video")!;
    await until("nothing to be left", () => codes.at(-1) === "Buffer.Empty");
    if (video.paused) throw new Error("its controls offer to play what plays");
    video.pause();
    await until("the pause", () => ns.paused && codes.includes("Pause.Notify"));
  });
  holds.clear();
  await page.evaluate(async () => {
    const video = document.querySelector("video")!;
    void video.play().catch(() => {}); // another source takes it back
    await until("no pause", () => !ns.paused && codes.includes("Unpause.Notify"));
    const at = video.currentTime;
    await until("moving on", () => !video.paused && video.playbackRate > 0 && video.currentTime > at + 0.5);
  });
  await page.close();
  close();
});

test("who pauses a video while it is between two sources is heard", async () => {
  const { holds, close } = await relay("changing");
  const page = await watch("changing", -1);
  await page.evaluate(() => {
    const { revokeObjectURL } = URL;
    // It lets a source go, and has no other yet.
    URL.revokeObjectURL = (url) => {
      URL.revokeObjectURL = revokeObjectURL;
      revokeObjectURL(url);
      document.querySelector("video")!.pause();
    };
  });
  holds.add("video"); // sound alone is another source
  await page.evaluate(async () => {
    const video = document.querySelector("video")!;
    await until("the pause", () => ns.paused && codes.includes("Pause.Notify"));
    const stood = video.currentTime;
    void video.play().catch(() => {}); // another source takes it back
    await until("no pause", () => !ns.paused && codes.includes("Unpause.Notify"));
    await until("sound alone", () => !video.paused && video.videoWidth === 0 && video.currentTime !== stood && video.readyState > 2);
  });
  await page.close();
  close();
});

test("info of a stream that plays says what comes, how fast, and what is there", async () => {
  for (const [name, start] of [["camera", -1], ["film", 0]] as const) {
    const page = await watch(name, start);
    const info = (await page.evaluate(() =>
      until("figures", () => {
        const { info } = ns;
        return info.SRTT > 0 && info.audioBufferLength > 0 && info.videoBufferLength > 0 && info.currentBytesPerSecond > 0 && info.playbackBytesPerSecond > 0 ? info : undefined;
      }),
    ))!;
    assert.equal(info.byteCount, info.videoByteCount + info.audioByteCount + info.dataByteCount);
    assert(info.videoByteCount > 1000 && info.audioByteCount > 100 && info.dataByteCount > 0, JSON.stringify(info));
    assert(info.maxBytesPerSecond >= info.currentBytesPerSecond, JSON.stringify(info));
    assert.equal(info.isLive, name === "camera");
    assert.equal(info.resourceName, name);
    assert.equal(info.metaData.width, 320);
    assert.match(info.uri!, /\/tv\/studio$/);
    await page.close();
  }
});
