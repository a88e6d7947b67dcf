import { Reader, utf8, WireError, Writer } from "./bytes.ts";
import { assign, Dictionary, fixedVector, getClassName, isDense, makeObject, slots, Vector, XML } from "./values.ts";

/** Nesting that is read and written; real values have a handful of levels. */
export const maxDepth = 64;
/** What one message decodes to, in bytes, about: 64 for each value and name, and their text. */
const maxSize = 16 << 20;

/** What decoding may still make: a reference costs a byte, and stands for a value that counts each time. */
export class Allowance {
  private left = maxSize;
  count(bytes = 0): void {
    this.left -= 64 + bytes;
    if (this.left < 0) throw new WireError("too many values");
  }
}

interface Traits {
  name: string;
  dynamic: boolean;
  sealed: string[];
}

/** Decodes one AMF3 value and what it refers to; the tables begin anew with each. */
export class AMF3Decoder {
  private readonly strings: string[] = [];
  private readonly objects: { value: unknown; cost: number }[] = [];
  private readonly traits: Traits[] = [];
  private spent = 0;

  constructor(
    private readonly from: Reader,
    private readonly allowance = new Allowance(),
  ) {}

  private count(bytes = 0): void {
    this.spent++;
    this.allowance.count(bytes);
  }

  private u29(): number {
    let n = 0;
    for (let i = 0; i < 3; i++) {
      const b = this.from.u8();
      n = (n << 7) | (b & 0x7f);
      if (b < 0x80) return n;
    }
    return (n << 8) | this.from.u8();
  }

  private string(): string {
    this.count();
    const n = this.u29();
    if (!(n & 1)) {
      const s = this.strings[n >> 1];
      if (s === undefined) throw new WireError(`reference to string ${n >> 1} of ${this.strings.length}`);
      this.allowance.count(s.length);
      return s;
    }
    this.allowance.count(n >> 1);
    const s = this.from.text(n >> 1);
    if (s !== "") this.strings.push(s);
    return s;
  }

  value(depth = 0): unknown {
    if (depth > maxDepth) throw new WireError("values are nested too deep");
    this.count();
    const mark = this.from.u8();
    switch (mark) {
      case 0:
        return undefined;
      case 1:
        return null;
      case 2:
      case 3:
        return mark === 3;
      case 4:
        return (this.u29() << 3) >> 3;
      case 5:
        return this.from.f64();
      case 6:
        return this.string();
    }
    if (mark > 0x11) throw new WireError(`AMF3 type marker ${mark}`);
    const n = this.u29();
    if (!(n & 1)) {
      const known = this.objects[n >> 1];
      if (!known) throw new WireError(`reference to object ${n >> 1} of ${this.objects.length}`);
      for (let i = 0; i < known.cost; i++) this.count();
      return known.value;
    }
    return this.complex(mark, n >> 1, depth + 1);
  }

  /** Gives a value its place in the table before what it holds is read; a reference to it costs what it has cost. */
  private hold<T>(value: T, fill: (value: T) => void): T {
    const entry = { value: value as unknown, cost: 1 };
    this.objects.push(entry);
    const before = this.spent;
    fill(value);
    entry.cost = Math.max(1, this.spent - before);
    return value;
  }

  private complex(mark: number, n: number, depth: number): unknown {
    switch (mark) {
      case 7:
      case 0xb:
        this.allowance.count(n);
        return this.hold(new XML(this.from.text(n), mark === 7), () => {});
      case 8:
        return this.hold(new Date(this.from.f64()), () => {});
      case 9:
        return this.hold([] as unknown[], (a) => this.array(a, n, depth));
      case 0xa:
        return this.object(n, depth);
      case 0xc:
        this.allowance.count(n);
        return this.hold(this.from.take(n).slice(), () => {});
      case 0x10:
        return this.objectVector(n, depth);
      case 0x11:
        return this.dictionary(n, depth);
    }
    return this.numbers(mark, n);
  }

  /** A stranger's number of elements: more than there are bytes left is a lie. */
  private fits(n: number, size: number): void {
    if (n * size > this.from.left) throw new WireError(`${n} elements in ${this.from.left} bytes`);
  }

  private array(a: unknown[], n: number, depth: number): void {
    this.named(a, depth);
    this.fits(n, 1);
    for (let i = 0; i < n; i++) a[i] = this.value(depth);
  }

  private named(to: object, depth: number): void {
    for (let name = this.string(); name !== ""; name = this.string()) assign(to, name, this.value(depth));
  }

  private object(n: number, depth: number): object {
    const traits = this.traitsOf(n);
    return this.hold(makeObject(traits.name), (o) => {
      for (const name of traits.sealed) {
        this.allowance.count(name.length);
        assign(o, name, this.value(depth));
      }
      if (traits.dynamic) this.named(o, depth);
    });
  }

  private traitsOf(n: number): Traits {
    if (!(n & 1)) {
      const known = this.traits[n >> 1];
      if (!known) throw new WireError(`reference to traits ${n >> 1} of ${this.traits.length}`);
      return known;
    }
    const name = this.string();
    if (n & 2) throw new WireError(`externalizable class ${name}`);
    this.fits(n >> 3, 1);
    const sealed: string[] = [];
    for (let i = 0; i < n >> 3; i++) sealed.push(this.string());
    const traits = { name, dynamic: (n & 4) !== 0, sealed };
    this.traits.push(traits);
    return traits;
  }

  private objectVector(n: number, depth: number): unknown {
    const isFixed = this.from.u8() !== 0;
    return this.hold(Vector.create<unknown>([], "", isFixed), (v) => {
      v.className = this.string();
      this.fits(n, 1);
      for (let i = 0; i < n; i++) v.push(this.value(depth));
    });
  }

  private dictionary(n: number, depth: number): unknown {
    const dictionary = new Dictionary();
    dictionary.weak = this.from.u8() !== 0;
    this.fits(n, 2);
    return this.hold(dictionary, (d) => {
      for (let i = 0; i < n; i++) {
        const key = this.value(depth);
        d.set(key, this.value(depth));
      }
    });
  }

  private numbers(mark: number, n: number): unknown {
    const isFixed = this.from.u8() !== 0;
    const size = mark === 0xf ? 8 : 4;
    this.fits(n, size);
    this.allowance.count(n * size);
    const v = mark === 0xd ? new Int32Array(n) : mark === 0xe ? new Uint32Array(n) : new Float64Array(n);
    for (let i = 0; i < n; i++) v[i] = mark === 0xd ? this.from.i32() : mark === 0xe ? this.from.u32() : this.from.f64();
    fixedVector(v, isFixed);
    return this.hold(v, () => {});
  }
}

/** Encodes one AMF3 value; what is met again is a reference. */
export class AMF3Encoder {
  private readonly strings = new Map<string, number>();
  private readonly objects = new Map<object, number>();
  private readonly traits = new Map<string, number>();

  constructor(private readonly to: Writer) {}

  private u29(n: number): this {
    n &= 0x1fffffff;
    if (n < 0x80) this.to.u8(n);
    else if (n < 0x4000) this.to.u8((n >> 7) | 0x80).u8(n & 0x7f);
    else if (n < 0x200000) this.to.u8((n >> 14) | 0x80).u8(((n >> 7) & 0x7f) | 0x80).u8(n & 0x7f);
    else this.to.u8((n >> 22) | 0x80).u8(((n >> 15) & 0x7f) | 0x80).u8(((n >> 8) & 0x7f) | 0x80).u8(n & 0xff);
    return this;
  }

  private string(s: string): void {
    const known = this.strings.get(s);
    if (known !== undefined) {
      this.u29(known << 1);
      return;
    }
    if (s !== "") this.strings.set(s, this.strings.size);
    this.bytes(utf8(s));
  }

  private bytes(b: Uint8Array): void {
    if (b.length >= 1 << 28) throw new RangeError(`${b.length} bytes in one value: 268435455 are the most`);
    this.u29((b.length << 1) | 1).to.put(b);
  }

  value(v: unknown, depth = 0): void {
    if (depth > maxDepth) throw new RangeError("values are nested too deep to be sent");
    switch (typeof v) {
      case "undefined":
      case "function":
        this.to.u8(0);
        return;
      case "boolean":
        this.to.u8(v ? 3 : 2);
        return;
      case "number":
        // 29 bits with a sign; minus zero is no integer.
        if ((v << 3) >> 3 === v && !Object.is(v, -0)) this.to.u8(4), this.u29(v);
        else this.to.u8(5).f64(v);
        return;
      case "string":
        this.to.u8(6);
        this.string(v);
        return;
      case "object":
        if (v === null) this.to.u8(1);
        else this.object(v, depth + 1);
        return;
    }
    throw new TypeError(`a ${typeof v} cannot be sent`);
  }

  private object(v: object, depth: number): void {
    this.to.u8(markOf(v));
    const known = this.objects.get(v);
    if (known !== undefined) {
      this.u29(known << 1);
      return;
    }
    this.objects.set(v, this.objects.size);
    if (v instanceof XML) this.bytes(utf8(v.source));
    else if (v instanceof Date) this.u29(1).to.f64(v.getTime());
    else if (v instanceof Vector) this.vector(v, depth);
    else if (Array.isArray(v)) this.array(v, depth);
    else if (v instanceof Map) this.map(v, depth);
    else if (v instanceof Uint8Array) this.bytes(v);
    else if (ArrayBuffer.isView(v)) this.numbers(v as Int32Array);
    else if (v instanceof ArrayBuffer) this.bytes(new Uint8Array(v));
    else this.properties(v, depth);
  }

  private vector(v: Vector, depth: number): void {
    this.u29((v.length << 1) | 1).to.u8(v.fixed ? 1 : 0);
    this.string(v.className ?? "");
    for (const item of v) this.value(item, depth);
  }

  private array(a: unknown[], depth: number): void {
    const dense = isDense(a) ? a.length : 0;
    this.u29((dense << 1) | 1);
    if (!dense) this.named(a, depth);
    this.string("");
    for (let i = 0; i < dense; i++) this.value(a[i], depth);
  }

  private named(o: object, depth: number): void {
    for (const name of slots(o)) {
      // AMF3 ends a list of names with the empty one.
      if (name === "") continue;
      this.string(name);
      this.value((o as Record<string, unknown>)[name], depth);
    }
  }

  private map(m: Map<unknown, unknown>, depth: number): void {
    this.u29((m.size << 1) | 1).to.u8(m instanceof Dictionary && m.weak ? 1 : 0);
    for (const [key, value] of m) {
      this.value(key, depth);
      this.value(value, depth);
    }
  }

  private numbers(v: Int32Array | Uint32Array | Float64Array): void {
    this.u29((v.length << 1) | 1).to.u8(fixedVector(v) ? 1 : 0);
    for (const n of v) v instanceof Float64Array ? this.to.f64(n) : this.to.u32(n);
  }

  /** All objects are dynamic: traits are a class name. */
  private properties(o: object, depth: number): void {
    const name = getClassName(o);
    const known = this.traits.get(name);
    if (known !== undefined) this.u29((known << 2) | 1);
    else {
      this.traits.set(name, this.traits.size);
      this.u29(0xb);
      this.string(name);
    }
    this.named(o, depth);
    this.string("");
  }
}

function markOf(v: object): number {
  if (v instanceof XML) return v.document ? 7 : 0xb;
  if (v instanceof Date) return 8;
  if (v instanceof Vector) return 0x10;
  if (Array.isArray(v)) return 9;
  if (v instanceof Map) return 0x11;
  if (v instanceof Uint8Array || v instanceof ArrayBuffer) return 0xc;
  if (v instanceof Int32Array) return 0xd;
  if (v instanceof Uint32Array) return 0xe;
  if (v instanceof Float64Array) return 0xf;
  if (ArrayBuffer.isView(v) || v instanceof Set || v instanceof Promise) throw new TypeError(`a ${v.constructor.name} cannot be sent`);
  return 0xa;
}

/** Values that AMF0 has no marker for. */
export const onlyAMF3 = (v: object): boolean => v instanceof Vector || v instanceof Map || ArrayBuffer.isView(v) || v instanceof ArrayBuffer;
