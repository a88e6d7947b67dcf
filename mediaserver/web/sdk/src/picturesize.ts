/** How large the pictures of a codec are: what its own headers say, since MP4 has it in a place of its own, too. */
import { BitReader } from "./bits.ts";
import { WireError } from "./bytes.ts";

export interface Size {
  width: number;
  height: number;
}

/** NAL units without the bytes that keep start codes out of them [ISO/IEC 14496-10 §7.4.1]. */
function unescaped(unit: Uint8Array): Uint8Array {
  const out = new Uint8Array(unit.length);
  let n = 0;
  let zeros = 0;
  for (const b of unit) {
    if (zeros >= 2 && b === 3) {
      zeros = 0;
      continue;
    }
    zeros = b === 0 ? zeros + 1 : 0;
    out[n++] = b;
  }
  return out.subarray(0, n);
}

/** Profiles of H.264 whose parameter sets say how colours are sampled [ISO/IEC 14496-10 §7.3.2.1.1]. */
const sampled = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** From a sequence parameter set of H.264. */
export function sizeOfAVC(sps: Uint8Array): Size {
  const r = new BitReader(unescaped(sps)).skip(8);
  const profile = r.read(8);
  r.skip(16).golomb();
  let chroma = 1;
  let planes = false;
  if (sampled.has(profile)) {
    chroma = r.golomb();
    if (chroma === 3) planes = r.flag();
    r.golomb();
    r.golomb();
    r.skip(1);
    if (r.flag()) for (let i = 0; i < (chroma === 3 ? 12 : 8); i++) if (r.flag()) scalingList(r, i < 6 ? 16 : 64);
  }
  r.golomb();
  const order = r.golomb();
  if (order === 0) r.golomb();
  else if (order === 1) {
    r.skip(1);
    r.golomb();
    r.golomb();
    const n = r.golomb();
    if (n > 255) throw new WireError(`a parameter set of H.264 with ${n} reference frames in a cycle`);
    for (let i = 0; i < n; i++) r.golomb();
  }
  r.golomb();
  r.skip(1);
  const across = (r.golomb() + 1) * 16;
  const units = r.golomb() + 1;
  const whole = r.flag() ? 1 : 2; // fields have half the height
  if (whole === 2) r.skip(1);
  r.skip(1);
  let [left, right, top, bottom] = [0, 0, 0, 0];
  if (r.flag()) [left, right, top, bottom] = [r.golomb(), r.golomb(), r.golomb(), r.golomb()];
  const x = chroma === 0 || chroma === 3 || planes ? 1 : 2;
  const y = (chroma === 1 ? 2 : 1) * whole;
  return { width: across - (left + right) * x, height: units * 16 * whole - (top + bottom) * y };
}

function scalingList(r: BitReader, size: number): void {
  let last = 8;
  for (let i = 0; i < size && last !== 0; i++) last = (last + r.signedGolomb() + 256) % 256;
}

/** From a sequence parameter set of H.265 [ISO/IEC 23008-2 §7.3.2.2]. */
export function sizeOfHEVC(sps: Uint8Array): Size {
  const r = new BitReader(unescaped(sps)).skip(16 + 4);
  const layers = r.read(3);
  r.skip(1 + 96); // profile, tier and level of all layers
  const has: boolean[] = [];
  for (let i = 0; i < layers; i++) has.push(r.flag(), r.flag());
  if (layers > 0) r.skip(2 * (8 - layers));
  has.forEach((there, i) => there && r.skip(i % 2 === 0 ? 88 : 8));
  r.golomb();
  const chroma = r.golomb();
  if (chroma === 3) r.skip(1);
  const width = r.golomb();
  const height = r.golomb();
  let [left, right, top, bottom] = [0, 0, 0, 0];
  if (r.flag()) [left, right, top, bottom] = [r.golomb(), r.golomb(), r.golomb(), r.golomb()];
  const x = chroma === 1 || chroma === 2 ? 2 : 1;
  return { width: width - (left + right) * x, height: height - (top + bottom) * (chroma === 1 ? 2 : 1) };
}

/** The sequence header among the OBUs of AV1, with the header of its own; undefined: there is none. */
export function sequenceHeader(obus: Uint8Array): Uint8Array | undefined {
  for (let at = 0; at < obus.length; ) {
    const head = obus[at]!;
    let size = 0;
    let to = at + 1 + ((head >> 2) & 1);
    if (head & 2) {
      for (let shift = 0; ; shift += 7) {
        const b = obus[to++];
        if (b === undefined || shift > 28) throw new WireError("an OBU of AV1 ends too early");
        size += (b & 127) * 2 ** shift;
        if (b < 128) break;
      }
    } else size = obus.length - to;
    if (to + size > obus.length) throw new WireError("an OBU of AV1 ends too early");
    if (((head >> 3) & 15) === 1) return obus.subarray(at, to + size);
    at = to + size;
  }
  return undefined;
}

/** From a sequence header that sequenceHeader has found [AV1 §5.5.1]. */
export function sizeOfAV1(header: Uint8Array): Size {
  let at = 1 + ((header[0]! >> 2) & 1);
  if (header[0]! & 2) while (header[at++]! >= 128);
  const r = new BitReader(header.subarray(at)).skip(3 + 1);
  if (r.flag()) r.skip(5);
  else {
    let model = false;
    let delay = 0;
    if (r.flag()) {
      r.skip(64);
      if (r.flag()) r.golomb();
      model = r.flag();
      if (model) {
        delay = r.read(5) + 1;
        r.skip(32 + 5 + 5);
      }
    }
    const displays = r.flag();
    const points = r.read(5) + 1;
    for (let i = 0; i < points; i++) {
      r.skip(12);
      if (r.read(5) > 7) r.skip(1);
      if (model && r.flag()) r.skip(2 * delay + 1);
      if (displays && r.flag()) r.skip(4);
    }
  }
  const across = r.read(4) + 1;
  const down = r.read(4) + 1;
  return { width: r.read(across) + 1, height: r.read(down) + 1 };
}

/** What a keyframe of VP9 says of itself [VP9 §6.2]; undefined: it is none. */
export interface VP9Header extends Size {
  profile: number;
  depth: number;
  /** How colours are sampled, as VPCodecConfigurationRecord has it. */
  chroma: number;
}

export function headerOfVP9(frame: Uint8Array): VP9Header | undefined {
  const r = new BitReader(frame);
  if (r.read(2) !== 2) throw new WireError("a picture of VP9 that is none");
  const profile = r.read(1) + 2 * r.read(1);
  if (profile === 3) r.skip(1);
  if (r.flag() || r.flag()) return undefined;
  r.skip(2);
  if (r.read(24) !== 0x498342) throw new WireError("a keyframe of VP9 without its mark");
  const depth = profile >= 2 ? (r.flag() ? 12 : 10) : 8;
  let [x, y] = [1, 1];
  const odd = profile % 2 === 1;
  if (r.read(3) !== 7) {
    r.skip(1);
    if (odd) {
      [x, y] = [r.read(1), r.read(1)];
      r.skip(1);
    }
  } else {
    [x, y] = [0, 0];
    if (odd) r.skip(1);
  }
  return { profile, depth, chroma: x === 0 ? 3 : y === 0 ? 2 : 1, width: r.read(16) + 1, height: r.read(16) + 1 };
}
