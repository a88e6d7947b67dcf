/** Numbers, and what else the server says, as people read them. */
import type { Server } from "./types.ts";

const digits = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");

function scaled(n: number, step: number, units: string[]): string {
  let at = 0;
  while (n >= step * 0.9995 && at < units.length - 1) {
    n /= step;
    at++;
  }
  return `${at === 0 ? Math.round(n) : digits(n)} ${units[at]}`;
}

/** Bits a second. */
export const rate = (bits: number): string => scaled(bits, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);

export const bytes = (n: number): string => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

/** Its number, and what it counts. */
export function split(text: string): [string, string] {
  const at = text.lastIndexOf(" ");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

export const count = (n: number): string => (n < 10_000 ? String(Math.round(n)) : scaled(n, 1000, ["", "k", "M", "G"]).replace(" ", "\u202f"));

export const cores = (n: number): string => (n < 9.995 ? n.toFixed(2) : n.toFixed(1));

/** Seconds in the two largest units that they have. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const units: [number, string][] = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = units.findIndex(([of]) => s >= of);
  if (first < 0) return "0 s";
  return units
    .slice(first, first + 2)
    .map(([of, name], i) => [Math.floor((i === 0 ? s : s % units[first]![0]) / of), name] as const)
    .filter(([n], i) => i === 0 || n > 0)
    .map(([n, name]) => `${n} ${name}`)
    .join(" ");
}

/** A length as players show it. */
export function length(seconds: number): string {
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** The time of day; of another day, that too. */
export function moment(ms: number): string {
  const at = new Date(ms);
  return (at.toDateString() === new Date().toDateString() ? time : day).format(at);
}

export const date = (ms: number): string => day.format(new Date(ms));

const codecs: [RegExp, string][] = [
  [/^avc/, "H.264"],
  [/^(hvc|hev)/, "H.265"],
  [/^av01/, "AV1"],
  [/^vp0?9/, "VP9"],
  [/^vp0?8/, "VP8"],
  [/^mp4a\.40/, "AAC"],
  [/^opus/i, "Opus"],
  [/^(mp3|mp4a\.(6b|69))/i, "MP3"],
];

/** A codec's name by its string in RFC 6381. */
export const codec = (s: string): string => codecs.find(([of]) => of.test(s))?.[1] ?? s;

/** Address of the public port, without a slash at its end; empty: there is none. */
export const publicAddress = (server: Server | undefined): string => (server?.web ?? "").replace(/\/+$/, "").replace("//:", `//${location.hostname}:`);

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;
