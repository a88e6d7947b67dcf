import type { MediaTrack } from "./codecstrings.ts";
import type { MediaPacket } from "./flvtags.ts";
import type { NetStreamInfo } from "./streaminfo.ts";

/** What is known of a player: how much it has of each kind, and how many pictures the browser has left out. */
export type Shown = Pick<NetStreamInfo, "videoBufferLength" | "audioBufferLength" | "droppedFrames">;

/** What shows a stream: a video element by MSE, or a canvas by WebCodecs. Places are milliseconds of the stream's Timeline. */
export interface Player {
  /** Seconds: where it is, and how much it has from there on. */
  readonly time: number;
  readonly bufferLength: number;
  readonly shown: Shown;
  /** Whether this browser shows a track in this way. */
  takes(track: MediaTrack): boolean;
  /** A frame of a track, which is another object when its configuration is another. */
  frame(track: MediaTrack, packet: MediaPacket, at: number): void;
  /** Forgets all it has: what comes next begins anew, at a time in seconds (undefined: wherever it is). */
  restart(live: boolean, at: number | undefined): void;
  pause(): void;
  resume(): void;
  /** Nothing comes until further notice: what it has is shown to its end. */
  end(): void;
  /** What the stream says of itself: seconds, where it has an end, and whether there are pictures and sound (undefined: who knows). */
  know(duration: number | undefined, video: boolean | undefined, audio: boolean | undefined): void;
  close(): void;
}

/** Whom a player tells what happens. */
export interface PlayerOwner {
  /** Seconds before it begins to play, and beyond which a live stream is played faster; 0: never. */
  readonly bufferTime: number;
  readonly bufferTimeMax: number;
  /** A status of the player's own: NetStream.Buffer.Full, .Empty and .Flush, NetStream.Play.Failed and the like. */
  say(level: string, code: string, description: string): void;
  /** The browser plays, or is not silent any more, when somebody has touched the page; until then nothing moves, where it is halted. */
  blocked(error: Error, halted: boolean): void;
  /** Somebody has used the element's controls. */
  pausedByHand(): void;
  resumedByHand(): void;
  soughtByHand(seconds: number): void;
  /** What it had is lost: it needs the stream again from where it is. */
  again(): void;
  /** Time has gone on. */
  moved(seconds: number): void;
}

/** How much may wait to be shown, in bytes: beyond it something is wrong, and waiting helps no more. */
export const maxWaiting = 32 << 20;
