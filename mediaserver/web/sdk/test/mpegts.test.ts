/** Streams as FLV in a real browser: mpegts.js in Chromium, on a page from elsewhere. */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chromium, type Page } from "playwright-core";
import { serve, type Server } from "./server.ts";

const patience = 120_000;

/** A white box that moves to the right, 5 points a picture, on blue: background is what the page must see. */
const picture = "color=c=0x2060c0:s=320x180:r=25[a];color=c=white:s=20x20:r=25[b];[a][b]overlay=x='mod(t*125,300)':y=80";
const background = [32, 96, 192];

/** ffmpeg's arguments for so many seconds of pictures, sound or both. */
function film(kinds: { pictures?: boolean; sound?: boolean }, seconds: number): string[] {
  const args = ["-v", "error", "-nostdin"];
  if (kinds.pictures) args.push("-f", "lavfi", "-i", picture);
  if (kinds.sound) args.push("-f", "lavfi", "-i", "sine=r=44100");
  if (kinds.pictures) args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p");
  if (kinds.sound) args.push("-c:a", "aac");
  return [...args, "-t", `${seconds}`, "-f", "flv"];
}

/** What a page has seen. */
interface Seen {
  places: number; // of the box
  background: number[];
  time: number;
  errors: string[];
  complete: boolean;
}

/** Plays an address in a page, until the box was in so many places, or time has gone on where there are no pictures. */
function watch(page: Page, url: string, wants: { live: boolean; places: number; from?: number; end?: boolean }): Promise<Seen> {
  return page.evaluate(
    async ({ url, wants, patience }) => {
      const mpegts = (globalThis as any).mpegts;
      mpegts.LoggingControl.enableAll = false;
      const video = document.createElement("video");
      video.muted = true;
      document.body.append(video);
      const player = mpegts.createPlayer({ type: "flv", isLive: wants.live, url }, { lazyLoad: false });
      const errors: string[] = [];
      let complete = false;
      player.on(mpegts.Events.ERROR, (...what: unknown[]) => errors.push(JSON.stringify(what)));
      player.on(mpegts.Events.LOADING_COMPLETE, () => (complete = true));
      player.attachMediaElement(video);
      player.load();
      player.play()?.catch((e: Error) => errors.push(e.message));
      if (wants.from !== undefined) video.currentTime = wants.from;
      const canvas = document.createElement("canvas");
      const places = new Set<number>();
      let background: number[] = [];
      const done = (): boolean =>
        errors.length > 0 || (places.size >= wants.places && video.currentTime > (wants.from ?? 0) + 0.5 && (complete || !wants.end));
      for (const late = performance.now() + patience; !done() && performance.now() < late; await new Promise(requestAnimationFrame)) {
        if (video.videoWidth === 0 || video.seeking) continue;
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        const context = canvas.getContext("2d", { willReadFrequently: true })!;
        context.drawImage(video, 0, 0);
        background = [...context.getImageData(10, 10, 1, 1).data.slice(0, 3)];
        const line = context.getImageData(0, 90, canvas.width, 1).data;
        for (let x = 0; x < canvas.width; x++) {
          if (line[4 * x]! > 200) {
            places.add(x);
            (globalThis as any).places = places.size;
            break;
          }
        }
      }
      const seen = { places: places.size, background, time: video.currentTime, errors, complete };
      player.destroy();
      video.remove();
      return seen;
    },
    { url, wants, patience },
  );
}

function isBlue(seen: Seen): void {
  assert.ok(
    seen.background.length === 3 && seen.background.every((c, i) => Math.abs(c - background[i]!) < 40),
    `the background is ${seen.background.join()}, want ${background.join()}`,
  );
}

/** A site of another origin than the server's, with mpegts.js. */
async function withPage(use: (page: Page, s: Server) => Promise<void>): Promise<void> {
  const script = readFileSync(join(process.env.NODE_PATH!, "mpegts.js/dist/mpegts.js"));
  const site = createServer((request, answer) => {
    if (request.url === "/mpegts.js") answer.end(script);
    else answer.setHeader("content-type", "text/html").end("<!doctype html><body></body><script src=/mpegts.js></script>");
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  const origin = `http://localhost:${(site.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), "flashpod-mpegts-"));
  mkdirSync(join(folder, "live/streams/room"), { recursive: true });
  const made = spawnSync("ffmpeg", [...film({ pictures: true, sound: true }, 20), join(folder, "live/streams/room/film.flv")]);
  assert.equal(made.status, 0, made.stderr?.toString());
  // What Enhanced RTMP has for newer codecs: ffmpeg in Debian puts them into MP4, and the server makes FLV of that. One keyframe each:
  // of others mpegts.js misreads the header, and plays nothing, by what happens to be in the picture.
  for (const [name, ...encoder] of [
    ["av1", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0"],
    ["hevc", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"],
  ]) {
    const args = ["-v", "error", "-nostdin", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=r=48000", "-t", "6", "-pix_fmt", "yuv420p", "-c:v", ...encoder];
    const enhanced = spawnSync("ffmpeg", [...args, "-g", "1000", "-c:a", "libopus", join(folder, `live/streams/room/${name}.mp4`)]);
    assert.equal(enhanced.status, 0, enhanced.stderr?.toString());
  }
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const signed = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert]);
  assert.equal(signed.status, 0, signed.stderr?.toString());
  const server = await serve({}, 0, ["--web-origin", origin, "--rtmps-address", "127.0.0.1:0", "--tls-cert-file", cert, "--tls-key-file", key], folder);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--ignore-certificate-errors"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    await use(page, server);
  } finally {
    for (const one of encoders) one.kill();
    await browser.close();
    await server.stop();
    site.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const encoders: ChildProcess[] = [];

/** Publishes as an encoder does, until it is killed. */
function publish(s: Server, name: string, kinds: { pictures?: boolean; sound?: boolean }): ChildProcess {
  const encoder = spawn("ffmpeg", ["-re", ...film(kinds, 300), s.url(`live/room/${name}`)], { stdio: "inherit" });
  encoders.push(encoder);
  return encoder;
}

/** Waits until a name is published: until then it is not found. */
async function published(s: Server, name: string): Promise<void> {
  const address = `http://${s.web}/live/room/${name}.flv`;
  for (const late = Date.now() + patience; ; ) {
    const answer = await fetch(address, { method: "HEAD" });
    if (answer.ok) return;
    assert.equal(answer.status, 404);
    assert.ok(Date.now() < late, `${name} is not published`);
  }
}

test("mpegts.js plays what is live and what is recorded", { timeout: 8 * patience }, async () => {
  await withPage(async (page, s) => {
    const http = `http://${s.web}/live/room`;
    const ws = `ws://${s.web}/live/room`;
    const both = publish(s, "both", { pictures: true, sound: true });
    publish(s, "pictures", { pictures: true });
    publish(s, "sound", { sound: true });
    for (const name of ["both", "pictures", "sound"]) await published(s, name);

    for (const url of [`${http}/both.flv`, `${ws}/both.flv`, `${http}/pictures.flv`]) {
      const seen = await watch(page, url, { live: true, places: 5 });
      assert.deepEqual(seen.errors, [], url);
      assert.ok(seen.places >= 5 && seen.time > 0.5, `${url}: the box was in ${seen.places} places within ${seen.time} s`);
      isBlue(seen);
    }
    // By HTTP/2, beside another that the page asks for and does not read.
    const network = await page.context().newCDPSession(page);
    await network.send("Network.enable");
    const protocols = new Set<string>();
    network.on("Network.responseReceived", ({ response }) => void (response.url.startsWith("https:") && protocols.add(response.protocol ?? "")));
    const secure = `https://${s.secure}/live/room`;
    await page.evaluate(async (url) => void ((globalThis as any).unread = await fetch(url)), `${secure}/pictures.flv`);
    const multiplexed = await watch(page, `${secure}/both.flv`, { live: true, places: 5 });
    assert.deepEqual(multiplexed.errors, []);
    assert.ok(multiplexed.places >= 5, `by HTTP/2 the box was in ${multiplexed.places} places`);
    isBlue(multiplexed);
    assert.deepEqual([...protocols], ["h2"]);

    const heard = await watch(page, `${http}/sound.flv`, { live: true, places: 0 });
    assert.ok(heard.errors.length === 0 && heard.time > 0.5, `sound alone: ${heard.time} s, ${heard.errors.join()}`);

    const recorded = await watch(page, `${http}/film.flv`, { live: false, places: 5, from: 12 });
    assert.deepEqual(recorded.errors, []);
    assert.ok(recorded.places >= 5 && recorded.time > 12, `recorded: ${recorded.places} places, at ${recorded.time} s`);
    isBlue(recorded);

    for (const scheme of [http, ws]) {
      const av1 = await watch(page, `${scheme}/mp4:av1.flv`, { live: false, places: 5 });
      assert.deepEqual(av1.errors, []);
      assert.ok(av1.places >= 5, `AV1: the box was in ${av1.places} places`);
      isBlue(av1);
    }
    // Where Chromium has no HEVC, as Debian's, mpegts.js has read it all the same, and says what it would have to be played by.
    const hevc = await watch(page, `${http}/mp4:hevc.flv`, { live: false, places: 5 });
    if (hevc.errors.length > 0) assert.match(hevc.errors.join(), /codecs=hvc1\.[^']+'\) is unsupported/);
    else isBlue(hevc);

    const none = await watch(page, `${http}/none.flv`, { live: true, places: 1 });
    assert.match(none.errors.join(), /404/);

    await page.evaluate(() => ((globalThis as any).places = 0));
    const ending = watch(page, `${http}/both.flv`, { live: true, places: 5, end: true });
    await page.waitForFunction(() => (globalThis as any).places >= 5, undefined, { timeout: patience });
    both.kill();
    const ended = await ending;
    assert.ok(ended.complete && ended.errors.length === 0, `the end: ${ended.complete}, ${ended.errors.join()}`);
  });
});
