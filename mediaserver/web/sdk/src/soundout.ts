import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";

/** Seconds that sound may be off before it is set anew: timestamps are whole milliseconds, and a gap of one is heard. */
const jitter = 0.05;

/** What a SoundOut asks and tells its player. */
export interface SoundOutOwner {
  /** Seconds from now to when what lies at a place, in milliseconds, is heard; undefined: time stands. */
  due(at: number): number | undefined;
  /** How fast time goes. */
  rate(): number;
  /** The browser is silent until somebody has touched the page. */
  blocked(error: Error): void;
  failed(error: unknown): void;
}

/** Decodes sound and plays each piece at its time. */
export class SoundOut {
  private context: AudioContext | undefined;
  private decoder: AudioDecoder | undefined;
  private described: MediaTrack | undefined;
  private readonly playing = new Set<AudioBufferSourceNode>();
  /** When what plays last ends, by the context's clock. */
  private next = 0;
  private told = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly owner: SoundOutOwner) {}

  frame(track: MediaTrack, { body }: MediaPacket, at: number): void {
    try {
      if (track !== this.described) this.begin(track);
      if (this.decoder?.state === "configured") this.decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: Math.round(at * 1000), data: body as BufferSource }));
    } catch (error) {
      this.owner.failed(error);
    }
  }

  private begin(track: MediaTrack): void {
    this.described = track;
    if (this.decoder?.state === "configured") this.decoder.close();
    const decoder = new AudioDecoder({
      output: (data) => {
        if (decoder === this.decoder) this.play(data);
        data.close();
      },
      error: (error) => decoder === this.decoder && this.owner.failed(error),
    });
    this.decoder = decoder;
    decoder.configure({ codec: track.codec, sampleRate: track.timescale, numberOfChannels: track.channels, ...(track.description ? { description: track.description as BufferSource } : {}) });
    this.wake();
  }

  /** Asks the browser to let sound out; from within a click it does. */
  wake(): void {
    if (!this.described) return;
    this.context ??= new AudioContext();
    if (this.context.state !== "suspended") return;
    void this.context.resume().catch(() => {});
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.context?.state !== "suspended" || this.told) return;
      this.told = true;
      this.owner.blocked(new Error("the browser is silent until somebody has touched the page"));
    }, 1000);
  }

  private play(data: AudioData): void {
    const { context } = this;
    const inTime = this.owner.due(data.timestamp / 1000);
    if (!context || context.state !== "running" || inTime === undefined) return;
    const ideal = context.currentTime + inTime;
    const at = Math.abs(ideal - this.next) < jitter ? this.next : ideal;
    const rate = this.owner.rate();
    if (at < context.currentTime - jitter) return; // it is too late
    const buffer = context.createBuffer(data.numberOfChannels, data.numberOfFrames, data.sampleRate);
    for (let i = 0; i < data.numberOfChannels; i++) data.copyTo(buffer.getChannelData(i), { planeIndex: i, format: "f32-planar" });
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.playbackRate.value = rate;
    node.connect(context.destination);
    node.onended = () => this.playing.delete(node);
    this.playing.add(node);
    node.start(Math.max(at, context.currentTime));
    this.next = at + buffer.duration / rate;
  }

  /** Is silent at once, and has forgotten what was to come. */
  stop(): void {
    for (const node of this.playing) node.stop();
    this.playing.clear();
    this.next = 0;
    this.described = undefined;
  }

  close(): void {
    this.stop();
    clearTimeout(this.timer);
    if (this.decoder?.state === "configured") this.decoder.close();
    this.decoder = undefined;
    void this.context?.close().catch(() => {});
    this.context = undefined;
  }
}
