import { utf8 } from "./bytes.ts";
import { missing } from "./capture.ts";
import { opusHead } from "./codecstrings.ts";
import { audioPayload, videoPayload } from "./flvtags.ts";
import { sequenceHeader } from "./picturesize.ts";
import { SoundTimes } from "./soundtimes.ts";
import { readPictures, readSound, type Stop } from "./sources.ts";

/** How pictures are encoded. */
export interface VideoSettings {
  /** FourCCs, the first that the browser encodes; default avc1 (H.264), vp09, av01. */
  codecs?: ("avc1" | "vp09" | "av01")[];
  /** Bits a second; default: a tenth of a bit for each pixel. */
  bitrate?: number;
  /** Pictures a second that are expected, and asked of a canvas; default 30. */
  framerate?: number;
  /** Seconds between two keyframes, which viewers begin with. Default 2. */
  keyFrameInterval?: number;
  /** Pixels that the shorter side of a picture has at most: a larger one is made smaller, in proportion. Default: as large as it comes. */
  maxHeight?: number;
}

/** How sound is encoded. */
export interface AudioSettings {
  /** FourCCs, the first that the browser encodes; default Opus, and mp4a (AAC) behind it. */
  codecs?: ("Opus" | "mp4a")[];
  /** Bits a second; default 64,000 for each channel. */
  bitrate?: number;
}

/** What can be published: all of its first track of the kind. */
export type VideoSource = MediaStream | MediaStreamTrack | HTMLCanvasElement;
export type AudioSource = MediaStream | MediaStreamTrack;

/** What a publisher's encoders work for. */
export interface PublisherOwner {
  /** Returns whether there is a connection to send it by. */
  send(kind: "video" | "audio", time: number, payload: Uint8Array): boolean;
  /** What onMetaData is to say has changed. */
  describe(values: Record<string, unknown>): void;
  /** Bytes that wait for the network. */
  waiting(): number;
  failed(error: unknown): void;
}

/** Milliseconds for which a picture stands at most: one that does not change is encoded again. */
const still = 500;
/** Milliseconds that a source's clock may be off before it is set anew. */
const drift = 500;
/** Pictures that an encoder may be behind. */
const behind = 3;
/** Highest number of pixels, and the level for that in H.264, VP9 and AV1; more than 30 pictures a second take the next. */
const levels: [pixels: number, avc: string, vp9: string, av1: string][] = [
  [640 * 480, "1e", "30", "04"],
  [1280 * 720, "1f", "31", "05"],
  [1920 * 1088, "28", "40", "08"],
  [2560 * 1440, "32", "50", "12"],
  [Infinity, "33", "51", "13"],
];

type VideoCodec = NonNullable<VideoSettings["codecs"]>[number];
type AudioCodec = NonNullable<AudioSettings["codecs"]>[number];
const videoCodecs: readonly VideoCodec[] = ["avc1", "vp09", "av01"];
const audioCodecs: readonly AudioCodec[] = ["Opus", "mp4a"];

/** What an encoder of a codec is told here; undefined: this browser has none for that. */
async function videoConfig(name: VideoCodec, of: { width: number; height: number; bitrate: number; framerate: number }): Promise<VideoEncoderConfig | undefined> {
  const found = levels.findIndex(([pixels]) => of.width * of.height <= pixels);
  const [, avc, vp9, av1] = levels[Math.min(found + (of.framerate > 30 ? 1 : 0), levels.length - 1)]!;
  const strings = { avc1: [`avc1.6400${avc}`, `avc1.42e0${avc}`], vp09: [`vp09.00.${vp9}.08`], av01: [`av01.0.${av1}M.08`] };
  for (const codec of strings[name]) {
    const config: VideoEncoderConfig = { codec, ...of, latencyMode: "realtime", ...(name === "avc1" ? { avc: { format: "avc" } } : {}) };
    if ((await VideoEncoder.isConfigSupported(config)).supported) return config;
  }
  return undefined;
}
async function audioConfig(name: AudioCodec, of: { sampleRate: number; numberOfChannels: number; bitrate: number }): Promise<AudioEncoderConfig | undefined> {
  const config: AudioEncoderConfig = { codec: name === "Opus" ? "opus" : "mp4a.40.2", ...of };
  return (await AudioEncoder.isConfigSupported(config)).supported ? config : undefined;
}

/** What this browser encodes, in the order of preference: VideoSettings.codecs and AudioSettings.codecs. Empty where it has no WebCodecs. */
export async function getEncoders({ width = 1280, height = 720, framerate = 30 } = {}): Promise<{ video: VideoCodec[]; audio: AudioCodec[] }> {
  const has = async <T>(known: string, names: readonly T[], ask: (name: T) => Promise<unknown>): Promise<T[]> => {
    if (!(known in globalThis)) return [];
    const can = await Promise.all(names.map(ask));
    return names.filter((_, i) => can[i]);
  };
  return {
    video: await has("VideoEncoder", videoCodecs, (name) => videoConfig(name, { width, height, framerate, bitrate: 1e6 })),
    audio: await has("AudioEncoder", audioCodecs, (name) => audioConfig(name, { sampleRate: 48_000, numberOfChannels: 2, bitrate: 128_000 })),
  };
}

/** One clock for what comes from clocks of its sources. */
class SourceClock {
  private offset: number | undefined;
  private last = 0;

  constructor(private readonly origin: number) {}

  /** Sees what a source says the time is, in µs, now. */
  see(timestamp: number): void {
    const now = performance.now() - this.origin;
    if (this.offset === undefined || Math.abs(timestamp / 1000 + this.offset - now) > drift) this.offset = now - timestamp / 1000;
  }
  /** Milliseconds, never less than before. */
  at(timestamp: number): number {
    return (this.last = Math.max(this.last, Math.round(timestamp / 1000 + (this.offset ?? 0))));
  }
}

const bytesOf = (chunk: EncodedVideoChunk | EncodedAudioChunk): Uint8Array<ArrayBuffer> => {
  const b = new Uint8Array(chunk.byteLength);
  chunk.copyTo(b);
  return b;
};
const copyOf = (b: AllowSharedBufferSource | undefined): Uint8Array => (!b ? new Uint8Array(0) : ArrayBuffer.isView(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : new Uint8Array(b)).slice();
/** A FourCC as onMetaData has it: a number. */
const fourcc = (s: string): number => utf8(s).reduce((n, b) => n * 256 + b, 0);

/** Publishes the pictures of one source. */
export class VideoPublisher {
  dropped = 0;
  private readonly clock: SourceClock;
  private readonly stopReading: Stop;
  private readonly ownTrack: MediaStreamTrack | undefined;
  private encoder: VideoEncoder | undefined;
  private codec = "";
  private size = "";
  private configuring = false;
  private config = new Uint8Array(0);
  private announced = false;
  private keyAt = -Infinity;
  private newest: VideoFrame | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;

  constructor(
    source: VideoSource,
    private readonly settings: VideoSettings,
    private readonly owner: PublisherOwner,
    origin: number,
  ) {
    this.clock = new SourceClock(origin);
    let track: MediaStreamTrack | undefined;
    if (source instanceof MediaStreamTrack) track = source;
    else if (source instanceof MediaStream) track = source.getVideoTracks()[0];
    else this.ownTrack = track = source.captureStream(settings.framerate ?? 30).getVideoTracks()[0];
    if (track?.kind !== "video") throw new TypeError("attachCamera: there is no track of pictures");
    this.stopReading = readPictures(track, (frame) => this.picture(frame));
  }

  /** Says all that a server must know, which is another one or has forgotten. */
  announce(): void {
    this.announced = false;
    this.keyAt = -Infinity;
  }

  stop(): void {
    this.over = true;
    this.stopReading();
    this.ownTrack?.stop();
    clearTimeout(this.timer);
    this.newest?.close();
    if (this.encoder?.state === "configured") this.encoder.close();
  }

  private picture(frame: VideoFrame): void {
    if (this.over) {
      frame.close();
      return;
    }
    this.clock.see(frame.timestamp);
    this.newest?.close();
    this.newest = frame;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), still);
    const size = `${frame.displayWidth}x${frame.displayHeight}`;
    if (size !== this.size && !this.configuring) {
      this.configuring = true;
      this.size = size;
      this.configure(frame.displayWidth, frame.displayHeight)
        .catch((error: unknown) => this.over || this.owner.failed(error))
        .finally(() => (this.configuring = false));
    } else if (size === this.size) this.encode(frame);
  }

  /** A picture that stays is encoded again, so that viewers come in and nothing runs dry. */
  private again(): void {
    const { newest } = this;
    if (!newest || this.over) return;
    this.picture(new VideoFrame(newest, { timestamp: newest.timestamp + still * 1000 }));
  }

  private async configure(across: number, down: number): Promise<void> {
    // The encoder makes pictures smaller by itself [WebCodecs, VideoEncoderConfig].
    const smaller = Math.min(1, (this.settings.maxHeight ?? Infinity) / Math.min(across, down));
    const [width, height] = [across, down].map((n) => Math.max(2, Math.round(n * smaller) & ~1)) as [number, number];
    const { framerate = 30, bitrate = Math.max(100_000, Math.round(width * height * framerate * 0.1)) } = this.settings;
    const { codecs = videoCodecs } = this.settings;
    for (const name of codecs) {
      const config = await videoConfig(name, { width, height, bitrate, framerate });
      if (this.over) return;
      if (!config) continue;
      if (this.encoder?.state === "configured") this.encoder.close();
      const encoder = new VideoEncoder({ output: (chunk, meta) => this.encoder === encoder && this.encoded(chunk, meta), error: (e) => this.encoder === encoder && this.owner.failed(e) });
      encoder.configure(config);
      this.encoder = encoder;
      this.codec = name;
      this.announce();
      this.owner.describe({ width, height, framerate, videodatarate: bitrate / 1000, videocodecid: fourcc(name) });
      return;
    }
    throw new TypeError(`this browser encodes none of ${codecs.join(", ")} at ${width} by ${height}`);
  }

  private encode(frame: VideoFrame): void {
    const { encoder } = this;
    if (encoder?.state !== "configured") return;
    // What is left out before it is encoded spoils nothing that follows.
    const room = Math.max(64 << 10, (this.settings.bitrate ?? 1e6) / 8);
    if (encoder.encodeQueueSize > behind || this.owner.waiting() > room) {
      this.dropped++;
      return;
    }
    const now = performance.now();
    const keyFrame = now - this.keyAt >= (this.settings.keyFrameInterval ?? 2) * 1000;
    if (keyFrame) this.keyAt = now;
    encoder.encode(frame, { keyFrame });
  }

  private encoded(chunk: EncodedVideoChunk, meta: EncodedVideoChunkMetadata | undefined): void {
    let data = bytesOf(chunk);
    const key = chunk.type === "key";
    // A temporal delimiter says nothing here [Enhanced RTMP v2, "Enhanced Video"].
    if (this.codec === "av01" && data[0] === 0x12 && data[1] === 0) data = data.subarray(2);
    if (meta?.decoderConfig) this.config = this.configuration(meta.decoderConfig, data) as Uint8Array<ArrayBuffer>;
    const time = this.clock.at(chunk.timestamp);
    if (key && (!this.announced || meta?.decoderConfig)) {
      this.owner.send("video", time, videoPayload(this.codec, "config", true, this.config));
      this.announced = true;
    }
    if (this.announced) this.owner.send("video", time, videoPayload(this.codec, "frames", key, data));
  }

  private configuration({ codec, description }: VideoDecoderConfig, first: Uint8Array): Uint8Array {
    const given = copyOf(description);
    const [, profile, level, depth] = codec.split(".").map((s) => parseInt(s, 10)) as [number, number, number, number];
    // VPCodecConfigurationRecord; colours are not specified (2).
    if (this.codec === "vp09") return Uint8Array.of(profile, level, (depth << 4) | 2, 2, 2, 2, 0, 0);
    if (this.codec !== "av01" || given[0] === 0x81) return given;
    // AV1CodecConfigurationRecord, of 8 bits and 4:2:0.
    return Uint8Array.of(0x81, (profile << 5) | level, 0x0c, 0, ...(sequenceHeader(first) ?? []));
  }
}

/** Publishes the sound of one source. */
export class AudioPublisher {
  private readonly clock: SourceClock;
  private readonly stopReading: Stop;
  private encoder: AudioEncoder | undefined;
  private times = new SoundTimes();
  private codec = "";
  private shape = "";
  private configuring = false;
  private config = new Uint8Array(0);
  private announced = false;
  private over = false;

  constructor(
    source: AudioSource,
    private readonly settings: AudioSettings,
    private readonly owner: PublisherOwner,
    origin: number,
  ) {
    this.clock = new SourceClock(origin);
    const track = source instanceof MediaStreamTrack ? source : source.getAudioTracks()[0];
    if (track?.kind !== "audio") throw new TypeError("attachAudio: there is no track of sound");
    this.stopReading = readSound(
      track,
      (sound) => this.sound(sound),
      (error) => this.over || owner.failed(error),
    );
  }

  announce(): void {
    this.announced = false;
  }

  stop(): void {
    this.over = true;
    this.stopReading();
    if (this.encoder?.state === "configured") this.encoder.close();
  }

  private sound(data: AudioData): void {
    const shape = `${data.sampleRate}x${data.numberOfChannels}`;
    if (!this.over && shape !== this.shape && !this.configuring) {
      this.configuring = true;
      this.shape = shape;
      this.configure(data.sampleRate, data.numberOfChannels)
        .catch((error: unknown) => this.over || this.owner.failed(error))
        .finally(() => (this.configuring = false));
    } else if (!this.over && shape === this.shape && this.encoder?.state === "configured" && this.owner.waiting() < 4 << 20) {
      this.clock.see(data.timestamp);
      this.silence(data, this.times.missing(data.timestamp));
      this.encodes(data);
    }
    data.close();
  }

  private encodes(data: AudioData): void {
    this.times.give(data.timestamp, data.duration);
    this.encoder!.encode(data);
  }

  /** Makes up for what was lost before a piece of sound: so many microseconds, half a second at a time. */
  private silence({ timestamp, sampleRate, numberOfChannels }: AudioData, missing: number): void {
    for (let left = Math.round((missing * sampleRate) / 1e6); left > 0; ) {
      const numberOfFrames = Math.min(left, sampleRate >> 1);
      const none = new AudioData({
        format: "f32-planar", sampleRate, numberOfChannels, numberOfFrames,
        timestamp: timestamp - (left * 1e6) / sampleRate, data: new Float32Array(numberOfFrames * numberOfChannels),
      });
      this.encodes(none);
      none.close();
      left -= numberOfFrames;
    }
  }

  private async configure(sampleRate: number, numberOfChannels: number): Promise<void> {
    const { codecs = audioCodecs, bitrate = 64_000 * numberOfChannels } = this.settings;
    for (const name of codecs) {
      const config = await audioConfig(name, { sampleRate, numberOfChannels, bitrate });
      if (this.over) return;
      if (!config) continue;
      if (this.encoder?.state === "configured") this.encoder.close();
      const encoder = new AudioEncoder({ output: (chunk, meta) => this.encoder === encoder && this.encoded(chunk, meta, numberOfChannels), error: (e) => this.encoder === encoder && this.owner.failed(e) });
      encoder.configure(config);
      this.encoder = encoder;
      this.times = new SoundTimes();
      this.codec = name;
      this.announce();
      this.owner.describe({ audiosamplerate: sampleRate, audiochannels: numberOfChannels, audiodatarate: bitrate / 1000, audiocodecid: fourcc(name) });
      return;
    }
    throw new TypeError(`this browser encodes none of ${codecs.join(", ")} with ${numberOfChannels} channels of ${sampleRate} Hz`);
  }

  private encoded(chunk: EncodedAudioChunk, meta: EncodedAudioChunkMetadata | undefined, channels: number): void {
    if (meta?.decoderConfig) {
      this.config = copyOf(meta.decoderConfig.description) as Uint8Array<ArrayBuffer>;
      if (this.codec === "Opus" && this.config.length < 19) this.config = opusHead(channels) as Uint8Array<ArrayBuffer>;
      this.announced = false;
    }
    const time = this.clock.at(chunk.duration === null ? chunk.timestamp : this.times.take(chunk.duration));
    if (!this.announced) this.owner.send("audio", time, audioPayload(this.codec, "config", this.config));
    this.announced = true;
    this.owner.send("audio", time, audioPayload(this.codec, "frames", bytesOf(chunk)));
  }
}

/** Throws where a browser cannot publish. */
export function mustEncode(what: string, name: "VideoEncoder" | "AudioEncoder"): void {
  if (!(name in globalThis)) throw missing(what, `${name} (WebCodecs)`);
}
