/** Old movies in Ruffle, in Chromium: what mediaserver/web/RUFFLE.md says of it, and that the server does its part. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server as HTTPServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import type * as sdk from "../src/index.ts";
import { connect, serve, type Server } from "./server.ts";
import { AVM1, AVM2 } from "./swf.ts";

const red = [192, 64, 32];
const ruffle = join(process.env.NODE_PATH!.split(":")[0]!, "@ruffle-rs/ruffle");
const script = `
application.onConnect = function (client, name) { client.name = name; this.acceptConnection(client); };
Client.prototype.say = function (text) { return this.name + " says " + text; };`;

let folder: string;
let server: Server;
let http: HTTPServer;
let origin: string;
let browser: Browser;
const movies: Record<string, Buffer> = {};
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "flashpod-ruffle-"));
  http = createServer((request, response) => {
    const name = request.url!.slice(1);
    const [type, body] = name.startsWith("ruffle/")
      ? [name.endsWith(".wasm") ? "application/wasm" : "text/javascript", readFileSync(join(ruffle, name.slice(7)))]
      : name in movies
        ? ["application/x-shockwave-flash", movies[name]]
        : ["text/html", page()];
    response.setHeader("Content-Type", type as string);
    response.end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  mkdirSync(join(folder, "tv/streams/room"), { recursive: true });
  const colour = `0x${red.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
  execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `color=c=${colour}:s=320x180:r=25:d=60`, "-f", "lavfi", "-i", "sine=r=44100:d=60", "-c:v", "flv", "-c:a", "libmp3lame", join(folder, "tv/streams/room/film.flv")]);
  server = await serve({ "tv/notes.txt": "", "chat/main.asc": script }, 0, ["--web-origin", origin], folder);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
});
after(async () => {
  await browser?.close();
  http?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A page with Ruffle; what its movies open to RTMP's port goes through the server's WebSocket. */
const page = () => {
  const config = { publicPath: "/ruffle/", polyfills: false, autoplay: "on", unmuteOverlay: "hidden", logLevel: "info", preferredRenderer: "canvas", socketProxy: [{ host: "127.0.0.1", port: 1935, proxyUrl: `ws://${server.web}/-/rtmp` }] };
  return `<!doctype html><body><script>window.RufflePlayer = { config: ${JSON.stringify(config)} };</script><script src="/ruffle/ruffle.js"></script>`;
};

/** Runs a movie until it, or Ruffle, has said all of something, and returns all that was said. */
async function run(name: string, movie: Buffer, ...until: string[]): Promise<{ said: string[]; page: Page }> {
  movies[name] = movie;
  const page = await browser.newPage();
  const said: string[] = [];
  const all = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited too long for Ruffle to say ${until.join(", ")}; it has said:\n${said.join("\n")}`)), 120_000);
    page.on("console", (m) => {
      // What a movie traces is a line of Ruffle's log, with where it comes from and colours around it.
      said.push(m.text().replace(/%c/g, "").replace(/ color: .*/, "").replace(/^(\w+) \S+\.rs:\d+ /, ""));
      if (!until.every((text) => said.some((line) => line.includes(text)))) return;
      clearTimeout(timer);
      resolve();
    });
  });
  await page.goto(origin);
  await page.evaluate(async (url) => {
    interface Player extends HTMLElement {
      ruffle(): { load(options: { url: string }): Promise<void> };
    }
    const { RufflePlayer } = globalThis as unknown as { RufflePlayer: { newest(): { createPlayer(): Player } } };
    const player = RufflePlayer.newest().createPlayer();
    document.body.append(player);
    await player.ruffle().load({ url });
  }, `/${name}`);
  await all;
  return { said, page };
}

const rtmp = () => server.url("chat/room");
const stub = "Encountered stub: AVM";
const notYet = "this release of Ruffle does more than mediaserver/web/RUFFLE.md says: write it down";

// ActionScript 1 and 2.
const { call, handler, make, member, movieOf, pop, push, say, set, typeOf, variable } = AVM1;
const property = (of: string, name: string) => [...variable(of), ...push(name), ...member!()];
const status = (of: string) => handler(of, "onStatus", "info", say("status", property("info", "code")));
const connect1 = () => [make("nc", "NetConnection"), status("nc"), [...call("nc", "connect", push(rtmp()), push("Anna")), ...pop!()], say("connected", property("nc", "isConnected"))];

// ActionScript 3. Locals: 1 is the connection, 2 what is made of it.
function movie3(code: (a: AVM2) => number[][]): Buffer {
  const a = new AVM2();
  return a.movie(...code(a));
}
const hears = (a: AVM2, of: number) => [
  a.run(a.local(of), "addEventListener", a.push("netStatus"), a.handler(a.trace(a.add(a.push("status "), a.get(a.get(a.local(1), "info"), "code"))))),
  ...["ioError", "securityError", "asyncError"].map((name) => a.run(a.local(of), "addEventListener", a.push(name), a.handler(a.trace(a.add(a.push("error "), a.get(a.local(1), "text")))))),
];
const connect3 = (a: AVM2) => [
  a.setLocal(1, a.make("flash.net:NetConnection")),
  ...hears(a, 1),
  a.run(a.local(1), "connect", a.push(rtmp()), a.push("Anna")),
  a.trace(a.add(a.push("connected "), a.get(a.local(1), "connected"))),
];

test("movies of both machines connect to nothing by rtmp: it is a stub, and nothing is called, shared or heard", async () => {
  const before = server.log.filter((line) => /connect/i.test(line)).length;
  for (const [name, movie, ...until] of [
    ["1.swf", movieOf(...connect1(), [...call("nc", "call", push("say"), push(null), push("hello")), ...pop!()], say("over", push("yes"))), "AVM1 NetConnection.connect() with non-null", "connected false", "over yes"],
    ["1-object.swf", movieOf([...push("so"), ...call("SharedObject", "getRemote", push("wall"), push(rtmp()), push(true)), ...set!()], say("object", [...variable("so"), ...typeOf!()])), "AVM1 SharedObject.getRemote()", "object undefined"],
    ["3.swf", movie3(connect3), "AVM2 flash.net.NetConnection.connect() with non-null", "connected false"],
    ["3-call.swf", movie3((a) => [...connect3(a), a.run(a.local(1), "call", a.push("say"), a.push(null), a.push("hello"))]), "Error #2126"],
    ["3-object.swf", movie3((a) => [a.run(a.global("flash.net:SharedObject"), "getRemote", a.push("wall"), a.push(rtmp()), a.push(null))]), "value is not a function"],
  ] as [string, Buffer, ...string[]][]) {
    const { said, page } = await run(name, movie, ...until);
    if (!name.includes("3-object")) assert(said.some((line) => line.includes(stub)), notYet);
    assert(!said.some((line) => line.startsWith("status")), `${notYet}: ${said.join("\n")}`);
    await page.close();
  }
  assert.equal(server.log.filter((line) => /connect/i.test(line)).length, before, "the server has heard of it");
});

test("movies of both machines play a recorded stream by HTTP, and show it", async () => {
  const nc = await connect(server, "tv/room"); // which starts the instance
  const film = `http://${server.web}/tv/room/film.flv`;
  const old = movieOf(
    make("nc", "NetConnection"),
    [...call("nc", "connect", push(null)), ...pop!()],
    make("ns", "NetStream", variable("nc")),
    status("ns"),
    [...call("screen", "attachVideo", variable("ns")), ...pop!()],
    [...call("ns", "play", push(film)), ...pop!()],
  );
  const { page } = await run("film1.swf", old, "status NetStream.Play.Start", "status NetStream.Buffer.Full");
  const seen = await page.evaluate(async (want) => {
    let colour: number[] = [];
    for (const end = performance.now() + 120_000; performance.now() < end; await new Promise(requestAnimationFrame)) {
      const canvas = document.body.lastElementChild!.shadowRoot!.querySelector("canvas");
      if (!canvas) continue;
      const context = new OffscreenCanvas(16, 16).getContext("2d")!;
      context.drawImage(canvas, 0, 0, 16, 16);
      colour = [...context.getImageData(8, 8, 1, 1).data];
      if (want.every((c, i) => Math.abs(c - colour[i]!) < 40)) break;
    }
    return colour;
  }, red);
  assert(red.every((c, i) => Math.abs(c - seen[i]!) < 40), `it shows ${seen.join()}, want ${red.join()}`);
  await page.close();
  const young = movie3((a) => [
    a.setLocal(1, a.make("flash.net:NetConnection")),
    a.run(a.local(1), "connect", a.push(null)),
    a.setLocal(2, a.make("flash.net:NetStream", a.local(1))),
    ...hears(a, 2),
    a.run(a.local(2), "play", a.push(film)),
  ]);
  await (await run("film3.swf", young, "status NetStream.Play.Start", "status NetStream.Buffer.Full")).page.close();
  nc.close();
});

test("a movie that speaks RTMP by itself, in a Socket, reaches the server through its WebSocket", async () => {
  // connect("chat/room") in AMF0, as a chunk of type 0 on chunk stream 3 [RTMP §5.3, §7.2.1].
  const string = (s: string) => [0, s.length, ...Buffer.from(s)];
  const body = [2, ...string("connect"), 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 3, ...string("app"), 2, ...string("chat/room"), 0, 0, 9];
  const message = [3, 0, 0, 0, 0, 0, body.length, 20, 0, 0, 0, 0, ...body];
  const movie = movie3((a) => {
    const socket = () => a.get(a.local(1), "target");
    const zeros = () => [...a.setLocal(2, a.make("flash.utils:ByteArray")), ...a.set(a.local(2), "length", a.push(1536))];
    const begin = a.handler(zeros(), a.run(socket(), "writeByte", a.push(3)), a.run(socket(), "writeBytes", a.local(2)), a.run(socket(), "flush"));
    // Byte by byte: readUTFBytes ends with the first zero.
    const take = () => [
      ...a.setLocal(3, a.push("")),
      ...a.while(a.get(socket(), "bytesAvailable"), a.push(1), a.setLocal(3, a.add(a.local(3), a.call(a.global("String"), "fromCharCode", a.call(socket(), "readUnsignedByte"))))),
    ];
    // objectEncoding, which nothing else needs here, says that the handshake is over.
    const handshake = [...take(), ...zeros(), ...a.run(socket(), "writeBytes", a.local(2)), ...message.flatMap((b) => a.run(socket(), "writeByte", a.push(b))), ...a.run(socket(), "flush"), ...a.set(socket(), "objectEncoding", a.push(0))];
    const hear = a.handler(a.equal(a.get(socket(), "objectEncoding"), a.push(0), [...take(), ...a.trace(a.add(a.push("heard "), a.local(3)))], a.least(a.get(socket(), "bytesAvailable"), a.push(3073), handshake)));
    return [
      a.setLocal(1, a.make("flash.net:Socket")),
      a.run(a.local(1), "addEventListener", a.push("connect"), begin),
      a.run(a.local(1), "addEventListener", a.push("socketData"), hear),
      a.run(a.local(1), "addEventListener", a.push("ioError"), a.handler(a.trace(a.push("io error")))),
      a.run(a.local(1), "connect", a.push("127.0.0.1"), a.push(1935)),
    ];
  });
  const { said, page } = await run("socket.swf", movie, "NetConnection.Connect.Success");
  assert(said.some((line) => line.startsWith("heard ")), said.join("\n"));
  await page.close();
});

for (const encoding of [0, 3] as const) {
  test(`what such a movie would say in AMF${encoding} is understood where Ruffle cannot say it`, async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    const heard = await page.evaluate(
      async ({ web, encoding }) => {
        const { NetConnection, NetStream, SharedObject } = (await import(`http://${web}/-/sdk/flashpod.js`)) as typeof sdk;
        const nc = new NetConnection({ objectEncoding: encoding });
        await nc.connect(`ws://${web}/chat/room`, "Anna");
        const wall = SharedObject.getRemote("wall", nc.uri, false);
        const synced = new Promise((resolve) => wall.on("sync", resolve));
        await wall.connect(nc);
        await synced;
        const changed = new Promise<unknown>((resolve) => wall.on("sync", (list) => resolve(list)));
        wall.setProperty("line", "hello");
        const ns = new NetStream(nc);
        const { code } = await ns.play("cam", -1);
        const heard = { said: await nc.call("say", "hello"), changed: JSON.stringify(await changed), code };
        nc.close();
        return heard;
      },
      { web: server.web!, encoding },
    );
    assert.equal(heard.said, "Anna says hello");
    assert.match(heard.changed, /"success".*"line"|"line".*"success"/);
    assert.equal(heard.code, "NetStream.Play.Start");
    await page.close();
  });
}
