/** Microseconds that a piece of sound may be off its place, as clocks are, before something was lost in front of it. */
const lost = 40_000;
/** Microseconds that are made up for by silence at most: whoever was away for longer was not heard, and viewers leap over it. */
const most = 10e6;

/**
 * When encoded sound was heard. An encoder counts samples from the first on, whatever pieces say of their times: where some were lost
 * before it, as on a machine that is too slow, all that follows would be too early by as much, for good. Times are microseconds.
 */
export class SoundTimes {
  /** Pieces with nothing lost between them: where they begin in what the encoder was given, and when that was heard. */
  private readonly pieces: { from: number; heard: number }[] = [];
  private given = 0;
  private taken = 0;

  /** How much silence belongs in front of what was heard at a time, for players that stop at a gap. */
  missing(heard: number): number {
    const gap = heard - this.next;
    return gap > lost && gap < most ? gap : 0;
  }

  /** Sees what the encoder is given. */
  give(heard: number, duration: number): void {
    if (this.pieces.length === 0 || Math.abs(this.next - heard) > lost) this.pieces.push({ from: this.given, heard });
    this.given += duration;
  }

  /** When the next was heard that it has made, of a duration. */
  take(duration: number): number {
    const { pieces, taken } = this;
    while (pieces.length > 1 && pieces[1]!.from <= taken) pieces.shift();
    this.taken += duration;
    return pieces[0]!.heard + taken - pieces[0]!.from;
  }

  /** When what comes next is heard, if nothing is lost; NaN: nothing has come. */
  private get next(): number {
    const last = this.pieces.at(-1);
    return last ? last.heard + this.given - last.from : NaN;
  }
}
