/** The page of a stream (mediaserver/web/watch) in Chromium: it waits for a publisher, plays in each of its ways, and says what it does. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { serve, type Server } from "./server.ts";

const timeout = 60_000;
const blue = [32, 96, 192];

let browser: Browser;
let server: Server;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  server = await serve({ "tv/notes.txt": "" });
});
after(async () => {
  await browser.close();
  await server.stop();
});

/** Publishes blue pictures and a tone until it is killed. */
function publish(name: string): ChildProcess {
  const args = ["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "color=c=0x2060c0:s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100"];
  args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "300");
  return spawn("ffmpeg", [...args, "-f", "flv", server.url(`tv/studio/${name}`)], { stdio: "inherit" });
}

async function open(name: string, query = ""): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://${server.web}/-/watch/tv/studio/${name}${query}`);
  return page;
}

/** Waits until the page says something: in what covers the picture, or below it. */
const says = (page: Page, where: "message" | "state" | "facts", text: string) =>
  page.waitForFunction(([where, text]) => document.getElementById(where!)!.textContent!.includes(text!), [where, text] as const, { timeout });

/** What the page shows as soon as it shows a picture: its colour, and whether it moves on. */
const sees = (page: Page) =>
  page.evaluate(async () => {
    const video = document.querySelector("video")!;
    const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
    let colour = [0, 0, 0, 0];
    const began = video.currentTime;
    const done = (): boolean => colour[3] === 255 && video.currentTime > began;
    for (const end = performance.now() + 30_000; !done() && performance.now() < end; await new Promise(requestAnimationFrame)) {
      context.drawImage(video, 0, 0, 16, 16);
      colour = [...context.getImageData(8, 8, 1, 1).data];
    }
    return { colour: colour.slice(0, 3), moves: video.currentTime > began, message: document.getElementById("message")!.textContent };
  });

function isBlue({ colour, moves, message }: Awaited<ReturnType<typeof sees>>): void {
  assert(colour.every((c, i) => Math.abs(c - blue[i]!) < 40), `it shows ${colour.join()}, want ${blue.join()}`);
  assert(moves, "the picture stands still");
  assert.equal(message, "");
}

test("the page of a stream waits for it, plays it in both ways, and says that it has ended", async () => {
  const page = await open("cam");
  await says(page, "message", "Nobody publishes this stream yet");
  const publisher = publish("cam");
  await says(page, "facts", "by RTMP");
  await says(page, "state", "Live");
  await says(page, "facts", "320 × 180");
  isBlue(await sees(page));

  const other = await open("cam", "?way=hls");
  await says(other, "facts", "by HLS");
  isBlue(await sees(other));

  const gone = once(publisher, "exit");
  publisher.kill("SIGTERM");
  await gone;
  await says(page, "message", "has ended");
  const again = publish("cam");
  await says(page, "state", "Live");
  again.kill("SIGTERM");
});

test("a way that there is not is named", async () => {
  await says(await open("cam", "?way=smoke"), "message", "the ways are whep, rtmp, hls");
});
