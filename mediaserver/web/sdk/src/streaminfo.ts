/**
 * What is known of a NetStream that plays or publishes, in the words of ActionScript's NetStreamInfo: since play or publish, of what
 * comes or of what goes out. What only one of them has is 0 in the other.
 */
export interface NetStreamInfo {
  /** tcUrl of the connection; undefined: there is none. */
  uri: string | undefined;
  /** The name that it plays or publishes, without its query; "": none. */
  resourceName: string;
  /** It is no recording. */
  isLive: boolean;
  /** Bytes of messages, headers not among them. */
  byteCount: number;
  videoByteCount: number;
  audioByteCount: number;
  dataByteCount: number;
  /** Bytes a second, of the last two seconds. */
  currentBytesPerSecond: number;
  videoBytesPerSecond: number;
  audioBytesPerSecond: number;
  dataBytesPerSecond: number;
  /** The most that it was. */
  maxBytesPerSecond: number;
  /** Bytes of sound and pictures in a second of the stream, whatever time they take to come. */
  playbackBytesPerSecond: number;
  /** Pictures that were left out: by a browser that does not decode them in time, or because the encoder or the network is behind. */
  droppedFrames: number;
  /** Pictures that have gone out. */
  videoFrameCount: number;
  /** Seconds of each that the display has from where it is. */
  videoBufferLength: number;
  audioBufferLength: number;
  /** Bytes that wait for the network. */
  bufferByteLength: number;
  /** Milliseconds to the server and back, smoothed; it is measured while this is asked for. 0: not yet. */
  SRTT: number;
  /** What onMetaData says: width, height, framerate, videocodecid and the like. */
  metaData: Record<string, unknown>;
}
