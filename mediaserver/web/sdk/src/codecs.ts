/** Codecs of Enhanced RTMP by their FourCC, with a codec string that asks a browser whether it knows them. */
const video: Record<string, string> = { avc1: "avc1.64001f", hvc1: "hvc1.1.6.L93.B0", av01: "av01.0.04M.08", vp09: "vp09.00.10.08" };
const audio: Record<string, string> = { mp4a: "mp4a.40.2", Opus: "opus", ".mp3": "mp3" };

import { mimeType, sourceOf } from "./trackbuffer.ts";

/** Whether MSE plays a codec string. */
export function plays(kind: "video" | "audio", codec: string): boolean {
  return !!sourceOf()?.isTypeSupported(mimeType({ kind, codec }));
}

/**
 * What connect says of codecs [Enhanced RTMP v2, "Enhancing NetConnection connect Command"]: those that this browser decodes; all that
 * we know, where nothing decodes any (Node.js).
 */
export function playable(): object {
  const ask = sourceOf() !== undefined;
  const of = (kind: "video" | "audio", all: Record<string, string>) => {
    const some = Object.keys(all).filter((k) => !ask || plays(kind, all[k]!));
    return Object.fromEntries(some.map((k) => [k, 1 /* CanDecode */]));
  };
  const videoFourCcInfoMap = of("video", video);
  const audioFourCcInfoMap = of("audio", audio);
  return { fourCcList: Object.keys({ ...videoFourCcInfoMap, ...audioFourCcInfoMap }), videoFourCcInfoMap, audioFourCcInfoMap };
}
