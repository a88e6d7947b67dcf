/** The page of a stream (mediaserver/web/watch) in Chromium: it waits for a publisher, plays in each of its ways, and says what it does. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { chooses, says, shows } from "./looks.ts";
import { serve, type Server } from "./server.ts";

const blue = [32, 96, 192];

/** Lets in encoders, and who shows a ticket. */
const club = `
  application.onConnect = function (c) {
    if (c.agent.indexOf("Lavf") < 0 && c.uri.indexOf("?ticket=gold") < 0) { this.rejectConnection(c, "gold is wanted to connect, ${"and nothing but gold, ".repeat(8)}as ever"); return; }
    return true;
  };
  application.onPlay = function (r) { return r.query.ticket == "gold" || "gold is wanted to watch"; };`;

let browser: Browser;
let server: Server;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  server = await serve({ "tv/notes.txt": "", "club/main.asc": club });
});
after(async () => {
  await browser.close();
  await server.stop();
});

/** Publishes blue pictures and a tone until it is killed. */
function publish(name: string, instance = "tv/studio"): ChildProcess {
  const args = ["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "color=c=0x2060c0:s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100"];
  args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "300");
  return spawn("ffmpeg", [...args, "-f", "flv", server.url(`${instance}/${name}`)], { stdio: "inherit" });
}

async function open(name: string, query = "", instance = "tv/studio"): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://${server.web}/-/watch/${instance}/${name}${query}`);
  return page;
}

test("the page of a stream waits for it, plays it in both ways, and says that it has ended", async () => {
  const page = await open("cam");
  await says(page, "message", "Nobody publishes this stream yet");
  const publisher = publish("cam");
  await chooses(page, "RTMP");
  await says(page, "state", "Live");
  await says(page, "facts", "320 × 180");
  await shows(page, blue);

  const other = await open("cam", "?way=hls");
  await says(other, "facts", "by HLS");
  await says(other, "facts", "s behind");
  await shows(other, blue);

  const gone = once(publisher, "exit");
  publisher.kill("SIGTERM");
  await gone;
  await says(page, "message", "has ended");
  await says(other, "message", "has ended");
  await other.waitForResponse((answer) => answer.status() === 404, { timeout: 120_000 }); // it has looked again
  await says(page, "message", "has ended");
  await says(other, "message", "has ended");
  const again = publish("cam");
  await says(page, "state", "Live");
  again.kill("SIGTERM");
});

test("nobody is waited for in an application that there is not", async () => {
  for (const query of ["", "?way=whep", "?way=hls"]) {
    const page = await browser.newPage();
    await page.goto(`http://${server.web}/-/watch/none/studio/cam${query}`);
    await says(page, "message", "is not defined");
    const said = await page.evaluate(() => document.getElementById("message")!.textContent!);
    assert.equal(said.split("is not defined").length, 2, `it is said once, and for people: ${said}`);
    assert.doesNotMatch(said, /Server\.Reject/);
    await page.close();
  }
});

test("a way that there is not is named", async () => {
  await says(await open("cam", "?way=smoke"), "message", "the ways are whep, rtmp, hls");
});

test("what the page is asked with goes to the script that decides, by every way", async () => {
  const publisher = publish("cam", "club/door");
  const refused = await open("cam", "?ticket=lead", "club/door");
  await refused.setViewportSize({ width: 320, height: 400 });
  await says(refused, "message", "gold is wanted to connect");
  await refused.waitForFunction(
    () => {
      const [screen, words] = [document.querySelector(".screen")!.getBoundingClientRect(), document.createRange()];
      words.selectNodeContents(document.getElementById("message")!);
      const { top, bottom, height } = words.getBoundingClientRect();
      return height > 9 / 16 * screen.width && screen.top <= top && bottom <= screen.bottom;
    },
    undefined,
    { timeout: 120_000 },
  ); // the picture makes room for what is said
  for (const [way, title] of [["rtmp", "RTMP"], ["hls", "HLS"], ["whep", "WebRTC"]]) {
    const page = await open("cam", `?embed&ticket=gold&way=${way}`, "club/door");
    await says(page, "facts", `by ${title}`);
    await page.close();
  }
  await refused.close();
  publisher.kill("SIGTERM");
});
