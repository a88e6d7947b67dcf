/** Where pictures and sound to be published come from: a track, read frame by frame in whichever way the browser has. */

/** Ends reading. */
export type Stop = () => void;

/** Not in all browsers, nor in TypeScript's declarations. */
declare class MediaStreamTrackProcessor<T> {
  constructor(init: { track: MediaStreamTrack });
  readonly readable: ReadableStream<T>;
}
const hasProcessor = (): boolean => "MediaStreamTrackProcessor" in globalThis;

function process<T extends { close(): void }>(track: MediaStreamTrack, each: (frame: T) => void): Stop {
  const reader = new MediaStreamTrackProcessor<T>({ track }).readable.getReader();
  let over = false;
  const read = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (over) value?.close();
      if (done || over) return;
      each(value!);
    }
  };
  void read().catch(() => {});
  return () => {
    over = true;
    void reader.cancel().catch(() => {});
  };
}

/** Reads the pictures of a track; each is the reader's to close. */
export function readPictures(track: MediaStreamTrack, each: (frame: VideoFrame) => void): Stop {
  if (hasProcessor()) return process(track, each);
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  let over = false;
  const next = () => {
    if (over) return;
    if (video.videoWidth > 0) each(new VideoFrame(video, { timestamp: performance.now() * 1000 }));
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
  void video.play().catch(() => {});
  return () => {
    over = true;
    video.srcObject = null;
  };
}

/** Hands what comes to the page, 1024 samples at a time; it runs beside it, where sound is not to be held up. */
const worklet = `registerProcessor("flashpod-sound", class extends AudioWorkletProcessor {
  constructor() { super(); this.n = 0; }
  process([input]) {
    if (!input.length) return true;
    if (this.b?.length !== input.length) { this.b = input.map(() => new Float32Array(1024)); this.n = 0; }
    input.forEach((c, i) => this.b[i].set(c, this.n));
    this.n += input[0].length;
    if (this.n === 1024) { this.port.postMessage(this.b); this.n = 0; }
    return true;
  }
});`;

/** How long, in milliseconds, a browser may take to begin to process sound. */
const soundless = 10_000;

/** Reads the sound of a track; each piece is the reader's to close. */
export function readSound(track: MediaStreamTrack, each: (sound: AudioData) => void, failed: (error: unknown) => void): Stop {
  if (hasProcessor()) return process(track, each);
  const context = new AudioContext();
  const url = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
  let samples = 0;
  // It says nothing by itself, and may begin later.
  const late = setTimeout(() => context.state !== "running" && failed(new Error("the browser does not begin to process sound: nobody has touched the page, or no device plays any; pictures go out without it")), soundless);
  const begin = async (): Promise<void> => {
    await context.audioWorklet.addModule(url);
    const node = new AudioWorkletNode(context, "flashpod-sound", { numberOfOutputs: 0 });
    const origin = performance.now() * 1000;
    node.port.onmessage = ({ data }: MessageEvent<Float32Array[]>) => {
      const all = new Float32Array(data.length * 1024);
      data.forEach((channel, i) => all.set(channel, i * 1024));
      const { sampleRate } = context;
      const timestamp = origin + (samples * 1e6) / sampleRate;
      samples += 1024;
      each(new AudioData({ format: "f32-planar", sampleRate, numberOfFrames: 1024, numberOfChannels: data.length, timestamp, data: all }));
    };
    context.createMediaStreamSource(new MediaStream([track])).connect(node);
    await context.resume();
  };
  begin()
    .catch(failed)
    .finally(() => URL.revokeObjectURL(url));
  return () => {
    clearTimeout(late);
    void context.close().catch(() => {});
  };
}
