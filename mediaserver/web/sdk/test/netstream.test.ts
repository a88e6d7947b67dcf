import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NetConnection, NetStream, StatusError, type MediaMessage, type StatusInfo } from "../src/index.ts";
import { audioPayload, videoPayload } from "../src/flvtags.ts";
import { opusHead } from "../src/codecstrings.ts";
import { connect, serve, TCPTransport, until, type Server } from "./server.ts";

const bytes = (s: string) => new Uint8Array(Buffer.from(s, "hex"));
const avcc = bytes("01640c0dffe1001567640c0dac191a81508588889b80868083c2211a8001000468ce3c80fdf8f800");

let server: Server;
before(async () => {
  server = await serve({ "tv/main.asc": "" });
});
after(() => server.stop());

/** All codes of a stream, as they come. */
function codes(ns: NetStream): string[] {
  const all: string[] = [];
  ns.on("netStatus", (info) => all.push(info.code.replace("NetStream.", "")));
  ns.on("playStatus", (info) => all.push(info.code.replace("NetStream.", "")));
  return all;
}
const code = (ns: NetStream, what: string) =>
  until<StatusInfo>(what, (done) => {
    ns.on("netStatus", (info) => info.code === `NetStream.${what}` && done(info));
    ns.on("playStatus", (info) => info.code === `NetStream.${what}` && done(info));
  });
const refusedWith = (promise: Promise<unknown>, want: string) =>
  assert.rejects(promise, (e: unknown) => e instanceof StatusError && (assert.equal(e.code, `NetStream.${want}`), true));

/** Publishes pictures and sound: 25 a second of each, a keyframe with each of ten; the byte says which picture it is. */
function fill(ns: NetStream, from: number, to: number): void {
  const put = (kind: MediaMessage["kind"], time: number, payload: Uint8Array) => ns.sendMedia({ kind, time, payload });
  if (from === 0) {
    put("video", 0, videoPayload("avc1", "config", true, avcc));
    put("audio", 0, audioPayload("Opus", "config", opusHead(1)));
  }
  for (let i = from; i < to; i++) {
    put("video", i * 40, videoPayload("avc1", "frames", i % 10 === 0, Uint8Array.of(0, 0, 0, 2, i % 10 === 0 ? 0x65 : 0x41, i)));
    put("audio", i * 40, audioPayload("Opus", "frames", bytes("f8fffe")));
  }
}
/** Which pictures have come, of the frames. */
const picture = (m: MediaMessage): number | undefined => (m.kind === "video" && (m.payload[0]! & 15) !== 0 ? m.payload.at(-1) : undefined);

test("info counts what comes and what goes out", async () => {
  const [a, b] = [await connect(server, "tv/info"), await connect(server, "tv/info")];
  const [p, v] = [new NetStream(a), new NetStream(b)];
  await v.play("cam");
  await p.publish("cam");
  const last = until<void>("the last sound", (done) => {
    let n = 0;
    v.on("media", (m) => m.kind === "audio" && ++n === 26 && done());
  });
  const word = until<void>("data", (done) => v.handle("onText", done));
  p.send("onText");
  fill(p, 0, 25);
  await last;
  await word;
  const [out, come] = [p.info, v.info];
  for (const info of [out, come]) {
    assert.equal(info.videoByteCount, 5 + avcc.length + 25 * 11);
    assert.equal(info.audioByteCount, 5 + opusHead(1).length + 25 * 8);
    assert(info.dataByteCount > 0 && info.byteCount === info.videoByteCount + info.audioByteCount + info.dataByteCount, JSON.stringify(info));
    assert(info.currentBytesPerSecond > 0 && info.maxBytesPerSecond >= info.currentBytesPerSecond, JSON.stringify(info));
    assert.equal(info.resourceName, "cam");
    assert.equal(info.isLive, true);
    assert.match(info.uri!, /\/tv\/info$/);
  }
  for (const end = Date.now() + 120_000; v.info.SRTT === 0 && Date.now() < end; ) await new Promise((next) => setTimeout(next, 20));
  assert(v.info.SRTT > 0);
  await v.play("another");
  assert.equal(v.info.videoByteCount, 0);
  a.close();
  b.close();
});

for (const objectEncoding of [0, 3] as const) {
  test(`what is published is played as it was, with data and metadata (objectEncoding ${objectEncoding})`, async () => {
    const [a, b] = [await connect(server, "tv/live", { objectEncoding }), await connect(server, "tv/live", { objectEncoding })];
    const [p, v] = [new NetStream(a), new NetStream(b)];
    const [said, heard] = [codes(p), codes(v)];
    const name = `cam${objectEncoding}`;
    const playing = await v.play(name);
    assert.equal(playing.code, "NetStream.Play.Start");
    assert.equal(playing.details, name);
    await b.call("getStreamLength", name); // which is answered when the player is there, as Play.Start is not
    const media: MediaMessage[] = [];
    v.on("media", (m) => m.kind !== "data" && media.push({ ...m, payload: m.payload.slice() }));
    const meta = until<object>("metadata", (done) => v.on("metaData", done));
    const text = until<unknown[]>("data", (done) => v.handle("onText", (...args) => done(args)));
    const last = until<void>("the last picture", (done) => v.on("media", (m) => picture(m) === 24 && m.time === 960 && done()));
    assert.equal((await p.publish(name)).code, "NetStream.Publish.Start");
    p.send("@setDataFrame", "onMetaData", { width: 322, height: 242, videocodecid: 7 });
    fill(p, 0, 25);
    p.send("onText", "Grüße", 7, { list: [1, null, "x"], at: new Date(5) });
    assert.deepEqual(await meta, { width: 322, height: 242, videocodecid: 7 });
    assert.equal(v.metaData.width, 322);
    await last;
    assert.deepEqual(await text, ["Grüße", 7, { list: [1, null, "x"], at: new Date(5) }]);
    assert.equal(Buffer.from(media.find((m) => m.kind === "video")!.payload).toString("hex"), "9061766331" + Buffer.from(avcc).toString("hex"));
    assert.deepEqual(media.map(picture).filter((n) => n !== undefined), Array.from({ length: 25 }, (_, i) => i));

    const gone = code(v, "Play.UnpublishNotify");
    assert.equal((await p.publish(false)).code, "NetStream.Unpublish.Success");
    await gone;
    assert.deepEqual(said, ["Publish.Start", "Unpublish.Success"]);
    assert.deepEqual(heard, ["Play.Reset", "Play.Start", "Play.PublishNotify", "Play.UnpublishNotify"]);
    a.close();
    b.close();
  });
}

test("a name that is taken, and what is not there", async () => {
  const [a, b] = [await connect(server, "tv/taken"), await connect(server, "tv/taken")];
  const [p, q, same] = [new NetStream(a), new NetStream(b), new NetStream(a)];
  await p.publish("cam");
  // A silent publisher loses its name to another connection, though not to its own.
  await refusedWith(same.publish("cam"), "Publish.BadName");
  const speaks = setInterval(() => fill(p, 0, 1), 20);
  await refusedWith(q.publish("cam"), "Publish.BadName").finally(() => clearInterval(speaks));
  assert.throws(() => q.send("onText"), /nothing is published/);
  await refusedWith(q.play("film", 0), "Play.StreamNotFound");
  await q.play("cam");
  await refusedWith(q.seek(3), "Seek.Failed");
  await q.publish("other"); // one stream does one thing after another
  q.dispose();
  await refusedWith(q.play("cam"), "Failed");
  const waits = same.play("cam");
  a.close();
  await refusedWith(waits, "Failed");
  await refusedWith(same.play("cam"), "Failed");
});

test("a recording is played, paused, sought and appended to", async () => {
  const nc = await connect(server, "tv/film");
  const [p, v] = [new NetStream(nc), new NetStream(nc)];
  const said = codes(p);
  const recording = code(p, "Record.Start");
  await p.publish("film", "record");
  await recording;
  fill(p, 0, 200); // 8 s
  await p.publish(false);
  assert.deepEqual(said, ["Publish.Start", "Record.Start", "Record.Stop", "Unpublish.Success"]);

  const heard = codes(v);
  let came: [number, number][] = [];
  v.on("media", (m) => picture(m) !== undefined && came.push([picture(m)!, m.time]));
  const reached = (n: number) => until<void>(`picture ${n}`, (done) => v.on("media", (m) => picture(m) === n && done()));
  v.bufferTime = 1;
  const meta = until<Record<string, unknown>>("metadata", (done) => v.on("metaData", done));
  const some = reached(60);
  await v.play("film", 0);
  assert(Math.abs(Number((await meta).duration) - 8) < 0.1, "duration");
  await some;
  await v.pause();
  assert.equal(v.paused, true);
  const at = v.time;
  assert(at >= 2.4 && at < 8, `paused at ${at}`);
  await new Promise((resolve) => setImmediate(resolve));
  const seen = came.length;
  came = [];
  const [on, stop] = [reached(199), code(v, "Play.Stop")];
  await v.resume();
  await on;
  await stop;
  // It goes on behind what has come, from the keyframe before that.
  assert(seen + came.length >= 200 && seen + came.length < 212, `${seen} and ${came.length} pictures`);
  assert.equal(came[0]![0] % 10, 0);
  assert(came[0]![1] <= at * 1000 && came[0]![1] > at * 1000 - 400, `${came[0]} behind ${at}`);

  came = [];
  const behind = reached(160);
  await v.seek(6.08); // picture 152
  await behind;
  assert.deepEqual(came.slice(0, 4), [[150, 6000], [151, 6040], [152, 6080], [153, 6120]]);
  for (const want of ["Play.Reset", "Data.Start", "Pause.Notify", "Unpause.Notify", "Play.Complete", "Play.Stop", "Seek.Notify"]) assert(heard.includes(want), `${want}: ${heard.join()}`);
  v.close();

  await p.publish("film", "append");
  fill(p, 0, 25);
  await p.publish(false);
  const longer = until<Record<string, unknown>>("metadata", (done) => v.on("metaData", done));
  const [stopped, next] = [code(v, "Play.Stop"), code(v, "Play.Switch")];
  came = [];
  await v.play("film", 8, 0.4);
  await v.play("film", 2, 0.4, false);
  assert(Math.abs(Number((await longer).duration) - 9) < 0.1, "duration behind append");
  await next;
  await stopped;
  // One item behind the other, and time goes on.
  const first = came.filter(([n]) => n < 12).length;
  assert(first >= 10 && came.slice(first).some(([n]) => n === 55) && came.every(([, time], i) => i === 0 || time >= came[i - 1]![1]), JSON.stringify(came));
  nc.close();
});

test("what cannot be understood is said once, and the connection stays", async () => {
  const nc = await connect(server, "tv/garbage");
  const [p, v] = [new NetStream(nc), new NetStream(nc)];
  const heard = codes(v);
  await v.play("cam");
  await p.publish("cam");
  const last = until<void>("the end", (done) => v.handle("onEnd", () => done()));
  for (const body of ["9061", "90617663", "af", "1701"]) p.sendMedia({ kind: body === "af" ? "audio" : "video", time: 0, payload: bytes(body) });
  p.sendMedia({ kind: "data", time: 0, payload: bytes("0200066f6e54657874ff") }); // onText, and what is no value
  p.send("onEnd");
  await last;
  assert.deepEqual(heard.filter((c) => c === "Play.FileStructureInvalid").length, 2, heard.join());
  assert.equal(nc.connected, true);
  nc.close();
});

test("what plays and publishes goes on when a lost connection comes back", async () => {
  const lost: TCPTransport[] = [];
  const make = async () => {
    let mine: TCPTransport;
    const nc = new NetConnection({ transport: () => (lost[0] = mine = new TCPTransport(server.port)), reconnect: { minDelay: 10 } });
    await nc.connect(server.url("tv/again"));
    return { nc, lose: () => mine.close() };
  };
  const [a, b] = [await make(), await make()];
  const [p, v] = [new NetStream(a.nc), new NetStream(b.nc)];
  await v.play("cam");
  await p.publish("cam");
  const reached = (n: number) => until<void>(`picture ${n}`, (done) => v.on("media", (m) => picture(m) === n && done()));
  let seen = reached(5);
  fill(p, 0, 6);
  await seen;
  let again = code(v, "Play.Start");
  b.lose();
  await again;
  again = code(p, "Publish.Start");
  a.lose();
  await again;
  seen = reached(15);
  fill(p, 0, 16);
  await seen;
  assert.equal((await p.publish(false)).code, "NetStream.Unpublish.Success");

  // A recording is gone on with, on both sides.
  await p.publish("film", "record");
  fill(p, 0, 50);
  await a.nc.call("getStreamLength", "film"); // which is answered when the server has them
  again = code(p, "Publish.Start");
  a.lose();
  await again;
  fill(p, 0, 100);
  await p.publish(false);
  seen = reached(60);
  await v.play("film", 0);
  await seen;
  const had = v.time;
  again = code(v, "Play.Start");
  const whole = code(v, "Play.Stop");
  const times: number[] = [];
  v.on("media", (m) => picture(m) !== undefined && times.push(m.time));
  b.lose();
  await again;
  await whole;
  assert(times[0]! >= (had - 0.5) * 1000, `it goes on at ${times[0]} and not at ${had} s`);
  assert(times.at(-1)! > 5500, `it ends at ${times.at(-1)}`);
  a.nc.close();
  b.nc.close();
});
