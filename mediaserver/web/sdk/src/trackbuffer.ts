import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";
import { Writer } from "./bytes.ts";
import { fragment, initSegment, type Sample } from "./fmp4.ts";
import { maxWaiting } from "./player.ts";

type Job = { init: MediaTrack } | { sample: Sample } | { from: number; to: number };

/** At once in one fragment: bytes, and frames. */
const maxBytes = 1 << 20;
const maxSamples = 256;
/** Milliseconds after which a picture is shown though the next has not come, and how long it then stands, in seconds. */
const patience = 250;
const stands = 1;
/** Sound that is off by less, in seconds, follows what was before: timestamps are whole milliseconds, and frames of sound are not. */
const jitter = 0.05;

/** What a TrackBuffer tells its player. */
export interface TrackBufferOwner {
  /** MSE has no room: something must go, and then pump() has to be called. */
  full(): void;
  failed(error: unknown): void;
  /** Nothing waits any more. */
  idle(): void;
}

/** Feeds one SourceBuffer with one kind of track: cuts fragments, sets times right, and waits while it is busy. */
export class TrackBuffer {
  private jobs: Job[] = [];
  private bytes = 0;
  private described: MediaTrack | undefined;
  private type: string;
  private number = 0;
  private held: Sample | undefined;
  private heldAt = 0;
  /** When the last picture is decoded that went on; the next is later. */
  private last = -1;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private distance: number;
  /** Where sound goes on, in its samples. */
  private next: number | undefined;
  /** Pictures wait for one that others may follow; since where they do. */
  private keyless: number | undefined;
  private started = false;
  private removing = false;
  /** Of sound without times of its own: where the next frame lies if nothing is said, in its samples, of which a second has so many. */
  private laid: number | undefined;
  private rate = 0;
  private over = false;
  /** What it was asked to begin with, in seconds. */
  private place = 0;

  constructor(
    private readonly buffer: SourceBuffer,
    first: MediaTrack,
    private readonly owner: TrackBufferOwner,
  ) {
    this.type = mimeType(first);
    this.distance = first.timescale / 30;
    buffer.addEventListener("updateend", () => {
      this.removing = false;
      this.pump();
    });
    buffer.addEventListener("error", () => this.owner.failed(new Error(`the browser does not understand the stream's ${first.kind} (${first.codec})`)));
  }

  /** Seconds that it has, as ranges. */
  get buffered(): TimeRanges {
    return this.buffer.buffered;
  }
  get waits(): boolean {
    return this.jobs.length > 0 || this.buffer.updating;
  }

  /** Takes a frame at a place in milliseconds. */
  frame(track: MediaTrack, p: MediaPacket, at: number): void {
    if (track.kind === "video" && !this.begins(p, at)) return;
    if (this.bytes > maxWaiting) {
      this.restart();
      this.owner.failed(new Error("the browser does not take what comes"));
      return;
    }
    if (track !== this.described) {
      this.settle();
      this.described = track;
      this.next = undefined;
      this.jobs.push({ init: track });
    }
    if (track.kind === "audio") this.sound(track, p, at);
    else this.picture(track, p, at);
    this.pump();
  }

  /** Whether decoding has begun, or begins with this picture. The server waits for a keyframe, and sends others where none comes. */
  private begins(p: MediaPacket, at: number): boolean {
    if (this.started) return true;
    this.keyless ??= at;
    this.started = p.key || at - this.keyless > 3000;
    return this.started;
  }

  private sound(track: MediaTrack, p: MediaPacket, at: number): void {
    let time = Math.max(0, Math.round((at * track.timescale) / 1000));
    if (this.next !== undefined && Math.abs(time - this.next) < jitter * track.timescale) time = this.next;
    const duration = track.samples(p.body) || Math.round(track.timescale / 50);
    this.next = time + duration;
    this.push({ time, duration, offset: 0, key: true, data: p.body });
  }

  /** A picture ends where the next begins, so it waits for that. */
  private picture(track: MediaTrack, p: MediaPacket, at: number): void {
    let time = Math.max(0, Math.round((at * track.timescale) / 1000));
    const before = this.held;
    // Behind a seek or a pause, pictures that others refer to lie at the place or before it: they are shown at once.
    if (before && at <= this.heldAt) before.offset = 0;
    time = Math.max(time, this.last + 1);
    if (before) this.ends(before, time - before.time, track);
    this.last = time;
    const unit = track.timescale / 1000;
    this.held = { time, duration: 0, offset: Math.max(p.offset * unit, -time), key: p.key || this.keyless === at, data: p.body };
    this.heldAt = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.settle();
      this.pump();
    }, patience);
  }

  private ends(sample: Sample, distance: number, track: MediaTrack): void {
    const gap = distance > 2 * track.timescale;
    if (!gap && distance > track.timescale / 1000) this.distance = distance;
    sample.duration = gap ? this.distance : distance;
    this.push(sample);
  }

  /** Lets the picture go that waits for the next. */
  settle(): void {
    clearTimeout(this.timer);
    if (!this.held) return;
    // A stream that is paused has one picture of the place, and the keyframe may be from before.
    const { timescale } = this.described!;
    this.held.duration = Math.max(stands * timescale, Math.round((this.place + 0.1) * timescale) - this.held.time);
    this.push(this.held);
    this.held = undefined;
  }

  private push(sample: Sample): void {
    this.jobs.push({ sample });
    this.bytes += sample.data.length;
  }

  /** Forgets what waits; what MSE has as well, where a place to begin with is given, in seconds. Pictures begin with the next key. */
  restart(place?: number): void {
    clearTimeout(this.timer);
    this.jobs = place === undefined ? [] : [{ from: 0, to: Infinity }];
    this.place = place ?? 0;
    this.bytes = 0;
    this.held = this.next = this.laid = this.described = this.keyless = undefined;
    this.started = false;
    this.last = -1;
    if (this.buffer.updating && !this.removing && !this.over) this.buffer.abort();
    this.pump();
  }

  /** Removes what lies between two times, in seconds, before anything else happens. */
  remove(from: number, to: number): void {
    this.jobs.unshift({ from, to });
    this.pump();
  }

  /** The buffer is gone. */
  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.jobs = [];
  }

  /** Does what waits, as far as the buffer takes it. */
  pump(): void {
    while (!this.over && !this.buffer.updating) {
      const job = this.jobs[0];
      if (!job) {
        this.owner.idle();
        return;
      }
      let taken = 1;
      try {
        if ("init" in job) this.begin(job.init);
        else if ("sample" in job) taken = this.append();
        else {
          this.buffer.remove(job.from, job.to);
          this.removing = true;
        }
      } catch (error) {
        if ((error as Error).name === "QuotaExceededError") this.owner.full();
        else this.owner.failed(error);
        return;
      }
      for (const done of this.jobs.splice(0, taken)) if ("sample" in done) this.bytes -= done.sample.data.length;
    }
  }

  private begin(track: MediaTrack): void {
    const type = mimeType(track);
    if (type !== this.type) this.buffer.changeType(type);
    this.type = type;
    this.laid = undefined;
    this.rate = track.timescale;
    if (type !== frames) this.buffer.appendBuffer(initSegment(track) as Uint8Array<ArrayBuffer>);
  }

  private append(): number {
    const samples: Sample[] = [];
    let bytes = 0;
    for (const job of this.jobs) {
      if (!("sample" in job) || samples.length === maxSamples || bytes > maxBytes) break;
      const last = samples.at(-1);
      // What has a gap before it has a fragment of its own, which says where it is.
      if (last && job.sample.time !== last.time + last.duration) break;
      samples.push(job.sample);
      bytes += job.sample.data.length;
    }
    if (this.type === frames) this.lay(samples);
    else this.buffer.appendBuffer(fragment(++this.number, samples) as Uint8Array<ArrayBuffer>);
    return samples.length;
  }

  /** Frames without times of their own follow one another, from where the buffer is told to begin. */
  private lay(samples: Sample[]): void {
    const { buffer, rate } = this;
    const { time } = samples[0]!;
    if (time !== this.laid) {
      buffer.abort(); // a frame that is looked for would keep the offset as it is
      buffer.timestampOffset = time / rate;
    }
    const last = samples.at(-1)!;
    this.laid = last.time + last.duration;
    const all = new Writer();
    for (const s of samples) all.put(s.data);
    buffer.appendBuffer(all.done() as Uint8Array<ArrayBuffer>);
  }
}

/** MP3 as it is, for browsers that do not take it in MP4. */
const frames = "audio/mpeg";

/** As addSourceBuffer has it. */
export function mimeType({ kind, codec }: Pick<MediaTrack, "kind" | "codec">): string {
  const type = `${kind}/mp4; codecs="${codec}"`;
  return codec === "mp3" && !sourceOf()?.isTypeSupported(type) ? frames : type;
}

/** MediaSource; Safari has another name for it on telephones. */
export function sourceOf(): typeof MediaSource | undefined {
  const all = globalThis as { MediaSource?: typeof MediaSource; ManagedMediaSource?: typeof MediaSource };
  return all.MediaSource ?? all.ManagedMediaSource;
}
