import { AMF0Decoder, AMF0Encoder } from "./amf0.ts";
import { Reader, WireError, Writer } from "./bytes.ts";
import { Type, type Message } from "./chunks.ts";

/** Events of shared objects [RTMP 1.0 §7.1.3]. */
export const Event = {
  Use: 1,
  Release: 2,
  RequestChange: 3,
  Change: 4,
  Success: 5,
  SendMessage: 6,
  Status: 7,
  Clear: 8,
  Remove: 9,
  RequestRemove: 10,
  UseSuccess: 11,
} as const;

/** One event of a message: its slot or code, and its value or level; of SendMessage all values. */
export interface ObjectEvent {
  type: number;
  name?: string;
  value?: unknown;
}

/** A shared object's message as events; an event of several slots is several. */
export function readObject(m: Message): { version: number; events: ObjectEvent[] } {
  const r = new Reader(m.type === Type.SharedObject3 ? m.body.subarray(1) : m.body);
  const values = new AMF0Decoder(r);
  r.take(r.u16());
  const version = r.u32();
  r.take(8);
  const events: ObjectEvent[] = [];
  while (r.left > 0) {
    const type = r.u8();
    const length = r.u32();
    if (length > r.left) throw new WireError("an event ends too early");
    const end = r.at + length;
    if (length === 0 || type === Event.SendMessage) {
      const said: unknown[] = [];
      while (r.at < end) said.push(values.restart().value());
      events.push({ type, value: said });
    }
    while (r.at < end) {
      const name = r.text(r.u16());
      if (type === Event.Change) events.push({ type, name, value: values.restart().value() });
      else if (type === Event.Status) events.push({ type, name, value: r.text(r.u16()) });
      else events.push({ type, name });
    }
    if (r.at !== end) throw new WireError("an event is longer than it says");
  }
  return { version, events };
}

/** Builds one message of a client. */
export class ObjectWriter {
  private readonly to = new Writer();
  private readonly values = new AMF0Encoder(this.to);

  constructor(
    private readonly encoding: 0 | 3,
    name: string,
    version: number,
    persistent: boolean,
  ) {
    if (encoding === 3) this.to.u8(0);
    this.to
      .text16(name)
      .u32(version)
      .u32(persistent ? 2 : 0)
      .u32(0);
  }

  get length(): number {
    return this.to.length;
  }

  event(type: number, name?: string, ...values: unknown[]): this {
    this.to.u8(type).sized32(() => {
      if (name !== undefined) this.to.text16(name);
      for (const v of values) {
        this.values.restart();
        if (this.encoding === 3) this.values.value3(v);
        else this.values.value(v);
      }
    });
    return this;
  }

  message(): Message {
    const type = this.encoding === 3 ? Type.SharedObject3 : Type.SharedObject0;
    return { type, stream: 0, time: 0, body: this.to.done() };
  }
}
