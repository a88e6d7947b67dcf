/** Bytes in network order. What is read comes from strangers: reading past the end throws, and nothing is allocated because a number says so. */

/** What a peer sent cannot be understood. */
export class WireError extends Error {
  override name = "WireError";
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Reads big endian values from a piece of memory, which it does not copy. */
export class Reader {
  at = 0;
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that are left. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Moves over n bytes and says where they begin. */
  private step(n: number): number {
    if (n > this.left) throw new WireError(`ends ${n - this.left} bytes too early`);
    const at = this.at;
    this.at += n;
    return at;
  }

  u8(): number {
    return this.bytes[this.step(1)]!;
  }
  u16(): number {
    return this.view.getUint16(this.step(2));
  }
  u24(): number {
    const at = this.step(3);
    return (this.view.getUint16(at) << 8) | this.bytes[at + 2]!;
  }
  u32(): number {
    return this.view.getUint32(this.step(4));
  }
  i32(): number {
    return this.view.getInt32(this.step(4));
  }
  f64(): number {
    return this.view.getFloat64(this.step(8));
  }
  /** The next n bytes, in place. */
  take(n: number): Uint8Array {
    const at = this.step(n);
    return this.bytes.subarray(at, at + n);
  }
  /** n bytes of UTF-8; what is not UTF-8 becomes U+FFFD. */
  text(n: number): string {
    return decoder.decode(this.take(n));
  }
}

/** Writes big endian values into memory that grows. */
export class Writer {
  private buffer: Uint8Array;
  private view: DataView;
  /** Bytes written. */
  length = 0;

  /** @param room bytes that there is memory for at first */
  constructor(room = 256) {
    this.buffer = new Uint8Array(room);
    this.view = new DataView(this.buffer.buffer);
  }

  private step(n: number): number {
    const at = this.length;
    this.length += n;
    if (this.length > this.buffer.length) {
      const bigger = new Uint8Array(Math.max(this.length, 2 * this.buffer.length));
      bigger.set(this.buffer.subarray(0, at));
      this.buffer = bigger;
      this.view = new DataView(bigger.buffer);
    }
    return at;
  }

  u8(n: number): this {
    const at = this.step(1);
    this.buffer[at] = n;
    return this;
  }
  u16(n: number): this {
    const at = this.step(2);
    this.view.setUint16(at, n);
    return this;
  }
  u24(n: number): this {
    return this.u8(n >> 16).u16(n & 0xffff);
  }
  u32(n: number): this {
    const at = this.step(4);
    this.view.setUint32(at, n);
    return this;
  }
  /** Writes over what stands at a place. */
  set32(at: number, n: number): void {
    this.view.setUint32(at, n);
  }
  f64(n: number): this {
    const at = this.step(8);
    this.view.setFloat64(at, n);
    return this;
  }
  put(b: ArrayLike<number>): this {
    const at = this.step(b.length);
    this.buffer.set(b, at);
    return this;
  }
  /** UTF-8 behind its length in 16 bits; longer text is an error. */
  text16(s: string): this {
    const b = utf8(s);
    if (b.length > 0xffff) throw new RangeError(`a name of ${b.length} bytes: 65535 is the most`);
    return this.u16(b.length).put(b);
  }
  /** Leaves room for a length in 32 bits, which is that of what body writes. */
  sized32(body: () => void): this {
    const at = this.step(4);
    body();
    this.set32(at, this.length - at - 4);
    return this;
  }
  /** All that was written: memory of its own. */
  done(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

export const utf8 = (s: string): Uint8Array => encoder.encode(s);

/** One piece of memory that holds all parts. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
