import assert from "node:assert/strict";
import { test } from "node:test";
import { WireError } from "../src/index.ts";
import { describeTrack, opusHead, opusSamples } from "../src/codecstrings.ts";
import { audioPayload, parseAudio, parseVideo, videoPayload } from "../src/flvtags.ts";
import { fragment, initSegment } from "../src/fmp4.ts";
import { sequenceHeader } from "../src/picturesize.ts";

const bytes = (s: string) => new Uint8Array(Buffer.from(s.replaceAll(" ", ""), "hex"));
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

// Configurations and first bytes as Chromium's and FFmpeg's encoders have written them.
const none = new Uint8Array(0);
const avcc = bytes("01640c0dffe1001567640c0dac191a81508588889b80868083c2211a8001000468ce3c80fdf8f800");
const interlaced = bytes("01640015ffe1001a67640015acd941533c45e022000003000200000300283e28532c01000668fba3cb22c0fdf8f800");
const hvcc = bytes(
  "0101600000009000000000003cf000fcfdf8f800000f03" +
    "200001001840010c01ffff01600000030090000003000003003c959809" +
    "210001002a42010101600000030090000003000003003ca00a480b9c9596566924caf0168080000003008000000504" +
    "22000100074401c172b46240",
);
const av1 = bytes("12000a0d000000043d07c401a2021a030832");
const vp9 = bytes("824983425014100f160a38241c18800001");

test("payloads are read in the form of Adobe's time and in that of Enhanced RTMP", () => {
  const seen = (p: ReturnType<typeof parseVideo>) => [p.codec, p.type, p.key, p.offset, hex(p.body)];
  for (const [payload, want] of [
    ["17 00 000000 0164", ["avc1", "config", true, 0, "0164"]],
    ["17 01 000028 aabb", ["avc1", "frames", true, 40, "aabb"]],
    ["27 01 ffffd8 aabb", ["avc1", "frames", false, -40, "aabb"]],
    ["17 02", ["avc1", "end", true, 0, ""]],
    ["1c 01 000000 cc", ["hvc1", "frames", true, 0, "cc"]],
    ["22 aabb", ["flv2", "frames", false, 0, "aabb"]],
    ["52 00", ["flv2", "other", false, 0, "00"]],
    ["90 61766331 0164", ["avc1", "config", true, 0, "0164"]],
    ["a1 61766331 000021 aa", ["avc1", "frames", false, 33, "aa"]],
    ["93 61766331 aa", ["avc1", "frames", true, 0, "aa"]],
    ["91 76703039 82", ["vp09", "frames", true, 0, "82"]],
    ["92 61763031", ["av01", "end", true, 0, ""]],
    ["94 61763031 02", ["av01", "other", true, 0, "02"]],
    ["d1 00", ["", "other", false, 0, "6176"]],
  ] as const) {
    const p = bytes(payload);
    if (payload.startsWith("d1")) assert.equal(parseVideo(p).type, "other");
    else assert.deepEqual(seen(parseVideo(p)), want, payload);
  }
  for (const [payload, want] of [
    ["af 00 1210", ["mp4a", "config", true, 0, "1210"]],
    ["af 01 2100", ["mp4a", "frames", true, 0, "2100"]],
    ["2f fffb", [".mp3", "frames", true, 0, "fffb"]],
    ["b2 aabb", ["flv11", "frames", true, 0, "aabb"]],
    ["90 4f707573 4f70", ["Opus", "config", true, 0, "4f70"]],
    ["91 4f707573 fc", ["Opus", "frames", true, 0, "fc"]],
    ["94 4f707573 00", ["Opus", "other", true, 0, "00"]],
    ["", ["", "other", true, 0, ""]],
  ] as const) {
    assert.deepEqual(seen(parseAudio(bytes(payload))), want, payload);
  }
});

test("payloads that end too early, or are what was not asked for, are errors", () => {
  for (const bad of ["", "17", "17 01 00", "90 617663", "a1 61766331 0000", "96 00 61766331 00", "97 00 00 01 61766331", "95 61763031 00"]) assert.throws(() => parseVideo(bytes(bad)), WireError, bad);
  for (const bad of ["af", "91 4f7075", "95 00 4f707573 00", "97 00 00"]) assert.throws(() => parseAudio(bytes(bad)), WireError, bad);
});

test("payloads that are written are read as what they were", () => {
  const body = bytes("010203");
  assert.equal(hex(videoPayload("avc1", "frames", true, body)), "9361766331010203");
  assert.equal(hex(videoPayload("av01", "frames", false, body)), "a161763031010203");
  assert.equal(hex(audioPayload("Opus", "config", body)), "904f707573010203");
  for (const codec of ["avc1", "hvc1", "av01", "vp09"])
    for (const type of ["config", "frames", "end"] as const)
      for (const key of [true, false]) assert.deepEqual(parseVideo(videoPayload(codec, type, key, body)), { kind: "video", codec, type, key, offset: 0, body });
  for (const codec of ["Opus", "mp4a"])
    for (const type of ["config", "frames", "end"] as const) assert.deepEqual(parseAudio(audioPayload(codec, type, body)), { kind: "audio", codec, type, key: true, offset: 0, body });
});

test("tracks are described as browsers ask for them", () => {
  const seen = (...of: Parameters<typeof describeTrack>) => {
    const t = describeTrack(...of)!;
    return t.kind === "video" ? [t.codec, t.width, t.height] : [t.codec, t.timescale, t.channels];
  };
  assert.deepEqual(seen("video", "avc1", avcc, none), ["avc1.640c0d", 322, 242]);
  assert.deepEqual(seen("video", "avc1", interlaced, none), ["avc1.640015", 322, 184]);
  assert.deepEqual(seen("video", "hvc1", hvcc, none), ["hvc1.1.6.L60.90", 322, 182]);
  assert.deepEqual(seen("video", "av01", bytes("81000c00"), av1), ["av01.0.00M.08", 322, 242]);
  assert.deepEqual(seen("video", "av01", bytes("81040c000a0d000000043d07c401a2021a030832"), none), ["av01.0.04M.08", 322, 242]);
  assert.deepEqual(seen("video", "vp09", none, vp9), ["vp09.00.41.08", 322, 242]);
  for (const version of ["", "01000000"]) assert.deepEqual(seen("video", "vp09", bytes(version + "000a820202020000"), vp9), ["vp09.00.10.08", 322, 242]);
  assert.deepEqual(seen("audio", "mp4a", bytes("1210"), none), ["mp4a.40.2", 44100, 2]);
  assert.deepEqual(seen("audio", "mp4a", bytes("2b920800"), none), ["mp4a.40.5", 22050, 2]);
  assert.deepEqual(seen("audio", "Opus", opusHead(1), none), ["opus", 48000, 1]);
  assert.deepEqual(seen("audio", "Opus", none, none), ["opus", 48000, 2]);
  assert.deepEqual(seen("audio", ".mp3", none, bytes("fffb9000")), ["mp3", 44100, 2]);
  assert.deepEqual(seen("audio", ".mp3", none, bytes("fff384c4")), ["mp3", 24000, 1]);
  assert.equal(describeTrack("video", "flv2", none, none), undefined);
  assert.equal(hex(sequenceHeader(av1)!), "0a0d000000043d07c401a2021a0308");
  const samples = ["f8", "f9", "fb03", "08", "60", "80"].map((s) => opusSamples(bytes(s)));
  assert.deepEqual(samples, [960, 1920, 2880, 960, 480, 120]);
});

test("configurations that lie are errors, and nothing worse", () => {
  for (const [kind, fourcc, config, first] of [
    ["video", "avc1", "", ""],
    ["video", "avc1", "0164000bffe00000", ""],
    ["video", "avc1", "0164000bffe1ffff67", ""],
    ["video", "avc1", "0164000bffe1000467000000", ""],
    ["video", "hvc1", "0101600000009000000000003cf000fcfdf8f800000f00", ""],
    ["video", "av01", "81000c00", "0a"],
    ["video", "av01", "81000c00", "0affffffffff"],
    ["video", "vp09", "", "ff"],
    ["video", "vp09", "", "860040928c"],
    ["audio", "mp4a", "12", ""],
    ["audio", "mp4a", "1790", ""],
    ["audio", "Opus", "4f7075734865", ""],
    ["audio", "Opus", "4f7075734865616401020000000000000000ff", ""],
    ["audio", ".mp3", "", "0000"],
  ] as const) {
    assert.throws(() => describeTrack(kind, fourcc, bytes(config), bytes(first)), WireError, `${fourcc} ${config} ${first}`);
  }
  // Whatever a stranger writes: an error of ours, and soon.
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 0x7fffffff);
  for (let i = 0; i < 20_000; i++) {
    const of = [avcc, interlaced, hvcc, av1, vp9, opusHead(2)][random() % 6]!.slice();
    for (let n = random() % 4; n >= 0; n--) of[random() % of.length] = random() & 255;
    for (const fourcc of ["avc1", "hvc1", "av01", "vp09"]) calm(() => describeTrack("video", fourcc, of.subarray(0, random() % (of.length + 1)), of));
    for (const fourcc of ["mp4a", "Opus", ".mp3"]) calm(() => describeTrack("audio", fourcc, of, of));
    calm(() => parseVideo(of));
    calm(() => parseAudio(of));
  }
});

function calm(of: () => unknown): void {
  try {
    of();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
}

/** The boxes of MP4 as [kind, size or children]. */
type Boxes = [string, number | Boxes][];
function boxes(b: Uint8Array): Boxes {
  const all: Boxes = [];
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  for (let at = 0; at < b.length; ) {
    const size = view.getUint32(at);
    assert(size >= 8 && at + size <= b.length, "a box that does not end");
    const kind = Buffer.from(b.subarray(at + 4, at + 8)).toString("latin1");
    const skip = kind === "stsd" || kind === "dref" ? 16 : kind === "avc1" ? 86 : kind === "Opus" ? 36 : 8;
    const nested = ["moov", "trak", "mdia", "minf", "dinf", "dref", "stbl", "stsd", "avc1", "Opus", "mvex", "moof", "traf"].includes(kind);
    all.push([kind, nested ? boxes(b.subarray(at + skip, at + size)) : size]);
    at += size;
  }
  return all;
}

test("fragmented MP4 has its boxes, and says where its frames lie", () => {
  const track = describeTrack("video", "avc1", avcc, none)!;
  const init = initSegment(track);
  const stbl = (entry: Boxes): Boxes => [["stsd", entry], ["stts", 16], ["stsc", 16], ["stco", 16], ["stsz", 20]];
  const moov = (header: string, size: number, entry: Boxes): Boxes => [
    ["ftyp", 24],
    ["moov", [
      ["mvhd", 108],
      ["trak", [["tkhd", 92], ["mdia", [["mdhd", 32], ["hdlr", 33], ["minf", [[header, size], ["dinf", [["dref", [["url ", 12]]]]], ["stbl", stbl(entry)]]]]]]],
      ["mvex", [["trex", 32]]],
    ]],
  ];
  assert.deepEqual(boxes(init), moov("vmhd", 20, [["avc1", [["avcC", 8 + avcc.length]]]]));
  const sound = describeTrack("audio", "Opus", opusHead(2), none)!;
  assert.deepEqual(boxes(initSegment(sound)), moov("smhd", 16, [["Opus", [["dOps", 19]]]]));
  assert(hex(initSegment(sound)).includes(Buffer.from("dOps").toString("hex") + "00020138" + "0000bb80" + "0000" + "00"), "dOps");

  const data = [bytes("aabbcc"), bytes("dd")];
  const at = 5 * 2 ** 32 + 7;
  const f = fragment(9, [
    { time: at, duration: 3000, offset: 6000, key: true, data: data[0]! },
    { time: at + 3000, duration: 3600, offset: -3000, key: false, data: data[1]! },
  ]);
  assert.deepEqual(boxes(f), [["moof", [["mfhd", 16], ["traf", [["tfhd", 16], ["tfdt", 20], ["trun", 52]]]]], ["mdat", 12]]);
  const view = new DataView(f.buffer);
  const trun = Buffer.from(f).indexOf("trun") + 4;
  assert.equal(view.getBigUint64(Buffer.from(f).indexOf("tfdt") + 8), BigInt(at));
  assert.equal(hex(f.subarray(view.getInt32(trun + 8))), "aabbccdd");
  assert.deepEqual([0, 4, 8, 12, 16, 20, 24, 28].map((n) => view.getInt32(trun + 12 + n)), [3000, 3, 0x2000000, 6000, 3600, 1, 0x1010000, -3000]);
});
