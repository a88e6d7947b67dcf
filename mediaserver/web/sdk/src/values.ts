/**
 * The values that AMF carries, as JavaScript has them:
 *
 * | ActionScript | JavaScript |
 * |---|---|
 * | null, undefined, Boolean, Number, int, uint, String | null, undefined, boolean, number, string |
 * | Date | Date |
 * | Array | Array; one with names has them as properties |
 * | Object | a plain object, or an instance of what registerClassAlias named |
 * | XML, XMLDocument | XML |
 * | ByteArray | Uint8Array |
 * | Vector.<int>, <uint>, <Number> | Int32Array, Uint32Array, Float64Array |
 * | Vector.<Object> | Vector |
 * | Dictionary | Dictionary, a Map |
 *
 * Objects have identity: what is met twice in a message is one object on the other side, too, and may hold itself.
 */

/** An XML document as text; nothing parses it here. `new DOMParser().parseFromString(String(xml), "text/xml")` does. */
export class XML {
  /**
   * @param source the document
   * @param document ActionScript 2's class XML (ActionScript 3's XMLDocument), which AMF3 tells from XML, and AMF0 does not
   */
  constructor(
    readonly source: string,
    readonly document = false,
  ) {}
  toString(): string {
    return this.source;
  }
}

/** ActionScript 3's Vector of objects. Vectors of numbers are typed arrays. */
export class Vector<T = unknown> extends Array<T> {
  /** The class of its elements; "" is Object. */
  declare className: string;
  /** Its length is not to be changed; on the wire only. */
  declare fixed: boolean;
  /** Methods of Array that make an array make a plain one. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  /** Makes a vector of these elements. */
  static create<T>(items: Iterable<T>, className = "", fixed = false): Vector<T> {
    const v = new Vector<T>();
    for (const item of items) v.push(item);
    Object.defineProperty(v, "className", { value: className, writable: true });
    Object.defineProperty(v, "fixed", { value: fixed, writable: true });
    return v;
  }
}

/** ActionScript's map by identity. A plain Map goes out as one as well. */
export class Dictionary<K = unknown, V = unknown> extends Map<K, V> {
  /** Its keys do not keep objects alive; on the wire only. */
  weak = false;
}

type Constructor = new () => object;
const byAlias = new Map<string, Constructor>();
const byConstructor = new Map<unknown, string>();
const names = new WeakMap<object, string>();
const fixed = new WeakSet<object>();

/**
 * Says that objects of a class travel under a name: they are sent with it, and what comes with it is made by `new Class()` without
 * arguments, before its properties are set.
 */
export function registerClassAlias(alias: string, constructor: Constructor): void {
  if (alias === "") throw new RangeError("registerClassAlias: the alias must not be empty");
  byAlias.set(alias, constructor);
  byConstructor.set(constructor, alias);
}

/** The class that registerClassAlias named. */
export function getClassByAlias(alias: string): Constructor | undefined {
  return byAlias.get(alias);
}

/** The class name that an object travels under: that of its class, or the one it came with; "" for one without. */
export function getClassName(value: object): string {
  return byConstructor.get(value.constructor) ?? names.get(value) ?? "";
}

/** Gives a plain object a class name on the wire without a class of its own, and returns it. */
export function setClassName<T extends object>(value: T, name: string): T {
  names.set(value, name);
  return value;
}

/** Makes what an object of a class name is here. */
export function makeObject(name: string): object {
  if (name === "") return {};
  const known = byAlias.get(name);
  return known ? new known() : setClassName({}, name);
}

/** Whether a typed array is a Vector of fixed length; says so, if yes is given. */
export function fixedVector(v: object, yes?: boolean): boolean {
  if (yes) fixed.add(v);
  return fixed.has(v);
}

/** Sets a property that a stranger has named: never the prototype, nor an accessor of a class or an array's length. */
export function assign(to: object, name: string, value: unknown): void {
  if (Array.isArray(to)) {
    if (name === "length") return;
    // An index makes an array as long as it says: whoever walks it would walk for hours.
    if (/^\d{7,}$/.test(name)) throw new RangeError(`array index ${name} is too large`);
  }
  if (name in to && !Object.hasOwn(to, name)) {
    const found = accessor(to, name);
    if (found?.set && !(name in Object.prototype)) found.set.call(to, value);
    else Object.defineProperty(to, name, { value, writable: true, enumerable: true, configurable: true });
    return;
  }
  (to as Record<string, unknown>)[name] = value;
}

function accessor(of: object, name: string): PropertyDescriptor | undefined {
  for (let o: object | null = of; o; o = Object.getPrototypeOf(o) as object | null) {
    const found = Object.getOwnPropertyDescriptor(o, name);
    if (found) return found;
  }
  return undefined;
}

/** Names of an object's properties that travel: its own, without functions. */
export function slots(of: object): string[] {
  return Object.keys(of).filter((k) => typeof (of as Record<string, unknown>)[k] !== "function");
}

/** Whether an array is elements alone: no names, and no holes that would cost more than they say. */
export function isDense(a: readonly unknown[]): boolean {
  const keys = Object.keys(a);
  return keys.length === a.length && (a.length === 0 || keys[keys.length - 1] === String(a.length - 1));
}
