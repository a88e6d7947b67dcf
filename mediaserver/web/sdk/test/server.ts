/** A real media server for tests, and RTMP over TCP for Node.js, which has no WebSocket in all of its versions. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as dial, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { NetConnection, type NetConnectionOptions, type Transport } from "../src/index.ts";

export const program = process.env.FLASHPOD ?? join(process.env.ROOT!, "bin/flashpod");

export interface Server {
  port: number;
  /** host:port of --web-address; undefined: this server has none. */
  web: string | undefined;
  /** host:port of --rtmps-address; undefined: this server has none. */
  secure: string | undefined;
  /** host:port of --http-address. */
  control: string;
  process: ChildProcess;
  /** Lines that it has logged. */
  log: string[];
  /** Options of a NetConnection that comes over TCP. */
  tcp: NetConnectionOptions;
  url(path: string): string;
  stop(): Promise<void>;
}

/** Serves applications: files by their names in the folder of applications. Ports are free ones, unless one is named. */
export async function serve(files: Record<string, string>, port = 0, args: string[] = [], folder?: string): Promise<Server> {
  const own = folder === undefined;
  const dir = folder ?? mkdtempSync(join(tmpdir(), "flashpod-sdk-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  const all = ["serve", "--applications", dir, "--rtmp-address", `127.0.0.1:${port}`, "--http-address", "127.0.0.1:0", "--log-format", "json"];
  if (hasWeb()) all.push("--web-address", "127.0.0.1:0");
  const child = spawn(program, [...all, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const log: string[] = [];
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ready = await new Promise<Record<string, string>>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on("line", (line) => {
      log.push(line);
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line) as Record<string, string>);
    });
    void ended.then(() => reject(new Error(`flashpod serve: ${log.join("\n")}`)));
  });
  const at = Number(/:(\d+)$/.exec(ready.rtmp!)![1]);
  return {
    port: at,
    web: ready.web,
    secure: ready.rtmps,
    control: ready.http!,
    process: child,
    log,
    tcp: { transport: () => new TCPTransport(at) },
    url: (path) => `rtmp://127.0.0.1:${at}/${path}`,
    stop: async () => {
      for (const nc of opened) nc.close();
      child.kill("SIGTERM");
      await ended;
      if (own) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What tests have left open, so that one that fails ends. */
const opened = new Set<NetConnection>();

let web: boolean | undefined;
const hasWeb = (): boolean => (web ??= execFileSync(program, ["serve", "--help"]).includes("--web-address"));

/** RTMP as encoders speak it. */
export class TCPTransport implements Transport {
  onData: (bytes: Uint8Array) => void = () => {};
  onClose: (reason: string) => void = () => {};
  onOpen: () => void = () => {};
  private readonly socket: Socket;

  constructor(port: number) {
    this.socket = dial(port, "127.0.0.1").setNoDelay();
    this.socket.on("connect", () => this.onOpen());
    this.socket.on("data", (b: Buffer) => this.onData(new Uint8Array(b)));
    let reason = "the connection has ended";
    this.socket.on("error", (e) => (reason = e.message));
    this.socket.on("close", () => this.onClose(reason));
  }
  get bufferedAmount(): number {
    return this.socket.writableLength;
  }
  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }
  close(): void {
    this.socket.destroy();
  }
}

/** A connection to an instance of the server, over TCP. */
export async function connect(server: Server, path: string, options: NetConnectionOptions = {}, ...args: unknown[]): Promise<NetConnection> {
  const nc = new NetConnection({ ...server.tcp, reconnect: false, ...options });
  opened.add(nc);
  await nc.connect(server.url(path), ...args);
  return nc;
}

/** Waits for something that events bring; it fails after two minutes. */
export function until<T>(what: string, begin: (done: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), 120_000);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
