import { WireError } from "./bytes.ts";

/** Reads bits, the highest of each byte first. */
export class BitReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The next n bits, 32 at most. */
  read(n: number): number {
    let value = 0;
    for (let i = 0; i < n; i++) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) throw new WireError("a codec's header ends too early");
      value = value * 2 + ((byte >> (7 - (this.at & 7))) & 1);
      this.at++;
    }
    return value;
  }
  flag(): boolean {
    return this.read(1) === 1;
  }
  skip(n: number): this {
    this.at += n;
    return this;
  }
  /** A number as H.264 and H.265 have them, ue(v) [ISO/IEC 14496-10 §9.1]. AV1's uvlc() is the same. */
  golomb(): number {
    let zeros = 0;
    while (!this.flag()) if (++zeros > 31) throw new WireError("a codec's header has a number that is too long");
    return 2 ** zeros - 1 + this.read(zeros);
  }
  /** A number with a sign, se(v). */
  signedGolomb(): number {
    const n = this.golomb();
    return n & 1 ? (n + 1) / 2 : -n / 2;
  }
}
