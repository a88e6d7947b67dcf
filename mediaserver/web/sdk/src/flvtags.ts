import { Reader, WireError, Writer } from "./bytes.ts";

/** What a message of sound or pictures carries, in the form of Adobe's time or in that of Enhanced RTMP. */
export interface MediaPacket {
  kind: "video" | "audio";
  /** FourCC as Enhanced RTMP has them: avc1, hvc1, av01, vp09, mp4a, Opus, .mp3; of older codecs their number, behind "flv". */
  codec: string;
  /** config: what a decoder must have before frames; other: nothing that is shown. */
  type: "config" | "frames" | "end" | "other";
  /** Decoding may begin with it; of sound, always. */
  key: boolean;
  /** Milliseconds from when it is decoded to when it is shown. */
  offset: number;
  /** The codec's own bytes, in place. */
  body: Uint8Array;
}

const exHeader = 0x80;
const exSound = 9;
/** Codecs of Adobe's time that have a FourCC as well [FLV §E.4.2.1, §E.4.3.1]; 12 is an encoders' custom. */
const oldVideo: Record<number, string> = { 7: "avc1", 12: "hvc1" };
const oldAudio: Record<number, string> = { 2: ".mp3", 10: "mp4a", 14: ".mp3" };
/** Codecs whose pictures have a composition time in packets of type 1. */
const composed = new Set(["avc1", "hvc1", "vvc1"]);
const oldTypes = ["config", "frames", "end"] as const;
const silence: MediaPacket = { kind: "audio", codec: "", type: "other", key: true, offset: 0, body: new Uint8Array(0) };

/** Takes the payload of a message of pictures apart [FLV §E.4.3.1; Enhanced RTMP v2, "Enhanced Video"]. */
export function parseVideo(payload: Uint8Array): MediaPacket {
  const r = new Reader(payload);
  const first = r.u8();
  const frame = (first >> 4) & 7;
  const p: MediaPacket = { kind: "video", codec: "", type: "other", key: frame === 1, offset: 0, body: payload.subarray(1) };
  if (first & exHeader) {
    const type = first & 15;
    if (frame === 5 && type !== 4) return p; // a mark of the server's
    noTracks(type, 6);
    p.codec = r.text(4);
    if (type < 4) p.type = oldTypes[type === 3 ? 1 : type]!;
    else if (type === 5) throw new WireError(`a sequence start of ${p.codec} as MPEG-2 TS has it`);
    if (type === 1 && composed.has(p.codec)) p.offset = signed24(r.u24());
  } else {
    p.codec = oldVideo[first & 15] ?? `flv${first & 15}`;
    if (frame === 5) return p;
    p.type = "frames";
    if (oldVideo[first & 15]) {
      p.type = oldTypes[r.u8()] ?? "other";
      // Some encoders end a sequence without a composition time.
      if (r.left >= 3) p.offset = signed24(r.u24());
      else if (p.type !== "end") throw new WireError("a picture ends inside its header");
    }
  }
  p.body = payload.subarray(r.at);
  return p;
}

/** Takes the payload of a message of sound apart; an empty one is silence, and nothing. */
export function parseAudio(payload: Uint8Array): MediaPacket {
  if (payload.length === 0) return silence;
  const r = new Reader(payload);
  const first = r.u8();
  const p: MediaPacket = { kind: "audio", codec: "", type: "other", key: true, offset: 0, body: payload };
  if (first >> 4 === exSound) {
    const type = first & 15;
    noTracks(type, 5);
    p.codec = r.text(4);
    p.type = oldTypes[type] ?? "other";
  } else {
    p.codec = oldAudio[first >> 4] ?? `flv${first >> 4}`;
    p.type = p.codec === "mp4a" ? (oldTypes[r.u8()] ?? "other") : "frames";
  }
  p.body = payload.subarray(r.at);
  return p;
}

/** What connect says of us keeps several tracks and modifiers away. */
function noTracks(type: number, multitrack: number): void {
  if (type === multitrack || type === 7) throw new WireError(type === 7 ? "a packet with modifiers, which were not asked for" : "a packet of several tracks, which were not asked for");
}

const signed24 = (n: number): number => (n << 8) >> 8;

/** The payload of a message of pictures of Enhanced RTMP; frames are shown when they are decoded. */
export function videoPayload(codec: string, type: "config" | "frames" | "end", key: boolean, body: Uint8Array): Uint8Array {
  // CodedFramesX has no composition time; codecs that never have one know CodedFrames alone.
  const packet = type === "config" ? 0 : type === "end" ? 2 : composed.has(codec) ? 3 : 1;
  return payloadOf(exHeader | ((key ? 1 : 2) << 4) | packet, codec, body);
}

/** The payload of a message of sound of Enhanced RTMP. */
export function audioPayload(codec: string, type: "config" | "frames" | "end", body: Uint8Array): Uint8Array {
  return payloadOf((exSound << 4) | oldTypes.indexOf(type), codec, body);
}

function payloadOf(first: number, codec: string, body: Uint8Array): Uint8Array {
  const w = new Writer().u8(first);
  for (let i = 0; i < 4; i++) w.u8(codec.charCodeAt(i));
  return w.put(body).done();
}
