/**
 * What a page gets and does, measured in Chromium: from the studio to those who watch, how old what they see is; calls and changes of
 * shared objects a second. It prints a line of JSON for each figure: what, figure, against, target, met. hack/bench has it as a row.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import type * as sdk from "../src/index.ts";
import { serve, type Server } from "./server.ts";

const seconds = Number(process.env.SECONDS ?? 10);
const packages = process.env.NODE_PATH!.split(":")[0]!;

interface Line {
  what: string;
  figure: string;
  against?: string;
}
const tell = (line: Line): void => console.log(JSON.stringify(line));

/** What pages have: a clock in a picture, 640 by 360, and who reads it. */
const clock = `
// 24 bits of milliseconds in two rows of blocks, the second with the first one's opposite, so that nothing else is taken for a clock.
const bits = 24, size = 24;
globalThis.drawClock = (context, ms) => {
  context.fillStyle = "rgb(" + [ms % 200, 96, 160] + ")"; // so that all of a picture is new
  context.fillRect(0, 0, 640, 360);
  for (let i = 0; i < bits; i++) for (const row of [0, 1]) {
    context.fillStyle = (Math.floor(ms / 2 ** i) & 1) !== row ? "white" : "black";
    context.fillRect(32 + i * size, 120 + row * size * 2, size, size * 2);
  }
};
const small = new OffscreenCanvas(640, 360).getContext("2d", { willReadFrequently: true });
globalThis.readClock = (picture) => {
  small.drawImage(picture, 0, 0, 640, 360);
  const rows = [0, 1].map((row) => small.getImageData(32, 120 + row * size * 2 + size, bits * size, 1).data);
  let ms = 0;
  for (let i = 0; i < bits; i++) {
    const [a, b] = rows.map((row) => row[(i * size + size / 2) * 4] > 127);
    if (a === b) return undefined;
    if (a) ms += 2 ** i;
  }
  return ms;
};
globalThis.clockNow = () => Date.now() % 2 ** bits;
// How old pictures are when a display has them, in milliseconds: each once, for so many seconds from the first on.
globalThis.ages = async (display, seconds, patience) => {
  const found = [];
  let last, began, misread = 0;
  for (const late = performance.now() + patience; ; ) {
    await new Promise((next) => display.requestVideoFrameCallback ? (display.requestVideoFrameCallback(next), setTimeout(next, 500)) : setTimeout(next, 4));
    const now = performance.now();
    if (began === undefined ? now > late : now > began + seconds * 1000) break;
    if (display instanceof HTMLVideoElement && display.readyState < 2) continue;
    const at = clockNow();
    const ms = readClock(display);
    if (ms === undefined) { misread++; continue; }
    if (ms === last) continue;
    last = ms;
    const age = (at - ms + 2 ** bits) % 2 ** bits;
    if (began === undefined) {
      // What is shown first is the past that a viewer begins with; some seconds later it is at its present.
      began = now + 5000;
    }
    if (now >= began) found.push(age);
  }
  return { found: found.sort((a, b) => a - b), misread };
};
`;

/** Gives the studio a camera that shows the clock, and a microphone with a tone. */
const camera = `${clock}
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 640, height: 360 });
  const context = canvas.getContext("2d");
  drawClock(context, clockNow());
  setInterval(() => drawClock(context, clockNow()), 1000 / 30);
  const sound = new AudioContext();
  const to = sound.createMediaStreamDestination();
  const tone = sound.createOscillator();
  tone.connect(to);
  tone.start();
  return new MediaStream([...canvas.captureStream(30).getVideoTracks(), ...to.stream.getAudioTracks()]);
};`;

const players = `<!doctype html><meta charset="utf-8"><title>players</title><video muted playsinline></video><canvas></canvas>
<script src="/hls.js"></script><script src="/mpegts.js"></script><script>${clock}</script>`;

/** Who watches: a page, and what in it shows the stream. */
interface Way {
  name: string;
  open(browser: Browser, at: { web: string; origin: string }): Promise<Page>;
  display: "video" | "canvas";
}

const watchPage = (way: string, name: string): Way => ({
  name,
  display: "video",
  open: async (browser, { web }) => {
    const page = await browser.newPage();
    await page.addInitScript(clock);
    await page.goto(`http://${web}/-/watch/tv/hall/clock?way=${way}`);
    return page;
  },
});
const ownPage = (name: string, display: "video" | "canvas", play: string): Way => ({
  name,
  display,
  open: async (browser, { web, origin }) => {
    const page = await browser.newPage();
    await page.goto(origin);
    await page.evaluate(`(async (web) => { const video = document.querySelector("video"); ${play} })(${JSON.stringify(web)})`);
    return page;
  },
});

const ways: Way[] = [
  watchPage("whep", "WHEP, watch page"),
  watchPage("rtmp", "RTMP in a WebSocket, watch page (Media Source Extensions)"),
  ownPage(
    "RTMP in a WebSocket, SDK on a canvas (WebCodecs)",
    "canvas",
    `const { NetConnection, NetStream } = await import("http://" + web + "/-/sdk/flashpod.js");
     const nc = new NetConnection(); await nc.connect("ws://" + web + "/tv/hall");
     const ns = new NetStream(nc); ns.attachDisplay(document.querySelector("canvas")); await ns.play("clock");`,
  ),
  ownPage(
    "WebSocket-FLV, mpegts.js at its lowest latency",
    "video",
    `mpegts.LoggingControl.enableAll = false;
     const player = mpegts.createPlayer({ type: "flv", isLive: true, url: "ws://" + web + "/tv/hall/clock.flv" }, { enableStashBuffer: false, liveBufferLatencyChasing: true, liveBufferLatencyMaxLatency: 1.5, liveBufferLatencyMinRemain: 0.3 });
     player.attachMediaElement(video); player.load(); await player.play();`,
  ),
  ownPage(
    "low-latency HLS, hls.js",
    "video",
    `const hls = new Hls({ lowLatencyMode: true }); hls.loadSource("http://" + web + "/tv/hall/clock/index.m3u8"); hls.attachMedia(video); hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());`,
  ),
  watchPage("hls", "HLS, watch page (the browser's own player)"),
];

const at = (sorted: number[], p: number): string => `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))]!)}`;

async function glass(browser: Browser, server: Server, origin: string): Promise<void> {
  const studio = await browser.newPage();
  await studio.addInitScript(camera);
  await studio.goto(`http://${server.web}/-/studio/tv/hall/clock`);
  await studio.getByRole("button", { name: "Turn the camera on" }).click();
  await studio.getByRole("button", { name: "Publish" }).click();
  await studio.waitForFunction(() => document.getElementById("state")!.textContent === "Live");
  for (const { name, open, display } of ways) {
    const page = await open(browser, { web: server.web!, origin });
    const what = `age of a picture from the studio's canvas to the screen by ${name}`;
    const none = await page.evaluate(() => /cannot play it by/.exec(document.getElementById("message")?.textContent ?? "")?.input);
    if (none) {
      tell({ what, figure: `not measured: ${none}` });
      await page.close();
      continue;
    }
    const { found, misread } = await page.evaluate(
      ([display, seconds]) => (globalThis as unknown as { ages(d: Element, s: number, patience: number): Promise<{ found: number[]; misread: number }> }).ages(document.querySelector(display)!, seconds, 60_000),
      [display, seconds] as const,
    );
    const sent = await studio.evaluate(() => [...document.querySelectorAll("#out dd")].map((dd) => dd.textContent).slice(1, 6).join(", "));
    const shows = await page.evaluate(() => {
      const video = document.querySelector("video")!;
      return `${document.getElementById("message")?.textContent ?? ""} ${video.error?.message ?? ""} readyState ${video.readyState} at ${video.currentTime} s`.trim();
    });
    const figure = found.length === 0 ? `not measured: no picture was read, and ${misread} were no clock: ${shows}` : `p50 ${at(found, 50)} p95 ${at(found, 95)} ms, ${Math.round(found.length / seconds)} pictures a second`;
    tell({ what, figure, against: sent });
    await page.close();
  }
  await studio.close();
}

/** Calls and changes as a page makes them, with so many under way at once. */
async function speed(browser: Browser, server: Server, origin: string): Promise<void> {
  const under = 50;
  const open = async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    return page;
  };
  const page = await open();
  const options = { web: server.web!, seconds, under };
  const calls = await page.evaluate(async ({ web, seconds, under }) => {
    const { NetConnection } = (await import(`http://${web}/-/sdk/flashpod.js`)) as typeof sdk;
    const nc = new NetConnection();
    await nc.connect(`ws://${web}/chat/hall`);
    const end = performance.now() + seconds * 1000;
    let done = 0;
    await Promise.all(
      Array.from({ length: under }, async (_, i) => {
        while (performance.now() < end) {
          if ((await nc.call<number>("add", i, 1)) !== i + 1) throw new Error("a wrong answer");
          done++;
        }
      }),
    );
    nc.close();
    return done / seconds;
  }, options);
  tell({ what: `calls of one page that a script answers, ${under} under way, a second`, figure: `${Math.round(calls)}` });

  const other = await open();
  const hears = other.evaluate(async ({ web, seconds }) => {
    const { NetConnection, SharedObject } = (await import(`http://${web}/-/sdk/flashpod.js`)) as typeof sdk;
    const nc = new NetConnection();
    await nc.connect(`ws://${web}/chat/hall`);
    const so = SharedObject.getRemote("fast", nc.uri, false);
    let changes = 0;
    let first = 0;
    so.on("sync", (list) => {
      if (first === 0 && list.some((c) => c.code === "change")) first = performance.now();
      if (first !== 0 && performance.now() < first + seconds * 1000) changes += list.filter((c) => c.code === "change").length;
    });
    await so.connect(nc);
    for (const late = performance.now() + 60_000; (first === 0 || performance.now() < first + seconds * 1000) && performance.now() < late; ) await new Promise((next) => setTimeout(next, 50));
    nc.close();
    return changes / seconds;
  }, options);
  const made = await page.evaluate(async ({ web, seconds, under }) => {
    const { NetConnection, SharedObject } = (await import(`http://${web}/-/sdk/flashpod.js`)) as typeof sdk;
    const nc = new NetConnection();
    await nc.connect(`ws://${web}/chat/hall`);
    const so = SharedObject.getRemote("fast", nc.uri, false);
    await so.connect(nc);
    const end = performance.now() + (seconds + 1) * 1000;
    let done = 0;
    let n = 0;
    await new Promise<void>((resolve) => {
      const set = (slot: string) => so.setProperty(slot, n++);
      so.on("sync", (list) => {
        for (const c of list) {
          if (c.code !== "success") continue;
          done++;
          if (performance.now() < end) set(c.name!);
        }
        if (performance.now() >= end) resolve();
      });
      for (let i = 0; i < under; i++) set(`slot${i}`);
    });
    nc.close();
    return done / (seconds + 1);
  }, options);
  tell({ what: `changes of a shared object that one page makes, each confirmed, ${under} under way, a second`, figure: `${Math.round(made)}`, against: `another page is told of ${Math.round(await hears)}` });
}

async function main(): Promise<void> {
  const parts: Record<string, [string, string | Buffer]> = {
    "/hls.js": ["text/javascript", readFileSync(join(packages, "hls.js/dist/hls.min.js"))],
    "/mpegts.js": ["text/javascript", readFileSync(join(packages, "mpegts.js/dist/mpegts.js"))],
  };
  const http = createServer((request, response) => {
    const [type, body] = parts[request.url!] ?? ["text/html", players];
    response.setHeader("Content-Type", type);
    response.end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const server = await serve({ "tv/notes.txt": "", "chat/main.asc": "Client.prototype.add = function (a, b) { return a + b; };" }, 0, ["--web-origin", origin]);
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows"] });
  console.error(`${execFileSync(executablePath, ["--version"], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim()}, ${seconds} s each`);
  try {
    await glass(browser, server, origin);
    await speed(browser, server, origin);
  } finally {
    await browser.close();
    await server.stop();
    http.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
