import { wordsOf } from "./emitter.ts";
import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";
import { maxWaiting, type Player, type PlayerOwner, type Shown } from "./player.ts";
import { mimeType, sourceOf, TrackBuffer } from "./trackbuffer.ts";

type Kind = "video" | "audio";
type Frame = [track: MediaTrack, packet: MediaPacket, at: number];

/** How long, in milliseconds, the other kind of track is waited for before one plays alone; and after which it is given up. */
const gather = 600;
const gone = 3000;
/** Seconds before the end of what there is, from which on a browser may have no next picture to show. */
const nearEnd = 0.25;
/** Seconds of the past that are kept, and beyond which they are removed. */
const past = 20;
const maxPast = 40;
/** How much faster a live stream goes that is late, and how many seconds beyond bufferTimeMax are leapt over. */
const faster = 1.1;
const leap = 3;
/** How often a browser's decoder may fail in half a minute. */
const maxFailures = 3;

/** Shows a stream in a video element by Media Source Extensions. */
export class MSEPlayer implements Player {
  private source: MediaSource | undefined;
  private url = "";
  private buffers = new Map<Kind, TrackBuffer>();
  /** Frames that wait until it is known which kinds there are, or until the source is open; undefined: none has to. */
  private pending: Frame[] | undefined = [];
  private pendingBytes = 0;
  private known: Partial<Record<Kind, boolean | undefined>> = {};
  /** Where one kind began to come alone, since the other does not. */
  private readonly alone = new Map<Kind, number>();
  private duration: number | undefined;
  private live = true;
  private wanted = true;
  /** It has had enough to play, and has not run dry since. */
  private filled = false;
  private ending = false;
  /** What MSE has is of before a restart, and goes. */
  private renewing = false;
  /** We have stopped the element, and it has not said so yet. */
  private stopped = false;
  /** It is ours to start: we have stopped it, or it has come to an end. What a person has stopped is not. */
  private halted = true;
  /** It waits for more, and time stands, so that its controls still pause it; how fast it goes again then. */
  private rate: number | undefined;
  private jumped = -1;
  /** Where the element was when it was looked at last. */
  private at = -1;
  private failures: number[] = [];
  /** It has failed too often: what comes is not looked at until it is asked to restart. */
  private over = false;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private readonly clock: ReturnType<typeof setInterval>;
  private readonly ears: [string, () => void][] = [
    ["pause", () => this.stood()],
    ["play", () => !this.wanted && this.owner.resumedByHand()],
    ["seeking", () => this.sought()],
    ["timeupdate", () => this.tick()],
    ["waiting", () => this.tick()],
    ["ended", () => this.ended()],
    ["error", () => this.source && this.failed(new Error(this.video.error?.message || "the browser cannot play the stream"))],
  ];

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly owner: PlayerOwner,
  ) {
    if (!sourceOf()) throw new TypeError("this browser has no MediaSource: play to a canvas instead");
    for (const [name, ear] of this.ears) video.addEventListener(name, ear);
    this.clock = setInterval(() => this.tick(), 100);
  }

  get time(): number {
    return this.video.currentTime;
  }
  get bufferLength(): number {
    return this.ahead(this.video.buffered);
  }

  get shown(): Shown {
    const { video, buffers } = this;
    return {
      videoBufferLength: this.ahead(buffers.get("video")?.buffered),
      audioBufferLength: this.ahead(buffers.get("audio")?.buffered),
      droppedFrames: video.getVideoPlaybackQuality().droppedVideoFrames,
    };
  }
  private ahead(of: TimeRanges | undefined): number {
    const t = this.video.currentTime;
    return ((of && this.rangeAt(t, of)?.end) ?? t) - t;
  }

  takes(track: MediaTrack): boolean {
    return sourceOf()!.isTypeSupported(mimeType(track));
  }

  know(duration: number | undefined, video: boolean | undefined, audio: boolean | undefined): void {
    this.duration = duration;
    this.known = { video, audio };
  }

  frame(track: MediaTrack, packet: MediaPacket, at: number): void {
    if (this.over) return;
    this.ending = false;
    const other = track.kind === "video" ? "audio" : "video";
    this.alone.delete(other);
    const since = this.alone.get(track.kind) ?? at;
    this.alone.set(track.kind, since);
    if (!this.pending && (!this.buffers.has(track.kind) || (this.buffers.has(other) && at - since > gone))) this.rebuild();
    if (!this.pending) {
      this.buffers.get(track.kind)!.frame(track, packet, at);
      return;
    }
    if (this.pendingBytes > maxWaiting) this.forget();
    // Nothing can be shown of pictures before a key.
    if (track.kind === "video" && !packet.key && !this.pending.some(([t]) => t.kind === "video")) return;
    this.pending.push([track, packet, at]);
    this.pendingBytes += packet.body.length;
    this.decide(other);
  }

  /** Begins when both kinds are there, or one has been alone for long enough. */
  private decide(missing: Kind): void {
    const { pending } = this;
    if (!pending || this.source || pending.length === 0) return;
    const complete = pending.some(([t]) => t.kind === missing) || this.known[missing] === false;
    // Pictures that are promised come with the next key.
    const patience = this.known[missing] ? gone : gather;
    if (complete || pending.at(-1)![2] - pending[0]![2] >= patience) this.open();
    else this.gathering ??= setTimeout(() => this.open(), patience);
  }

  private open(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    if (this.source || !this.pending) return;
    if (!this.halted) this.stood(); // a pause of which it has not told yet would be forgotten
    const source = new (sourceOf()!)();
    this.source = source;
    source.addEventListener("sourceopen", () => this.opened(source), { once: true });
    this.url = URL.createObjectURL(source);
    this.jumped = 0;
    this.stopped = false; // what the element had to say it says no more
    this.halted = true;
    this.rate = undefined; // another source goes as fast as any
    this.video.disableRemotePlayback = true; // Safari's condition
    this.video.src = this.url;
  }

  private opened(source: MediaSource): void {
    if (source !== this.source || !this.pending) return;
    const frames = this.pending;
    this.forget();
    this.pending = undefined;
    try {
      for (const [track] of frames) {
        if (this.buffers.has(track.kind)) continue;
        this.buffers.set(track.kind, new TrackBuffer(source.addSourceBuffer(mimeType(track)), track, this.buffersOwner));
      }
    } catch (error) {
      this.failed(error);
      return;
    }
    for (const f of frames) this.buffers.get(f[0].kind)!.frame(...f);
  }

  private readonly buffersOwner = {
    full: () => this.makeRoom(true),
    failed: (error: unknown) => this.failed(error),
    idle: () => {
      if (this.waits) return;
      this.renewing = false;
      this.finish();
    },
  };

  private get waits(): boolean {
    return [...this.buffers.values()].some((b) => b.waits);
  }

  private forget(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** Begins again with another source, since the kinds of tracks of one are fixed. */
  private rebuild(): void {
    this.teardown();
    if (!this.live) this.owner.again();
  }

  private teardown(): void {
    for (const b of this.buffers.values()) b.close();
    this.buffers = new Map();
    clearTimeout(this.gathering);
    this.gathering = undefined;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
    this.source = undefined;
    this.filled = this.renewing = false;
    this.forget();
  }

  private failed(error: unknown): void {
    const now = Date.now();
    this.failures = [...this.failures.filter((t) => now - t < 30_000), now];
    this.owner.say("error", "NetStream.Play.Failed", wordsOf(error));
    this.teardown();
    this.over = this.failures.length > maxFailures;
    if (!this.over) this.owner.again();
  }

  restart(live: boolean, at: number | undefined): void {
    this.live = live;
    this.over = this.ending = false;
    this.filled = false;
    this.alone.clear();
    if (!this.source) {
      this.forget();
      return;
    }
    if (this.pending) this.forget();
    this.renewing = this.buffers.size > 0;
    for (const b of this.buffers.values()) b.restart(at ?? 0);
    this.jump(at ?? 0);
  }

  pause(): void {
    this.wanted = false;
    this.stop();
  }

  resume(): void {
    this.wanted = true;
    if (this.video.paused && this.filled) this.start();
    this.tick();
  }

  end(): void {
    this.ending = true;
    for (const b of this.buffers.values()) b.settle();
    for (const b of this.buffers.values()) b.pump();
    this.finish();
  }

  /** Says that nothing more comes, once all is there. */
  private finish(): void {
    if (!this.ending || this.live || this.source?.readyState !== "open") return;
    if (this.waits) return;
    this.ending = false;
    this.source.endOfStream();
    this.owner.say("status", "NetStream.Buffer.Flush", "all has come");
    this.tick();
  }

  close(): void {
    clearInterval(this.clock);
    for (const [name, ear] of this.ears) this.video.removeEventListener(name, ear);
    this.teardown();
    this.over = true;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** The buffered range around a time; one that begins right behind it counts. */
  private rangeAt(t: number, b = this.video.buffered): { start: number; end: number } | undefined {
    for (let i = 0; i < b.length; i++) if (t >= b.start(i) - 0.05 && t < b.end(i)) return { start: b.start(i), end: b.end(i) };
    return undefined;
  }

  private jump(t: number): void {
    this.jumped = t;
    this.video.currentTime = t;
  }

  /** Stops the element, which says so later. */
  private stop(): void {
    this.stopped ||= !this.video.paused;
    this.halted = true;
    this.video.pause();
  }

  private stood(): void {
    const { video, stopped } = this;
    this.stopped = false;
    // It stands as well where it has come to an end, or cannot decode.
    if (!stopped && this.wanted && video.paused && !video.ended && !video.error) this.owner.pausedByHand();
  }

  private sought(): void {
    const t = this.video.currentTime;
    if (Math.abs(t - this.jumped) < 0.01 || this.live || this.rangeAt(t) || !this.source) return;
    this.jumped = t;
    this.owner.soughtByHand(t);
  }

  private start(): void {
    // At an end, play begins with the beginning; and it has been one to a stream that was paused (see tick).
    if (this.video.ended) this.jump(this.video.currentTime);
    this.halted = false;
    this.video.play().catch((error: Error) => {
      if (error.name === "NotAllowedError") this.owner.blocked(error, true);
    });
  }

  private ended(): void {
    this.halted = true;
    this.dry();
  }

  private dry(): void {
    if (!this.filled) return;
    this.filled = false;
    this.owner.say("status", "NetStream.Buffer.Empty", "nothing is left to show");
  }

  private tick(): void {
    const { video, source } = this;
    this.owner.moved(video.currentTime);
    for (const b of this.buffers.values()) b.pump();
    if (!source || this.buffers.size === 0 || this.renewing) return;
    this.length(source);
    const t = video.currentTime;
    const range = this.rangeAt(t);
    // Browsers stop before the end of a range, as they want more to decode the last pictures with.
    const stands = t === this.at && !video.seeking && video.readyState < 3 && (!range || range.end - t < nearEnd);
    this.at = t;
    if (!range || stands) this.leapOver(range?.end ?? t);
    // One picture without sound is all there is of a paused stream's new place: an end lets the browser show it.
    if (!this.wanted && video.seeking && source.readyState === "open" && !this.waits && this.buffers.get("video")?.buffered.length) source.endOfStream();
    const ahead = range ? range.end - t : 0;
    const ended = source.readyState === "ended";
    if (this.filled && !video.seeking && (ahead < 0.05 || stands) && video.readyState < 3 && !ended) {
      this.dry();
      this.rate ??= video.playbackRate;
      video.playbackRate = 0; // until there is enough again
    } else if (!this.filled && range && (ahead >= this.owner.bufferTime || ended) && ahead > 0) {
      this.filled = true;
      this.owner.say("status", "NetStream.Buffer.Full", `${ahead.toFixed(2)} s are there`);
      if (this.rate !== undefined && video.playbackRate === 0) video.playbackRate = this.rate;
      this.rate = undefined;
      if (this.wanted && this.halted) this.start();
      // Nobody has seen anything yet that a leap would interrupt.
      if (this.live) this.chase(t, ahead, 0);
    } else if (this.live && this.filled && this.wanted) this.chase(t, ahead, leap);
    if ([...this.buffers.values()].some((b) => b.buffered.length > 0 && b.buffered.start(0) < t - maxPast)) this.makeRoom(false);
  }

  /** Moves over a gap: to where the next range begins, which is where a stream begins, too. */
  private leapOver(t: number): void {
    const b = this.video.buffered;
    for (let i = 0; i < b.length; i++) {
      if (b.start(i) <= t) continue;
      this.jump(b.start(i) + 0.001);
      return;
    }
  }

  /** Keeps a live stream at its present. */
  private chase(t: number, ahead: number, tolerated: number): void {
    const { bufferTime, bufferTimeMax: max } = this.owner;
    const late = max > 0 && ahead > Math.max(max, bufferTime);
    if (late && ahead > Math.max(max, bufferTime) + tolerated) this.jump(t + ahead - Math.max(bufferTime, 0.1));
    else if (late) this.video.playbackRate = faster;
    else if (this.video.playbackRate === faster && ahead < (bufferTime + max) / 2) this.video.playbackRate = 1;
  }

  /** Lets the past go. Where MSE has no room and there is no past, a live stream goes on with its present. */
  private makeRoom(now: boolean): void {
    const t = this.video.currentTime;
    const to = t - (now ? 1 : past);
    let some = false;
    for (const b of this.buffers.values()) {
      if (b.buffered.length === 0 || b.buffered.start(0) >= to) continue;
      some = true;
      b.remove(0, to);
    }
    if (now && !some && this.live) {
      this.owner.say("warning", "NetStream.Play.InsufficientBW", "the browser has no room for what comes: the stream goes on with its present");
      this.restart(true, undefined);
    }
  }

  private length(source: MediaSource): void {
    const { duration } = this;
    if (duration === undefined || this.live || source.readyState !== "open" || this.waits) return;
    if (Number.isFinite(source.duration) && source.duration >= duration) return;
    source.duration = Math.max(duration, ...[...this.buffers.values()].map(({ buffered: b }) => (b.length > 0 ? b.end(b.length - 1) : 0)));
  }
}
