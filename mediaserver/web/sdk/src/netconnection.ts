import { Reader } from "./bytes.ts";
import { Type, type Message } from "./chunks.ts";
import { playable } from "./codecs.ts";
import { Emitter, findHandler, report, type Handlers } from "./emitter.ts";
import { Link, type LinkOwner } from "./link.ts";
import { failure, status, StatusError, type StatusInfo } from "./status.ts";
import { parseURL, WebSocketTransport, type Address, type Transport } from "./transport.ts";

/** How a lost connection is made again. Delays are milliseconds; each is drawn between half of itself and all. */
export interface ReconnectOptions {
  /** Before the first attempt; it doubles with each. Default 500. */
  minDelay?: number;
  /** Default 30,000. */
  maxDelay?: number;
  /** How many in a row; default Infinity. */
  attempts?: number;
}

/** What a NetConnection is made with. */
export interface NetConnectionOptions {
  /** How values travel: 3 is ActionScript 3's AMF3, 0 what old players and servers know. Default 3. */
  objectEncoding?: 0 | 3;
  /** Whether a lost connection is made again, with its streams and shared objects. Default true. */
  reconnect?: boolean | ReconnectOptions;
  /** Milliseconds that connect may take, the script's decision among them. Default 45,000. */
  timeout?: number;
  /** Carries the bytes; default: a WebSocket to the address. */
  transport?: (address: Address) => Transport;
}

/** Events of a NetConnection, with what listeners are given. */
export interface NetConnectionEvents {
  /**
   * As onStatus of ActionScript: NetConnection.Connect.Success, .Closed, .Failed, .Rejected, .AppShutdown, and what the server says. Of
   * .Closed, `info.dismissed` is that the server has sent the page away: the connection is not made again.
   */
  netStatus: [info: StatusInfo];
  /** A lost connection will be tried again: which attempt, counted from 1, and in how many milliseconds. */
  reconnecting: [attempt: number, delay: number];
}

/** What lives on a connection and comes back with it. */
export interface Attached {
  /** There is a connection, and its messages may be sent. */
  attached(link: Link): void;
  /** There is none any more. */
  detached(reason: string): void;
}

/** A stream, as its connection sees it. */
export interface StreamListener {
  command(name: string, args: unknown[]): void;
  message(m: Message): void;
  control(event: number): void;
}

/**
 * The connection to an instance of an application.
 *
 * ```js
 * const nc = new NetConnection();
 * nc.client = { greet: (name) => `hello ${name}` };   // the server may call it
 * nc.on("netStatus", (info) => console.log(info.code));
 * await nc.connect("wss://media.example.org/chat/lobby", "my name");
 * const sum = await nc.call("add", 2, 3);
 * ```
 */
export class NetConnection extends Emitter<NetConnectionEvents> {
  /** Methods that the server may call, by name or path; an answer may be a promise. */
  client: object = {};
  /** See NetConnectionOptions. It holds for the next connect. */
  objectEncoding: 0 | 3;

  private readonly options: NetConnectionOptions;
  private readonly handlers: Handlers = Object.create(null) as Handlers;
  private readonly attachments = new Set<Attached>();
  private readonly streams = new Map<number, StreamListener>();
  private readonly objects = new Map<string, (m: Message) => void>();
  private link: Link | undefined;
  private target: { address: Address; args: unknown[] } | undefined;
  /** Counts connects and closes: what belongs to an earlier one is not for us. */
  private era = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  /** A connection is being made beside the one there is, or in its place. */
  private opening = false;

  constructor(options: NetConnectionOptions = {}) {
    super();
    this.options = options;
    this.objectEncoding = options.objectEncoding ?? 3;
  }

  /** Whether connect has succeeded and the connection stands. */
  get connected(): boolean {
    return this.link !== undefined;
  }

  /** tcUrl of the application; undefined before connect. SharedObject.getRemote takes it, and needs it not. */
  get uri(): string | undefined {
    return this.target?.address.tcUrl;
  }

  /**
   * Connects to an instance: `wss://host/application/instance`, or `/application/instance` on the host of the page (see parseURL).
   * What follows goes to the script's application.onConnect behind the client.
   *
   * @returns what the server says of itself; its code is NetConnection.Connect.Success
   * @throws StatusError, which netStatus tells as well: .Rejected, with `info.application` from the script, or .Failed
   */
  connect(url: string, ...args: unknown[]): Promise<StatusInfo> {
    const address = parseURL(url);
    this.close();
    this.target = { address, args };
    const connected = this.open(address, args);
    // Who listens for netStatus alone need not look at the promise.
    connected.catch(() => {});
    return connected;
  }

  /** Calls a method of the script's, and returns what it returns. Rejects with a StatusError: NetConnection.Call.Failed, most often. */
  async call<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    const [, value] = await this.mustLink(name).request(name, args);
    return value as T;
  }

  /** Calls a method and asks for no answer. It throws where there is no connection. */
  notify(name: string, ...args: unknown[]): void {
    this.mustLink(name).command(0, name, 0, null, args);
  }

  /** Has a function called when the server calls a name; it goes before `client`'s method. undefined takes it back. */
  handle<A extends unknown[]>(name: string, handler: ((...args: A) => unknown) | undefined): void {
    if (handler) this.handlers[name] = handler;
    else delete this.handlers[name];
  }

  /** Ends the connection, and attempts to make one. */
  close(): void {
    this.era++;
    this.opening = false;
    clearTimeout(this.retry);
    const link = this.link;
    this.link = undefined;
    if (!link) return;
    for (const a of [...this.attachments]) a.detached("closed");
    link.close("closed");
    this.emit("netStatus", status("status", "NetConnection.Connect.Closed", "closed"));
  }

  private mustLink(name: string): Link {
    if (!this.link) throw failure("NetConnection.Call.Failed", `${name}: not connected`);
    return this.link;
  }

  /** Makes a connection and takes it into use; the one before serves until then. */
  private async open(address: Address, args: unknown[]): Promise<StatusInfo> {
    const era = this.era;
    this.opening = true;
    const transport = this.options.transport ?? ((a: Address) => new WebSocketTransport(a.socket));
    const link = new Link(address, this.owner, this.objectEncoding, transport(address));
    try {
      const info = await link.connect(connectProperties(address, this.objectEncoding), args, this.options.timeout ?? 45_000);
      if (era !== this.era) throw failure("NetConnection.Connect.Failed", "closed meanwhile");
      this.use(link, info);
      return info;
    } catch (error) {
      link.close("refused");
      const info = error instanceof StatusError ? error.info : status("error", "NetConnection.Connect.Failed", String(error));
      if (era === this.era && this.link === undefined) {
        this.emit("netStatus", info);
        // As Flash Player does.
        if (info.code.endsWith(".Rejected")) this.emit("netStatus", status("status", "NetConnection.Connect.Closed", "rejected"));
      }
      throw error instanceof StatusError ? error : new StatusError(info);
    } finally {
      if (era === this.era) this.opening = false;
    }
  }

  private use(link: Link, info: StatusInfo): void {
    const before = this.link;
    this.link = link;
    if (before) {
      for (const a of [...this.attachments]) a.detached("moved to another server");
      retire(before);
    }
    this.emit("netStatus", info);
    for (const a of [...this.attachments]) if (this.link === link) a.attached(link);
  }

  private readonly owner: LinkOwner = {
    called: (name, args) => this.called(name, args),
    said: (link, info) => {
      if (link !== this.link) return;
      // Who was sent away, or has been silent for too long, is not to come back at once.
      if (/^NetConnection\.Connect\.(Closed|Rejected|IdleTimeout)$/.test(info.code)) link.dismissed = true;
      this.emit("netStatus", info);
      if (info.code === "NetConnection.Connect.ReconnectRequest") this.move(info);
    },
    message: (link, m) => {
      if (link === this.link) this.deliver(m);
    },
    command: (stream, name, args) => this.streams.get(stream)?.command(name, args),
    control: (event, stream) => this.streams.get(stream)?.control(event),
    closed: (link, reason) => {
      if (link !== this.link) return;
      this.link = undefined;
      for (const a of [...this.attachments]) a.detached(reason);
      const era = this.era;
      const { dismissed } = link;
      this.emit("netStatus", { ...status("status", "NetConnection.Connect.Closed", reason), dismissed });
      if (!dismissed && era === this.era && !this.opening) this.again(1);
    },
  };

  private deliver(m: Message): void {
    if (m.type === Type.SharedObject0 || m.type === Type.SharedObject3) {
      const r = new Reader(m.type === Type.SharedObject3 ? m.body.subarray(1) : m.body);
      const name = r.text(r.u16());
      r.u32();
      this.objects.get(objectKey(name, (r.u32() & 2) !== 0))?.(m);
    } else this.streams.get(m.stream)?.message(m);
  }

  private called(name: string, args: unknown[]): unknown {
    const handler = findHandler(this.handlers, name) ?? findHandler(this.client, name);
    if (handler) return handler(...args);
    // Bandwidth detection wants an answer, whatever it is; onBWDone is said to everyone.
    if (/^(onBWCheck|_onbwcheck|onBWDone|_onbwdone)$/.test(name)) return null;
    throw failure("NetConnection.Call.Failed", `Method not found (${name}).`);
  }

  /** Tries again, after a while that grows. */
  private again(attempt: number): void {
    const { reconnect = true } = this.options;
    const { minDelay = 500, maxDelay = 30_000, attempts = Infinity } = typeof reconnect === "object" ? reconnect : {};
    const target = this.target;
    if (reconnect === false || attempt > attempts || !target) return;
    const delay = Math.min(maxDelay, minDelay * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
    const era = this.era;
    this.emit("reconnecting", attempt, delay);
    if (era !== this.era) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.open(target.address, target.args).catch((error: unknown) => {
        if (era === this.era && !(error instanceof StatusError && error.code.endsWith(".Rejected"))) this.again(attempt + 1);
      });
    }, delay);
  }

  /** Follows a ReconnectRequest [Enhanced RTMP v2, "Reconnect Request"]: the old server serves until the new one does. */
  private move(info: StatusInfo): void {
    const target = this.target;
    if (this.options.reconnect === false || !target) return;
    let address = target.address;
    if (typeof info.tcUrl === "string" && info.tcUrl !== "") {
      try {
        // Relative ones are meant as from the present tcUrl; URL knows how, of schemes of the web.
        const base = address.tcUrl.replace(/^rtmp/, "http");
        address = parseURL(new URL(info.tcUrl.replace(/^rtmp/, "http"), base).href);
      } catch (error) {
        report(error);
        return;
      }
    }
    this.target = { ...target, address };
    const era = this.era;
    // A crowd that is asked at once does not come at once.
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.open(address, target.args).catch((error: unknown) => {
        if (era !== this.era || this.link) return;
        if (!(error instanceof StatusError && error.code.endsWith(".Rejected"))) this.again(1);
      });
    }, Math.random() * 500);
  }

  /** @internal Has something told of connections, of the present one at once. */
  attach(a: Attached): void {
    this.attachments.add(a);
    if (this.link) a.attached(this.link);
  }
  /** @internal */
  detach(a: Attached): void {
    this.attachments.delete(a);
  }
  /** @internal */
  listenStream(id: number, listener: StreamListener | undefined): void {
    if (listener) this.streams.set(id, listener);
    else this.streams.delete(id);
  }
  /** @internal */
  listenObject(name: string, persistent: boolean, listener: ((m: Message) => void) | undefined): void {
    if (listener) this.objects.set(objectKey(name, persistent), listener);
    else this.objects.delete(objectKey(name, persistent));
  }
}

/** Persistent and transient objects of one name are two. */
const objectKey = (name: string, persistent: boolean): string => (persistent ? "p:" : "t:") + name;

/** Lets a connection that is left end what it is asked, two seconds at most. */
function retire(link: Link): void {
  const until = Date.now() + 2000;
  const look = () => {
    if (!link.busy || Date.now() > until) link.close("moved to another server");
    else setTimeout(look, 50);
  };
  look();
}

function connectProperties(address: Address, objectEncoding: number): object {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  return {
    app: address.app,
    flashVer: "WEB 32,0,0,0",
    tcUrl: address.tcUrl,
    ...(page ? { pageUrl: page } : {}),
    fpad: false,
    capabilities: 239,
    audioCodecs: 0x0404, // AAC, MP3
    videoCodecs: 0x0080, // H.264
    videoFunction: 1,
    objectEncoding,
    ...playable(),
    capsEx: 1, // Reconnect
  };
}

