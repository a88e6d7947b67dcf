/**
 * A server that tells the console what a test wants it to: an hour that was, a full house, connections that break. What the real
 * one does is tested with the real one (console.test.ts).
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Client, Detail, Entry, Point, Recording, Session, Slots, State, Stream } from "../src/types.ts";

const built = join(process.env.WEB!, "console/built");
const kinds: Record<string, string> = { "index.html": "text/html; charset=utf-8", "console.js": "text/javascript", "console.css": "text/css" };
/** As mediaserver/web/console/page.go has it. */
export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export interface Fake {
  url: string;
  /** Requests that were made, as "DELETE /-/console/api/…". */
  asked: string[];
  /** What the next ones that listen are told first, and those that listen now at once. */
  tell(event: "state" | "detail" | "object" | "point" | "lost", data: unknown): void;
  /** Has no events for anybody any more; undefined: it has. */
  refuse(why: string | undefined): void;
  log(entry: Entry): void;
  /** Ends all connections, and sessions too; until it is up again, nobody gets in. */
  down(forget?: boolean): void;
  up(): void;
  close(): Promise<void>;
}

/** @param crowded names and numbers in it are as long as they get */
export async function fake(role: Session["role"] = "admin", crowded = false): Promise<Fake> {
  const now = Date.now();
  const told = new Map<string, unknown>(Object.entries(house(now, crowded)));
  const log: Entry[] = lines(now, crowded);
  const listeners = new Set<{ to: ServerResponse; instance: string; object: string }>();
  const asked: string[] = [];
  let up = true;
  let refused: string | undefined;
  let sessions = new Set<string>();

  const write = (to: ServerResponse, event: string, data: unknown): void => void to.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const wants = (l: { instance: string; object: string }, event: string, data: unknown): boolean => {
    if (event === "detail") return l.instance === `${(data as Detail).application}/${(data as Detail).instance}`;
    return event !== "object" || l.object === (data as Slots).key;
  };
  const events = (q: URLSearchParams, to: ServerResponse): void => {
    const l = { to, instance: q.get("instance") ?? "", object: q.get("object") ?? "" };
    to.writeHead(200, { "Content-Type": "text/event-stream" });
    write(to, "history", { step: 10, points: hour(now) });
    for (const [event, data] of told) if (event !== "point" && event !== "lost" && wants(l, event, data)) write(to, event, data);
    if (l.instance !== "" && !wants(l, "detail", told.get("detail") ?? {})) {
      const [application, ...instance] = l.instance.split("/");
      write(to, "detail", { application, instance: instance.join("/"), gone: true });
    }
    for (const e of log.slice(-100)) write(to, "log", e);
    listeners.add(l);
    to.on("close", () => listeners.delete(l));
  };
  const session = (request: IncomingMessage): string | undefined => [...sessions].find((id) => request.headers.cookie?.includes(`fake=${id}`));
  const answer = (to: ServerResponse, status: number, value?: unknown): void => {
    to.writeHead(status, { "Content-Type": "application/json" });
    to.end(value === undefined ? undefined : JSON.stringify(value));
  };

  const http = createServer((request, to) => {
    const { pathname, searchParams } = new URL(request.url!, "http://fake");
    asked.push(`${request.method} ${request.url}`);
    if (!up) return void to.socket?.destroy();
    to.setHeader("Content-Security-Policy", policy);
    const file = pathname.replace("/-/console/", "") || "index.html";
    if (kinds[file]) {
      to.setHeader("Content-Type", kinds[file]);
      return void to.end(readFileSync(join(built, file)));
    }
    const path = pathname.replace("/-/console/api/", "");
    const who: Session = { role, version: "v1.2.3" };
    if (request.method === "POST" && path === "session") {
      if (request.headers.authorization !== "Bearer right") return answer(to, 401, { error: "this is no token of the console" });
      const id = String(Math.random());
      sessions.add(id);
      to.setHeader("Set-Cookie", `fake=${id}; HttpOnly; SameSite=Strict; Path=/-/console/`);
      return answer(to, 200, who);
    }
    if (session(request) === undefined) return answer(to, 401, { error: "this needs a session" });
    if (path === "events") return refused === undefined ? events(searchParams, to) : answer(to, 503, { error: refused });
    if (path === "session") return request.method === "GET" ? answer(to, 200, who) : answer(to, 204);
    if (request.method === "GET" && path === "recordings") return answer(to, 200, films(now, searchParams.get("after"), crowded));
    if (request.method !== "GET" && request.headers["x-flashpod-console"] === "1") return answer(to, 204);
    answer(to, 404, { error: `there is nothing at ${pathname}` });
  }).listen(0, "127.0.0.1");
  http.unref(); // a test that fails leaves it
  await new Promise((resolve) => http.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/-/console/`,
    asked,
    tell: (event, data) => {
      told.set(event, data);
      for (const l of listeners) if (wants(l, event, data)) write(l.to, event, data);
    },
    refuse: (why) => {
      refused = why;
      if (why !== undefined) for (const l of listeners) l.to.end();
    },
    log: (entry) => {
      log.push(entry);
      for (const l of listeners) write(l.to, "log", entry);
    },
    down: (forget = false) => {
      up = false;
      if (forget) sessions = new Set();
      http.closeAllConnections();
    },
    up: () => (up = true),
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

export const server: State["server"] = { version: "v1.2.3", uptime: 273_910, ready: true, draining: false, reason: "", cpu: 0.42, memory: 93 << 20, connections: 1288, web: "http://media.example.com:8080" };

const long = `a-name-that-goes-on-${"and-on-".repeat(14)}`;

/** A house with something in every corner. */
function house(now: number, crowded: boolean): { state: State; detail: Detail; object: Slots } {
  const one = (application: string, instance: string, clients: number, players: number, streams: number, recordings: number, out: number, errors = -1): State["instances"][number] => ({
    application, instance, scripted: errors >= 0, clients, players, streams, recordings, in: streams * 2_410_000, out, errors: Math.max(0, errors),
  });
  const streams: Stream[] = [
    { name: "stage", since: now - 4_980_000, publisher: "AAqZ31", video: { codec: "avc1.64001f", width: 1920, height: 1080, fps: 29.97 }, audio: { codec: "mp4a.40.2", rate: 48000, channels: 2 }, bitrate: 4_312_000, keyframes: 2, viewers: 412, recording: true, delay: 38 },
    { name: "backstage/camera-2", since: now - 61_000, publisher: "AAqZ44", video: { codec: "av01.0.05M.08", width: 1280, height: 720, fps: 25 }, audio: { codec: "opus", rate: 48000, channels: 1 }, bitrate: 986_000, keyframes: 0, viewers: 3, recording: false, delay: 4 },
    { name: "radio", since: now - 90_000_000, video: null, audio: { codec: "mp4a.40.2", rate: 44100, channels: 2 }, bitrate: 128_300, keyframes: 0, viewers: 87, recording: false, delay: 0 },
  ];
  if (crowded) streams.push({ ...streams[0]!, name: long, publisher: long, recording: true });
  const clients: Client[] = [
    { id: "AAqZ31", address: "203.0.113.17:51422", agent: "FMLE/3.0 (compatible; FMSc/1.0)", since: now - 4_990_000, in: 4_330_000, out: 2_100, ping: 23, does: "publishes stage" },
    { id: "AAqZ44", address: "[2001:db8:17::4f]:40022", agent: "FlashpodJS/1", since: now - 62_000, in: 1_010_000, out: 1_400, ping: 9, does: "publishes backstage/camera-2, plays stage" },
  ];
  for (let i = 0; i < 12; i++) clients.push({ id: `AAqa${10 + i}`, address: `198.51.100.${20 + i}:${50_000 + 37 * i}`, agent: i % 3 ? "LNX 32,0,0,465" : "", since: now - 40_000 * (i + 1), in: 900, out: 4_300_000 - 1000 * i, ping: 18 + 7 * i, dropped: i === 4 ? 131 : 0, does: i % 5 ? "plays stage" : "" });
  if (crowded) clients.push({ id: long, address: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", agent: long, since: 0, in: 9.99e9, out: 9.99e9, ping: 99_999, dropped: 4e9, does: `publishes ${long}, plays ${long}` });
  return {
    state: { server, instances: [one("chat", "lobby", 37, 0, 0, 0, 44_000, 0), one("live", "concert", 431, 502, 3, 1, 1_912_000_000, 3), one("live", "rehearsal/room-2", 2, 1, 1, 0, 2_400_000, 0), one("vod", "_definst_", 818, 0, 0, 0, 2_804_000_000), ...(crowded ? [one("vod", long, 1, 0, 0, 9, 9.99e11, 99_999)] : [])], more: 0 },
    detail: {
      application: "live", instance: "concert", streams, clients,
      objects: [
        { key: "t:users", name: "users", persistent: false, version: 3042, slots: 431, bytes: 51_200, users: 431 },
        { key: "p:poll/question", name: "poll/question", persistent: true, version: 88, slots: 6, bytes: 1_280, users: 399 },
        ...(crowded ? [{ key: `p:${long}`, name: long, persistent: true, version: 4_294_967_295, slots: 9999, bytes: 2e9, users: 9999 }] : []),
        { key: "t:cursor", name: "cursor", persistent: false, version: 120_332, slots: 2, bytes: 320, users: 2 },
      ],
    },
    object: {
      key: "p:poll/question", name: "poll/question", version: 88, more: 0,
      slots: { ...(crowded ? { [long]: long } : {}), question: "Which song comes next?", open: true, "answer.1": { text: "Autumn Leaves", votes: 131 }, "answer.2": { text: "Take Five", votes: 202 }, "answer.10": { text: "An answer that somebody has thought about for a long time, and that does not fit into one line", votes: 7, by: ["ada", "ben"] }, closes: 1767225600000 },
    },
  };
}

function lines(now: number, crowded: boolean): Entry[] {
  const of = { application: "live", instance: "concert" };
  return [
    ...(crowded ? [{ application: "vod", instance: long, time: 0, level: "error" as const, text: long, where: `${long}.asc:1` }] : []),
    { ...of, time: now - 4_990_000, level: "info", text: "the script has been loaded" },
    { ...of, time: now - 4_980_000, level: "trace", text: "AAqZ31 publishes stage", where: "main.asc:41" },
    { application: "chat", instance: "lobby", time: now - 812_000, level: "trace", text: "ada: hello everybody" },
    { ...of, time: now - 300_000, level: "error", text: "TypeError: cannot read property 'votes' of undefined\n    at vote (poll.asc:18)\n    at <anonymous> (main.asc:77)", where: "poll.asc:18" },
    { ...of, time: now - 299_000, level: "warn", text: "application.onStatus is not a function: an event was left out" },
    { ...of, time: now - 4_000, level: "trace", text: "412 people watch stage, and a line that is longer than a phone is wide: " + "la ".repeat(40), where: "main.asc:112" },
  ];
}

function films(now: number, after: string | null, crowded: boolean): { recordings: Recording[]; next?: string } {
  const of = { application: "live", instance: "concert" };
  const film = (name: string, minutes: number | null, ago: number, recording = false): Recording => ({ ...of, name, bytes: Math.round((minutes ?? 1) * 31_457_280), seconds: minutes === null ? null : minutes * 60, modified: new Date(now - ago).toISOString(), recording });
  if (after !== null) return { recordings: [film("2026/summer/encore", 4.5, 9e9)] };
  return { recordings: [film("stage", 83, 1000, true), film("soundcheck", 12.2, 6_000_000), film("2026/spring/opening night, with a long name", 131.4, 86_400_000), film("broken", null, 3e8), ...(crowded ? [film(long, 99_999, 3e8)] : [])], next: "/recordings?after=live/concert/broken&instance=live/concert" };
}

/** An hour with a beginning, a crowd and a quiet end. */
function hour(now: number): Point[] {
  const last = Math.floor(now / 10_000) * 10;
  return Array.from({ length: 360 }, (_, i) => {
    const crowd = 1 / (1 + Math.exp((140 - i) / 18)) - 0.35 / (1 + Math.exp((300 - i) / 8));
    const noise = (k: number): number => Math.sin(i * k) * Math.sin(i * 0.7 * k + 1);
    return {
      t: last - (359 - i) * 10,
      clients: Math.round(180 + 1150 * crowd + 20 * noise(0.31)),
      players: Math.round(90 + 480 * crowd + 9 * noise(0.23)),
      in: 9_100_000 + 900_000 * noise(0.9),
      out: 4.9e9 * crowd + 2e8 + 6e7 * noise(1.3),
      cpu: 0.06 + 0.42 * crowd + 0.03 * noise(1.7),
      memory: (58 + 46 * crowd + 1.5 * noise(0.5)) * 2 ** 20,
    };
  });
}
