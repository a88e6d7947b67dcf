import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type * as sdk from "../src/index.ts";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";

/** What the test's pages have (see browser.ts); functions given to evaluate are the page's. */
declare global {
  var draw: (context: CanvasRenderingContext2D, tenths: number) => void;
  var look: (picture: CanvasImageSource) => number | undefined;
  var until: <T>(what: string, test: () => T | Promise<T>) => Promise<T>;
  var connect: (url: string) => Promise<sdk.NetStream>;
  var codes: string[];
  var ns: sdk.NetStream;
  var NetConnection: typeof sdk.NetConnection;
  var NetStream: typeof sdk.NetStream;
  var getCamera: typeof sdk.getCamera;
  var getMicrophone: typeof sdk.getMicrophone;
  var began: number;
  var screen_: HTMLVideoElement | HTMLCanvasElement;
}

let all: Pages;
let server: Server;
before(async () => {
  all = await pages();
  server = await serve({ "tv/main.asc": "" }, 0, ["--web-origin", all.origin, "--web-origin", all.insecure]);
});
after(async () => {
  await all.close();
  await server.stop();
});
const url = () => `ws://${server.web}/tv/studio`;

/** Publishes bars from a canvas, and the sound of an oscillator. */
const publish = (page: Page, of: { name: string; type: "live" | "record"; codec: "avc1" | "vp09" | "av01"; plain?: boolean; keys?: number }) =>
  page.evaluate(
    async ({ url, name, type, codec, plain, keys = 1 }) => {
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
      ns.attachCamera(canvas, { codecs: [codec], keyFrameInterval: keys });
      ns.attachAudio(out.stream);
      await ns.publish(name, type);
      globalThis.began = performance.now();
      setInterval(() => draw(context, Math.floor((performance.now() - globalThis.began) / 100)), 40);
    },
    { url: url(), ...of },
  );

/** Plays into the page's video or canvas, and returns when it moves, with two numbers that it has shown. */
const watch = (page: Page, name: string, display: "video" | "canvas" = "video") =>
  page.evaluate(
    async ({ url, name, display }) => {
      const ns = (globalThis.ns = await connect(url));
      const screen = (globalThis.screen_ = document.querySelector(display)!);
      ns.attachDisplay(screen);
      const size = () => (screen instanceof HTMLVideoElement ? [screen.videoWidth, screen.videoHeight] : [screen.width, screen.height]);
      await ns.play(name);
      const first = await until("a picture", () => (size()[0]! > 0 ? look(screen) : undefined));
      const second = await until("another picture", () => (look(screen) ?? 0) > first! + 10 && look(screen));
      return { first, second, size: size(), time: ns.time, codes, meta: ns.metaData };
    },
    { url: url(), name, display },
  );

for (const codec of ["avc1", "vp09", "av01"] as const) {
  test(`a page publishes ${codec} and Opus, and others show it in a video and on a canvas`, async (t) => {
    const [p, v, c] = [await all.open(), await all.open(), await all.open()];
    await publish(p, { name: codec, type: "live", codec, plain: codec === "vp09" });
    // What Web Audio is given to play, since nobody hears it.
    await c.evaluate(() => {
      const start = AudioBufferSourceNode.prototype.start;
      const heard = ((globalThis as { heard?: number[] }).heard = [] as number[]);
      AudioBufferSourceNode.prototype.start = function (when) {
        heard.push(Math.max(...this.buffer!.getChannelData(0)));
        start.call(this, when);
      };
    });
    for (const seen of [await watch(v, codec), await watch(c, codec, "canvas")]) {
      t.diagnostic(JSON.stringify(seen));
      assert.deepEqual([...seen.size, seen.meta.width, seen.meta.height], [320, 240, 320, 240]);
      assert(seen.codes.includes("Play.Start") && seen.codes.includes("Buffer.Full"), seen.codes.join());
    }
    await v.evaluate(() => until("sound", () => (screen_ as unknown as { webkitAudioDecodedByteCount: number }).webkitAudioDecodedByteCount > 0));
    await c.evaluate(() => until("sound", () => (globalThis as unknown as { heard: number[] }).heard.filter((peak) => peak > 0.5).length > 20));
    for (const page of [v, c]) {
      // It keeps to the present: what a busy machine has made it late by, it catches up with.
      let late = Infinity;
      for (let tries = 0; tries < 60 && late >= 50; tries++) {
        const now = await p.evaluate(() => (performance.now() - globalThis.began) / 100);
        late = now - (await page.evaluate(() => until("a picture", () => look(screen_))))!;
        if (late >= 50) await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
      }
      assert(late < 50, `${late / 10} s late`);
    }
    await p.close();
    for (const page of [v, c]) await page.evaluate(() => until("the end", () => codes.includes("Play.UnpublishNotify")));
    await v.close();
    await c.close();
  });
}

for (const display of ["video", "canvas"] as const) {
  test(`a page watches a recording in a ${display}, pauses and seeks it`, async (t) => {
    const [p, v] = [await all.open(), await all.open()];
    const name = `film-${display}`;
    await publish(p, { name, type: "record", codec: "avc1", keys: 3 });
    await p.evaluate(async () => {
      await until("some seconds", () => performance.now() - globalThis.began > 7000);
      await ns.publish(false);
    });
    await p.close();
    const seen = await v.evaluate(
      async ({ url, name, display }) => {
        const ns = (globalThis.ns = await connect(url));
        const screen = document.querySelector(display)!;
        ns.attachDisplay(screen);
        const meta = new Promise<Record<string, unknown>>((resolve) => ns.on("metaData", resolve));
        await ns.play(name, 0);
        await until("a picture", () => ns.time > 1 && look(screen) !== undefined);
        const seen: Record<string, unknown> = { duration: (await meta).duration };
        /** Whether what is shown is from where it says to be: a machine that is slow draws and sends few pictures, and each stands until the next. */
        const near = () => Math.abs((look(screen) ?? Infinity) / 10 - ns.time) < 1.4;
        await until("the right picture", near);

        await ns.seek(4);
        seen.where = await until("4 s", () => ns.time >= 4 && ns.time);
        await until("its picture", near);
        await ns.pause();
        const stands = ns.time;
        await ns.seek(2);
        // It is the keyframe before.
        await until("2 s", () => ns.time > 1.9 && ns.time < 2.1 && look(screen)! < 20);
        seen.still = ns.paused && Math.abs(ns.time - 2) < 0.1 && stands >= 4;
        await ns.resume();
        await until("going on", () => ns.time > 2.5 && near());
        seen.seeks = codes.filter((c) => c === "Seek.Notify").length;

        if (screen instanceof HTMLVideoElement) {
          seen.length = screen.duration;
          screen.currentTime = 5;
          // Whoever pauses an element that has not begun yet, or waits for more, stops nothing.
          await until("5 s", () => ns.time >= 5 && !screen.seeking && !screen.paused && near());
          const count = (code: string) => codes.filter((c) => c === code).length;
          screen.pause();
          await until("a pause", () => ns.paused && count("Pause.Notify") === 2);
          await screen.play();
          await until("no pause", () => !ns.paused && count("Unpause.Notify") === 2);
        }
        await until("the end", () => codes.at(-1) === "Buffer.Empty" && codes.includes("Buffer.Flush"));
        seen.last = look(screen)! / 10;
        // It plays on meanwhile: a page that looks too late seeks again.
        await until("1 s", async () => {
          if (ns.time >= 4) {
            await ns.seek(1);
            await until("the seek", () => ns.time < 4);
          }
          return ns.time >= 1 && ns.time < 4 && near();
        });
        return { ...seen, codes } as Record<string, unknown> & { codes: string[] };
      },
      { url: url(), name, display },
    );
    t.diagnostic(JSON.stringify(seen));
    assert.equal(seen.still, true, "a picture of the new place while it is paused");
    assert.equal(seen.seeks, 2);
    assert(Number(seen.where) < 6, `sought to 4 s, and is at ${seen.where}`);
    assert(Number(seen.duration) > 6 && Math.abs(Number(seen.duration) - Number(seen.length ?? seen.duration)) < 1, `${seen.duration} s, ${seen.length} of them in the video`);
    assert(Number(seen.last) > 5.5, `the last picture is of ${seen.last} s`);
    for (const code of ["Data.Start", "Buffer.Full", "Seek.Notify", "Pause.Notify", "Unpause.Notify", "Play.Complete", "Play.Stop"]) assert(seen.codes.includes(code), `${code}: ${seen.codes}`);
    await v.close();
  });
}

test("data comes when the picture does, and a stream goes on in another video", async () => {
  const [p, v] = [await all.open(), await all.open()];
  await publish(p, { name: "talk", type: "live", codec: "avc1" });
  await watch(v, "talk");
  await v.evaluate(() => {
    const heard = ((globalThis as { heard?: unknown[] }).heard = [] as unknown[]);
    ns.client = { say: (...args: unknown[]) => heard.push(args) };
    ns.handle("at", (tenths: number) => heard.push([tenths, look(document.querySelector("video")!)]));
  });
  await p.evaluate(() => ns.send("say", "hello", { list: [1, 2] }));
  const heardAll = (n: number) =>
    v.evaluate(async (n) => {
      const { heard } = globalThis as unknown as { heard: [unknown, unknown][] };
      await until(`${n} calls`, () => heard.length === n);
      return heard;
    }, n);
  assert.deepEqual((await heardAll(1))[0], ["hello", { list: [1, 2] }]);
  // A page that does much else may draw late: once in a while it is in time.
  let late = Infinity;
  for (let n = 2; n < 20 && late >= 10; n++) {
    await p.evaluate(() => ns.send("at", Math.floor((performance.now() - globalThis.began) / 100)));
    const [sent, shown] = (await heardAll(n))[n - 1] as [number, number];
    late = Math.abs(sent - shown);
  }
  assert(late < 10, `what was sent comes ${late / 10} s beside the picture`);

  const other = await v.evaluate(async () => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    ns.attachDisplay(video);
    const first = (await until("a picture", () => (video.videoWidth > 0 ? look(video) : undefined)))!;
    await until("another", () => (look(video) ?? 0) > first);
    return document.querySelector("video")!.src;
  });
  assert.equal(other, "");
  // Pictures end, sound goes on; then there are pictures again.
  await p.evaluate(() => ns.attachCamera(null));
  await v.evaluate(async () => {
    const video = document.querySelectorAll("video")[1]!;
    await until("sound alone", () => video.videoWidth === 0 && video.readyState > 2);
    const t = video.currentTime;
    await until("more of it", () => video.currentTime > t + 0.5);
  });
  await p.evaluate(() => ns.attachCamera(document.querySelector("canvas")!, { codecs: ["vp09"] }));
  await v.evaluate(() => until("pictures again", () => document.querySelectorAll("video")[1]!.videoWidth > 0 && look(document.querySelectorAll("video")[1]!)));
  await p.close();
  await v.close();
});

test("sound that a slow machine loses before it is encoded is silence, and what follows goes with its pictures", async () => {
  const [p, v] = [await all.open(), await all.open()];
  await p.evaluate(() => {
    // Four seconds of sound do not come.
    const Processor = (globalThis as unknown as { MediaStreamTrackProcessor: new (of: { track: MediaStreamTrack }) => { readable: ReadableStream } }).MediaStreamTrackProcessor;
    const from = performance.now();
    const lossy = new TransformStream<AudioData, AudioData>({
      transform: (sound, to) => {
        const now = performance.now() - from;
        if (now > 2000 && now < 6000) sound.close();
        else to.enqueue(sound);
      },
    });
    Object.assign(globalThis, {
      MediaStreamTrackProcessor: class {
        readable: ReadableStream;
        constructor(of: { track: MediaStreamTrack }) {
          const { readable } = new Processor(of);
          this.readable = of.track.kind === "audio" ? readable.pipeThrough(lossy) : readable;
        }
      },
    });
  });
  await publish(p, { name: "lossy", type: "live", codec: "avc1" });
  await p.evaluate(() => until("the loss", () => performance.now() - globalThis.began > 7000));
  await watch(v, "lossy");
  // How far apart they are for good: what a busy machine sends late is not.
  const apart = await v.evaluate(async () => {
    const at = { audio: NaN, video: NaN, data: NaN };
    let least = Infinity;
    ns.on("media", ({ kind, time }) => {
      at[kind] = time;
      least = Math.min(least, Math.abs(at.audio - at.video) || Infinity);
    });
    await until("sound beside pictures", () => least < 500).catch(() => {});
    return least;
  });
  assert(apart < 500, `sound is ${apart} ms from its pictures`);
  await p.close();
  await v.close();
});

test("timestamps may begin anywhere, leave gaps and go back, and what is broken is left out", async (t) => {
  const [p, v] = [await all.open(), await all.open()];
  await publish(p, { name: "even", type: "live", codec: "avc1" });
  await p.evaluate(async (url) => {
    const [from, to] = [await connect(url), await connect(url)];
    await to.publish("odd");
    const odd = { shift: 0xffffffff - 3000, broken: false, garbled: 0 };
    from.on("media", ({ kind, time, payload }) => {
      if (kind === "data") return;
      if (kind === "video" && odd.garbled > 0 && payload[0] !== 0x90) {
        odd.garbled--;
        payload = payload.map((b, i) => (i < 5 ? b : b ^ 0x55));
      }
      to.sendMedia({ kind, time: (time + odd.shift) >>> 0, payload });
      if (!odd.broken) return;
      odd.broken = false;
      for (const bytes of [[0x90, 0x61, 0x76], [0x90, 0x61, 0x76, 0x63, 0x31, 1, 2, 3], [0x17, 1], [0x90, 0x68, 0x76, 0x63, 0x31, 0]]) to.sendMedia({ kind: "video", time: (time + odd.shift) >>> 0, payload: Uint8Array.from(bytes) });
    });
    await from.play("even");
    (globalThis as { odd?: object }).odd = odd;
  }, url());
  const seen = [await watch(v, "odd")];
  /** Waits until the video shows what is published now, and goes on. */
  const goesOn = async (what: string) => {
    const now = await p.evaluate(() => (performance.now() - globalThis.began) / 100);
    await v.evaluate(
      ([what, now]) =>
        until(what, () => (look(document.querySelector("video")!) ?? 0) > now).catch((e: Error) => {
          throw new Error(`${e.message}: ${look(document.querySelector("video")!)} and not ${now}; ${ns.time} s; ${codes.join()}`);
        }),
      [what, now] as const,
    );
  };
  const odd = (what: string) => p.evaluate(`Object.assign(odd, ${what})`);
  await p.evaluate(() => until("3 s", () => performance.now() - globalThis.began > 4000));
  await goesOn("what comes when 32 bits are over");
  await odd("{ shift: odd.shift + 9000 }");
  await goesOn("what comes behind a gap");
  await odd("{ shift: odd.shift - 3600000 }");
  await goesOn("what comes when the clock has gone back");
  await odd("{ broken: true }");
  await v.evaluate(() => until("a complaint", () => codes.some((c) => c.startsWith("Play.FileStructureInvalid warning"))));
  await p.evaluate(() => ns.attachCamera(document.querySelector("canvas")!, { codecs: ["avc1"] })); // which says again what it is
  await goesOn("what comes behind what is broken");
  await odd("{ garbled: Infinity }"); // a decoder that is slow shows some of it before it complains
  await v.evaluate(() => until("another complaint", () => codes.some((c) => c.startsWith("Play.Failed error"))));
  await odd("{ garbled: 0 }");
  await goesOn("what comes behind what no decoder understands");
  t.diagnostic(JSON.stringify([seen[0]!.codes, await v.evaluate(() => codes)]));
  await p.close();
  await v.close();
});

test("a page that has not come by HTTPS watches, and hears why it cannot publish", async () => {
  const v = await all.open(all.insecure);
  const said = await v.evaluate(async () => {
    const ns = new NetStream(new NetConnection());
    const refused = async (what: () => unknown) => {
      try {
        await what();
      } catch (error) {
        return String(error);
      }
      return "it was not refused";
    };
    const canvas = document.querySelector("canvas")!;
    return [await refused(() => getCamera()), await refused(() => getMicrophone()), await refused(() => ns.attachCamera(canvas)), await refused(() => ns.attachAudio(new MediaStream())), await refused(() => ns.attachDisplay(canvas))];
  });
  for (const text of said) assert.match(text, /^TypeError: .*HTTPS, or from localhost/);
  const p = await all.open();
  await publish(p, { name: "plain", type: "live", codec: "avc1" });
  await watch(v, "plain");
  await p.close();
  await v.close();
});

test("a page publishes camera and microphone, and a browser that wants a click first gets it", async () => {
  const [p, v] = [await all.open(), await all.open()];
  await p.evaluate(async (url) => {
    const ns = await connect(url);
    ns.attachCamera(await getCamera({ width: 320, height: 240 }), { bitrate: 400_000 });
    ns.attachAudio(await getMicrophone());
    await ns.publish("me");
  }, url());
  const blocked = await v.evaluate(async (url) => {
    const { play } = HTMLMediaElement.prototype;
    let touched = false;
    HTMLMediaElement.prototype.play = function () {
      return touched ? play.call(this) : Promise.reject(new DOMException("touch it first", "NotAllowedError"));
    };
    const ns = await connect(url);
    const video = document.querySelector("video")!;
    ns.attachDisplay(video);
    const blocked = new Promise<Error>((resolve) => ns.on("blocked", resolve));
    await ns.play("me");
    const { message } = await blocked;
    touched = true;
    await ns.resume();
    await until("moving", () => video.currentTime > 0.5 && !video.paused && video.videoWidth === 320);
    return message;
  }, url());
  assert.equal(blocked, "touch it first");
  await p.close();
  await v.close();
});

test("a browser that does not begin to process sound is found out, and pictures go out", async () => {
  const [p, v] = [await all.open(), await all.open()];
  await p.evaluate(() => {
    Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
    AudioContext.prototype.resume = () => new Promise(() => {});
  });
  await publish(p, { name: "mute", type: "live", codec: "avc1", plain: true });
  await watch(v, "mute");
  await p.evaluate(() => until("a complaint", () => codes.some((code) => code.startsWith("Failed error: encoding: the browser does not begin to process sound"))));
  await p.close();
  await v.close();
});
