import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeAMF0, decodeAMF3, Dictionary, encodeAMF0, encodeAMF3, getClassName, registerClassAlias, setClassName, Vector, WireError, XML } from "../src/index.ts";
import { fixedVector } from "../src/values.ts";

const folder = join(process.env.SDK!, "../../amf/testdata");
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");
const bytes = (s: string) => new Uint8Array(Buffer.from(s, "hex"));
const same = (got: unknown, want: unknown, text: string) => assert.equal(JSON.stringify(sorted(got)), JSON.stringify(sorted(want)), text);

interface Case {
  name: string;
  amf0?: string;
  amf3: string;
  value: unknown;
  value0?: unknown;
}
const cases = JSON.parse(readFileSync(join(folder, "values.json"), "utf8")) as Case[];

/** Says in JSON what a value is, as describe in mediaserver/amf/shared_test.go does. */
function describe(v: unknown, met = new Map<unknown, number>()): unknown {
  if (v === undefined) return { kind: "undefined" };
  if (typeof v !== "object" || v === null) return v;
  if (v instanceof Date) return { kind: "date", value: v.getTime() };
  if (v instanceof XML) return { kind: "xml", value: v.source };
  if (met.has(v)) return { kind: "again", value: met.get(v) };
  met.set(v, met.size);
  const list = (items: unknown[]) => [...items].map((i) => describe(i, met));
  const pairs = (o: object) => Object.keys(o).map((k) => [k, describe((o as Record<string, unknown>)[k], met)]);
  if (v instanceof Vector) return { kind: "vector", class: v.className, fixed: v.fixed, value: list(v) };
  if (Array.isArray(v)) {
    return Object.keys(v).length === v.length ? { kind: "array", value: list(v) } : { kind: "named array", value: pairs(v) };
  }
  if (v instanceof Dictionary) {
    return { kind: "dictionary", weak: v.weak, value: [...v].map(([k, w]) => [describe(k, met), describe(w, met)]) };
  }
  if (v instanceof Uint8Array) return { kind: "bytes", value: hex(v) };
  for (const [kind, type] of [["int", Int32Array], ["uint", Uint32Array], ["double", Float64Array]] as const) {
    if (v instanceof type) return { kind, fixed: fixedVector(v), value: [...v] };
  }
  return { kind: "object", class: getClassName(v), value: pairs(v) };
}

function sorted(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(sorted);
  if (typeof v !== "object" || v === null) return v;
  return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, w]) => [k, sorted(w)]));
}

test("values are what the server says they are, both ways", () => {
  const said: Record<string, { amf0: string; amf3: string }> = {};
  for (const c of cases) {
    const v3 = decodeAMF3(bytes(c.amf3));
    same(describe(v3), c.value, `${c.name}, AMF3`);
    const ours = { amf0: hex(encodeAMF0(v3)), amf3: hex(encodeAMF3(v3)) };
    // Numbers that are whole are AMF3's integers here, and doubles where Go writes them.
    if (!/05[34][0-9a-f]{15}/.test(c.amf3)) assert.equal(ours.amf3, c.amf3, c.name);
    if (c.amf0) {
      const v0 = decodeAMF0(bytes(c.amf0));
      assert.equal(v0.length, 1, c.name);
      same(describe(v0[0]), c.value0 ?? c.value, `${c.name}, AMF0`);
      assert.equal(hex(encodeAMF0(v0[0])), c.amf0, `${c.name}, AMF0`);
    }
    same(describe(decodeAMF3(bytes(ours.amf3))), c.value, `${c.name}, AMF3 of ours`);
    same(describe(decodeAMF0(bytes(ours.amf0))[0]), c.value0 ?? c.value, `${c.name}, AMF0 of ours`);
    said[c.name] = ours;
  }
  const path = join(folder, "javascript.json");
  const text = JSON.stringify(said, null, "\t") + "\n";
  if (process.env.UPDATE) writeFileSync(path, text);
  assert.equal(readFileSync(path, "utf8"), text, `${path} is out of date: hack/sdk/sdk.sh vectors writes it`);
});

test("every beginning of a value is too short", () => {
  for (const c of cases) {
    const b = bytes(c.amf3);
    for (let n = 0; n < b.length; n++) assert.throws(() => decodeAMF3(b.subarray(0, n)), WireError, `${c.name}, ${n} bytes`);
  }
});

test("classes with a name are made and sent as such", () => {
  class Point {
    x = 0;
    y = 0;
    sum() {
      return this.x + this.y;
    }
  }
  registerClassAlias("org.example.Point", Point);
  const p = Object.assign(new Point(), { x: 3, y: 4 });
  for (const back of [decodeAMF3(encodeAMF3(p)), decodeAMF0(encodeAMF0(p))[0]]) {
    assert(back instanceof Point);
    assert.equal(back.sum(), 7);
  }
  const other = decodeAMF3(encodeAMF3(setClassName({ a: 1 }, "Unknown")));
  assert.equal(getClassName(other as object), "Unknown");
  assert.deepEqual(other, { a: 1 });
});

test("what a stranger sends changes no prototype and costs no more than it has", () => {
  const evil = decodeAMF0(bytes("03" + "0009" + hex(new TextEncoder().encode("__proto__")) + "0300016101010000" + "09" + "000009"))[0] as { a?: boolean };
  assert.equal(evil.a, undefined);
  assert.equal(({} as { a?: boolean }).a, undefined);
  assert.equal(Object.keys(evil)[0], "__proto__");
  // A list that says it has four billion elements, and lists of lists of lists.
  assert.throws(() => decodeAMF0(bytes("0affffffff")), WireError);
  assert.throws(() => decodeAMF3(bytes("0d" + "ffffffff" + "00")), WireError);
  assert.throws(() => decodeAMF0(bytes("0a00000001".repeat(100) + "05")), /too deep/);
  // Thirty lists, each of which holds the one before twice: a billion values, once they are walked.
  let bomb = "0a0000001f" + "0a000000020505";
  for (let i = 1; i <= 30; i++) bomb += "0a00000002" + ("07" + i.toString(16).padStart(4, "0")).repeat(2);
  assert.throws(() => decodeAMF0(bytes(bomb)), WireError);
  const index = hex(new TextEncoder().encode("4294967290"));
  assert.throws(() => decodeAMF0(bytes("0800000001" + "000a" + index + "05" + "000009")), /too large/);
});

test("what cannot be sent says so", () => {
  assert.throws(() => encodeAMF0(1n), /bigint/);
  assert.throws(() => encodeAMF3(new Set()), /Set/);
  assert.throws(() => encodeAMF3(Promise.resolve()), /Promise/);
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];
  assert.throws(() => encodeAMF0(deep), /too deep/);
  assert.throws(() => encodeAMF3(deep), /too deep/);
  assert.deepEqual(decodeAMF0(encodeAMF0({ a: 1, f() {} })), [{ a: 1 }]);
});

test("random bytes throw WireError or RangeError, and nothing else", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 0x7fffffff);
  for (let i = 0; i < 20000; i++) {
    const b = Uint8Array.from({ length: random() % 60 }, () => random() % 4 === 0 ? random() % 256 : random() % 18);
    for (const decode of [decodeAMF0, decodeAMF3]) {
      try {
        decode(b);
      } catch (error) {
        assert(error instanceof WireError || error instanceof RangeError, String(error));
      }
    }
  }
});
