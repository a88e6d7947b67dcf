import { AMF0Decoder, AMF0Encoder } from "./amf0.ts";
import { Answers, type Asked } from "./answers.ts";
import { Reader, WireError, Writer } from "./bytes.ts";
import { Type, type Message } from "./chunks.ts";
import { Emitter, findHandler, report, wordsOf, type Handlers } from "./emitter.ts";
import { Encoders } from "./encoders.ts";
import { Flow } from "./flow.ts";
import { chunkStreamOf, type Link } from "./link.ts";
import type { Attached, NetConnection, StreamListener } from "./netconnection.ts";
import type { PlayerOwner } from "./player.ts";
import { CanvasPlayer } from "./player-canvas.ts";
import { MSEPlayer } from "./player-mse.ts";
import { mustEncode, type AudioSettings, type AudioSource, type VideoSettings, type VideoSource } from "./publisher.ts";
import { asStatus, failure, status, type StatusInfo } from "./status.ts";
import type { NetStreamInfo } from "./streaminfo.ts";
import { Viewer } from "./viewer.ts";

/** A message of a stream as it is on the wire: the payload of an FLV tag, and its time in milliseconds. */
export interface MediaMessage {
  kind: "audio" | "video" | "data";
  time: number;
  payload: Uint8Array;
}

/** Events of a NetStream, with what listeners are given. */
export interface NetStreamEvents {
  /** As onStatus of ActionScript: NetStream.Play.Start, .Buffer.Full, .Play.UnpublishNotify, .Publish.BadName and the like. */
  netStatus: [info: StatusInfo];
  /** onMetaData: width, height, duration and whatever else the publisher says. */
  metaData: [values: Record<string, unknown>];
  /** onPlayStatus: NetStream.Play.Complete, .Play.Switch, .Play.TransitionComplete. */
  playStatus: [info: StatusInfo];
  /** The browser plays, or is not silent any more, when somebody has touched the page: call resume in the click. */
  blocked: [error: Error];
  /** All that comes, as it comes. */
  media: [message: MediaMessage];
}

/** How a name is published: record replaces what was recorded under it; append goes on with it, with the time between or without. */
export type PublishType = "live" | "record" | "append" | "appendWithGap";

/** What is asked of the server, and to be asked again of the next one when the connection is lost. */
type Task =
  | { what: "nothing" }
  | { what: "play"; name: string; start: number; length: number; begun: boolean }
  | { what: "publish"; name: string; type: PublishType; begun: boolean };

const types: Record<number, MediaMessage["kind"]> = { [Type.Audio]: "audio", [Type.Video]: "video", [Type.Data0]: "data", [Type.Data3]: "data" };
/** Seconds of a recording that the server sends at once; it goes on as fast as it plays. */
const ahead = 2;
const bare = (name: string): string => name.replace(/\?.*$/, "");

/**
 * A stream of a connection, which plays or publishes.
 *
 * ```js
 * const ns = new NetStream(nc);
 * ns.attachDisplay(document.querySelector("video"));
 * await ns.play("lobby");
 * ```
 */
export class NetStream extends Emitter<NetStreamEvents> implements Attached {
  /** Methods that the publisher's `send` may call. */
  client: object = {};
  /**
   * Seconds that a live stream may be late before it is played faster, and three more before it leaps to its present; 0: it may be as late
   * as it likes. Default 1.5.
   */
  bufferTimeMax = 1.5;

  private readonly handlers: Handlers = Object.create(null) as Handlers;
  private readonly answers = new Answers();
  private task: Task = { what: "nothing" };
  private link: Link | undefined;
  private opened: Promise<number> | undefined;
  private id = 0;
  private buffer = 0.3;
  private isPaused = false;
  private recorded = false;
  private announced = false;
  private sought: number | undefined;
  private values: Record<string, unknown> = {};
  private readonly viewer: Viewer;
  private flow = this.count();
  private over = false;

  constructor(private readonly nc: NetConnection) {
    super();
    this.viewer = new Viewer((...of) => this.said(status(...of)));
    nc.attach(this);
  }

  // Playing.

  /**
   * Plays a stream of the instance, in the display that attachDisplay has named. The promise has NetStream.Play.Start; a live stream
   * that nobody publishes yet is waited for behind it. `false` stops.
   *
   * @param start seconds of a recording; -2: live if somebody publishes it, else recorded, else live as soon as somebody does; -1: live
   * @param length seconds; -1: all
   * @param reset false: behind what plays already; then the promise says that it was sent
   * @throws StatusError NetStream.Play.StreamNotFound, .Play.Failed and the like
   */
  async play(name: string | false, start = -2, length = -1, reset: boolean | 0 | 1 | 2 | 3 = true): Promise<StatusInfo> {
    if (name === false) {
      this.task = { what: "nothing" };
      this.command(await this.ready("play"), "play", false);
      this.viewer.end();
      return status("status", "NetStream.Play.Stop", "stopped");
    }
    const queued = reset === false || reset === 0 || reset === 2;
    const id = await this.ready("play");
    if (!queued) {
      this.encoders.stop();
      this.task = { what: "play", name, start, length, begun: false };
      this.flow = this.count();
      this.isPaused = false;
    }
    const answer = queued ? Promise.resolve(status("status", "NetStream.Play.Start", `${bare(name)} is queued`)) : this.wait("play", bare(name));
    this.sayBuffer();
    this.command(id, "play", name, start < 0 ? start : start * 1000, length < 0 ? length : length * 1000, reset);
    return answer;
  }

  /**
   * Shows what plays in a video element (by Media Source Extensions), on a canvas (by WebCodecs, which are for pages that come by HTTPS
   * or from localhost), or nowhere. It may be called before play or at any time. A video element's own controls pause, resume and, in a
   * recording, seek the stream; a canvas takes the size of the pictures.
   */
  attachDisplay(display: HTMLVideoElement | HTMLCanvasElement | null): void {
    this.viewer.show(undefined);
    if (display) this.viewer.show(display instanceof HTMLCanvasElement ? new CanvasPlayer(display, this.owner) : new MSEPlayer(display, this.owner));
  }

  /** Holds a stream. A live one goes on meanwhile, elsewhere. */
  async pause(): Promise<void> {
    await this.hold(true);
  }
  /** Goes on: a recording where it was, a live stream at its present. It is also the answer to `blocked`, from a click. */
  async resume(): Promise<void> {
    this.viewer.resume();
    if (this.isPaused) await this.hold(false);
  }
  /** Pauses or resumes. */
  togglePause(): Promise<void> {
    return this.isPaused ? this.resume() : this.pause();
  }
  /** Whether it was paused. */
  get paused(): boolean {
    return this.isPaused;
  }

  private async hold(paused: boolean): Promise<void> {
    this.isPaused = paused;
    if (paused) this.viewer.pause();
    else this.viewer.resume();
    const id = await this.ready("pause");
    const answer = this.wait("pause");
    // What is there need not come again.
    this.command(id, "pause", paused, Math.round((paused ? this.time : this.viewer.reached) * 1000));
    await answer;
  }

  /** Goes to a time of a recording, in seconds. Throws NetStream.Seek.Failed where the stream is live. */
  async seek(seconds: number): Promise<void> {
    const id = await this.ready("seek");
    const answer = this.wait("seek");
    this.sought = Math.max(0, seconds);
    this.command(id, "seek", Math.round(this.sought * 1000));
    await answer;
  }

  /** Whether sound is sent at all, from now on. */
  async receiveAudio(wanted: boolean): Promise<void> {
    this.command(await this.ready("receiveAudio"), "receiveAudio", wanted);
  }
  /** Whether pictures are sent at all, from now on. */
  async receiveVideo(wanted: boolean): Promise<void> {
    this.command(await this.ready("receiveVideo"), "receiveVideo", wanted);
  }

  /** Seconds: where the display is. */
  get time(): number {
    return this.viewer.time;
  }
  /** Seconds that the display has before it runs dry. */
  get bufferLength(): number {
    return this.viewer.bufferLength;
  }
  /** Seconds that there must be before playing begins, and begins again. Default 0.3. */
  get bufferTime(): number {
    return this.buffer;
  }
  set bufferTime(seconds: number) {
    if (!(seconds >= 0)) throw new RangeError(`bufferTime ${seconds}: seconds, from 0 on`);
    this.buffer = seconds;
    if (this.id !== 0) this.sayBuffer();
  }
  /** What onMetaData has said last. */
  get metaData(): Record<string, unknown> {
    return this.values;
  }

  private sayBuffer(): void {
    if (this.task.what === "play") this.link?.sendControl(3, this.id, Math.min(0xffffffff, Math.round(Math.max(this.buffer, ahead) * 1000)));
  }

  private readonly owner: PlayerOwner = (() => {
    const of = this;
    return {
      get bufferTime() {
        return of.buffer;
      },
      get bufferTimeMax() {
        return of.bufferTimeMax;
      },
      say: (...about) => of.said(status(...about)),
      blocked: (error, halted) => {
        of.emit("blocked", error);
        // A recording that nobody sees need not come.
        if (halted && of.recorded && !of.isPaused) void of.pause().catch(() => {});
      },
      pausedByHand: () => void of.pause().catch(() => {}),
      resumedByHand: () => void of.resume().catch(() => {}),
      soughtByHand: (t) => void of.seek(t).catch(() => {}),
      again: () => {
        if (of.recorded) void of.seek(of.time).catch(() => {});
      },
      moved: (t) => of.viewer.moved(t),
    };
  })();

  // Publishing.

  /**
   * Publishes under a name. `false` ends it, and the promise has NetStream.Unpublish.Success then: what was recorded is written.
   *
   * @throws StatusError NetStream.Publish.BadName: somebody publishes it already, or we may not
   */
  async publish(name: string | false, type: PublishType = "live"): Promise<StatusInfo> {
    const id = await this.ready("publish");
    if (name === false) {
      const published = this.task.what === "publish";
      this.encoders.stop();
      if (!published) return status("status", "NetStream.Unpublish.Success", "nothing was published");
      this.task = { what: "nothing" };
      const answer = this.wait("unpublish");
      this.command(id, "publish", false);
      return answer;
    }
    this.encoders.stop();
    this.viewer.restart(true, undefined);
    this.task = { what: "publish", name, type, begun: false };
    this.flow = this.count();
    const answer = this.wait("publish", bare(name));
    this.command(id, "publish", name, type);
    return answer;
  }

  /**
   * Calls a method on all who play, who have it in `client` or by `handle`; it is recorded with the rest. `@setDataFrame` and a name
   * before the values has it called on those who come later, too.
   */
  send(handler: string, ...args: unknown[]): void {
    const { link } = this;
    if (!link || this.task.what !== "publish") throw failure("NetStream.Failed", `send ${handler}: nothing is published`);
    const to = new Writer();
    if (link.encoding === 3) to.u8(0);
    const encoder = new AMF0Encoder(to);
    encoder.value(handler);
    for (const v of args) link.encoding === 3 && typeof v !== "string" ? encoder.value3(v) : encoder.value(v);
    this.write(link.encoding === 3 ? Type.Data3 : Type.Data0, this.encoders.now, to.done());
  }

  /** Publishes a message that is made already: the payload of an FLV tag, of whatever codec. */
  sendMedia({ kind, time, payload }: MediaMessage): void {
    if (this.task.what !== "publish") throw failure("NetStream.Failed", "sendMedia: nothing is published");
    this.write(kind === "audio" ? Type.Audio : kind === "video" ? Type.Video : Type.Data0, time, payload);
  }

  /** Returns whether there is a connection. */
  private write(type: number, time: number, body: Uint8Array): boolean {
    if (this.id === 0 || !this.link) return false;
    this.flow.add(types[type]!, body.length);
    this.link.send(chunkStreamOf(this.id, type), { type, stream: this.id, time, body });
    return true;
  }

  /**
   * Publishes pictures, now or as soon as a name is published: a camera (see getCamera), a screen, a canvas. null ends it. Encoding needs
   * WebCodecs, and so a page that has come by HTTPS or from localhost; a TypeError says what is missing.
   */
  attachCamera(source: VideoSource | null, settings: VideoSettings = {}): void {
    if (source) mustEncode("attachCamera", "VideoEncoder");
    this.encoders.attachVideo(source, settings);
  }

  /** Publishes sound, as attachCamera does pictures: a microphone (see getMicrophone), or any other track. */
  attachAudio(source: AudioSource | null, settings: AudioSettings = {}): void {
    if (source) mustEncode("attachAudio", "AudioEncoder");
    this.encoders.attachAudio(source, settings);
  }

  /** Pictures that were left out because the encoder, the network or, where it plays, the browser was too slow. */
  get droppedFrames(): number {
    return this.encoders.dropped + this.viewer.shown.droppedFrames;
  }

  /** What has come or gone out since play or publish, how fast, and how it is now. */
  get info(): NetStreamInfo {
    const { task, encoders, link } = this;
    const plays = task.what === "play";
    return {
      ...this.flow.info,
      ...this.viewer.shown,
      uri: this.nc.uri,
      resourceName: task.what === "nothing" ? "" : bare(task.name),
      isLive: !(plays && this.recorded),
      droppedFrames: this.droppedFrames,
      videoFrameCount: encoders.frames,
      bufferByteLength: link?.wire.bufferedAmount ?? 0,
      SRTT: link?.wire.roundTrip ?? 0,
      metaData: { ...(plays ? this.values : encoders.values) },
    };
  }

  private readonly encoders = new Encoders({
    send: (kind, time, payload) => this.write(kind === "video" ? Type.Video : Type.Audio, time, payload),
    describe: (values) => {
      if (this.task.what === "publish" && this.task.begun && this.link) this.send("@setDataFrame", "onMetaData", values);
    },
    waiting: () => this.link?.wire.bufferedAmount ?? 0,
    failed: (error) => this.said(status("error", "NetStream.Failed", `encoding: ${wordsOf(error)}`)),
  });

  // Both.

  /** Has a function called when the publisher sends a name; it goes before client's method. undefined takes it back. */
  handle<A extends unknown[]>(name: string, handler: ((...args: A) => void) | undefined): void {
    if (handler) this.handlers[name] = handler;
    else delete this.handlers[name];
  }

  /** Ends what it does; it may play or publish something else then. */
  close(): void {
    this.encoders.stop();
    this.task = { what: "nothing" };
    this.isPaused = false;
    this.answers.rejectAll("closed");
    this.viewer.restart(true, undefined);
    if (this.link && this.id !== 0) this.command(this.id, "closeStream");
  }

  /** Ends it for good, and gives back all that it has. */
  dispose(): void {
    if (this.over) return;
    this.over = true;
    this.close();
    this.viewer.close();
    if (this.link && this.id !== 0) this.link.command(0, "deleteStream", 0, null, [this.id]);
    this.nc.detach(this);
    this.detached("disposed");
  }

  /** Counts from now on. Where nothing is shown, a stream is where its newest message is. */
  private count(): Flow {
    return new Flow(() => (this.task.what === "play" ? this.viewer.reached : this.encoders.now / 1000));
  }

  private ready(what: string): Promise<number> {
    if (this.over) return Promise.reject(failure("NetStream.Failed", `${what}: the NetStream was disposed of`));
    return this.opened ?? Promise.reject(failure("NetStream.Failed", `${what}: not connected`));
  }

  private command(id: number, name: string, ...args: unknown[]): void {
    this.link?.command(id, name, 0, null, args);
  }

  private wait(what: Asked, name?: string): Promise<StatusInfo> {
    if (this.id === 0) return Promise.reject(failure("NetStream.Failed", `${what}: the connection was lost`));
    return this.answers.wait(what, name);
  }

  /** @internal */
  attached(link: Link): void {
    this.link = link;
    const opened = link.request("createStream", []).then(([, id]) => {
      if (this.link !== link) throw failure("NetStream.Failed", "the connection was lost");
      if (typeof id !== "number" || id < 1 || id > 0xffffffff) throw failure("NetStream.Failed", "createStream: the server's answer has no number");
      this.id = id;
      this.nc.listenStream(id, this.listener);
      return id;
    });
    this.opened = opened;
    opened.then(
      (id) => this.again(id),
      () => {},
    );
  }

  /** @internal */
  detached(reason: string): void {
    if (this.id !== 0) this.nc.listenStream(this.id, undefined);
    this.link = this.opened = undefined;
    this.id = 0;
    this.answers.rejectAll(reason);
  }

  /** Asks the server of a new connection for what the last one was asked for. */
  private again(id: number): void {
    const { task } = this;
    if (task.what === "play" && task.begun) {
      this.sayBuffer();
      if (this.recorded) {
        const [start, len] = [task.start, task.length].map((n) => (n < 0 ? n : n * 1000));
        this.sought = this.time;
        this.viewer.restart(false, this.time);
        this.command(id, "play2", { streamName: task.name, start, len, offset: Math.round(this.time * 1000), transition: "resume" });
        if (this.isPaused) this.command(id, "pause", true, Math.round(this.time * 1000));
      } else this.command(id, "play", task.name, task.start, task.length, true);
    } else if (task.what === "publish" && task.begun) {
      // What has been recorded so far is not to be lost.
      this.command(id, "publish", task.name, task.type === "record" ? "append" : task.type);
    }
  }

  private readonly listener: StreamListener = {
    command: (name, args) => {
      if (name === "onStatus") this.told(asStatus(args[0], "NetStream.Failed"));
    },
    control: (event) => {
      if (event === 4) this.announced = true;
      else if (event === 0) {
        this.recorded = this.announced;
        this.announced = false;
      }
    },
    message: (m) => this.received(m),
  };

  /** A status of the server's. */
  private told(info: StatusInfo): void {
    const { task } = this;
    switch (info.code) {
      case "NetStream.Play.Reset":
        this.viewer.restart(!this.recorded, undefined);
        break;
      case "NetStream.Play.Start":
        if (task.what === "play") task.begun = true;
        this.answers.resolve("play", info);
        break;
      case "NetStream.Seek.Notify":
        this.viewer.restart(!this.recorded, this.sought);
        this.sought = undefined;
        this.answers.resolve("seek", info);
        break;
      case "NetStream.Pause.Notify":
      case "NetStream.Unpause.Notify":
        this.answers.resolve("pause", info);
        break;
      case "NetStream.Play.Stop":
      case "NetStream.Play.UnpublishNotify":
        this.viewer.end();
        break;
      case "NetStream.Publish.Start":
        if (task.what === "publish") task.begun = true;
        this.encoders.begin();
        this.answers.resolve("publish", info);
        break;
      case "NetStream.Unpublish.Success":
        this.answers.resolve("unpublish", info);
        break;
    }
    if (info.level === "error") this.failed(info);
    this.said(info);
  }

  private failed(info: StatusInfo): void {
    if (info.code === "NetStream.Publish.BadName") {
      if (this.task.what === "publish") this.task = { what: "nothing" };
      this.encoders.stop();
      this.answers.reject("publish", info);
    } else if (info.code === "NetStream.Seek.Failed") {
      this.sought = undefined;
      this.answers.reject("seek", info);
    } else if (/^NetStream\.(Play\.|Failed)/.test(info.code)) {
      for (const what of ["play", "pause"] as const) this.answers.reject(what, info);
    }
  }

  private said(info: StatusInfo): void {
    this.emit("netStatus", info);
  }

  private received(m: Message): void {
    const kind = types[m.type];
    if (!kind) return;
    this.flow.add(kind, m.body.length);
    this.emit("media", { kind, time: m.time, payload: m.body });
    if (kind === "data") this.data(m);
    else if (this.task.what === "play") this.viewer.media(m);
  }

  private data(m: Message): void {
    let values: unknown[];
    try {
      values = new AMF0Decoder(new Reader(m.type === Type.Data3 ? m.body.subarray(1) : m.body)).all();
    } catch (error) {
      if (!(error instanceof WireError || error instanceof RangeError)) throw error;
      this.said(status("warning", "NetStream.Play.FileStructureInvalid", `the stream has data that cannot be understood: ${error.message}`));
      return;
    }
    const [name, ...args] = values;
    if (typeof name !== "string") return;
    switch (name) {
      case "onStatus":
        this.said(asStatus({ level: "status", ...(args[0] as object) }, "NetStream.Data.Start"));
        return;
      case "|RtmpSampleAccess":
        return;
      case "onMetaData":
        this.values = typeof args[0] === "object" && args[0] !== null ? (args[0] as Record<string, unknown>) : {};
        this.viewer.know(this.values);
        this.emit("metaData", this.values);
        this.call(name, args);
        return;
      case "onPlayStatus":
        this.emit("playStatus", asStatus(args[0], "NetStream.Play.Complete"));
        this.call(name, args);
        return;
    }
    this.viewer.when(m, () => this.call(name, args));
  }

  private call(name: string, args: unknown[]): void {
    const handler = findHandler(this.handlers, name) ?? findHandler(this.client, name);
    try {
      handler?.(...args);
    } catch (error) {
      report(error);
    }
  }
}
