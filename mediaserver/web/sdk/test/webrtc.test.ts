/** WHEP and WHIP in Chromium: what pages see of a stream that comes by RTMP, and what comes of one that they publish. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { serve, type Server } from "./server.ts";

const timeout = 60_000;
const blue = [32, 96, 192];

let browser: Browser;
let server: Server;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
  server = await serve({ "tv/notes.txt": "" });
});
after(async () => {
  await browser.close();
  await server.stop();
});

/** Publishes blue pictures by RTMP until it is killed. */
function publish(name: string, ...more: string[]): ChildProcess {
  const args = ["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "color=c=0x2060c0:s=320x180:r=25"];
  if (more.includes("-c:a")) args.push("-f", "lavfi", "-i", "sine=r=44100");
  args.push("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-t", "300", ...more);
  return spawn("ffmpeg", [...args, "-f", "flv", server.url(`tv/studio/${name}`)], { stdio: "inherit" });
}

async function open(name: string, query = ""): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://${server.web}/-/watch/tv/studio/${name}${query}`);
  return page;
}

const says = (page: Page, where: "message" | "facts", text: string) =>
  page.waitForFunction(([where, text]) => document.getElementById(where!)!.textContent!.includes(text!), [where, text] as const, { timeout });

/** Waits until the page shows a picture that moves on and whose middle is blue. */
async function isBlue(page: Page): Promise<void> {
  const seen = await page.evaluate(async (want) => {
    const video = document.querySelector("video")!;
    const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
    let colour = [0, 0, 0, 0];
    const began = video.currentTime;
    for (const end = performance.now() + 30_000; performance.now() < end; await new Promise(requestAnimationFrame)) {
      context.drawImage(video, 0, 0, 16, 16);
      colour = [...context.getImageData(8, 8, 1, 1).data];
      if (video.currentTime > began && want.every((c, i) => Math.abs(c - colour[i]!) < 40)) return "";
    }
    return `it shows ${colour.slice(0, 3).join()}, want ${want.join()}; at ${video.currentTime} after ${began}`;
  }, blue);
  assert.equal(seen, "");
}

test("a stream that comes by RTMP is watched by WebRTC", async () => {
  const publisher = publish("cam", "-tune", "zerolatency");
  const page = await open("cam", "?way=whep");
  await says(page, "facts", "by WebRTC");
  await isBlue(page);
  publisher.kill("SIGTERM");
  await says(page, "message", "Nobody publishes this stream yet");
});

test("the page takes WebRTC by itself where nothing is left out, and another way where something is", async () => {
  const silent = publish("silent", "-tune", "zerolatency");
  const sounding = publish("sounding", "-tune", "zerolatency", "-c:a", "aac");
  const reordered = publish("reordered", "-bf", "2", "-b_strategy", "0");
  for (const name of ["silent", "sounding", "reordered"]) await says(await open(name, "?way=rtmp"), "facts", "by RTMP");
  await says(await open("silent"), "facts", "by WebRTC");
  await says(await open("sounding"), "facts", "by RTMP");
  await says(await open("reordered"), "facts", "by RTMP");
  const left = await open("sounding", "?way=whep");
  await says(left, "facts", "WebRTC has no AAC");
  await isBlue(left);
  await says(await open("reordered", "?way=whep"), "message", "B-frames");
  for (const one of [silent, sounding, reordered]) one.kill("SIGTERM");
});
