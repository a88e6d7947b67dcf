import assert from "node:assert/strict";
import { test } from "node:test";
import { describeTrack, opusHead } from "../src/codecstrings.ts";
import { SoundTimes } from "../src/soundtimes.ts";
import { Timeline } from "../src/timeline.ts";
import { TrackBuffer } from "../src/trackbuffer.ts";
import type { MediaPacket } from "../src/flvtags.ts";

const bytes = (s: string) => new Uint8Array(Buffer.from(s, "hex"));
const pictures = describeTrack("video", "avc1", bytes("01640c0dffe1001567640c0dac191a81508588889b80868083c2211a8001000468ce3c80fdf8f800"), new Uint8Array(0))!;
const sound = describeTrack("audio", "Opus", opusHead(1), new Uint8Array(0))!;
const picture = (key: boolean, offset = 0, size = 8): MediaPacket => ({ kind: "video", codec: "avc1", type: "frames", key, offset, body: new Uint8Array(size) });
const sounds: MediaPacket = { kind: "audio", codec: "Opus", type: "frames", key: true, offset: 0, body: bytes("f8fffe") };

/** As a browser's SourceBuffer, as far as it is used: it is busy after each order until done() is called. */
class Buffer_ extends EventTarget {
  updating = false;
  orders: string[] = [];
  /** Frames that have come: [time, duration, offset, key] in units of the track. */
  frames: [number, number, number, boolean][] = [];
  refuse: string | undefined;
  appendBuffer(b: Uint8Array): void {
    if (this.refuse) throw Object.assign(new Error(this.refuse), { name: this.refuse });
    const view = new DataView(b.buffer, b.byteOffset, b.length);
    const at = (kind: string) => Buffer.from(b).indexOf(kind) + 4;
    if (at("trun") === 3) return this.order("init");
    let time = Number(view.getBigUint64(at("tfdt") + 4));
    const n = view.getUint32(at("trun") + 4);
    for (let i = 0; i < n; i++) {
      const [duration, , flags, offset] = [0, 4, 8, 12].map((k) => view.getInt32(at("trun") + 12 + 16 * i + k)) as [number, number, number, number];
      this.frames.push([time, duration, offset, flags === 0x2000000]);
      time += duration;
    }
    this.order(`frames ${n}`);
  }
  remove(from: number, to: number): void {
    this.order(`remove ${from} ${to}`);
  }
  abort(): void {
    this.orders.push("abort");
    this.updating = false;
  }
  get timestampOffset(): number {
    return NaN;
  }
  set timestampOffset(seconds: number) {
    assert(!this.updating, "an offset while it is busy");
    this.orders.push(`from ${seconds.toFixed(3)}`);
  }
  private order(what: string): void {
    assert(!this.updating, `${what} while it is busy`);
    this.updating = true;
    this.orders.push(what);
  }
  done(): void {
    this.updating = false;
    this.dispatchEvent(new Event("updateend"));
  }
}

function make(track = pictures) {
  const buffer = new Buffer_();
  const told: string[] = [];
  const of = new TrackBuffer(buffer as unknown as SourceBuffer, track, { full: () => told.push("full"), failed: (e) => told.push(String(e)), idle: () => told.push("idle") });
  const all = () => {
    while (buffer.updating) buffer.done();
  };
  return { buffer, told, of, all };
}

test("pictures end where the next begins, wait while the buffer is busy, and go together then", () => {
  const { buffer, of, all } = make();
  of.frame(pictures, picture(false), 0); // nothing follows it
  of.frame(pictures, picture(true, 40), 1000);
  for (const [i, at] of [1033, 1067, 1100].entries()) of.frame(pictures, picture(false, i), at);
  assert.deepEqual(buffer.orders, ["init"]);
  all();
  assert.deepEqual(buffer.orders, ["init", "frames 3"]);
  assert.deepEqual(buffer.frames, [
    [90000, 2970, 3600, true],
    [92970, 3060, 0, false],
    [96030, 2970, 90, false],
  ]);
  of.settle(); // nothing more comes: the last one stands for a second
  of.pump();
  all();
  assert.deepEqual(buffer.frames.at(-1), [99000, 90000, 180, false]);
  of.close();
});

test("what lies before the place of a seek is shown at once, and a gap stays one", () => {
  const { buffer, of, all } = make();
  for (const at of [500, 500, 500, 540, 5000, 5040]) of.frame(pictures, picture(at === 500, 80), at);
  all();
  assert.deepEqual(buffer.frames, [
    [45000, 1, 0, true],
    [45001, 1, 0, true],
    [45002, 3598, 7200, true],
    [48600, 3598, 7200, false],
    [450000, 3600, 7200, false],
  ]);
  of.close();
});

test("sound goes on from sample to sample, though its timestamps are whole milliseconds", () => {
  const { buffer, of, all } = make(sound);
  for (const at of [10, 31, 49, 70, 90, 400]) of.frame(sound, sounds, at);
  all();
  assert.deepEqual(buffer.frames.map(([time, duration]) => [time, duration]), [
    [480, 960],
    [1440, 960],
    [2400, 960],
    [3360, 960],
    [4320, 960],
    [19200, 960],
  ]);
  of.close();
});

test("a buffer that is full says so, and what waits has its limit", () => {
  const { buffer, told, of, all } = make();
  buffer.refuse = "QuotaExceededError";
  for (let i = 0; i < 40; i++) of.frame(pictures, picture(i % 10 === 0, 0, 1 << 20), i * 40);
  assert(told.includes("full") && told.includes("Error: the browser does not take what comes"), [...new Set(told)].join());
  assert.equal(buffer.orders.length, 0);
  buffer.refuse = undefined;
  told.length = 0;
  of.remove(0, 3);
  all();
  for (let i = 40; i < 53; i++) of.frame(pictures, picture(i % 10 === 0), i * 40);
  all();
  assert.deepEqual(buffer.orders.filter((o) => !o.startsWith("frames")), ["remove 0 3", "init"]);
  assert(buffer.frames.length > 10 && buffer.frames.length < 30, `${buffer.frames.length}`);
  assert.equal(buffer.frames[0]![3], true, "it begins with a key");
  buffer.refuse = "InvalidStateError";
  of.frame(pictures, picture(false), 9000);
  assert.match(told.at(-1)!, /InvalidStateError/);
  of.close();
});

test("a restart takes back what waits and what is there, and says again what comes", () => {
  const { buffer, of, all } = make();
  for (let i = 0; i < 5; i++) of.frame(pictures, picture(i === 0), i * 40);
  of.restart(7);
  of.frame(pictures, picture(false), 7000);
  of.frame(pictures, picture(true), 6000);
  of.settle();
  all();
  assert.deepEqual(buffer.orders, ["init", "abort", "remove 0 Infinity", "init", "frames 1"]);
  // The picture covers the place, though it is from before.
  assert.deepEqual(buffer.frames, [[540000, 99000, 0, true]]);
  of.close();
});

test("MP3 goes in as it is, and is told its place where it does not follow what was before", () => {
  const frame = (at: number): [MediaPacket, number] => [{ kind: "audio", codec: ".mp3", type: "frames", key: true, offset: 0, body: bytes("fffb9000") }, at];
  const track = describeTrack("audio", ".mp3", new Uint8Array(0), bytes("fffb9000"))!;
  const { buffer, of, all } = make(track);
  buffer.appendBuffer = (b: Uint8Array) => {
    buffer.orders.push(`${b.length / 4} frames`);
    buffer.updating = true;
  };
  for (const at of [1000, 1026, 1052, 3000, 3026]) of.frame(track, ...frame(at));
  all();
  of.restart(7);
  all();
  of.frame(track, ...frame(7000));
  all();
  assert.deepEqual(buffer.orders, ["abort", "from 1.000", "1 frames", "2 frames", "abort", "from 3.000", "2 frames", "remove 0 Infinity", "abort", "from 7.000", "1 frames"]);
  of.close();
});

test("times go on over 32 bits, begin anywhere where a stream is live, and stay where it is recorded", () => {
  const live = new Timeline(true);
  const places = (of: Timeline, kind: "audio" | "video", ...times: number[]) => times.map((t) => of.place(t, kind));
  assert.deepEqual(places(live, "video", 0xfffffff0, 0xfffffff8, 8, 5, 1000), [0, 8, 24, 21, 1016]);
  assert.equal(live.beside(1010), 1026);
  // Another publisher begins anew, a gap is a gap.
  assert.deepEqual(places(live, "video", 500_000, 3, 43, 10), [500_016, 500_017, 500_057, 500_024]);
  const recorded = new Timeline(false);
  assert.deepEqual(places(recorded, "video", 5000, 5040, 9000, 2000), [5000, 5040, 9000, 2000]);
  assert.equal(recorded.newest, 9000);
});

test("sound that is seconds behind pictures is no stream that begins anew, and one that does begins with either", () => {
  const live = new Timeline(true);
  const both = (...of: [time: number, kind: "audio" | "video"][]) => of.map(([time, kind]) => live.place(time, kind));
  assert.deepEqual(both([8000, "video"], [5000, "audio"], [8040, "video"], [5020, "audio"], [8080, "video"]), [0, -3000, 40, -2980, 80]);
  assert.deepEqual(both([20, "audio"], [0, "video"], [40, "audio"], [40, "video"]), [81, 61, 101, 101]);
  // Pictures that come when there was sound alone are of the stream that begins.
  assert.deepEqual(both([90_000, "audio"]), [90_061]);
  const sound = new Timeline(true);
  assert.deepEqual([sound.place(0, "audio"), sound.place(90_000, "audio"), sound.place(10, "video"), sound.place(0, "audio")], [0, 90_000, 90_001, 89_991]);
});

test("sound has the time at which it was heard, whatever was lost before an encoder that counts samples", () => {
  const times = new SoundTimes();
  for (let at = 0; at < 100_000; at += 10_000) {
    const heard = 1_000_000 + at + (at % 3) * 1000; // a clock is never exact
    assert.equal(times.missing(heard), 0);
    times.give(heard, 10_000);
  }
  assert.equal(times.missing(4_000_000), 2_900_000);
  assert.equal(times.missing(400_000_000), 0); // nobody waits for that
  times.give(4_000_000, 10_000);
  times.give(4_010_000, 10_000);
  assert.deepEqual(Array.from({ length: 6 }, () => times.take(20_000)), [1_000_000, 1_020_000, 1_040_000, 1_060_000, 1_080_000, 4_000_000]);
});
