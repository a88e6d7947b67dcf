import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { NetStream } from "../src/index.ts";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";

/** What the test's pages have (see browser.ts); functions given to evaluate are the page's. */
declare global {
  var draw: (context: CanvasRenderingContext2D, tenths: number) => void;
  var look: (picture: CanvasImageSource) => number | undefined;
  var until: <T>(what: string, test: () => T | Promise<T>) => Promise<T>;
  var connect: (url: string) => Promise<NetStream>;
  var codes: string[];
  var ns: NetStream;
  var began: number;
}

let all: Pages;
let server: Server;
before(async () => {
  all = await pages();
  server = await serve({ "tv/main.asc": "" }, 0, ["--web-origin", all.origin]);
});
after(async () => {
  await all.close();
  await server.stop();
});
const url = () => `ws://${server.web}/tv/studio`;

/** Publishes bars from a canvas, and the sound of an oscillator. */
const publish = (page: Page, of: { name: string; type: "live" | "record"; codec: "avc1" | "vp09" | "av01"; plain?: boolean }) =>
  page.evaluate(
    async ({ url, name, type, codec, plain }) => {
      // What browsers without it do.
      if (plain) delete (globalThis as { MediaStreamTrackProcessor?: unknown }).MediaStreamTrackProcessor;
      const ns = (globalThis.ns = await connect(url));
      const canvas = document.querySelector("canvas")!;
      const context = canvas.getContext("2d")!;
      const sound = new AudioContext();
      const out = sound.createMediaStreamDestination();
      const oscillator = sound.createOscillator();
      oscillator.connect(out);
      oscillator.start();
      ns.attachCamera(canvas, { codecs: [codec], keyFrameInterval: 1 });
      ns.attachAudio(out.stream);
      await ns.publish(name, type);
      globalThis.began = performance.now();
      setInterval(() => draw(context, Math.floor((performance.now() - globalThis.began) / 100)), 40);
    },
    { url: url(), ...of },
  );

/** Plays into the page's video, and returns when it moves, with two numbers that it has shown. */
const watch = (page: Page, name: string) =>
  page.evaluate(
    async ({ url, name }) => {
      const ns = (globalThis.ns = await connect(url));
      const video = document.querySelector("video")!;
      ns.attachDisplay(video);
      await ns.play(name);
      const first = await until("a picture", () => (video.videoWidth > 0 ? look(video) : undefined));
      const second = await until("another picture", () => (look(video) ?? 0) > first! + 10 && look(video));
      return { first, second, width: video.videoWidth, height: video.videoHeight, time: ns.time, codes, meta: ns.metaData };
    },
    { url: url(), name },
  );

for (const codec of ["avc1", "vp09", "av01"] as const) {
  test(`a page publishes ${codec} and Opus, and another shows it in a video`, async (t) => {
    const [p, v] = [await all.open(), await all.open()];
    await publish(p, { name: codec, type: "live", codec, plain: codec === "vp09" });
    const seen = await watch(v, codec);
    t.diagnostic(JSON.stringify(seen));
    assert.deepEqual([seen.width, seen.height, seen.meta.width, seen.meta.height], [320, 240, 320, 240]);
    assert(seen.codes.includes("Play.Start") && seen.codes.includes("Buffer.Full"), seen.codes.join());
    await v.evaluate(() => until("sound", () => (document.querySelector("video") as unknown as { webkitAudioDecodedByteCount: number }).webkitAudioDecodedByteCount > 0));
    const late = await p.evaluate(() => (performance.now() - globalThis.began) / 100);
    const shown = await v.evaluate(() => look(document.querySelector("video")!)!);
    assert(late - shown < 50, `${(late - shown) / 10} s late`);
    await p.close();
    await v.evaluate(() => until("the end", () => codes.includes("Play.UnpublishNotify")));
    await v.close();
  });
}
