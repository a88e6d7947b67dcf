/** WHEP and WHIP in Chromium: what pages see of a stream that comes by RTMP, and what comes of one that they publish. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { chromium, type Browser, type Page } from "playwright-core";
import { chooses } from "./looks.ts";
import { serve, type Server } from "./server.ts";

const timeout = 120_000;
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

/** A page that remembers its connections, so that a test that fails says what went over them. */
async function newPage(): Promise<Page> {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    const all: RTCPeerConnection[] = [];
    Object.assign(globalThis, { connections: all, RTCPeerConnection: class extends RTCPeerConnection { constructor(...args: [RTCConfiguration?]) { super(...args); all.push(this); } } });
  });
  return page;
}

/** What a page has sent and received, a line a track. */
const traffic = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const lines: string[] = [];
    for (const pc of (globalThis as unknown as { connections: RTCPeerConnection[] }).connections)
      for (const one of (await pc.getStats()).values()) if (/bound-rtp$/.test(one.type)) lines.push(`${pc.connectionState}: ${JSON.stringify(one)}`);
    return lines.join("\n");
  });

async function open(name: string, query = ""): Promise<Page> {
  const page = await newPage();
  await page.goto(`http://${server.web}/-/watch/tv/studio/${name}${query}`);
  return page;
}

const says = (page: Page, where: "message" | "facts", text: string) =>
  page.waitForFunction(([where, text]) => document.getElementById(where!)!.textContent!.includes(text!), [where, text] as const, { timeout });

/** Waits until the page shows a picture that moves on and whose middle is blue. */
async function isBlue(page: Page, publisher?: Page): Promise<void> {
  const seen = await page.evaluate(async (want) => {
    const video = document.querySelector("video")!;
    const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
    let colour = [0, 0, 0, 0];
    const began = video.currentTime;
    for (const end = performance.now() + 120_000; performance.now() < end; await new Promise(requestAnimationFrame)) {
      context.drawImage(video, 0, 0, 16, 16);
      colour = [...context.getImageData(8, 8, 1, 1).data];
      if (video.currentTime > began && want.every((c, i) => Math.abs(c - colour[i]!) < 40)) return "";
    }
    return `it shows ${colour.slice(0, 3).join()}, want ${want.join()}; at ${video.currentTime} after ${began}`;
  }, blue);
  if (seen === "") return;
  const sides = [page, ...(publisher ? [publisher] : [])];
  assert.fail([seen, ...(await Promise.all(sides.map(traffic))), ...server.log.slice(-20)].join("\n"));
}

test("a stream that comes by RTMP is watched by WebRTC", async () => {
  const publisher = publish("cam", "-tune", "zerolatency");
  const page = await open("cam", "?way=whep");
  await says(page, "facts", "by WebRTC");
  await says(page, "facts", "s behind");
  await isBlue(page);
  publisher.kill("SIGTERM");
  await says(page, "message", "has ended");
});

test("the page takes WebRTC by itself where nothing is left out, and another way where something is", async () => {
  const silent = publish("silent", "-tune", "zerolatency");
  const sounding = publish("sounding", "-tune", "zerolatency", "-c:a", "aac");
  const reordered = publish("reordered", "-bf", "2", "-b_strategy", "0");
  for (const name of ["silent", "sounding", "reordered"]) await says(await open(name, "?way=rtmp"), "facts", "by RTMP");
  await chooses(await open("silent"), "WebRTC");
  await chooses(await open("sounding"), "RTMP");
  await chooses(await open("reordered"), "RTMP");
  const left = await open("sounding", "?way=whep");
  await says(left, "facts", "WebRTC has no AAC");
  await isBlue(left);
  await says(await open("reordered", "?way=whep"), "message", "B-frames");
  for (const one of [silent, sounding, reordered]) one.kill("SIGTERM");
});

interface Published {
  page: Page;
  codecs: string[];
  stop(): Promise<number>;
}

/** Publishes blue pictures, with a line that moves, and a tone from a page, by WHIP and one codec; its answer's, if there is one. */
async function publishFromPage(name: string, codec: string): Promise<Published> {
  const page = await newPage();
  await page.goto(`http://${server.web}/`);
  const codecs = await page.evaluate(
    async ([name, codec]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
      const context = canvas.getContext("2d")!;
      let n = 0;
      setInterval(() => {
        context.fillStyle = "rgb(32, 96, 192)";
        context.fillRect(0, 0, 320, 180);
        context.fillStyle = "white";
        context.fillRect(n++ % 320, 0, 4, 20);
      }, 40);
      const media = canvas.captureStream(25);
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const out = audio.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      const pc = new RTCPeerConnection();
      const video = pc.addTransceiver(media.getVideoTracks()[0]!, { direction: "sendonly" });
      pc.addTransceiver(out.stream.getAudioTracks()[0]!, { direction: "sendonly" });
      const known = RTCRtpSender.getCapabilities("video")!.codecs;
      const list = known.filter((c) => c.mimeType === `video/${codec}` || c.mimeType === "video/rtx");
      if (!list.some((c) => c.mimeType !== "video/rtx")) return known.map((c) => c.mimeType);
      video.setCodecPreferences(list);
      await pc.setLocalDescription();
      const url = `/-/whip/tv/studio/${name}`;
      const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription!.sdp });
      const text = await answer.text();
      if (answer.status !== 201) throw new Error(`${answer.status}: ${text}`);
      const session = answer.headers.get("Location")!;
      await pc.setRemoteDescription({ type: "answer", sdp: text });
      Object.assign(globalThis, { stop: async () => (await fetch(session, { method: "DELETE" })).status });
      return [];
    },
    [name, codec] as const,
  );
  return { page, codecs, stop: () => page.evaluate(() => (globalThis as unknown as { stop(): Promise<number> }).stop()) };
}

for (const [codec, name] of [["H264", "h264"], ["VP8", "vp8"], ["VP9", "vp9"], ["AV1", "av1"]] as const) {
  test(`a page publishes ${codec} and Opus by WHIP, which pages watch`, async (t) => {
    const published = await publishFromPage(`from-${name}`, codec);
    if (published.codecs.length > 0) {
      t.skip(`this Chromium does not encode it, only ${published.codecs.join()}`);
      return;
    }
    const whep = await open(`from-${name}`, "?way=whep");
    await says(whep, "facts", "by WebRTC");
    await isBlue(whep, published.page);
    if (codec !== "VP8") { // which Media Source Extensions have in WebM alone
      const rtmp = await open(`from-${name}`, "?way=rtmp");
      await says(rtmp, "facts", "by RTMP");
      await isBlue(rtmp, published.page);
    }
    if (codec === "H264") {
      // A player of old: what it does not know of, such as Opus here, it leaves out.
      const args = ["-v", "error", "-analyzeduration", "1M", "-i", server.url(`tv/studio/from-${name}`), "-map", "0:v", "-frames:v", "20", "-f", "framecrc", "-"];
      const { stdout } = await promisify(execFile)("ffmpeg", args, { timeout });
      assert(stdout.trim().split("\n").filter((line) => !line.startsWith("#")).length === 20, stdout);
    }
    assert.equal(await published.stop(), 200);
    await says(whep, "message", "has ended");
  });
}
