import { wordsOf } from "./emitter.ts";
import { missing } from "./capture.ts";
import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";
import { PictureOut } from "./pictureout.ts";
import { maxWaiting, type Player, type PlayerOwner, type Shown } from "./player.ts";
import { SoundOut } from "./soundout.ts";

type Frame = [track: MediaTrack, packet: MediaPacket, at: number];

/** Milliseconds after which a picture that is no key one begins, where none comes. */
const keyless = 3000;
/** Milliseconds of a gap in what comes that is leapt over. */
const gap = 1000;
/** How much sound is decoded before its time, in milliseconds. */
const early = 400;
/** How often decoders may fail before nobody is told any more. */
const maxFailures = 4;

/** Shows a stream on a canvas by WebCodecs, and plays its sound by Web Audio. */
export class CanvasPlayer implements Player {
  private pictures: Frame[] = [];
  private sounds: Frame[] = [];
  private bytes = 0;
  private begins: number | undefined;
  private started = false;
  private painted = false;
  private live = true;
  private wanted = true;
  private filled = false;
  private ending = false;
  private failures = 0;
  /** Where it is, in milliseconds, and when it was there by the page's clock; undefined: nothing has come yet. */
  private place: number | undefined;
  private since = 0;
  private rate = 1;
  private newest = 0;
  private readonly ends = { video: 0, audio: 0 };
  private request = 0;
  private readonly clock: ReturnType<typeof setInterval>;
  private readonly context: CanvasRenderingContext2D;
  private readonly picture = new PictureOut((error) => this.failed(error));
  private readonly sound: SoundOut;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly owner: PlayerOwner,
  ) {
    if (!("VideoDecoder" in globalThis)) throw missing("playing to a canvas", "VideoDecoder (WebCodecs)");
    this.context = canvas.getContext("2d")!;
    this.sound = new SoundOut({
      due: (at) => (this.runs ? (at - this.now) / 1000 / this.rate : undefined),
      rate: () => this.rate,
      blocked: (error) => owner.blocked(error, false),
      failed: (error) => this.failed(error),
    });
    const draw = () => {
      this.request = requestAnimationFrame(draw);
      this.tick();
    };
    draw();
    // A page that is not seen is not painted, and goes on all the same.
    this.clock = setInterval(() => this.tick(), 100);
  }

  private get runs(): boolean {
    return this.wanted && this.filled;
  }
  private get now(): number {
    return (this.place ?? 0) + (this.runs ? (performance.now() - this.since) * this.rate : 0);
  }
  get time(): number {
    return this.now / 1000;
  }
  get bufferLength(): number {
    return this.until(this.newest);
  }

  get shown(): Shown {
    return { videoBufferLength: this.until(this.ends.video), audioBufferLength: this.until(this.ends.audio), droppedFrames: this.picture.dropped };
  }
  private until(end: number): number {
    return this.place === undefined ? 0 : Math.max(0, end - this.now) / 1000;
  }

  /** What a decoder does not take it says when it is asked. */
  takes(track: MediaTrack): boolean {
    return track.kind === "video" || "AudioDecoder" in globalThis;
  }

  know(): void {}

  frame(...of: Frame): void {
    const [track, packet, at] = of;
    this.ending = false;
    if (track.kind === "video" && !this.started) {
      this.begins ??= at;
      if (!packet.key && at - this.begins < keyless) return;
      this.started = true;
    }
    if (this.bytes > maxWaiting) {
      this.owner.say("warning", "NetStream.Play.InsufficientBW", "more comes than is shown: the stream goes on with its present");
      this.restart(this.live, undefined);
      return;
    }
    this.place ??= at;
    this.newest = Math.max(this.newest, at);
    this.ends[track.kind] = at;
    (track.kind === "video" ? this.pictures : this.sounds).push(of);
    this.bytes += packet.body.length;
  }

  restart(live: boolean, at: number | undefined): void {
    this.live = live;
    this.pictures = [];
    this.sounds = [];
    this.bytes = 0;
    this.begins = undefined;
    this.started = this.painted = this.filled = this.ending = false;
    this.picture.stop();
    this.sound.stop();
    this.place = at === undefined ? undefined : at * 1000;
    this.newest = this.place ?? 0;
    this.rate = 1;
  }

  pause(): void {
    if (this.place !== undefined) this.set(this.now);
    this.wanted = false;
    this.sound.stop();
  }

  resume(): void {
    if (!this.wanted && this.place !== undefined) this.set(this.place);
    this.wanted = true;
    this.sound.wake();
  }

  end(): void {
    if (!this.ending && !this.live) this.owner.say("status", "NetStream.Buffer.Flush", "all has come");
    this.ending = true;
  }

  close(): void {
    clearInterval(this.clock);
    cancelAnimationFrame(this.request);
    this.restart(true, undefined);
    this.sound.close();
  }

  private failed(error: unknown): void {
    // The next key picture begins with another decoder.
    this.started = false;
    this.begins = Infinity;
    this.pictures = [];
    if (++this.failures <= maxFailures) this.owner.say("error", "NetStream.Play.Failed", wordsOf(error));
  }

  /** Sets the clock. */
  private set(place: number): void {
    this.place = place;
    this.since = performance.now();
  }

  private tick(): void {
    if (this.place === undefined) return;
    this.buffering();
    const { now } = this;
    while (this.pictures[0] && this.picture.room) this.picture.frame(...this.next(this.pictures));
    while (this.sounds[0] && this.runs && this.sounds[0][2] < now + early) this.sound.frame(...this.next(this.sounds));
    // A decoder keeps some until it knows that there are no more.
    if (this.pictures.length === 0 && (this.ending || !(this.painted || this.wanted))) this.picture.flush();
    this.show(now);
    this.owner.moved(now / 1000);
  }

  private next(of: Frame[]): Frame {
    const frame = of.shift()!;
    this.bytes -= frame[1].body.length;
    return frame;
  }

  /** Begins when there is enough, and stops when there is nothing. */
  private buffering(): void {
    const ahead = (this.newest - this.now) / 1000;
    if (!this.filled) {
      if (ahead <= 0 || (ahead < this.owner.bufferTime && !this.ending)) return;
      this.set(this.place!);
      this.filled = true;
      this.owner.say("status", "NetStream.Buffer.Full", `${ahead.toFixed(2)} s are there`);
      // Nobody has seen anything yet that a leap would interrupt.
      this.chase(ahead, 0);
    } else if (ahead <= 0) {
      this.set(this.newest);
      this.filled = false;
      this.owner.say("status", "NetStream.Buffer.Empty", "nothing is left to show");
    } else if (this.wanted) this.chase(ahead, 3);
  }

  /** Leaps over a gap, and keeps a live stream at its present. */
  private chase(ahead: number, tolerated: number): void {
    const { bufferTime, bufferTimeMax: max } = this.owner;
    const first = Math.min(this.pictures[0]?.[2] ?? Infinity, this.sounds[0]?.[2] ?? Infinity);
    if (this.picture.empty && first < Infinity && first - this.now > gap) this.leap(first);
    else if (!this.live || max <= 0) return;
    else if (ahead > Math.max(max, bufferTime) + tolerated) this.leap(this.newest - Math.max(bufferTime, 0.1) * 1000);
    else if (ahead > Math.max(max, bufferTime)) this.speed(1.1);
    else if (ahead < (bufferTime + max) / 2) this.speed(1);
  }

  private leap(to: number): void {
    this.set(to);
    this.sound.stop();
  }

  private speed(rate: number): void {
    if (rate === this.rate) return;
    this.set(this.now);
    this.rate = rate;
  }

  /** Paints the last picture that is due; the first one of a new place is. */
  private show(now: number): void {
    const due = this.picture.take(now, !this.painted);
    if (!due) return;
    const { canvas } = this;
    this.painted = true;
    if (canvas.width !== due.displayWidth || canvas.height !== due.displayHeight) {
      canvas.width = due.displayWidth;
      canvas.height = due.displayHeight;
    }
    this.context.drawImage(due, 0, 0, canvas.width, canvas.height);
    due.close();
  }
}
