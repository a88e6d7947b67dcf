/** How far, in milliseconds, the clock of a live stream's sound, or of its pictures, goes back only when the stream begins anew. */
const begun = 1000;
/** How far sound may lie behind pictures that are there already, or pictures behind sound: what is older is of a stream that begins anew. */
const apart = 10_000;

/**
 * Where the timestamps of messages lie on one line that only goes on. They have 32 bits, and those of live streams begin anywhere, and
 * begin again with another publisher; those of recordings are places in the file. Sound and pictures go on each by themselves: an
 * encoder that is late with one of them sends it seconds behind the other.
 */
export class Timeline {
  private last: number | undefined;
  /** The last timestamp without the limit of 32 bits. */
  private whole = 0;
  private base = 0;
  /** The furthest place of each kind since the stream has begun. */
  private readonly reached = new Map<string, number>();

  /**
   * @param live whether the line begins with the first timestamp, and closes what would go back
   * @param newest the furthest place, in milliseconds
   */
  constructor(
    readonly live: boolean,
    public newest = 0,
  ) {}

  /** The place of a message of sound or pictures, in milliseconds; one from before the first is negative. */
  place(time: number, kind: "audio" | "video"): number {
    if (this.last === undefined) {
      this.whole = time;
      this.base = this.live ? time : 0;
    } else this.whole += (time - this.last) | 0;
    this.last = time;
    let at = this.whole - this.base;
    if (this.live && at < (this.reached.get(kind) ?? this.newest - apart) - begun) {
      at = this.newest + 1;
      this.base = this.whole - at;
      this.reached.clear();
    }
    this.reached.set(kind, Math.max(this.reached.get(kind) ?? at, at));
    this.newest = Math.max(this.newest, at);
    return at;
  }

  /** The place of what has no line of its own: data between sound and pictures. */
  beside(time: number): number {
    return this.last === undefined ? 0 : this.whole + ((time - this.last) | 0) - this.base;
  }
}
