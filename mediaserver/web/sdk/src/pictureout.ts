import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";

/** Pictures that are decoded, or on their way, and not yet shown: each holds a decoder's memory. */
const maxDecoded = 6;

/** Decodes pictures, a few at a time, and keeps them until they are shown. */
export class PictureOut {
  private decoder: VideoDecoder | undefined;
  private described: MediaTrack | undefined;
  private decoded: VideoFrame[] = [];
  private flushed = false;
  /** How many were over before they could be shown. */
  dropped = 0;

  constructor(private readonly failed: (error: unknown) => void) {}

  get empty(): boolean {
    return this.decoded.length === 0;
  }
  /** Whether it takes another one. */
  get room(): boolean {
    return this.decoded.length + (this.decoder?.decodeQueueSize ?? 0) < maxDecoded;
  }

  /** Takes a picture at a place in milliseconds. The first one, and the first of another track, is taken for a key. */
  frame(track: MediaTrack, { key, offset, body }: MediaPacket, at: number): void {
    try {
      const first = track !== this.described;
      if (first) this.begin(track);
      if (this.flushed && !key) return;
      this.flushed = false;
      if (this.decoder?.state !== "configured") return;
      this.decoder.decode(new EncodedVideoChunk({ type: key || first ? "key" : "delta", timestamp: Math.round((at + offset) * 1000), data: body as BufferSource }));
    } catch (error) {
      this.fail(error);
    }
  }

  private begin(track: MediaTrack): void {
    const before = this.decoder;
    if (before?.state === "configured")
      before
        .flush()
        .catch(() => {})
        .finally(() => before.state === "configured" && before.close());
    this.described = track;
    const all = this.decoded;
    const decoder = new VideoDecoder({
      output: (frame) => {
        if (all !== this.decoded) frame.close(); // of before a stop
        else if (all.push(frame) > 1) all.sort((a, b) => a.timestamp - b.timestamp);
      },
      error: (error) => decoder === this.decoder && this.fail(error),
    });
    this.decoder = decoder;
    decoder.configure({ codec: track.codec, codedWidth: track.width, codedHeight: track.height, optimizeForLatency: true, ...(track.description ? { description: track.description as BufferSource } : {}) });
  }

  private fail(error: unknown): void {
    this.stop();
    this.failed(error);
  }

  /** Has what is inside come out; a key picture must follow. */
  flush(): void {
    if (this.flushed || this.decoder?.state !== "configured") return;
    this.flushed = true;
    void this.decoder.flush().catch(() => {});
  }

  /** The last picture that is due at a place, for the caller to close; any at all, where asked. */
  take(at: number, any: boolean): VideoFrame | undefined {
    let due: VideoFrame | undefined;
    while (this.decoded[0] && (this.decoded[0].timestamp / 1000 <= at || (any && !due))) {
      if (due) this.dropped++;
      due?.close();
      due = this.decoded.shift();
    }
    return due;
  }

  stop(): void {
    for (const frame of this.decoded) frame.close();
    this.decoded = [];
    if (this.decoder?.state === "configured") this.decoder.close();
    this.decoder = this.described = undefined;
    this.flushed = false;
  }
}
