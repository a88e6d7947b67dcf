import { Allowance, AMF3Decoder, AMF3Encoder, maxDepth, onlyAMF3 } from "./amf3.ts";
import { Reader, utf8, WireError, Writer } from "./bytes.ts";
import { assign, getClassName, isDense, makeObject, slots, XML } from "./values.ts";

/** Decodes the AMF0 values of one message, which may refer to one another. The parts of it that are AMF3 share one set of tables. */
export class AMF0Decoder {
  private amf3: AMF3Decoder | undefined;
  private readonly objects: { value: unknown; cost: number }[] = [];
  private readonly allowance = new Allowance();
  private spent = 0;

  constructor(private readonly from: Reader) {}

  /** Begins new tables of AMF3: those of a shared object's message are a value's. */
  restart(): this {
    this.amf3 = undefined;
    return this;
  }

  private count(bytes = 0): void {
    this.spent++;
    this.allowance.count(bytes);
  }

  private name(): string {
    const n = this.from.u16();
    this.allowance.count(n);
    return this.from.text(n);
  }

  private long(): string {
    const n = this.from.u32();
    if (n > this.from.left) throw new WireError(`text of ${n} bytes in ${this.from.left}`);
    this.allowance.count(n);
    return this.from.text(n);
  }

  /** All values up to the end. */
  all(): unknown[] {
    const values: unknown[] = [];
    while (this.from.left > 0) values.push(this.value());
    return values;
  }

  value(depth = 0): unknown {
    if (depth > maxDepth) throw new WireError("values are nested too deep");
    this.count();
    const mark = this.from.u8();
    switch (mark) {
      case 0:
        return this.from.f64();
      case 1:
        return this.from.u8() !== 0;
      case 2:
        return this.name();
      case 3:
        return this.hold({}, (o) => this.properties(o, depth));
      case 5:
        return null;
      case 6:
      case 13:
        return undefined;
      case 7: {
        const i = this.from.u16();
        const known = this.objects[i];
        if (!known) throw new WireError(`reference to object ${i} of ${this.objects.length}`);
        for (let n = 0; n < known.cost; n++) this.count();
        return known.value;
      }
      case 8:
        // The number in front is a hint that is often wrong.
        this.from.u32();
        return this.hold([] as unknown[], (a) => this.properties(a, depth));
      case 10:
        return this.hold([] as unknown[], (a) => this.strict(a, depth));
      case 11: {
        const at = this.from.f64();
        this.from.u16();
        return this.hold(new Date(at), () => {});
      }
      case 12:
        return this.long();
      case 15:
        return this.hold(new XML(this.long()), () => {});
      case 16:
        return this.hold(makeObject(this.name()), (o) => this.properties(o, depth));
      case 17:
        this.amf3 ??= new AMF3Decoder(this.from, this.allowance);
        return this.amf3.value(depth);
    }
    throw new WireError(`AMF0 type marker ${mark}`);
  }

  private hold<T>(value: T, fill: (value: T) => void): T {
    const entry = { value: value as unknown, cost: 1 };
    this.objects.push(entry);
    const before = this.spent;
    fill(value);
    entry.cost = Math.max(1, this.spent - before);
    return value;
  }

  private strict(a: unknown[], depth: number): void {
    const n = this.from.u32();
    if (n > this.from.left) throw new WireError(`${n} elements in ${this.from.left} bytes`);
    for (let i = 0; i < n; i++) a[i] = this.value(depth + 1);
  }

  private properties(to: object, depth: number): void {
    for (;;) {
      const name = this.name();
      if (name === "" && this.from.left > 0 && this.from.bytes[this.from.at] === 9) {
        this.from.at++;
        return;
      }
      this.count();
      assign(to, name, this.value(depth + 1));
    }
  }
}

/** Encodes the values of one message: what is met again is a reference, and what AMF0 cannot say is AMF3 behind its marker. */
export class AMF0Encoder {
  private readonly objects = new Map<object, number>();
  private amf3: AMF3Encoder | undefined;

  constructor(readonly to: Writer) {}

  /** Begins new tables of AMF3, as AMF0Decoder does. */
  restart(): this {
    this.amf3 = undefined;
    return this;
  }

  private switched(v: unknown, depth: number): void {
    this.to.u8(17);
    this.amf3 ??= new AMF3Encoder(this.to);
    this.amf3.value(v, depth);
  }

  /** A value as AMF3 behind its marker, or, when it is a word, a number or the like, as AMF0. */
  value3(v: unknown): void {
    if (typeof v === "object" && v !== null) this.switched(v, 0);
    else this.value(v);
  }

  value(v: unknown, depth = 0): void {
    if (depth > maxDepth) throw new RangeError("values are nested too deep to be sent");
    switch (typeof v) {
      case "undefined":
      case "function":
        this.to.u8(6);
        return;
      case "boolean":
        this.to.u8(1).u8(v ? 1 : 0);
        return;
      case "number":
        this.to.u8(0).f64(v);
        return;
      case "string":
        this.string(v);
        return;
      case "object":
        if (v === null) this.to.u8(5);
        else this.object(v, depth);
        return;
    }
    throw new TypeError(`a ${typeof v} cannot be sent`);
  }

  private string(s: string): void {
    const b = utf8(s);
    if (b.length > 0xffff) this.to.u8(12).u32(b.length).put(b);
    else this.to.u8(2).u16(b.length).put(b);
  }

  private object(v: object, depth: number): void {
    if (onlyAMF3(v)) {
      this.switched(v, depth);
      return;
    }
    const known = this.objects.get(v);
    if (known !== undefined) {
      this.to.u8(7).u16(known);
      return;
    }
    // A reference has 16 bits: what comes later is written out, and one that holds itself then is too deep.
    if (this.objects.size < 0xffff) this.objects.set(v, this.objects.size);
    if (v instanceof Date) this.to.u8(11).f64(v.getTime()).u16(0);
    else if (v instanceof XML) {
      const b = utf8(v.source);
      this.to.u8(15).u32(b.length).put(b);
    } else if (Array.isArray(v)) this.array(v, depth);
    else {
      if (v instanceof Set || v instanceof Promise) throw new TypeError(`a ${v.constructor.name} cannot be sent`);
      const name = getClassName(v);
      if (name === "") this.to.u8(3);
      else this.to.u8(16).text16(name);
      this.properties(v, depth);
    }
  }

  private array(a: unknown[], depth: number): void {
    if (!isDense(a)) {
      this.to.u8(8).u32(Object.keys(a).length);
      this.properties(a, depth);
      return;
    }
    this.to.u8(10).u32(a.length);
    for (const item of a) this.value(item, depth + 1);
  }

  private properties(o: object, depth: number): void {
    for (const name of slots(o)) {
      this.to.text16(name);
      this.value((o as Record<string, unknown>)[name], depth + 1);
    }
    this.to.u24(9);
  }
}

/** Values as AMF0 bytes, one after another; of AMF3 where AMF0 has no word for one. */
export function encodeAMF0(...values: unknown[]): Uint8Array {
  const encoder = new AMF0Encoder(new Writer());
  for (const v of values) encoder.value(v);
  return encoder.to.done();
}

/** All AMF0 values that bytes hold. */
export function decodeAMF0(bytes: Uint8Array): unknown[] {
  return new AMF0Decoder(new Reader(bytes)).all();
}

/** One value as AMF3 bytes, as ByteArray.writeObject had it. */
export function encodeAMF3(value: unknown): Uint8Array {
  const to = new Writer();
  new AMF3Encoder(to).value(value);
  return to.done();
}

/** The AMF3 value that bytes begin with. */
export function decodeAMF3(bytes: Uint8Array): unknown {
  return new AMF3Decoder(new Reader(bytes)).value();
}
