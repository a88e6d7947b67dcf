/** What a decoder is told of a track: by MP4's sample entries, and by the codec strings of browsers [RFC 6381]. */
import { BitReader } from "./bits.ts";
import { Reader, WireError } from "./bytes.ts";
import { headerOfVP9, sequenceHeader, sizeOfAV1, sizeOfAVC, sizeOfHEVC, type Size } from "./picturesize.ts";

/** One track of sound or pictures, as its configuration and first frame describe it. */
export interface MediaTrack {
  kind: "video" | "audio";
  /** As in MediaPacket. */
  fourcc: string;
  /** "avc1.64001f" and the like. */
  codec: string;
  /** Units of a second: those of sound are its samples. */
  timescale: number;
  width: number;
  height: number;
  channels: number;
  /** Of the box that has the decoder's configuration, and what is in it. */
  box: string;
  config: Uint8Array;
  /** What WebCodecs wants to know besides; undefined: nothing. */
  description: Uint8Array | undefined;
  /** Samples of a frame of sound. */
  samples(frame: Uint8Array): number;
}

/** For pictures: whatever timestamps are, they are whole numbers of it. */
const videoTimescale = 90_000;
const rates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const hex = (n: number): string => n.toString(16).padStart(2, "0");
const two = (n: number): string => String(n).padStart(2, "0");

/**
 * Describes a track.
 *
 * @param config what the sequence start had; empty: there was none
 * @param first the first frame, a key one
 * @returns undefined for a codec that nothing here can show
 * @throws WireError when they cannot be understood
 */
export function describeTrack(kind: "video" | "audio", fourcc: string, config: Uint8Array, first: Uint8Array): MediaTrack | undefined {
  switch (`${kind} ${fourcc}`) {
    case "video avc1":
      return avc(config);
    case "video hvc1":
      return hevc(config);
    case "video av01":
      return av1(config, first);
    case "video vp09":
      return vp9(config, first);
    case "audio mp4a":
      return aac(config);
    case "audio Opus":
      return opus(config);
    case "audio .mp3":
      return mp3(first);
  }
  return undefined;
}

function pictures(fourcc: string, codec: string, size: Size, box: string, config: Uint8Array, description?: Uint8Array): MediaTrack {
  const { width, height } = size;
  if (width < 1 || height < 1 || width > 0xffff || height > 0xffff) throw new WireError(`pictures of ${width} by ${height} pixels`);
  return { kind: "video", fourcc, codec, timescale: videoTimescale, width, height, channels: 0, box, config, description, samples: () => 0 };
}

/** AVCDecoderConfigurationRecord [ISO/IEC 14496-15 §5.3.3.1]. */
function avc(config: Uint8Array): MediaTrack {
  const r = new Reader(config);
  if (r.u8() !== 1) throw new WireError("pictures of H.264 without their configuration");
  r.take(4);
  if ((r.u8() & 31) === 0) throw new WireError("a configuration of H.264 without a sequence parameter set");
  const sps = r.take(r.u16());
  return pictures("avc1", `avc1.${hex(config[1]!)}${hex(config[2]!)}${hex(config[3]!)}`, sizeOfAVC(sps), "avcC", config, config);
}

/** HEVCDecoderConfigurationRecord [ISO/IEC 14496-15 §8.3.3.1]; its name is made as §E.3 says. */
function hevc(config: Uint8Array): MediaTrack {
  const r = new Reader(config);
  if (config.length === 0) throw new WireError("pictures of H.265 without their configuration");
  r.take(22);
  let sps: Uint8Array | undefined;
  for (let arrays = r.u8(); arrays > 0; arrays--) {
    const kind = r.u8() & 63;
    for (let units = r.u16(); units > 0; units--) {
      const unit = r.take(r.u16());
      if (kind === 33) sps ??= unit;
    }
  }
  if (!sps) throw new WireError("a configuration of H.265 without a sequence parameter set");
  const h = new Reader(config.subarray(1));
  const general = h.u8();
  let compatible = h.u32();
  let reversed = 0;
  for (let i = 0; i < 32; i++, compatible >>>= 1) reversed = reversed * 2 + (compatible & 1);
  const constraints = [...h.take(6)];
  while (constraints.at(-1) === 0) constraints.pop();
  const name = [
    "hvc1",
    ["", "A", "B", "C"][general >> 6]! + (general & 31),
    reversed.toString(16).toUpperCase(),
    (general & 32 ? "H" : "L") + h.u8(),
    ...constraints.map((c) => c.toString(16).toUpperCase()),
  ].join(".");
  return pictures("hvc1", name, sizeOfHEVC(sps), "hvcC", config, config);
}

/** AV1CodecConfigurationRecord [AV1 in ISOBMFF §2.3]; the first picture has a sequence header in any case. */
function av1(config: Uint8Array, first: Uint8Array): MediaTrack {
  if (config.length < 4 || config[0] !== 0x81) throw new WireError("pictures of AV1 without their configuration");
  const header = sequenceHeader(config.subarray(4)) ?? sequenceHeader(first);
  if (!header) throw new WireError("pictures of AV1 without a sequence header");
  const [, level, flags] = config as unknown as [number, number, number];
  const depth = flags & 64 ? (flags & 32 ? 12 : 10) : 8;
  return pictures("av01", `av01.${level >> 5}.${two(level & 31)}${flags & 128 ? "H" : "M"}.${two(depth)}`, sizeOfAV1(header), "av1C", config);
}

/** VPCodecConfigurationRecord [VP Codec ISO Media File Format Binding], with or without the version of its box, or none at all. */
function vp9(config: Uint8Array, first: Uint8Array): MediaTrack {
  const h = headerOfVP9(first);
  if (!h) throw new WireError("the first picture of VP9 is no keyframe");
  if (config.length >= 12 && config[0] === 1 && config[1] === 0 && config[2] === 0 && config[3] === 0) config = config.subarray(4);
  if (config.length < 8) config = Uint8Array.of(h.profile, 0, (h.depth << 4) | (h.chroma << 1), 2, 2, 2, 0, 0);
  const record = config.slice();
  record[1] ||= 41; // a level must be named: this one is high enough for all that is shown here
  const name = `vp09.${two(record[0]!)}.${two(record[1]!)}.${two(record[2]! >> 4)}`;
  return pictures("vp09", name, h, "vpcC", Uint8Array.of(1, 0, 0, 0, ...record));
}

function sound(fourcc: string, codec: string, timescale: number, channels: number, box: string, config: Uint8Array, samples: (frame: Uint8Array) => number, description?: Uint8Array): MediaTrack {
  if (!(timescale > 0) || channels < 1) throw new WireError(`sound of ${channels} channels and ${timescale} Hz`);
  return { kind: "audio", fourcc, codec, timescale, width: 0, height: 0, channels, box, config, description, samples };
}

/** AudioSpecificConfig [ISO/IEC 14496-3 §1.6.2.1]. Times are of the rate that is not hidden in it. */
function aac(config: Uint8Array): MediaTrack {
  if (config.length === 0) throw new WireError("sound of AAC without its configuration");
  const r = new BitReader(config);
  const object = () => {
    const n = r.read(5);
    return n === 31 ? 32 + r.read(6) : n;
  };
  const rate = () => {
    const n = r.read(4);
    return n === 15 ? r.read(24) : (rates[n] ?? 0);
  };
  const kind = object();
  const hz = rate();
  const channels = r.read(4);
  if (kind === 5 || kind === 29) {
    rate();
    object();
  }
  const samples = r.flag() ? 960 : 1024;
  return sound("mp4a", `mp4a.40.${kind}`, hz, channels === 0 ? 2 : channels === 7 ? 8 : channels, "esds", config, () => samples, config);
}

/** Hz and samples of a frame, by version and layer III [ISO/IEC 11172-3 §2.4.2.3]. */
function mp3(first: Uint8Array): MediaTrack {
  const r = new BitReader(first);
  if (r.read(11) !== 2047) throw new WireError("a frame of MP3 that is none");
  const version = r.read(2);
  const layer = r.read(2);
  const rate = r.skip(1 + 4).read(2);
  if (layer !== 1 || version === 1 || rate === 3) throw new WireError("a frame of MP3 that is none");
  const mono = r.skip(2).read(2) === 3;
  const hz = [44100, 48000, 32000][rate]! >> (version === 3 ? 0 : version === 2 ? 1 : 2);
  return sound(".mp3", "mp3", hz, mono ? 1 : 2, "esds", new Uint8Array(0), () => (version === 3 ? 1152 : 576));
}

/** The identification header [RFC 7845 §5.1]. Decoders run at 48 kHz, and times are theirs. */
function opus(head: Uint8Array): MediaTrack {
  if (head.length === 0) head = opusHead(2);
  const r = new Reader(head);
  if (r.text(8) !== "OpusHead") throw new WireError("sound of Opus whose header is none");
  r.u8();
  const channels = r.u8();
  const little = r.take(8);
  const family = r.u8();
  const table = family === 0 ? new Uint8Array(0) : r.take(2 + channels);
  // OpusSpecificBox [Encapsulation of Opus in ISOBMFF §4.3.2] has the same in network order. The rate is that of before encoding, and
  // Chromium takes no other than the decoder's.
  const box = Uint8Array.of(0, channels, little[1]!, little[0]!, 0, 0, 0xbb, 0x80, little[7]!, little[6]!, family, ...table);
  return sound("Opus", "opus", 48000, channels, "dOps", box, opusSamples, head);
}

/** An identification header for sound of one or two channels. */
export function opusHead(channels: number, skip = 312): Uint8Array {
  return Uint8Array.of(...[..."OpusHead"].map((c) => c.charCodeAt(0)), 1, channels, skip & 255, skip >> 8, 0x80, 0xbb, 0, 0, 0, 0, 0);
}

/** Samples of a packet, at 48 kHz [RFC 6716 §3.1]. */
export function opusSamples(packet: Uint8Array): number {
  if (packet.length === 0) return 0;
  const config = packet[0]! >> 3;
  const frame = config < 12 ? [480, 960, 1920, 2880][config & 3]! : config < 16 ? [480, 960][config & 1]! : [120, 240, 480, 960][config & 3]!;
  const code = packet[0]! & 3;
  return frame * (code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63);
}
