import { WireError, Writer } from "./bytes.ts";

/** One message of RTMP. */
export interface Message {
  type: number;
  /** Message stream id: 0 is the connection's, others are NetStreams'. */
  stream: number;
  /** Milliseconds, 32 bits. */
  time: number;
  body: Uint8Array;
}

/** Message types [RTMP 1.0 §5.4, §7.1]. */
export const Type = {
  SetChunkSize: 1,
  Abort: 2,
  Acknowledgement: 3,
  UserControl: 4,
  WindowSize: 5,
  PeerBandwidth: 6,
  Audio: 8,
  Video: 9,
  Data3: 15,
  SharedObject3: 16,
  Command3: 17,
  Data0: 18,
  SharedObject0: 19,
  Command0: 20,
  Aggregate: 22,
} as const;

/** Chunk streams that a peer may use at once, and bytes of messages that have come in part. */
const maxStreams = 256;
const maxHeld = 32 << 20;
const noBytes = new Uint8Array(0);

interface ChunkStream {
  time: number;
  delta: number;
  length: number;
  type: number;
  stream: number;
  /** The time or delta as it was behind 0xffffff; undefined: it was not. */
  extended: number | undefined;
  /** What has come of the message; length says of how much. */
  body: Uint8Array;
  got: number;
  begun: boolean;
}

/** Makes messages of the chunks of a peer, however they are cut. */
export class ChunkReader {
  private size = 128;
  private readonly streams = new Map<number, ChunkStream>();
  private held = 0;
  private pending: Uint8Array = noBytes;
  /** The chunk whose bytes come now, and how many of them are missing. */
  private current: ChunkStream | undefined;
  private missing = 0;

  constructor(private readonly onMessage: (m: Message) => void) {}

  /** Bytes of a chunk from now on. */
  setChunkSize(n: number): void {
    if (n < 1 || n > 0x7fffffff) throw new WireError(`chunks of ${n} bytes`);
    this.size = n;
  }

  /** Forgets a message that has come in part. */
  abort(id: number): void {
    const s = this.streams.get(id);
    if (s) this.forget(s);
  }

  private forget(s: ChunkStream): void {
    this.held -= s.body.length;
    s.body = noBytes;
    s.got = 0;
    s.begun = false;
  }

  /** Takes what has come. Messages are handed out while it runs. */
  feed(bytes: Uint8Array): void {
    if (this.pending.length > 0) {
      const all = new Uint8Array(this.pending.length + bytes.length);
      all.set(this.pending);
      all.set(bytes, this.pending.length);
      bytes = all;
      this.pending = noBytes;
    }
    let at = 0;
    for (;;) {
      if (this.current) {
        const n = Math.min(this.missing, bytes.length - at);
        this.take(this.current, bytes.subarray(at, at + n));
        at += n;
        this.missing -= n;
        if (this.missing > 0) return;
        this.chunkEnds();
      }
      const n = at < bytes.length ? this.header(bytes, at) : 0;
      if (n === 0) {
        // Headers have 18 bytes at most: what waits is never more.
        this.pending = bytes.slice(at);
        return;
      }
      at += n;
    }
  }

  /** Copies what has come of a message. Memory grows as bytes come, not as a header says. */
  private take(s: ChunkStream, part: Uint8Array): void {
    const want = s.got + part.length;
    if (want > s.body.length) {
      const room = Math.min(s.length, Math.max(want, 2 * s.body.length, 4096));
      this.held += room - s.body.length;
      if (this.held > maxHeld) throw new WireError(`${this.held} bytes of messages in part`);
      const bigger = new Uint8Array(room);
      bigger.set(s.body.subarray(0, s.got));
      s.body = bigger;
    }
    s.body.set(part, s.got);
    s.got = want;
  }

  private chunkEnds(): void {
    const s = this.current!;
    this.current = undefined;
    if (s.got < s.length) return;
    const m = { type: s.type, stream: s.stream, time: s.time, body: s.body.subarray(0, s.got) };
    this.forget(s);
    this.onMessage(m);
  }

  /** Takes a chunk's header, and says how long it is; 0: it is not all there. */
  private header(b: Uint8Array, at: number): number {
    const begin = at;
    const end = b.length;
    const format = b[at]! >> 6;
    let id = b[at++]! & 63;
    if (id < 2) {
      const n = id + 1;
      if (at + n > end) return 0;
      id = 64 + b[at]! + (n === 2 ? b[at + 1]! * 256 : 0);
      at += n;
    }
    const size = [11, 7, 3, 0][format]!;
    if (at + size > end) return 0;
    let s = this.streams.get(id);
    if (!s && format !== 0) throw new WireError(`chunk stream ${id} begins without a header`);
    const field = size > 0 ? (b[at]! << 16) | (b[at + 1]! << 8) | b[at + 2]! : 0;
    const marked = size > 0 ? field === 0xffffff : s!.extended !== undefined;
    let extended: number | undefined;
    let behind = 0;
    if (marked) {
      if (at + size + 4 > end) return 0;
      const e = at + size;
      extended = ((b[e]! << 24) | (b[e + 1]! << 16) | (b[e + 2]! << 8) | b[e + 3]!) >>> 0;
      behind = 4;
      // Some peers do not repeat it before the rest of a message, whose bytes these are then.
      if (size === 0 && extended !== s!.extended) behind = 0;
    }
    if (!s) {
      if (this.streams.size >= maxStreams) throw new WireError(`more than ${maxStreams} chunk streams`);
      s = { time: 0, delta: 0, length: 0, type: 0, stream: 0, extended: undefined, body: noBytes, got: 0, begun: false };
      this.streams.set(id, s);
    }
    if (size > 0 && s.begun) this.forget(s); // a header amid a message begins another
    if (size >= 7) {
      s.length = (b[at + 3]! << 16) | (b[at + 4]! << 8) | b[at + 5]!;
      s.type = b[at + 6]!;
    }
    if (size === 11) s.stream = (b[at + 7]! | (b[at + 8]! << 8) | (b[at + 9]! << 16) | (b[at + 10]! << 24)) >>> 0;
    if (size > 0) {
      s.extended = extended;
      s.delta = extended ?? field;
      s.time = format === 0 ? s.delta : (s.time + s.delta) >>> 0;
    } else if (!s.begun) s.time = (s.time + s.delta) >>> 0;
    s.begun = true;
    this.current = s;
    this.missing = Math.min(this.size, s.length - s.got);
    return at + size + behind - begin;
  }
}

/** Cuts messages into chunks. Each message has a full header: absolute times cost a few bytes and cannot be misunderstood. */
export class ChunkWriter {
  private size = 128;

  setChunkSize(n: number): void {
    this.size = n;
  }

  /** The bytes of a message on a chunk stream from 2 to 63. */
  write(id: number, m: Message): Uint8Array {
    if (m.body.length > 0xffffff) throw new RangeError(`a message of ${m.body.length} bytes: 16777215 are the most`);
    const w = new Writer();
    const time = Math.floor(m.time) >>> 0;
    const extended = time >= 0xffffff;
    w.u8(id).u24(extended ? 0xffffff : time).u24(m.body.length).u8(m.type);
    for (let i = 0; i < 4; i++) w.u8((m.stream >>> (8 * i)) & 255);
    for (let at = 0; ; ) {
      if (extended) w.u32(time);
      w.put(m.body.subarray(at, at + this.size));
      at += this.size;
      if (at >= m.body.length) return w.done();
      w.u8(0xc0 | id);
    }
  }
}

/** Takes an aggregate message apart: FLV tags one behind another, with times that the message's own sets right [RTMP 1.0 §7.1.6]. */
export function split(m: Message, each: (m: Message) => void): void {
  const b = m.body;
  let first: number | undefined;
  for (let at = 0; at + 11 <= b.length; ) {
    const length = (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
    const time = ((b[at + 7]! << 24) | (b[at + 4]! << 16) | (b[at + 5]! << 8) | b[at + 6]!) >>> 0;
    if (at + 11 + length > b.length) throw new WireError("an aggregate message ends too early");
    first ??= time;
    each({ type: b[at]!, stream: m.stream, time: (m.time + time - first) >>> 0, body: b.subarray(at + 11, at + 11 + length) });
    at += 11 + length + 4;
  }
}
