/** What carries the bytes of RTMP: a WebSocket, unless NetConnection is given something else. */
export interface Transport {
  /** Has pieces of what the peer sends; they are the receiver's. */
  onData: (bytes: Uint8Array) => void;
  /** Is called once, when the connection has ended or could not be made; the reason is for people. */
  onClose: (reason: string) => void;
  /** Is called once, before anything is sent. */
  onOpen: () => void;
  /** Bytes that are sent and not yet with the network. */
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  /** Ends the connection; onClose may be called, and need not be. */
  close(): void;
}

/** RTMP in binary frames, as the server's `/-/rtmp` has it. */
export class WebSocketTransport implements Transport {
  onData: (bytes: Uint8Array) => void = () => {};
  onClose: (reason: string) => void = () => {};
  onOpen: () => void = () => {};
  private readonly socket: WebSocket;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.onOpen();
    this.socket.onmessage = (e) => {
      if (e.data instanceof ArrayBuffer) this.onData(new Uint8Array(e.data));
      else this.fail("the server sent text");
    };
    // An error says nothing to a page; the close that follows has all there is.
    this.socket.onclose = (e) => this.onClose(e.reason || (e.code === 1006 ? "the connection was lost or refused" : `closed (${e.code})`));
  }

  private fail(reason: string): void {
    this.socket.onclose = null;
    this.close();
    this.onClose(reason);
  }

  get bufferedAmount(): number {
    return this.socket.bufferedAmount;
  }
  send(bytes: Uint8Array): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes as Uint8Array<ArrayBuffer>);
  }
  close(): void {
    this.socket.close();
  }
}

/** Where an application is reached, and how connect names it. */
export interface Address {
  /** What the WebSocket is opened to. */
  socket: string;
  /** tcUrl of the connect command. */
  tcUrl: string;
  /** app of the connect command: application/instance, with the query; behind the origin that is named to an edge. */
  app: string;
}

/**
 * Takes the URL of an application apart. `ws://host:port/chat/lobby`, and the same with wss, http, https, rtmp and rtmps, is the
 * instance lobby of chat; `/chat/lobby` or `rtmp:/chat/lobby` is on the host that the page came from, as in Flash. The WebSocket is
 * that host's `/-/rtmp`. rtmp means ws there and rtmps wss; a port is the web port, which need not be that of RTMP. To an edge that is to
 * reach an origin which its client names, it is `ws://edge/?rtmp://origin/chat/lobby`: the port behind origin is that of RTMP.
 */
export function parseURL(url: string): Address {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const relative = /^(?:rtmps?:)?(\/(?!\/).*)$/.exec(url);
  if (relative && !page) throw new TypeError(`connect ${url}: name a host: there is no page that has one`);
  const [, scheme, rest] = relative
    ? [undefined, new URL(page!).protocol.slice(0, -1), `//${new URL(page!).host}${relative[1]}`]
    : (/^(\w+):(\/\/.+)$/.exec(url) ?? [undefined, "", ""]);
  const [, s] = /^(?:ws|http|rtmp)(s?)$/.exec(scheme!) ?? [];
  if (s === undefined) throw new TypeError(`connect ${url}: not a URL like ws://host/application/instance`);
  const at = new URL(`http${s}:${rest}`);
  const [, origin = "", path, query = ""] = /^\/(\?rtmp:\/\/[^/?@]+\/)?([^?]*)(.*)$/.exec(at.pathname + at.search)!;
  const name = decodeURIComponent(path!).replace(/^\/+|\/+$/g, "");
  if (name === "") throw new TypeError(`connect ${url}: no application; the path begins with its name`);
  const app = origin + name + query;
  return {
    socket: `ws${s}://${at.host}/-/rtmp`,
    tcUrl: `rtmp${s}://${at.host}/${app}`,
    app,
  };
}
