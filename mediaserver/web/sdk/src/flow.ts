import type { NetStreamInfo } from "./streaminfo.ts";

const kinds = ["video", "audio", "data"] as const;
type Counted = (typeof kinds)[number];
/** Bytes of each kind so far, when that was by the page's clock, and where the stream was then, in seconds. */
type Mark = [video: number, audio: number, data: number, now: number, at: number];
type Flows = Pick<NetStreamInfo, "byteCount" | `${Counted}ByteCount` | `${"current" | Counted | "max" | "playback"}BytesPerSecond`>;

/** Milliseconds between marks, and over which rates are taken. */
const each = 250;
const span = 2000;

/** Counts the bytes of a stream by their kind, and how fast they come or go. */
export class Flow {
  private readonly now: Mark = [0, 0, 0, 0, 0];
  private marks: Mark[] = [];
  private next = 0;
  private most = 0;

  /** @param reached says where the stream is, in seconds */
  constructor(private readonly reached: () => number) {}

  add(kind: Counted, bytes: number): void {
    const now = this.look();
    if (now[3] >= this.next) {
      this.next = now[3] + each;
      this.marks.push([...now]);
      this.most = this.info.maxBytesPerSecond;
    }
    now[kinds.indexOf(kind)]! += bytes;
  }

  private look(): Mark {
    this.now[3] = performance.now();
    this.now[4] = this.reached();
    return this.now;
  }

  get info(): Flows {
    const { marks } = this;
    const now = this.look();
    while (marks.length > 1 && now[3] - marks[1]![3] > span) marks.shift();
    const [video, audio, data, time, place] = now.map((n, i) => n - (marks[0] ?? now)[i]!) as Mark;
    // A moment says nothing of a second.
    const per = (n: number) => (1000 * n) / Math.max(each, time);
    const all = per(video + audio + data);
    return {
      byteCount: now[0] + now[1] + now[2],
      videoByteCount: now[0],
      audioByteCount: now[1],
      dataByteCount: now[2],
      currentBytesPerSecond: all,
      videoBytesPerSecond: per(video),
      audioBytesPerSecond: per(audio),
      dataBytesPerSecond: per(data),
      maxBytesPerSecond: Math.max(this.most, all),
      playbackBytesPerSecond: place > 0 ? (video + audio) / place : 0,
    };
  }
}
