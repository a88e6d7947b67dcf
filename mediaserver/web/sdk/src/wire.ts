import { wordsOf } from "./emitter.ts";
import { Reader, WireError, Writer } from "./bytes.ts";
import { ChunkReader, ChunkWriter, split, Type, type Message } from "./chunks.ts";
import type { Transport } from "./transport.ts";

const handshakeSize = 1536;
/** How large our chunks are. */
const chunkSize = 16 << 10;

/** What a Wire tells who uses it. */
export interface WireHandler {
  /** The handshake is done, and messages may be sent. */
  ready(): void;
  /** A message that is not the wire's own business; it is called while bytes are taken apart. */
  message(m: Message): void;
  /** User control event of a stream [RTMP 1.0 §7.1.7]. */
  control(event: number, stream: number): void;
  /** It has ended, once; the reason is for people. */
  closed(reason: string): void;
}

/** RTMP on a transport: handshake, chunks, acknowledgements, pings. It knows no command. */
export class Wire {
  private shaking: Uint8Array | undefined = new Uint8Array(0);
  private readonly reader = new ChunkReader((m) => this.take(m));
  private readonly writer = new ChunkWriter();
  private window = 2_500_000;
  private received = 0;
  private acknowledged = 0;
  private ended = false;
  private asked = -1000;
  private trip = 0;

  constructor(
    private readonly transport: Transport,
    private readonly handler: WireHandler,
  ) {
    transport.onOpen = () => {
      const c1 = new Uint8Array(1 + handshakeSize);
      crypto.getRandomValues(c1.subarray(9));
      c1[0] = 3;
      transport.send(c1);
    };
    transport.onData = (b) => this.feed(b);
    transport.onClose = (reason) => this.end(reason);
  }

  /** Bytes that wait for the network. */
  get bufferedAmount(): number {
    return this.transport.bufferedAmount;
  }

  /** Sends a message on a chunk stream. */
  send(chunkStream: number, m: Message): void {
    if (!this.ended) this.transport.send(this.writer.write(chunkStream, m));
  }

  /** Sends a user control event whose body is numbers of 32 bits. */
  sendControl(event: number, ...numbers: number[]): void {
    const w = new Writer().u16(event);
    for (const n of numbers) w.u32(n);
    this.protocol(Type.UserControl, w.done());
  }

  /** Ends the connection; the handler hears of it. */
  close(reason = "closed"): void {
    if (this.ended) return;
    this.transport.close();
    this.end(reason);
  }

  private end(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.handler.closed(reason);
  }

  private protocol(type: number, body: Uint8Array): void {
    this.send(2, { type, stream: 0, time: 0, body });
  }

  private number(type: number, n: number): void {
    this.protocol(type, new Writer().u32(n).done());
  }

  private feed(b: Uint8Array): void {
    if (this.ended) return;
    try {
      this.received += b.length;
      if (this.shaking) this.shake(b);
      else this.reader.feed(b);
      if (this.received - this.acknowledged >= this.window / 2) {
        this.acknowledged = this.received;
        this.number(Type.Acknowledgement, this.received % 2 ** 32);
      }
    } catch (error) {
      this.close(`the server sent what cannot be understood: ${wordsOf(error)}`);
      if (!(error instanceof WireError || error instanceof RangeError)) throw error;
    }
  }

  /** S0, S1 and S2 [RTMP 1.0 §5.2]. The echo in S2 proves nothing, and is not looked at. */
  private shake(b: Uint8Array): void {
    const all = new Uint8Array(this.shaking!.length + b.length);
    all.set(this.shaking!);
    all.set(b, this.shaking!.length);
    this.shaking = all;
    if (all.length > 0 && all[0] !== 3) throw new WireError(`handshake of version ${all[0]}`);
    if (all.length < 1 + 2 * handshakeSize) return;
    this.shaking = undefined;
    this.transport.send(all.slice(1, 1 + handshakeSize));
    this.number(Type.SetChunkSize, chunkSize);
    this.writer.setChunkSize(chunkSize);
    this.handler.ready();
    this.reader.feed(all.subarray(1 + 2 * handshakeSize));
  }

  private take(m: Message): void {
    if (this.ended) return;
    switch (m.type) {
      case Type.SetChunkSize:
        this.reader.setChunkSize(new Reader(m.body).u32());
        return;
      case Type.Abort:
        this.reader.abort(new Reader(m.body).u32());
        return;
      case Type.Acknowledgement:
        return;
      case Type.WindowSize:
        this.window = Math.max(1024, new Reader(m.body).u32());
        return;
      case Type.PeerBandwidth:
        this.number(Type.WindowSize, new Reader(m.body).u32());
        return;
      case Type.UserControl:
        this.userControl(new Reader(m.body));
        return;
      case Type.Aggregate:
        split(m, (part) => this.handler.message(part));
        return;
    }
    this.handler.message(m);
  }

  /** Milliseconds to the peer and back, smoothed [RFC 6298 §2]; 0: not known yet. Who asks has it measured, once a second. */
  get roundTrip(): number {
    const now = performance.now();
    if (now - this.asked > 1000) this.sendControl(6, (this.asked = Math.trunc(now)));
    return this.trip;
  }

  private userControl(body: Reader): void {
    const event = body.u16();
    if (event === 6) this.sendControl(7, body.u32());
    else if (event === 7) {
      const took = performance.now() - body.u32();
      if (took >= 0) this.trip = this.trip === 0 ? took : (7 * this.trip + took) / 8;
    } else if (body.left >= 4) this.handler.control(event, body.u32());
  }
}
