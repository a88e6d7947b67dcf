import assert from "node:assert/strict";
import { test } from "node:test";
import { WireError } from "../src/index.ts";
import { ChunkReader, ChunkWriter, split, type Message } from "../src/chunks.ts";

const bytes = (s: string) => new Uint8Array(Buffer.from(s.replaceAll(" ", ""), "hex"));
const body = (n: number, of: number) => new Uint8Array(n).fill(of);

/** Reads bytes in pieces of a size. */
function read(b: Uint8Array, piece = b.length, prepare = (_: ChunkReader) => {}): Message[] {
  const all: Message[] = [];
  const r = new ChunkReader((m) => all.push({ ...m, body: m.body.slice() }));
  prepare(r);
  for (let at = 0; at < b.length; at += piece) r.feed(b.subarray(at, at + piece));
  return all;
}

test("messages come back as they were written, however the bytes are cut", () => {
  const messages: [number, Message][] = [
    [3, { type: 20, stream: 0, time: 0, body: body(5, 1) }],
    [4, { type: 9, stream: 1, time: 0xfffffe, body: body(128, 2) }],
    [4, { type: 9, stream: 1, time: 0xffffff, body: body(129, 3) }],
    [63, { type: 8, stream: 0x01020304, time: 0xfffffff0, body: body(1000, 4) }],
    [3, { type: 8, stream: 1, time: 7, body: body(0, 0) }],
  ];
  const w = new ChunkWriter();
  const all = Buffer.concat(messages.map(([id, m]) => w.write(id, m)));
  for (const piece of [1, 2, 3, 11, 127, all.length]) assert.deepEqual(read(all, piece), messages.map(([, m]) => m), `pieces of ${piece}`);
});

test("headers of all four kinds, and chunk streams that take turns", () => {
  const b = bytes(
    "05 000064 000002 08 01000000 aaaa" + // 100
      "45 00000a 000002 08 bbbb" + // +10
      "85 000005 cccc" + // +5
      "c5 dddd" + // +5 again
      "00 10 000000 0000c8 09 01000000" + "11".repeat(128) + // chunk stream 80, 200 bytes, of which 128
      "01 00 01 000001 000001 08 02000000 ee" + // chunk stream 320 between
      "c0 10" + "22".repeat(72),
  );
  for (const piece of [1, 7, b.length]) {
    assert.deepEqual(read(b, piece).map((m) => [m.type, m.stream, m.time, m.body.length]), [
      [8, 1, 100, 2],
      [8, 1, 110, 2],
      [8, 1, 115, 2],
      [8, 1, 120, 2],
      [8, 2, 1, 1],
      [9, 1, 0, 200],
    ]);
  }
});

test("extended timestamps are read whether a peer repeats them or not", () => {
  const head = "04 ffffff 000082 09 01000000 01000000" + "11".repeat(128);
  for (const rest of ["c4 01000000 2222", "c4 2222 03 000000 000001 14 00000000 05"]) {
    const [m] = read(bytes(head + rest), 5);
    assert.deepEqual([m?.time, m?.body.length, m?.body[129]], [0x01000000, 130, 0x22]);
  }
});

test("an aborted message is forgotten, and a smaller chunk size holds from then on", () => {
  const b = bytes("05 000000 000100 08 01000000" + "11".repeat(128));
  const all: Message[] = [];
  const r = new ChunkReader((m) => all.push(m));
  r.feed(b);
  r.abort(5);
  r.setChunkSize(2);
  r.feed(bytes("c5 2222".repeat(1) + "05 000000 000003 08 01000000 3333 c5 33"));
  assert.deepEqual(all.map((m) => Buffer.from(m.body).toString("hex")), ["333333"]);
});

test("an aggregate message is its parts, with times of its own", () => {
  const part = (type: string, time: string, data: string) =>
    `${type} ${(data.length / 2).toString(16).padStart(6, "0")} ${time} 000000 ${data} 0000000d`;
  const all: Message[] = [];
  split({ type: 22, stream: 1, time: 1000, body: bytes(part("08", "00000500", "aaaa") + part("09", "00001500", "bbbb")) }, (m) => all.push(m));
  assert.deepEqual(all.map((m) => [m.type, m.time, m.body[0]]), [
    [8, 1000, 0xaa],
    [9, 1016, 0xbb],
  ]);
});

test("what a stranger sends is bounded", () => {
  assert.throws(() => read(bytes("c5 11")), WireError);
  assert.throws(() => read(new Uint8Array(0), 1, (r) => r.setChunkSize(0)), WireError);
  const many = Array.from({ length: 300 }, (_, i) => `00 ${i.toString(16).padStart(2, "0").slice(-2)} 000000 000000 08 00000000`);
  assert.doesNotThrow(() => read(bytes(many.slice(0, 200).join(""))));
  const more = Array.from({ length: 300 }, (_, i) => `01 ${(i & 255).toString(16).padStart(2, "0")} ${(i >> 8).toString(16).padStart(2, "0")} 000000 000000 08 00000000`);
  assert.throws(() => read(bytes(more.join(""))), /chunk streams/);
  // 100 messages that say they have 16 MiB cost what has come of them.
  const held = Array.from({ length: 100 }, (_, i) => `00 ${i.toString(16).padStart(2, "0")} 000000 ffffff 08 00000000` + "00".repeat(128));
  assert.doesNotThrow(() => read(bytes(held.join(""))));
  assert.throws(
    () => read(Buffer.concat(Array.from({ length: 4 }, (_, i) => Buffer.concat([bytes(`0${i + 3} 000000 ffffff 08 00000000`), body(12 << 20, 1)]))), 1 << 20, (r) => r.setChunkSize(12 << 20)),
    /in part/,
  );
});
