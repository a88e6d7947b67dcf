import { AMF0Decoder, AMF0Encoder } from "./amf0.ts";
import { Reader, WireError, Writer } from "./bytes.ts";
import { Type, type Message } from "./chunks.ts";
import { asStatus, failure, status, StatusError, type StatusInfo } from "./status.ts";
import type { Address, Transport } from "./transport.ts";
import { Wire } from "./wire.ts";

/** What a connection tells the NetConnection that it belongs to. */
export interface LinkOwner {
  /** A call of the server's; what is returned answers it. */
  called(name: string, args: unknown[]): unknown;
  /** onStatus of the connection itself. */
  said(link: Link, info: StatusInfo): void;
  /** A message of a stream, or of a shared object. */
  message(link: Link, m: Message): void;
  /** A command of a stream. */
  command(stream: number, name: string, args: unknown[]): void;
  control(event: number, stream: number): void;
  closed(link: Link, reason: string): void;
}

interface Waiting {
  resolve(value: unknown[]): void;
  reject(error: StatusError): void;
}

/** Milliseconds in which a server that has said that it closes the connection is to do so. */
const patience = 2000;

/** One connection from its socket to its end: commands, and answers by transaction. */
export class Link {
  readonly wire: Wire;
  private readonly waiting = new Map<number, Waiting>();
  private transaction = 0;
  private readonly ready: Promise<void>;
  /** Why it has ended; undefined: it has not. */
  ended: string | undefined;
  /** The server has asked for the end: nobody comes back. */
  dismissed = false;
  private leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly address: Address,
    private readonly owner: LinkOwner,
    readonly encoding: 0 | 3,
    transport: Transport,
  ) {
    let done!: () => void;
    this.ready = new Promise((resolve) => (done = resolve));
    this.wire = new Wire(transport, {
      ready: () => done(),
      message: (m) => this.take(m),
      control: (event, stream) => owner.control(event, stream),
      closed: (reason) => this.end(reason),
    });
  }

  /** Whether calls wait for an answer. */
  get busy(): boolean {
    return this.waiting.size > 0;
  }

  send(chunkStream: number, m: Message): void {
    this.wire.send(chunkStream, m);
  }
  sendControl(event: number, ...numbers: number[]): void {
    this.wire.sendControl(event, ...numbers);
  }
  close(reason: string): void {
    this.wire.close(reason);
  }

  private end(reason: string): void {
    clearTimeout(this.leaving);
    this.ended = reason;
    for (const w of this.waiting.values()) w.reject(failure("NetConnection.Call.Failed", reason));
    this.waiting.clear();
    this.owner.closed(this, reason);
  }

  /** Says connect, and returns what answers it: properties and information. */
  async connect(properties: object, args: unknown[], timeout: number): Promise<StatusInfo> {
    const answer = new Promise<unknown[]>((resolve, reject) => {
      const failed = (text: string) => failure("NetConnection.Connect.Failed", text);
      const timer = setTimeout(() => {
        reject(failed(`no answer within ${timeout / 1000} s`));
        this.close("no answer to connect");
      }, timeout);
      const settle = () => clearTimeout(timer);
      this.transaction = 1;
      this.waiting.set(1, {
        resolve: (v) => (settle(), resolve(v)),
        reject: (e) => (settle(), reject(e.code === "NetConnection.Call.Failed" ? failed(e.info.description ?? "") : e)),
      });
    });
    // connect is always AMF0 [Enhanced RTMP, "Enabling AMF3 in RTMP"].
    void this.ready.then(() => this.say(Type.Command0, 0, "connect", 1, properties, args));
    const [properties2, info] = await answer;
    return { ...(properties2 as object), ...asStatus(info, "NetConnection.Connect.Success") };
  }

  /** Calls a method of the server's, and returns all that answers it. */
  request(name: string, args: unknown[], object: unknown = null): Promise<unknown[]> {
    if (this.ended !== undefined) {
      return Promise.reject(failure("NetConnection.Call.Failed", `${name}: ${this.ended}`));
    }
    const n = ++this.transaction;
    const answer = new Promise<unknown[]>((resolve, reject) => this.waiting.set(n, { resolve, reject }));
    try {
      this.command(0, name, n, object, args);
    } catch (error) {
      this.waiting.delete(n);
      throw error;
    }
    return answer;
  }

  /** Sends a command, in the connection's encoding. */
  command(stream: number, name: string, transaction: number, object: unknown, args: unknown[]): void {
    this.say(this.encoding === 3 ? Type.Command3 : Type.Command0, stream, name, transaction, object, args);
  }

  private say(type: number, stream: number, name: string, transaction: number, object: unknown, args: unknown[]): void {
    const to = new Writer();
    if (type === Type.Command3) to.u8(0);
    const encoder = new AMF0Encoder(to);
    encoder.value(name);
    encoder.value(transaction);
    for (const v of [object, ...args]) type === Type.Command3 ? encoder.value3(v) : encoder.value(v);
    this.send(chunkStreamOf(stream, Type.Command0), { type, stream, time: 0, body: to.done() });
  }

  private take(m: Message): void {
    if (m.type !== Type.Command0 && m.type !== Type.Command3) {
      this.owner.message(this, m);
      return;
    }
    const values = new AMF0Decoder(new Reader(m.type === Type.Command3 ? m.body.subarray(1) : m.body)).all();
    const [name, transaction = 0, object, ...args] = values;
    if (typeof name !== "string" || typeof transaction !== "number") throw new WireError("a command without a name or a number");
    if (m.stream !== 0) this.owner.command(m.stream, name, args);
    else this.invoked(name, transaction, object, args);
  }

  private invoked(name: string, transaction: number, object: unknown, args: unknown[]): void {
    switch (name) {
      case "_result":
      case "_error":
        this.answered(name === "_result", transaction, [object, ...args]);
        return;
      case "onStatus":
        this.owner.said(this, asStatus(args[0], "NetConnection.Call.Failed"));
        return;
      case "close":
        this.dismissed = true;
        // The server ends the connection itself, and may have a reason to tell with it.
        this.leaving = setTimeout(() => this.close("the server closed the connection"), patience);
        return;
    }
    void this.answer(name, transaction, args);
  }

  private answered(ok: boolean, transaction: number, values: unknown[]): void {
    const w = this.waiting.get(transaction);
    if (!w) return;
    this.waiting.delete(transaction);
    if (ok) w.resolve(values);
    else w.reject(new StatusError(asStatus(values[1] ?? values[0], "NetConnection.Call.Failed")));
  }

  /** Has the owner do what the server calls, and says what came of it. */
  private async answer(name: string, transaction: number, args: unknown[]): Promise<void> {
    let answer: [string, unknown];
    try {
      answer = ["_result", await this.owner.called(name, args)];
    } catch (error) {
      const info = error instanceof StatusError ? error.info : status("error", "NetConnection.Call.Failed", String(error));
      answer = ["_error", info];
    }
    if (transaction === 0) return;
    try {
      this.command(0, answer[0], transaction, null, [answer[1]]);
    } catch (error) {
      const info = status("error", "NetConnection.Call.Failed", `the answer to ${name} cannot be sent: ${String(error)}`);
      this.command(0, "_error", transaction, null, [info]);
    }
  }
}

/** The chunk stream for messages of a type: each NetStream has its own for commands, sound, pictures and data. */
export function chunkStreamOf(stream: number, type: number): number {
  if (stream === 0) return 3;
  const kind = type === Type.Audio ? 1 : type === Type.Video ? 2 : type === Type.Data0 ? 3 : 0;
  return 4 + (((stream - 1) % 14) << 2) + kind;
}
