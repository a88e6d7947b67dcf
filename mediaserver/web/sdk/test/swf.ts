/** Small Flash movies, written by their bytes [SWF 19; AVM2 overview, 2007]: a frame whose code runs once. */

type Bytes = number[];
const u16 = (n: number): Bytes => [n & 255, (n >> 8) & 255];
const u32 = (n: number): Bytes => [...u16(n), ...u16(n >>> 16)];
const text = (s: string): Bytes => [...Buffer.from(s, "utf8")];

/** A movie of tags, each a code and its body. */
function movie(version: number, tags: [number, Bytes][]): Buffer {
  // 100 by 100 pixels (RECT: 12 bits each, in twentieths), 12 frames a second, 1 frame.
  const head = [0x60, 0x00, 0x3e, 0x80, 0x00, 0x3e, 0x80, ...u16(12 << 8), ...u16(1)];
  const body = [...tags, [1, []] as [number, Bytes], [0, []] as [number, Bytes]].flatMap(([code, b]) => [...u16((code << 6) | 63), ...u32(b.length), ...b]);
  return Buffer.from([...text("FWS"), version, ...u32(8 + head.length + body.length), ...head, ...body]);
}

/** ActionScript 1 and 2. */
export namespace AVM1 {
  export type Code = Bytes;
  const op = (code: number) => (): Code => [code];
  export const [pop, get, set, add, construct, callMethod, member, setMember, trace, typeOf] = [0x17, 0x1c, 0x1d, 0x47, 0x40, 0x52, 0x4e, 0x4f, 0x26, 0x44].map(op) as (() => Code)[];

  /** Pushes values. */
  export const push = (...values: (string | number | boolean | null)[]): Code => {
    const all = values.flatMap((v) => (typeof v === "string" ? [0, ...text(v), 0] : v === null ? [2] : typeof v === "boolean" ? [5, Number(v)] : [7, ...u32(v)]));
    return [0x96, ...u16(all.length), ...all];
  };
  /** Calls a method of a variable, with arguments that were pushed in the reverse order; the result is on the stack. */
  export const call = (of: string, method: string, ...args: Code[]): Code => [...args.slice().reverse().flat(), ...push(args.length), ...push(of), ...get!(), ...push(method), ...callMethod!()];
  /** variable = new Class(args) */
  export const make = (variable: string, name: string, ...args: Code[]): Code => [...push(variable), ...args.slice().reverse().flat(), ...push(args.length, name), ...construct!(), ...set!()];
  /** variable.name = function (argument) { body } */
  export const handler = (variable: string, name: string, argument: string, body: Code): Code => [
    ...push(variable), ...get!(), ...push(name),
    0x9b, ...u16(1 + 2 + argument.length + 1 + 2), 0, ...u16(1), ...text(argument), 0, ...u16(body.length), ...body,
    ...setMember!(),
  ];
  /** trace(label + " " + value) */
  export const say = (label: string, value: Code): Code => [...push(`${label} `), ...value, ...add!(), ...trace!()];
  export const variable = (name: string): Code => [...push(name), ...get!()];
  /** On its stage is a video, named screen, as large as the movie. */
  export const movieOf = (...code: Code[]): Buffer =>
    movie(8, [
      [69, u32(0)],
      [60, [...u16(1), ...u16(0), ...u16(100), ...u16(100), 0, 0]], // DefineVideoStream
      [26, [0x26, ...u16(1), ...u16(1), 0, ...text("screen"), 0]], // PlaceObject2: character, matrix, name
      [12, [...code.flat(), 0]],
    ]);
}

/** ActionScript 3. */
export class AVM2 {
  private readonly strings: string[] = [];
  private readonly spaces: number[] = []; // names of packages
  private readonly names: [space: number, name: number][] = [];
  private readonly bodies: Bytes[] = [];

  private static u30(n: number): Bytes {
    const b: Bytes = [];
    for (; n > 127; n >>>= 7) b.push((n & 127) | 128);
    return [...b, n];
  }
  private static index<T>(list: T[], same: (v: T) => boolean, value: T): number {
    let i = list.findIndex(same);
    if (i < 0) i = list.push(value) - 1;
    return i + 1; // 0 stands for none
  }
  private str(s: string): number {
    return AVM2.index(this.strings, (v) => v === s, s);
  }
  /** A name of a package, in all code as package:name. */
  private name(of: string): Bytes {
    const at = of.lastIndexOf(":");
    const string = this.str(of.slice(0, Math.max(at, 0)));
    const space = AVM2.index(this.spaces, (v) => v === string, string);
    const word = this.str(of.slice(at + 1));
    return AVM2.u30(AVM2.index(this.names, ([s, n]) => s === space && n === word, [space, word]));
  }

  push(v: string | number | null): Bytes {
    if (v === null) return [0x20];
    if (typeof v === "string") return [0x2c, ...AVM2.u30(this.str(v))];
    return [0x25, ...AVM2.u30(v)]; // pushshort
  }
  /** A class, or a function of the runtime. */
  find = (name: string): Bytes => [0x5d, ...this.name(name)];
  make = (name: string, ...args: Bytes[]): Bytes => [...this.find(name), ...args.flat(), 0x4a, ...this.name(name), ...AVM2.u30(args.length)];
  global = (name: string): Bytes => [0x60, ...this.name(name)];
  get = (of: Bytes, name: string): Bytes => [...of, 0x66, ...this.name(name)];
  set = (of: Bytes, name: string, value: Bytes): Bytes => [...of, ...value, 0x61, ...this.name(name)];
  call = (of: Bytes, name: string, ...args: Bytes[]): Bytes => [...of, ...args.flat(), 0x46, ...this.name(name), ...AVM2.u30(args.length)];
  /** The same, whose result is thrown away. */
  run = (of: Bytes, name: string, ...args: Bytes[]): Bytes => [...of, ...args.flat(), 0x4f, ...this.name(name), ...AVM2.u30(args.length)];
  local = (n: number): Bytes => [0x62, n];
  setLocal = (n: number, value: Bytes): Bytes => [...value, 0x63, n];
  add = (a: Bytes, b: Bytes): Bytes => [...a, ...b, 0xa0];
  trace = (v: Bytes): Bytes => [...this.find("trace"), ...v, 0x4f, ...this.name("trace"), 1];
  /** if (a == b) then, else otherwise */
  equal = (a: Bytes, b: Bytes, then: Bytes, otherwise: Bytes): Bytes => {
    const s24 = (n: number): Bytes => [n & 255, (n >> 8) & 255, (n >> 16) & 255];
    const first = [...then, 0x10, ...s24(otherwise.length)]; // jump
    return [...a, ...b, 0x14 /* ifne */, ...s24(first.length), ...first, ...otherwise];
  };
  /** while (a >= b) do */
  while = (a: Bytes, b: Bytes, body: Bytes): Bytes => {
    const loop = [0x09 /* label */, ...body];
    const back = -(loop.length + a.length + b.length + 4);
    return [0x10, loop.length & 255, loop.length >> 8, 0, ...loop, ...a, ...b, 0x18 /* ifge */, back & 255, (back >> 8) & 255, (back >> 16) & 255];
  };
  /** if (a >= b) then */
  least = (a: Bytes, b: Bytes, then: Bytes): Bytes => [...a, ...b, 0x15 /* iflt */, then.length & 255, (then.length >> 8) & 255, 0, ...then];
  /** function (event) { code }; the event is local 1. */
  handler(...code: Bytes[]): Bytes {
    this.bodies.push(code.flat());
    return [0x40, ...AVM2.u30(this.bodies.length)]; // newfunction; method 0 is the script's
  }

  movie(...code: Bytes[]): Buffer {
    const { u30 } = AVM2;
    const pool = (list: Bytes[]): Bytes => (list.length === 0 ? [0] : [...u30(list.length + 1), ...list.flat()]);
    const bodies = [code.flat(), ...this.bodies];
    const abc = [
      ...u16(16), ...u16(46),
      0, 0, 0, // integers, unsigned ones, doubles
      ...pool(this.strings.map((s) => [...u30(text(s).length), ...text(s)])),
      ...pool(this.spaces.map((s) => [0x16, ...u30(s)])), // PackageNamespace
      0, // sets of namespaces
      ...pool(this.names.map(([space, name]) => [0x07, ...u30(space), ...u30(name)])), // QName
      ...u30(bodies.length), ...bodies.flatMap((_, i) => (i === 0 ? [0, 0, 0, 0] : [1, 0, 0, 0, 0])), // methods: arguments, types, name, flags
      0, 0, // metadata, classes
      1, 0, 0, // scripts: the first method is the initialiser of one without traits
      ...u30(bodies.length),
      ...bodies.flatMap((body, i) => {
        const all = [0xd0, 0x30, ...body, 0x47]; // getlocal0, pushscope, ..., returnvoid
        return [...u30(i), 16, 8, 0, 8, ...u30(all.length), ...all, 0, 0];
      }),
    ];
    return movie(15, [[69, u32(0x08)], [82, [...u32(0), ...text("test"), 0, ...abc]]]);
  }
}
