import { WireError } from "./bytes.ts";
import { Type, type Message } from "./chunks.ts";
import { describeTrack, type MediaTrack } from "./codecstrings.ts";
import { report } from "./emitter.ts";
import { parseAudio, parseVideo, type MediaPacket } from "./flvtags.ts";
import type { Player, PlayerOwner, Shown } from "./player.ts";
import { Timeline } from "./timeline.ts";

/** What waits until its time has come: how many, and their bytes. More is not waited for. */
const maxLater = 1000;
const maxLaterBytes = 4 << 20;

type Kind = "video" | "audio";
interface Later {
  at: number;
  bytes: number;
  run(): void;
}

/** What a NetStream that plays does with what comes: finds out what tracks are, hands frames to a player, keeps data until their time. */
export class Viewer {
  private player: Player | undefined;
  private timeline = new Timeline(true);
  private readonly configs: Partial<Record<Kind, { codec: string; body: Uint8Array }>> = {};
  private readonly tracks: Partial<Record<Kind, MediaTrack>> = {};
  /** Tracks that were complained of: once is enough. */
  private readonly unfit = new Set<string>();
  private broken = false;
  private later: Later[] = [];
  private laterBytes = 0;
  private facts: Parameters<Player["know"]> = [undefined, undefined, undefined];

  constructor(private readonly say: PlayerOwner["say"]) {}

  /** Seconds: where the player is; without one, what has come. */
  get time(): number {
    return this.player?.time ?? this.reached;
  }
  /** Seconds that have come, shown or not. */
  get reached(): number {
    return this.timeline.newest / 1000;
  }
  get bufferLength(): number {
    return this.player?.bufferLength ?? 0;
  }

  get shown(): Shown {
    return this.player?.shown ?? { videoBufferLength: 0, audioBufferLength: 0, droppedFrames: 0 };
  }

  /** Takes another player, or none. Where a stream plays, it goes on there with its next key. */
  show(player: Player | undefined): void {
    this.player?.close();
    this.player = player;
    player?.know(...this.facts);
    player?.restart(this.timeline.live, undefined);
  }

  /** What comes next has nothing to do with what came before. */
  restart(live: boolean, at: number | undefined): void {
    this.timeline = new Timeline(live, (at ?? 0) * 1000);
    this.later = [];
    this.laterBytes = 0;
    this.player?.restart(live, at);
  }
  pause(): void {
    this.player?.pause();
  }
  resume(): void {
    this.player?.resume();
  }
  end(): void {
    this.player?.end();
  }

  /** onMetaData: what it says of all is of use, and never trusted. */
  know(values: Record<string, unknown>): void {
    const has = (kind: Kind) => {
      const said = values[`has${kind === "video" ? "Video" : "Audio"}`];
      // Who names one kind of codec, and not the other, has not the other.
      if (typeof said === "boolean") return said;
      return "videocodecid" in values || "audiocodecid" in values ? `${kind}codecid` in values : undefined;
    };
    const { duration } = values;
    const length = typeof duration === "number" && duration > 0 && Number.isFinite(duration) ? duration : undefined;
    this.facts = [length, has("video"), has("audio")];
    this.player?.know(...this.facts);
  }

  /** A message of sound or pictures. What a stranger has made of it is no reason to lose the connection. */
  media(m: Message): void {
    try {
      const p = m.type === Type.Video ? parseVideo(m.body) : parseAudio(m.body);
      const at = p.type === "frames" ? this.timeline.place(m.time, p.kind) : 0;
      if (p.type === "config") this.configure(p);
      else if (p.type === "frames") this.frame(p, at);
      this.broken = false;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (!this.broken) this.say("warning", "NetStream.Play.FileStructureInvalid", `the stream has what cannot be understood: ${error.message}`);
      this.broken = true;
    }
  }

  private configure(p: MediaPacket): void {
    const before = this.configs[p.kind];
    if (before?.codec === p.codec && same(before.body, p.body)) return;
    this.configs[p.kind] = { codec: p.codec, body: p.body.slice() };
    delete this.tracks[p.kind];
  }

  private frame(p: MediaPacket, at: number): void {
    const { player } = this;
    if (!player) return;
    let track = this.tracks[p.kind];
    if (track?.fourcc !== p.codec) {
      // Pictures are described by a key one.
      if (!p.key) return;
      const config = this.configs[p.kind];
      track = describeTrack(p.kind, p.codec, config?.codec === p.codec ? config.body : new Uint8Array(0), p.body);
      if (!track || !player.takes(track)) {
        this.unfitting(p.kind, track?.codec ?? p.codec);
        return;
      }
      this.tracks[p.kind] = track;
    }
    player.frame(track, p, at);
  }

  private unfitting(kind: Kind, codec: string): void {
    if (this.unfit.has(codec)) return;
    if (this.unfit.size < 16) this.unfit.add(codec);
    this.say("warning", "NetStream.Play.NoSupportedTrackFound", `this browser does not show ${kind} of ${codec}`);
  }

  /** Has something done when the player is where a message of data lies, or now. */
  when(m: Message, run: () => void): void {
    const at = this.timeline.beside(m.time) / 1000;
    const now = !this.player || at <= this.player.time || this.later.length >= maxLater || this.laterBytes + m.body.length > maxLaterBytes;
    if (now && this.later.length === 0) run();
    else if (now) this.moved(Infinity, run);
    else {
      this.later.push({ at, bytes: m.body.length, run });
      this.laterBytes += m.body.length;
    }
  }

  /** Does what is due at a time in seconds, in its order. */
  moved(seconds: number, then?: () => void): void {
    while (this.later.length > 0 && this.later[0]!.at <= seconds) {
      const { run, bytes } = this.later.shift()!;
      this.laterBytes -= bytes;
      try {
        run();
      } catch (error) {
        report(error);
      }
    }
    then?.();
  }

  close(): void {
    this.moved(Infinity);
    this.show(undefined);
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i]);
