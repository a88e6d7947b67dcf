/** A room with all that browsers do in it: two pages chat, one publishes, the other watches in every way, and seeks in the recording. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type * as sdk from "../src/index.ts";
import { tools, type Pages } from "./browser.ts";

/** Where a room is. */
export interface Room {
  /** Of pages and streams: http://host:port, or https://. */
  web: string;
  /** APPLICATION/INSTANCE. */
  path: string;
  /** What a publisher's name ends with: "" or "?key=…". */
  key: string;
  /** In which the watch page plays there. */
  ways: string[];
  console: {
    /** http://host:port of the control port. */
    url: string;
    token: string;
  };
}

/** The script of the room: the chat room of the samples, which lets those watch who have no name, and those publish who have one. */
export const script = ["config/samples/applications/chatRoom/main.asc", "mediaserver/web/sdk/test/whole.asc"]
  .map((file) => readFileSync(join(process.env.ROOT!, file), "utf8"))
  .join("\n");

declare global {
  var nc: sdk.NetConnection;
  var SharedObject: typeof sdk.SharedObject;
  var wall: sdk.SharedObject;
  var told: unknown[][];
}

const address = (room: Room) => `${room.web.replace(/^http/, "ws")}/${room.path}`;

/** Joins the chat. */
export const join_ = (page: Page, room: Room, name: string) =>
  page.evaluate(
    async ({ url, name }) => {
      globalThis.nc = new NetConnection();
      globalThis.told = [];
      nc.client = { onSaid: (...said: unknown[]) => told.push(said) };
      await nc.connect(url, name);
      globalThis.wall = SharedObject.getRemote("wall", nc.uri, true);
      await wall.connect(nc);
    },
    { url: address(room), name },
  );

/** Says something, and has the others hear and read it. */
export async function chat(from: Page, to: Page, who: string, text: string): Promise<void> {
  assert.equal(await from.evaluate((text) => nc.call("say", text), text), true);
  await to.evaluate(
    async ({ who, text }) => {
      await until("a call", () => told.some(([w, t]) => w === who && t === text));
      await until("the wall", () => (wall.data.lines as { who: string; text: string }[] | undefined)?.some((l) => l.who === who && l.text === text));
    },
    { who, text },
  );
}

/** Publishes colour bars from a canvas, with a tone, and a recording: ten pictures a second, since they show tenths of seconds. */
export const publish = (page: Page, room: Room, name: string) =>
  page.evaluate(
    async (name) => {
      const ns = (globalThis.ns = new NetStream(nc));
      const canvas = document.querySelector("canvas")!;
      const context = canvas.getContext("2d")!;
      const sound = new AudioContext();
      const out = sound.createMediaStreamDestination();
      const oscillator = sound.createOscillator();
      oscillator.connect(out);
      oscillator.start();
      ns.attachCamera(canvas, { codecs: ["avc1"], keyFrameInterval: 1, framerate: 10, bitrate: 300_000 });
      ns.attachAudio(out.stream);
      await ns.publish(name, "record");
      globalThis.began = performance.now();
      setInterval(() => draw(context, Math.floor((performance.now() - globalThis.began) / 100)), 100);
    },
    name + room.key,
  );

/** The page of a stream, in one of its ways: it must show the bars, and go on. */
export async function watchPage(all: Pages, room: Room, name: string, way: string): Promise<void> {
  const page = await all.blank();
  await page.addInitScript({ content: `{${tools}}` });
  await page.goto(`${room.web}/-/watch/${room.path}/${name}?way=${way}`);
  await page.evaluate(async () => {
    const video = document.querySelector("video")!;
    const says = (): string => `${document.getElementById("message")!.textContent} ${document.getElementById("facts")!.textContent}`;
    try {
      const first = await until("a picture", () => (video.videoWidth > 0 ? look(video) : undefined));
      await until("another picture", () => (look(video) ?? 0) > first! + 10);
    } catch (e) {
      throw new Error(`${String(e)}; the page says ${says()}`);
    }
  });
  await page.close();
}

/** The same by mpegts.js, over HTTP or in a WebSocket, on a page from elsewhere. */
export async function watchFLV(all: Pages, room: Room, name: string, scheme: "http" | "ws"): Promise<void> {
  const page = await all.open();
  await page.addScriptTag({ path: join(process.env.NODE_PATH!, "mpegts.js/dist/mpegts.js") });
  await page.evaluate(
    async (url) => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any
      const mpegts = (globalThis as any).mpegts;
      mpegts.LoggingControl.enableAll = false;
      const video = document.querySelector("video")!;
      const player = mpegts.createPlayer({ type: "flv", isLive: true, url }, { lazyLoad: false });
      const errors: string[] = [];
      player.on(mpegts.Events.ERROR, (...what: unknown[]) => errors.push(JSON.stringify(what)));
      player.attachMediaElement(video);
      player.load();
      void player.play();
      const none = () => {
        if (errors.length > 0) throw new Error(errors.join());
      };
      const first = await until("a picture", () => (none(), video.videoWidth > 0 ? look(video) : undefined));
      await until("another picture", () => (none(), (look(video) ?? 0) > first! + 10));
      player.destroy();
    },
    `${room.web.replace(/^http/, scheme)}/${room.path}/${name}.flv`,
  );
  await page.close();
}

/** The same by hls.js, by parts and segments of HLS; and of a recording, which is sought in. */
export async function watchHLS(all: Pages, room: Room, name: string, recorded: boolean): Promise<void> {
  const page = await all.open();
  await page.addScriptTag({ path: join(process.env.NODE_PATH!, "hls.js/dist/hls.min.js") });
  await page.evaluate(
    async ({ url, recorded, off }) => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any
      const Hls = (globalThis as any).Hls;
      const video = document.querySelector("video")!;
      video.muted = true;
      const hls = new Hls({ lowLatencyMode: true });
      const errors: string[] = [];
      hls.on(Hls.Events.ERROR, (_: string, e: { fatal: boolean; details: string }) => e.fatal && errors.push(e.details));
      hls.on(Hls.Events.MANIFEST_PARSED, () => void video.play().catch(() => {}));
      hls.loadSource(url);
      hls.attachMedia(video);
      const none = () => {
        if (errors.length > 0) throw new Error(errors.join());
      };
      const first = await until("a picture", () => (none(), video.videoWidth > 0 ? look(video) : undefined));
      if (!recorded) await until("another picture", () => (none(), (look(video) ?? 0) > first! + 10));
      else
        for (const at of [4.2, 1.2]) {
          // It plays: hls.js leaps over what a busy machine has not sent while it does, and else waits there. Whoever looks too late seeks again.
          const near = () => !video.seeking && Math.abs((look(video) ?? Infinity) / 10 - at) < 2 * off;
          const seek = () => {
            video.currentTime = at;
            void video.play().catch(() => {});
          };
          seek();
          await until(`${at} s`, () => {
            none();
            if (near()) return true;
            if (!video.seeking && video.currentTime > at + 2 * off) seek();
            return undefined;
          });
        }
      hls.destroy();
    },
    { url: `${room.web}/${room.path}/${name}/index.m3u8`, recorded, off },
  );
  await page.close();
}

/** How far, in seconds, a picture may be from its place: a machine that is slow draws and sends few of them, and each stands until the next. */
const off = 1.4;

/** Seeks in the recording, in a video of NetStream's. */
export const seekRecording = (page: Page, name: string) =>
  page.evaluate(
    async ({ name, off }) => {
      const ns = (globalThis.ns = new NetStream(nc));
      const video = document.querySelector("video")!;
      ns.attachDisplay(video);
      await ns.play(name, 0);
      const near = () => Math.abs((look(video) ?? Infinity) / 10 - ns.time) < off;
      await until("the right picture", () => ns.time > 1 && near());
      await ns.seek(4);
      await until("4 s", () => ns.time >= 4 && near());
      // It plays on meanwhile: a page that looks too late seeks again.
      await until("1 s", async () => {
        if (ns.time >= 4) {
          await ns.seek(1);
          await until("the seek", () => ns.time < 4);
        }
        return ns.time >= 1 && ns.time < 4 && near();
      });
      ns.close();
    },
    { name, off },
  );

/** Seeks in the recording as a file that a video element opens by itself. */
export async function seekFile(all: Pages, room: Room, name: string): Promise<void> {
  const page = await all.open();
  await page.evaluate(
    async ({ url, off }) => {
      const video = document.createElement("video");
      video.crossOrigin = "anonymous";
      video.muted = true;
      video.src = url;
      document.body.append(video);
      await until("metadata", () => {
        if (video.error) throw new Error(video.error.message);
        return video.duration > 5;
      });
      for (const at of [4.2, 1.2]) {
        video.currentTime = at;
        await until(`${at} s`, () => !video.seeking && (look(video) ?? Infinity) / 10 - at < 0.9 && at - look(video)! / 10 < 2 * off);
      }
    },
    { url: `${room.web}/${room.path}/${name}.mp4`, off },
  );
  await page.close();
}

/** The console sees the stream, both who chat, and the wall as it changes. */
export async function consoleSees(all: Pages, room: Room, name: string, said: string, next: () => Promise<string>): Promise<void> {
  const pages: Page[] = [];
  const open = async (hash: string): Promise<(where: string, text: string | RegExp) => Promise<void>> => {
    const page = await all.blank();
    pages.push(page);
    await page.goto(`${room.console.url}/-/console/#token=${room.console.token}`);
    const sees = (where: string, text: string | RegExp) => page.locator(where).filter({ hasText: text }).first().waitFor();
    await sees(".condition", "Ready");
    await page.evaluate((hash) => (location.hash = hash), hash);
    return sees;
  };
  let sees = await open(`#/${room.path}`);
  await sees(".stream h2", name);
  await sees(".facts > div", "H.264, 320 × 240");
  await pages[0].getByRole("button", { name: `Watch ${name}` }).click();
  await sees(".facts > div", /Viewers[1-9]/); // by FLV; whoever watched by HLS before may count for half a minute
  sees = await open(`#/${room.path}/clients`); // the first page watches on
  await sees("tr", `publishes ${name}`);
  await sees("tr", `watches ${name} by flv`);
  sees = await open(`#/${room.path}/objects`);
  await pages[2].getByRole("link", { name: "wall" }).click();
  await sees(".slots tr", said);
  await sees(".slots tr", await next());
  for (const page of pages) await page.close();
}
