/** Fragmented MP4 [ISO/IEC 14496-12], as MSE takes it: one track, an initialization segment and fragments of frames. */
import { Writer } from "./bytes.ts";
import type { MediaTrack } from "./codecstrings.ts";

/** One frame, its times in the track's units. */
export interface Sample {
  /** When it is decoded. */
  time: number;
  duration: number;
  /** From when it is decoded to when it is shown. */
  offset: number;
  key: boolean;
  data: Uint8Array;
}

function box(w: Writer, kind: string, body: () => void): void {
  const at = w.length;
  w.u32(0);
  for (let i = 0; i < 4; i++) w.u8(kind.charCodeAt(i));
  body();
  w.set32(at, w.length - at);
}

/** A box with a version and flags. */
function full(w: Writer, kind: string, version: number, flags: number, body: () => void): void {
  box(w, kind, () => {
    w.u32(version * 2 ** 24 + flags);
    body();
  });
}

const zero = (w: Writer, n: number): Writer => w.put(new Uint8Array(n));
const text = (w: Writer, s: string): Writer => w.put([...s].map((c) => c.charCodeAt(0)));

function matrix(w: Writer): void {
  for (const n of [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000]) w.u32(n);
}

/** What goes before a track's fragments. */
export function initSegment(t: MediaTrack): Uint8Array {
  const w = new Writer();
  box(w, "ftyp", () => text(w, "iso6\0\0\0\0iso6mp41"));
  box(w, "moov", () => {
    full(w, "mvhd", 0, 0, () => {
      zero(w, 8).u32(1000).u32(0).u32(0x10000).u16(0x100);
      matrix(zero(w, 10));
      zero(w, 24).u32(2);
    });
    box(w, "trak", () => {
      full(w, "tkhd", 0, 3, () => {
        zero(w, 8).u32(1);
        zero(w, 20).u16(t.kind === "audio" ? 0x100 : 0).u16(0);
        matrix(w);
        w.u32(t.width * 0x10000).u32(t.height * 0x10000);
      });
      box(w, "mdia", () => media(w, t));
    });
    box(w, "mvex", () => full(w, "trex", 0, 0, () => zero(w.u32(1).u32(1), 12)));
  });
  return w.done();
}

function media(w: Writer, t: MediaTrack): void {
  full(w, "mdhd", 0, 0, () => zero(w, 8).u32(t.timescale).u32(0).u16(0x55c4).u16(0));
  full(w, "hdlr", 0, 0, () => zero(text(w.u32(0), t.kind === "video" ? "vide" : "soun"), 13));
  box(w, "minf", () => {
    if (t.kind === "video") full(w, "vmhd", 0, 1, () => zero(w, 8));
    else full(w, "smhd", 0, 0, () => zero(w, 4));
    box(w, "dinf", () => full(w, "dref", 0, 0, () => (w.u32(1), full(w, "url ", 0, 1, () => {}))));
    box(w, "stbl", () => {
      full(w, "stsd", 0, 0, () => (w.u32(1), sampleEntry(w, t)));
      for (const kind of ["stts", "stsc", "stco"]) full(w, kind, 0, 0, () => w.u32(0));
      full(w, "stsz", 0, 0, () => zero(w, 8));
    });
  });
}

function sampleEntry(w: Writer, t: MediaTrack): void {
  box(w, t.fourcc === ".mp3" ? "mp4a" : t.fourcc, () => {
    zero(w, 6).u16(1);
    if (t.kind === "video") zero(zero(w, 16).u16(t.width).u16(t.height).u32(72 << 16).u32(72 << 16).u32(0).u16(1), 32).u16(24).u16(0xffff);
    else
      zero(w, 8)
        .u16(t.channels)
        .u16(16)
        .u32(0)
        .u32(t.timescale > 0xffff ? 0 : t.timescale * 0x10000);
    if (t.box === "esds") full(w, "esds", 0, 0, () => w.put(elementaryStream(t)));
    else box(w, t.box, () => w.put(t.config));
  });
}

/** ES_Descriptor [ISO/IEC 14496-1 §7.2.6.5]; bit rates are not known. */
function elementaryStream(t: MediaTrack): number[] {
  const descriptor = (tag: number, body: ArrayLike<number>) => [tag, (body.length >> 7) | 128, body.length & 127, ...Array.from(body)];
  const own = t.config.length > 0 ? descriptor(5, t.config) : [];
  const decoder = [t.fourcc === ".mp3" ? 0x6b : 0x40, 0x15, ...new Array<number>(11).fill(0), ...own];
  return descriptor(3, [0, 0, 0, ...descriptor(4, decoder), ...descriptor(6, [2])]);
}

/** A movie fragment: frames one behind another, each ending where the next begins. */
export function fragment(number: number, samples: readonly Sample[]): Uint8Array {
  const w = new Writer(samples.reduce((n, s) => n + 16 + s.data.length, 128));
  let place = 0;
  const time = samples[0]!.time;
  box(w, "moof", () => {
    full(w, "mfhd", 0, 0, () => w.u32(number));
    box(w, "traf", () => {
      full(w, "tfhd", 0, 0x20000, () => w.u32(1)); // offsets count from moof
      full(w, "tfdt", 1, 0, () => w.u32(Math.floor(time / 2 ** 32)).u32(time % 2 ** 32));
      // data offset; duration, size, flags and offset of each
      full(w, "trun", 1, 0xf01, () => {
        w.u32(samples.length);
        place = w.length;
        w.u32(0);
        for (const s of samples) w.u32(s.duration).u32(s.data.length).u32(s.key ? 0x2000000 : 0x1010000).u32(s.offset >>> 0);
      });
    });
  });
  w.set32(place, w.length + 8);
  box(w, "mdat", () => samples.forEach((s) => w.put(s.data)));
  return w.done();
}
