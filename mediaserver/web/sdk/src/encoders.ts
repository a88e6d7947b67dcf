import { AudioPublisher, VideoPublisher, type AudioSettings, type AudioSource, type PublisherOwner, type VideoSettings, type VideoSource } from "./publisher.ts";

type Kind = "video" | "audio";
interface Attached<Source, Settings> {
  source: Source;
  settings: Settings;
}
/** What onMetaData says of each kind. */
const words = {
  video: ["width", "height", "framerate", "videodatarate", "videocodecid"],
  audio: ["audiosamplerate", "audiochannels", "audiodatarate", "audiocodecid"],
};

/** What a NetStream encodes: sources, which are attached at any time, and their encoders, which run while it publishes. */
export class Encoders {
  private readonly sources: { video?: Attached<VideoSource, VideoSettings> | undefined; audio?: Attached<AudioSource, AudioSettings> | undefined } = {};
  private video: VideoPublisher | undefined;
  private audio: AudioPublisher | undefined;
  /** What onMetaData says of it: width, height, framerate, videocodecid and the like. */
  values: Record<string, unknown> = {};
  /** Pictures that have gone out since publish. */
  frames = 0;
  /** Of publishers that others have taken the place of. */
  private left = 0;
  /** When publishing began, by the page's clock; undefined: it has not. */
  private began: number | undefined;

  /** @param owner describe is given all that onMetaData says */
  constructor(private readonly owner: PublisherOwner) {}

  /** Milliseconds since publishing began. */
  get now(): number {
    return this.began === undefined ? 0 : performance.now() - this.began;
  }
  /** Pictures that were left out. */
  get dropped(): number {
    return this.left + (this.video?.dropped ?? 0);
  }
  attachVideo(source: VideoSource | null, settings: VideoSettings): void {
    this.sources.video = source ? { source, settings } : undefined;
    this.start("video");
  }
  attachAudio(source: AudioSource | null, settings: AudioSettings): void {
    this.sources.audio = source ? { source, settings } : undefined;
    this.start("audio");
  }

  /** The server takes what comes: for the first time, or again on another connection, which knows nothing. */
  begin(): void {
    if (this.began === undefined) {
      this.began = performance.now();
      this.frames = this.left = 0;
      this.start("video", "audio");
      return;
    }
    this.describe();
    this.video?.announce();
    this.audio?.announce();
  }

  stop(): void {
    this.began = undefined;
    this.values = {};
    this.start("video", "audio");
  }

  /** Begins to encode what is attached, and ends what was. */
  private start(...kinds: Kind[]): void {
    if (kinds.includes("video")) this.left += this.video?.dropped ?? 0;
    for (const kind of kinds) {
      this[kind]?.stop();
      this[kind] = undefined;
      for (const word of words[kind]) delete this.values[word];
    }
    if (this.began === undefined) return;
    const { video, audio } = this.sources;
    try {
      if (kinds.includes("video") && video) this.video = new VideoPublisher(video.source, video.settings, this.hears, this.began);
      if (kinds.includes("audio") && audio) this.audio = new AudioPublisher(audio.source, audio.settings, this.hears, this.began);
    } catch (error) {
      this.owner.failed(error);
    }
    this.describe();
  }

  private readonly hears: PublisherOwner = {
    send: (kind, time, payload) => {
      if (!this.owner.send(kind, time, payload)) return false;
      if (kind === "video" && (payload[0]! & 15) !== 0) this.frames++; // 0: it configures a decoder
      return true;
    },
    waiting: () => this.owner.waiting(),
    failed: (error) => this.owner.failed(error),
    describe: (values) => {
      Object.assign(this.values, values);
      this.describe();
    },
  };

  /** Says what is published, to those who come later as well; of what a page encodes by itself nothing is known. */
  private describe(): void {
    const { video, audio } = this.sources;
    if (video || audio) this.owner.describe({ ...this.values, hasVideo: !!video, hasAudio: !!audio });
  }
}
