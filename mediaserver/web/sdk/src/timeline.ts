/** How far, in milliseconds, a live stream's clock goes back only when it begins anew: sound and pictures are never that far apart. */
const begun = 1000;

/**
 * Where the timestamps of messages lie on one line that only goes on. They have 32 bits, and those of live streams begin anywhere, and
 * begin again with another publisher; those of recordings are places in the file.
 */
export class Timeline {
  private last: number | undefined;
  /** The last timestamp without the limit of 32 bits. */
  private whole = 0;
  private base = 0;

  /**
   * @param live whether the line begins with the first timestamp, and closes what would go back
   * @param newest the furthest place, in milliseconds
   */
  constructor(
    readonly live: boolean,
    public newest = 0,
  ) {}

  /** The place of a message of sound or pictures, in milliseconds. */
  place(time: number): number {
    if (this.last === undefined) {
      this.whole = time;
      this.base = this.live ? time : 0;
    } else this.whole += (time - this.last) | 0;
    this.last = time;
    let at = this.whole - this.base;
    if (this.live && at < this.newest - begun) {
      at = this.newest + 1;
      this.base = this.whole - at;
    }
    this.newest = Math.max(this.newest, at);
    return at;
  }

  /** The place of what has no line of its own: data between sound and pictures. */
  beside(time: number): number {
    return this.last === undefined ? 0 : this.whole + ((time - this.last) | 0) - this.base;
  }
}
