/** @flashpod/client: written from mediaserver/web/sdk/src. */

/** Decodes the AMF0 values of one message, which may refer to one another. The parts of it that are AMF3 share one set of tables. */
declare class AMF0Decoder {
    private readonly from;
    private amf3;
    private readonly objects;
    private readonly allowance;
    private spent;
    constructor(from: Reader);
    /** Begins new tables of AMF3: those of a shared object's message are a value's. */
    restart(): this;
    private count;
    private name;
    private long;
    /** All values up to the end. */
    all(): unknown[];
    value(depth?: number): unknown;
    private hold;
    private strict;
    private properties;
}
/** Encodes the values of one message: what is met again is a reference, and what AMF0 cannot say is AMF3 behind its marker. */
declare class AMF0Encoder {
    readonly to: Writer;
    private readonly objects;
    private amf3;
    constructor(to: Writer);
    /** Begins new tables of AMF3, as AMF0Decoder does. */
    restart(): this;
    private switched;
    /** A value as AMF3 behind its marker, or, when it is a word, a number or the like, as AMF0. */
    value3(v: unknown): void;
    value(v: unknown, depth?: number): void;
    private string;
    private object;
    private array;
    private properties;
}
/** Values as AMF0 bytes, one after another; of AMF3 where AMF0 has no word for one. */
declare function encodeAMF0(...values: unknown[]): Uint8Array;
/** All AMF0 values that bytes hold. */
declare function decodeAMF0(bytes: Uint8Array): unknown[];
/** One value as AMF3 bytes, as ByteArray.writeObject had it. */
declare function encodeAMF3(value: unknown): Uint8Array;
/** The AMF3 value that bytes begin with. */
declare function decodeAMF3(bytes: Uint8Array): unknown;

/** Nesting that is read and written; real values have a handful of levels. */
declare const maxDepth = 64;
/** What decoding may still make: a reference costs a byte, and stands for a value that counts each time. */
declare class Allowance {
    private left;
    count(bytes?: number): void;
}
/** Decodes one AMF3 value and what it refers to; the tables begin anew with each. */
declare class AMF3Decoder {
    private readonly from;
    private readonly allowance;
    private readonly strings;
    private readonly objects;
    private readonly traits;
    private spent;
    constructor(from: Reader, allowance?: Allowance);
    private count;
    private u29;
    private string;
    value(depth?: number): unknown;
    /** Gives a value its place in the table before what it holds is read; a reference to it costs what it has cost. */
    private hold;
    private complex;
    /** A stranger's number of elements: more than there are bytes left is a lie. */
    private fits;
    private array;
    private named;
    private object;
    private traitsOf;
    private objectVector;
    private dictionary;
    private numbers;
}
/** Encodes one AMF3 value; what is met again is a reference. */
declare class AMF3Encoder {
    private readonly to;
    private readonly strings;
    private readonly objects;
    private readonly traits;
    constructor(to: Writer);
    private u29;
    private string;
    private bytes;
    value(v: unknown, depth?: number): void;
    private object;
    private vector;
    private array;
    private named;
    private map;
    private numbers;
    /** All objects are dynamic: traits are a class name. */
    private properties;
}
/** Values that AMF0 has no marker for. */
declare const onlyAMF3: (v: object) => boolean;

/** What is answered by a status. */
type Asked = "play" | "publish" | "unpublish" | "pause" | "seek";
/** Commands of a NetStream that wait for the status which answers them: one of each kind. */
declare class Answers {
    private readonly waiting;
    /** Waits; what was asked before and is not answered yet is given up. */
    wait(what: Asked, name?: string): Promise<StatusInfo>;
    /** It has happened; what another stream's play had is not for this one's. */
    resolve(what: Asked, info: StatusInfo): void;
    reject(what: Asked, info: StatusInfo): void;
    /** None of them is answered any more. */
    rejectAll(reason: string): void;
}

/** Reads bits, the highest of each byte first. */
declare class BitReader {
    private readonly bytes;
    private at;
    constructor(bytes: Uint8Array);
    /** The next n bits, 32 at most. */
    read(n: number): number;
    flag(): boolean;
    skip(n: number): this;
    /** A number as H.264 and H.265 have them, ue(v) [ISO/IEC 14496-10 §9.1]. AV1's uvlc() is the same. */
    golomb(): number;
    /** A number with a sign, se(v). */
    signedGolomb(): number;
}

/** Bytes in network order. What is read comes from strangers: reading past the end throws, and nothing is allocated because a number says so. */
/** What a peer sent cannot be understood. */
declare class WireError extends Error {
    name: string;
}
/** Reads big endian values from a piece of memory, which it does not copy. */
declare class Reader {
    readonly bytes: Uint8Array;
    at: number;
    private readonly view;
    constructor(bytes: Uint8Array);
    /** Bytes that are left. */
    get left(): number;
    /** Moves over n bytes and says where they begin. */
    private step;
    u8(): number;
    u16(): number;
    u24(): number;
    u32(): number;
    i32(): number;
    f64(): number;
    /** The next n bytes, in place. */
    take(n: number): Uint8Array;
    /** n bytes of UTF-8; what is not UTF-8 becomes U+FFFD. */
    text(n: number): string;
}
/** Writes big endian values into memory that grows. */
declare class Writer {
    private buffer;
    private view;
    /** Bytes written. */
    length: number;
    /** @param room bytes that there is memory for at first */
    constructor(room?: number);
    private step;
    u8(n: number): this;
    u16(n: number): this;
    u24(n: number): this;
    u32(n: number): this;
    /** Writes over what stands at a place. */
    set32(at: number, n: number): void;
    f64(n: number): this;
    put(b: ArrayLike<number>): this;
    /** UTF-8 behind its length in 16 bits; longer text is an error. */
    text16(s: string): this;
    /** Leaves room for a length in 32 bits, which is that of what body writes. */
    sized32(body: () => void): this;
    /** All that was written: memory of its own. */
    done(): Uint8Array;
}
declare const utf8: (s: string) => Uint8Array;
/** One piece of memory that holds all parts. */
declare function concat(parts: readonly Uint8Array[]): Uint8Array;

/** Why something of this browser cannot be used: most often because the page has not come by HTTPS. */
declare function missing(what: string, name: string): TypeError;
/** A camera, once its owner has agreed: a track for NetStream.attachCamera. Away from localhost the page must come by HTTPS. */
declare function getCamera(constraints?: MediaTrackConstraints): Promise<MediaStreamTrack>;
/** A microphone, once its owner has agreed: a track for NetStream.attachAudio. Away from localhost the page must come by HTTPS. */
declare function getMicrophone(constraints?: MediaTrackConstraints): Promise<MediaStreamTrack>;

/** One message of RTMP. */
interface Message {
    type: number;
    /** Message stream id: 0 is the connection's, others are NetStreams'. */
    stream: number;
    /** Milliseconds, 32 bits. */
    time: number;
    body: Uint8Array;
}
/** Message types [RTMP 1.0 §5.4, §7.1]. */
declare const Type: {
    readonly SetChunkSize: 1;
    readonly Abort: 2;
    readonly Acknowledgement: 3;
    readonly UserControl: 4;
    readonly WindowSize: 5;
    readonly PeerBandwidth: 6;
    readonly Audio: 8;
    readonly Video: 9;
    readonly Data3: 15;
    readonly SharedObject3: 16;
    readonly Command3: 17;
    readonly Data0: 18;
    readonly SharedObject0: 19;
    readonly Command0: 20;
    readonly Aggregate: 22;
};
/** Makes messages of the chunks of a peer, however they are cut. */
declare class ChunkReader {
    private readonly onMessage;
    private size;
    private readonly streams;
    private held;
    private pending;
    /** The chunk whose bytes come now, and how many of them are missing. */
    private current;
    private missing;
    constructor(onMessage: (m: Message) => void);
    /** Bytes of a chunk from now on. */
    setChunkSize(n: number): void;
    /** Forgets a message that has come in part. */
    abort(id: number): void;
    private forget;
    /** Takes what has come. Messages are handed out while it runs. */
    feed(bytes: Uint8Array): void;
    /** Copies what has come of a message. Memory grows as bytes come, not as a header says. */
    private take;
    private chunkEnds;
    /** Takes a chunk's header, and says how long it is; 0: it is not all there. */
    private header;
}
/** Cuts messages into chunks. Each message has a full header: absolute times cost a few bytes and cannot be misunderstood. */
declare class ChunkWriter {
    private size;
    setChunkSize(n: number): void;
    /** The bytes of a message on a chunk stream from 2 to 63. */
    write(id: number, m: Message): Uint8Array;
}
/** Takes an aggregate message apart: FLV tags one behind another, with times that the message's own sets right [RTMP 1.0 §7.1.6]. */
declare function split(m: Message, each: (m: Message) => void): void;

/** Whether MSE plays a codec string. */
declare function plays(kind: "video" | "audio", codec: string): boolean;
/**
 * What connect says of codecs [Enhanced RTMP v2, "Enhancing NetConnection connect Command"]: those that this browser decodes; all that
 * we know, where nothing decodes any (Node.js).
 */
declare function playable(): object;

/** One track of sound or pictures, as its configuration and first frame describe it. */
interface MediaTrack {
    kind: "video" | "audio";
    /** As in MediaPacket. */
    fourcc: string;
    /** "avc1.64001f" and the like. */
    codec: string;
    /** Units of a second: those of sound are its samples. */
    timescale: number;
    width: number;
    height: number;
    channels: number;
    /** Of the box that has the decoder's configuration, and what is in it. */
    box: string;
    config: Uint8Array;
    /** What WebCodecs wants to know besides; undefined: nothing. */
    description: Uint8Array | undefined;
    /** Samples of a frame of sound. */
    samples(frame: Uint8Array): number;
}
/**
 * Describes a track.
 *
 * @param config what the sequence start had; empty: there was none
 * @param first the first frame, a key one
 * @returns undefined for a codec that nothing here can show
 * @throws WireError when they cannot be understood
 */
declare function describeTrack(kind: "video" | "audio", fourcc: string, config: Uint8Array, first: Uint8Array): MediaTrack | undefined;
/** An identification header for sound of one or two channels. */
declare function opusHead(channels: number, skip?: number): Uint8Array;
/** Samples of a packet, at 48 kHz [RFC 6716 §3.1]. */
declare function opusSamples(packet: Uint8Array): number;

/** Events by name, typed by what their listeners are given. A listener that throws is reported and disturbs nobody. */
declare class Emitter<Events extends {
    [K in keyof Events]: unknown[];
}> {
    private readonly listeners;
    /** Has a function called at each event of the name; the function that is returned ends that. */
    on<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void;
    /** As on, for the next event alone. */
    once<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void;
    /** Ends what on began. */
    off<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): void;
    protected emit<K extends keyof Events>(name: K, ...args: Events[K]): void;
}
/** What an error says, for people. */
declare const wordsOf: (error: unknown) => string;
/** Tells the page of an error in its own code, as an uncaught one. */
declare function report(error: unknown): void;
/** Functions that the other side may call by name. */
type Handlers = Record<string, unknown>;
/**
 * Finds what `path` names below an object of handlers, "." and "/" between names, with what it is a method of. What every object has
 * from the language (toString and the like) is not to be called from outside.
 */
declare function findHandler(client: object, path: string): ((...args: unknown[]) => unknown) | undefined;

/** What a NetStream encodes: sources, which are attached at any time, and their encoders, which run while it publishes. */
declare class Encoders {
    private readonly owner;
    private readonly sources;
    private video;
    private audio;
    /** What onMetaData says of it: width, height, framerate, videocodecid and the like. */
    values: Record<string, unknown>;
    /** Pictures that have gone out since publish. */
    frames: number;
    /** Of publishers that others have taken the place of. */
    private left;
    /** When publishing began, by the page's clock; undefined: it has not. */
    private began;
    /** @param owner describe is given all that onMetaData says */
    constructor(owner: PublisherOwner);
    /** Milliseconds since publishing began. */
    get now(): number;
    /** Pictures that were left out. */
    get dropped(): number;
    attachVideo(source: VideoSource | null, settings: VideoSettings): void;
    attachAudio(source: AudioSource | null, settings: AudioSettings): void;
    /** The server takes what comes: for the first time, or again on another connection, which knows nothing. */
    begin(): void;
    stop(): void;
    /** Begins to encode what is attached, and ends what was. */
    private start;
    private readonly hears;
    /** Says what is published, to those who come later as well; of what a page encodes by itself nothing is known. */
    private describe;
}

declare const kinds: readonly ["video", "audio", "data"];
type Counted = (typeof kinds)[number];
type Flows = Pick<NetStreamInfo, "byteCount" | `${Counted}ByteCount` | `${"current" | Counted | "max" | "playback"}BytesPerSecond`>;
/** Counts the bytes of a stream by their kind, and how fast they come or go. */
declare class Flow {
    private readonly reached;
    private readonly now;
    private marks;
    private next;
    private most;
    /** @param reached says where the stream is, in seconds */
    constructor(reached: () => number);
    add(kind: Counted, bytes: number): void;
    private look;
    get info(): Flows;
}

/** What a message of sound or pictures carries, in the form of Adobe's time or in that of Enhanced RTMP. */
interface MediaPacket {
    kind: "video" | "audio";
    /** FourCC as Enhanced RTMP has them: avc1, hvc1, av01, vp09, mp4a, Opus, .mp3; of older codecs their number, behind "flv". */
    codec: string;
    /** config: what a decoder must have before frames; other: nothing that is shown. */
    type: "config" | "frames" | "end" | "other";
    /** Decoding may begin with it; of sound, always. */
    key: boolean;
    /** Milliseconds from when it is decoded to when it is shown. */
    offset: number;
    /** The codec's own bytes, in place. */
    body: Uint8Array;
}
/** Takes the payload of a message of pictures apart [FLV §E.4.3.1; Enhanced RTMP v2, "Enhanced Video"]. */
declare function parseVideo(payload: Uint8Array): MediaPacket;
/** Takes the payload of a message of sound apart; an empty one is silence, and nothing. */
declare function parseAudio(payload: Uint8Array): MediaPacket;
/** The payload of a message of pictures of Enhanced RTMP; frames are shown when they are decoded. */
declare function videoPayload(codec: string, type: "config" | "frames" | "end", key: boolean, body: Uint8Array): Uint8Array;
/** The payload of a message of sound of Enhanced RTMP. */
declare function audioPayload(codec: string, type: "config" | "frames" | "end", body: Uint8Array): Uint8Array;

/** One frame, its times in the track's units. */
interface Sample {
    /** When it is decoded. */
    time: number;
    duration: number;
    /** From when it is decoded to when it is shown. */
    offset: number;
    key: boolean;
    data: Uint8Array;
}
/** What goes before a track's fragments. */
declare function initSegment(t: MediaTrack): Uint8Array;
/** A movie fragment: frames one behind another, each ending where the next begins. */
declare function fragment(number: number, samples: readonly Sample[]): Uint8Array;

/** What a connection tells the NetConnection that it belongs to. */
interface LinkOwner {
    /** A call of the server's; what is returned answers it. */
    called(name: string, args: unknown[]): unknown;
    /** onStatus of the connection itself. */
    said(link: Link, info: StatusInfo): void;
    /** A message of a stream, or of a shared object. */
    message(link: Link, m: Message): void;
    /** A command of a stream. */
    command(stream: number, name: string, args: unknown[]): void;
    control(event: number, stream: number): void;
    closed(link: Link, reason: string): void;
}
/** One connection from its socket to its end: commands, and answers by transaction. */
declare class Link {
    readonly address: Address;
    private readonly owner;
    readonly encoding: 0 | 3;
    readonly wire: Wire;
    private readonly waiting;
    private transaction;
    private readonly ready;
    /** Why it has ended; undefined: it has not. */
    ended: string | undefined;
    /** The server has asked for the end: nobody comes back. */
    dismissed: boolean;
    private leaving;
    constructor(address: Address, owner: LinkOwner, encoding: 0 | 3, transport: Transport);
    /** Whether calls wait for an answer. */
    get busy(): boolean;
    send(chunkStream: number, m: Message): void;
    sendControl(event: number, ...numbers: number[]): void;
    close(reason: string): void;
    private end;
    /** Says connect, and returns what answers it: properties and information. */
    connect(properties: object, args: unknown[], timeout: number): Promise<StatusInfo>;
    /** Calls a method of the server's, and returns all that answers it. */
    request(name: string, args: unknown[], object?: unknown): Promise<unknown[]>;
    /** Sends a command, in the connection's encoding. */
    command(stream: number, name: string, transaction: number, object: unknown, args: unknown[]): void;
    private say;
    private take;
    private invoked;
    private answered;
    /** Has the owner do what the server calls, and says what came of it. */
    private answer;
}
/** The chunk stream for messages of a type: each NetStream has its own for commands, sound, pictures and data. */
declare function chunkStreamOf(stream: number, type: number): number;

/** How a lost connection is made again. Delays are milliseconds; each is drawn between half of itself and all. */
interface ReconnectOptions {
    /** Before the first attempt; it doubles with each. Default 500. */
    minDelay?: number;
    /** Default 30,000. */
    maxDelay?: number;
    /** How many in a row; default Infinity. */
    attempts?: number;
}
/** What a NetConnection is made with. */
interface NetConnectionOptions {
    /** How values travel: 3 is ActionScript 3's AMF3, 0 what old players and servers know. Default 3. */
    objectEncoding?: 0 | 3;
    /** Whether a lost connection is made again, with its streams and shared objects. Default true. */
    reconnect?: boolean | ReconnectOptions;
    /** Milliseconds that connect may take, the script's decision among them. Default 45,000. */
    timeout?: number;
    /** Carries the bytes; default: a WebSocket to the address. */
    transport?: (address: Address) => Transport;
}
/** Events of a NetConnection, with what listeners are given. */
interface NetConnectionEvents {
    /**
     * As onStatus of ActionScript: NetConnection.Connect.Success, .Closed, .Failed, .Rejected, .AppShutdown, and what the server says. Of
     * .Closed, `info.dismissed` is that the server has sent the page away: the connection is not made again.
     */
    netStatus: [info: StatusInfo];
    /** A lost connection will be tried again: which attempt, counted from 1, and in how many milliseconds. */
    reconnecting: [attempt: number, delay: number];
}
/** What lives on a connection and comes back with it. */
interface Attached {
    /** There is a connection, and its messages may be sent. */
    attached(link: Link): void;
    /** There is none any more. */
    detached(reason: string): void;
}
/** A stream, as its connection sees it. */
interface StreamListener {
    command(name: string, args: unknown[]): void;
    message(m: Message): void;
    control(event: number): void;
}
/**
 * The connection to an instance of an application.
 *
 * ```js
 * const nc = new NetConnection();
 * nc.client = { greet: (name) => `hello ${name}` };   // the server may call it
 * nc.on("netStatus", (info) => console.log(info.code));
 * await nc.connect("wss://media.example.org/chat/lobby", "my name");
 * const sum = await nc.call("add", 2, 3);
 * ```
 */
declare class NetConnection extends Emitter<NetConnectionEvents> {
    /** Methods that the server may call, by name or path; an answer may be a promise. */
    client: object;
    /** See NetConnectionOptions. It holds for the next connect. */
    objectEncoding: 0 | 3;
    private readonly options;
    private readonly handlers;
    private readonly attachments;
    private readonly streams;
    private readonly objects;
    private link;
    private target;
    /** Counts connects and closes: what belongs to an earlier one is not for us. */
    private era;
    private retry;
    /** A connection is being made beside the one there is, or in its place. */
    private opening;
    constructor(options?: NetConnectionOptions);
    /** Whether connect has succeeded and the connection stands. */
    get connected(): boolean;
    /** tcUrl of the application; undefined before connect. SharedObject.getRemote takes it, and needs it not. */
    get uri(): string | undefined;
    /**
     * Connects to an instance: `wss://host/application/instance`, or `/application/instance` on the host of the page (see parseURL).
     * What follows goes to the script's application.onConnect behind the client.
     *
     * @returns what the server says of itself; its code is NetConnection.Connect.Success
     * @throws StatusError, which netStatus tells as well: .Rejected, with `info.application` from the script, or .Failed
     */
    connect(url: string, ...args: unknown[]): Promise<StatusInfo>;
    /** Calls a method of the script's, and returns what it returns. Rejects with a StatusError: NetConnection.Call.Failed, most often. */
    call<T = unknown>(name: string, ...args: unknown[]): Promise<T>;
    /** Calls a method and asks for no answer. It throws where there is no connection. */
    notify(name: string, ...args: unknown[]): void;
    /** Has a function called when the server calls a name; it goes before `client`'s method. undefined takes it back. */
    handle<A extends unknown[]>(name: string, handler: ((...args: A) => unknown) | undefined): void;
    /** Ends the connection, and attempts to make one. */
    close(): void;
    private mustLink;
    /** Makes a connection and takes it into use; the one before serves until then. */
    private open;
    private use;
    private readonly owner;
    private deliver;
    private called;
    /** Tries again, after a while that grows. */
    private again;
    /** Follows a ReconnectRequest [Enhanced RTMP v2, "Reconnect Request"]: the old server serves until the new one does. */
    private move;
}

/** A message of a stream as it is on the wire: the payload of an FLV tag, and its time in milliseconds. */
interface MediaMessage {
    kind: "audio" | "video" | "data";
    time: number;
    payload: Uint8Array;
}
/** Events of a NetStream, with what listeners are given. */
interface NetStreamEvents {
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
type PublishType = "live" | "record" | "append" | "appendWithGap";
/**
 * A stream of a connection, which plays or publishes.
 *
 * ```js
 * const ns = new NetStream(nc);
 * ns.attachDisplay(document.querySelector("video"));
 * await ns.play("lobby");
 * ```
 */
declare class NetStream extends Emitter<NetStreamEvents> implements Attached {
    private readonly nc;
    /** Methods that the publisher's `send` may call. */
    client: object;
    /**
     * Seconds that a live stream may be late before it is played faster, and three more before it leaps to its present; 0: it may be as late
     * as it likes. Default 1.5.
     */
    bufferTimeMax: number;
    private readonly handlers;
    private readonly answers;
    private task;
    private link;
    private opened;
    private id;
    private buffer;
    private isPaused;
    private recorded;
    private announced;
    private sought;
    private values;
    private readonly viewer;
    private flow;
    private over;
    constructor(nc: NetConnection);
    /**
     * Plays a stream of the instance, in the display that attachDisplay has named. The promise has NetStream.Play.Start; a live stream
     * that nobody publishes yet is waited for behind it. `false` stops.
     *
     * @param start seconds of a recording; -2: live if somebody publishes it, else recorded, else live as soon as somebody does; -1: live
     * @param length seconds; -1: all
     * @param reset false: behind what plays already; then the promise says that it was sent
     * @throws StatusError NetStream.Play.StreamNotFound, .Play.Failed and the like
     */
    play(name: string | false, start?: number, length?: number, reset?: boolean | 0 | 1 | 2 | 3): Promise<StatusInfo>;
    /**
     * Shows what plays in a video element (by Media Source Extensions), on a canvas (by WebCodecs, which are for pages that come by HTTPS
     * or from localhost), or nowhere. It may be called before play or at any time. A video element's own controls pause, resume and, in a
     * recording, seek the stream; a canvas takes the size of the pictures.
     */
    attachDisplay(display: HTMLVideoElement | HTMLCanvasElement | null): void;
    /** Holds a stream. A live one goes on meanwhile, elsewhere. */
    pause(): Promise<void>;
    /** Goes on: a recording where it was, a live stream at its present. It is also the answer to `blocked`, from a click. */
    resume(): Promise<void>;
    /** Pauses or resumes. */
    togglePause(): Promise<void>;
    /** Whether it was paused. */
    get paused(): boolean;
    private hold;
    /** Goes to a time of a recording, in seconds. Throws NetStream.Seek.Failed where the stream is live. */
    seek(seconds: number): Promise<void>;
    /** Whether sound is sent at all, from now on. */
    receiveAudio(wanted: boolean): Promise<void>;
    /** Whether pictures are sent at all, from now on. */
    receiveVideo(wanted: boolean): Promise<void>;
    /** Seconds: where the display is. */
    get time(): number;
    /** Seconds that the display has before it runs dry. */
    get bufferLength(): number;
    /** Seconds that there must be before playing begins, and begins again. Default 0.3. */
    get bufferTime(): number;
    set bufferTime(seconds: number);
    /** What onMetaData has said last. */
    get metaData(): Record<string, unknown>;
    private sayBuffer;
    private readonly owner;
    /**
     * Publishes under a name. `false` ends it, and the promise has NetStream.Unpublish.Success then: what was recorded is written.
     *
     * @throws StatusError NetStream.Publish.BadName: somebody publishes it already, or we may not
     */
    publish(name: string | false, type?: PublishType): Promise<StatusInfo>;
    /**
     * Calls a method on all who play, who have it in `client` or by `handle`; it is recorded with the rest. `@setDataFrame` and a name
     * before the values has it called on those who come later, too.
     */
    send(handler: string, ...args: unknown[]): void;
    /** Publishes a message that is made already: the payload of an FLV tag, of whatever codec. */
    sendMedia({ kind, time, payload }: MediaMessage): void;
    /** Returns whether there is a connection. */
    private write;
    /**
     * Publishes pictures, now or as soon as a name is published: a camera (see getCamera), a screen, a canvas. null ends it. Encoding needs
     * WebCodecs, and so a page that has come by HTTPS or from localhost; a TypeError says what is missing.
     */
    attachCamera(source: VideoSource | null, settings?: VideoSettings): void;
    /** Publishes sound, as attachCamera does pictures: a microphone (see getMicrophone), or any other track. */
    attachAudio(source: AudioSource | null, settings?: AudioSettings): void;
    /** Pictures that were left out because the encoder, the network or, where it plays, the browser was too slow. */
    get droppedFrames(): number;
    /** What has come or gone out since play or publish, how fast, and how it is now. */
    get info(): NetStreamInfo;
    private readonly encoders;
    /** Has a function called when the publisher sends a name; it goes before client's method. undefined takes it back. */
    handle<A extends unknown[]>(name: string, handler: ((...args: A) => void) | undefined): void;
    /** Ends what it does; it may play or publish something else then. */
    close(): void;
    /** Ends it for good, and gives back all that it has. */
    dispose(): void;
    /** Counts from now on. Where nothing is shown, a stream is where its newest message is. */
    private count;
    private ready;
    private command;
    private wait;
    /** Asks the server of a new connection for what the last one was asked for. */
    private again;
    private readonly listener;
    /** A status of the server's. */
    private told;
    private failed;
    private said;
    private received;
    private data;
    private call;
}

/** Events of shared objects [RTMP 1.0 §7.1.3]. */
declare const Event: {
    readonly Use: 1;
    readonly Release: 2;
    readonly RequestChange: 3;
    readonly Change: 4;
    readonly Success: 5;
    readonly SendMessage: 6;
    readonly Status: 7;
    readonly Clear: 8;
    readonly Remove: 9;
    readonly RequestRemove: 10;
    readonly UseSuccess: 11;
};
/** One event of a message: its slot or code, and its value or level; of SendMessage all values. */
interface ObjectEvent {
    type: number;
    name?: string;
    value?: unknown;
}
/** A shared object's message as events; an event of several slots is several. */
declare function readObject(m: Message): {
    version: number;
    events: ObjectEvent[];
};
/** Builds one message of a client. */
declare class ObjectWriter {
    private readonly encoding;
    private readonly to;
    private readonly values;
    constructor(encoding: 0 | 3, name: string, version: number, persistent: boolean);
    get length(): number;
    event(type: number, name?: string, ...values: unknown[]): this;
    message(): Message;
}

/** Decodes pictures, a few at a time, and keeps them until they are shown. */
declare class PictureOut {
    private readonly failed;
    private decoder;
    private described;
    private decoded;
    private flushed;
    /** How many were over before they could be shown. */
    dropped: number;
    constructor(failed: (error: unknown) => void);
    get empty(): boolean;
    /** Whether it takes another one. */
    get room(): boolean;
    /** Takes a picture at a place in milliseconds. The first one, and the first of another track, is taken for a key. */
    frame(track: MediaTrack, { key, offset, body }: MediaPacket, at: number): void;
    private begin;
    private fail;
    /** Has what is inside come out; a key picture must follow. */
    flush(): void;
    /** The last picture that is due at a place, for the caller to close; any at all, where asked. */
    take(at: number, any: boolean): VideoFrame | undefined;
    stop(): void;
}

interface Size {
    width: number;
    height: number;
}
/** From a sequence parameter set of H.264. */
declare function sizeOfAVC(sps: Uint8Array): Size;
/** From a sequence parameter set of H.265 [ISO/IEC 23008-2 §7.3.2.2]. */
declare function sizeOfHEVC(sps: Uint8Array): Size;
/** The sequence header among the OBUs of AV1, with the header of its own; undefined: there is none. */
declare function sequenceHeader(obus: Uint8Array): Uint8Array | undefined;
/** From a sequence header that sequenceHeader has found [AV1 §5.5.1]. */
declare function sizeOfAV1(header: Uint8Array): Size;
/** What a keyframe of VP9 says of itself [VP9 §6.2]; undefined: it is none. */
interface VP9Header extends Size {
    profile: number;
    depth: number;
    /** How colours are sampled, as VPCodecConfigurationRecord has it. */
    chroma: number;
}
declare function headerOfVP9(frame: Uint8Array): VP9Header | undefined;

type Frame = [track: MediaTrack, packet: MediaPacket, at: number];
/** Shows a stream on a canvas by WebCodecs, and plays its sound by Web Audio. */
declare class CanvasPlayer implements Player {
    private readonly canvas;
    private readonly owner;
    private pictures;
    private sounds;
    private bytes;
    private begins;
    private started;
    private painted;
    private live;
    private wanted;
    private filled;
    private ending;
    private failures;
    /** Where it is, in milliseconds, and when it was there by the page's clock; undefined: nothing has come yet. */
    private place;
    private since;
    private rate;
    private newest;
    private readonly ends;
    private request;
    private readonly clock;
    private readonly context;
    private readonly picture;
    private readonly sound;
    constructor(canvas: HTMLCanvasElement, owner: PlayerOwner);
    private get runs();
    private get now();
    get time(): number;
    get bufferLength(): number;
    get shown(): Shown;
    private until;
    /** What a decoder does not take it says when it is asked. */
    takes(track: MediaTrack): boolean;
    know(): void;
    frame(...of: Frame): void;
    restart(live: boolean, at: number | undefined): void;
    pause(): void;
    resume(): void;
    end(): void;
    close(): void;
    private failed;
    /** Sets the clock. */
    private set;
    private tick;
    private next;
    /** Begins when there is enough, and stops when there is nothing. */
    private buffering;
    /** Leaps over a gap, and keeps a live stream at its present. */
    private chase;
    private leap;
    private speed;
    /** Paints the last picture that is due; the first one of a new place is. */
    private show;
}

/** Shows a stream in a video element by Media Source Extensions. */
declare class MSEPlayer implements Player {
    private readonly video;
    private readonly owner;
    private source;
    private url;
    private buffers;
    /** Frames that wait until it is known which kinds there are, or until the source is open; undefined: none has to. */
    private pending;
    private pendingBytes;
    private known;
    /** Where one kind began to come alone, since the other does not. */
    private readonly alone;
    private duration;
    private live;
    private wanted;
    /** It has had enough to play, and has not run dry since. */
    private filled;
    private ending;
    /** What MSE has is of before a restart, and goes. */
    private renewing;
    /** We have stopped the element, and it has not said so yet. */
    private stopped;
    /** It is ours to start: we have stopped it, or it has come to an end. What a person has stopped is not. */
    private halted;
    /** It waits for more, and time stands, so that its controls still pause it; how fast it goes again then. */
    private rate;
    private jumped;
    /** Where the element was when it was looked at last. */
    private at;
    private failures;
    /** It has failed too often: what comes is not looked at until it is asked to restart. */
    private over;
    private gathering;
    private readonly clock;
    private readonly ears;
    constructor(video: HTMLVideoElement, owner: PlayerOwner);
    get time(): number;
    get bufferLength(): number;
    get shown(): Shown;
    private ahead;
    takes(track: MediaTrack): boolean;
    know(duration: number | undefined, video: boolean | undefined, audio: boolean | undefined): void;
    frame(track: MediaTrack, packet: MediaPacket, at: number): void;
    /** Begins when both kinds are there, or one has been alone for long enough. */
    private decide;
    private open;
    private opened;
    private readonly buffersOwner;
    private get waits();
    private forget;
    /** Begins again with another source, since the kinds of tracks of one are fixed. */
    private rebuild;
    private teardown;
    private failed;
    restart(live: boolean, at: number | undefined): void;
    pause(): void;
    resume(): void;
    end(): void;
    /** Says that nothing more comes, once all is there. */
    private finish;
    close(): void;
    /** The buffered range around a time; one that begins right behind it counts. */
    private rangeAt;
    private jump;
    /** Stops the element, which says so later. */
    private stop;
    private stood;
    private sought;
    private start;
    private ended;
    private dry;
    private tick;
    /** Moves over a gap: to where the next range begins, which is where a stream begins, too. */
    private leapOver;
    /** Keeps a live stream at its present. */
    private chase;
    /** Lets the past go. Where MSE has no room and there is no past, a live stream goes on with its present. */
    private makeRoom;
    private length;
}

/** What is known of a player: how much it has of each kind, and how many pictures the browser has left out. */
type Shown = Pick<NetStreamInfo, "videoBufferLength" | "audioBufferLength" | "droppedFrames">;
/** What shows a stream: a video element by MSE, or a canvas by WebCodecs. Places are milliseconds of the stream's Timeline. */
interface Player {
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
interface PlayerOwner {
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
declare const maxWaiting: number;

/** How pictures are encoded. */
interface VideoSettings {
    /** FourCCs, the first that the browser encodes; default avc1 (H.264), vp09, av01. */
    codecs?: ("avc1" | "vp09" | "av01")[];
    /** Bits a second; default: a tenth of a bit for each pixel. */
    bitrate?: number;
    /** Pictures a second that are expected, and asked of a canvas; default 30. */
    framerate?: number;
    /** Seconds between two keyframes, which viewers begin with. Default 2. */
    keyFrameInterval?: number;
    /** Pixels that the shorter side of a picture has at most: a larger one is made smaller, in proportion. Default: as large as it comes. */
    maxHeight?: number;
}
/** How sound is encoded. */
interface AudioSettings {
    /** FourCCs, the first that the browser encodes; default Opus, and mp4a (AAC) behind it. */
    codecs?: ("Opus" | "mp4a")[];
    /** Bits a second; default 64,000 for each channel. */
    bitrate?: number;
}
/** What can be published: all of its first track of the kind. */
type VideoSource = MediaStream | MediaStreamTrack | HTMLCanvasElement;
type AudioSource = MediaStream | MediaStreamTrack;
/** What a publisher's encoders work for. */
interface PublisherOwner {
    /** Returns whether there is a connection to send it by. */
    send(kind: "video" | "audio", time: number, payload: Uint8Array): boolean;
    /** What onMetaData is to say has changed. */
    describe(values: Record<string, unknown>): void;
    /** Bytes that wait for the network. */
    waiting(): number;
    failed(error: unknown): void;
}
type VideoCodec = NonNullable<VideoSettings["codecs"]>[number];
type AudioCodec = NonNullable<AudioSettings["codecs"]>[number];
/** What this browser encodes, in the order of preference: VideoSettings.codecs and AudioSettings.codecs. Empty where it has no WebCodecs. */
declare function getEncoders({ width, height, framerate }?: {
    framerate?: number | undefined;
    height?: number | undefined;
    width?: number | undefined;
}): Promise<{
    video: VideoCodec[];
    audio: AudioCodec[];
}>;
/** Publishes the pictures of one source. */
declare class VideoPublisher {
    private readonly settings;
    private readonly owner;
    dropped: number;
    private readonly clock;
    private readonly stopReading;
    private readonly ownTrack;
    private encoder;
    private codec;
    private size;
    private configuring;
    private config;
    private announced;
    private keyAt;
    private newest;
    private timer;
    private over;
    constructor(source: VideoSource, settings: VideoSettings, owner: PublisherOwner, origin: number);
    /** Says all that a server must know, which is another one or has forgotten. */
    announce(): void;
    stop(): void;
    private picture;
    /** A picture that stays is encoded again, so that viewers come in and nothing runs dry. */
    private again;
    private configure;
    private encode;
    private encoded;
    private configuration;
}
/** Publishes the sound of one source. */
declare class AudioPublisher {
    private readonly settings;
    private readonly owner;
    private readonly clock;
    private readonly stopReading;
    private encoder;
    private times;
    private codec;
    private shape;
    private configuring;
    private config;
    private announced;
    private over;
    constructor(source: AudioSource, settings: AudioSettings, owner: PublisherOwner, origin: number);
    announce(): void;
    stop(): void;
    private sound;
    private encodes;
    /** Makes up for what was lost before a piece of sound: so many microseconds, half a second at a time. */
    private silence;
    private configure;
    private encoded;
}
/** Throws where a browser cannot publish. */
declare function mustEncode(what: string, name: "VideoEncoder" | "AudioEncoder"): void;

/** One entry of a sync event, as onSync of ActionScript had them. */
interface SyncChange {
    /**
     * clear: all slots are gone, and what the server has comes next; success: a change of ours was taken; reject: it was not, and the
     * slot is what it is on the server; change: another client or the script changed a slot; delete: a slot is gone.
     */
    code: "clear" | "success" | "reject" | "change" | "delete";
    /** The slot; not of clear. */
    name?: string;
    /** What the slot was before, of change and reject. */
    oldValue?: unknown;
}
/** Events of a SharedObject, with what listeners are given. */
interface SharedObjectEvents {
    /** What has changed, in order. */
    sync: [changes: SyncChange[]];
    /** SharedObject.NoReadAccess, .NoWriteAccess, .ObjectCreationFailed, .BadPersistence, .Flush.Failed. */
    netStatus: [info: StatusInfo];
}
/**
 * An object whose slots all clients of an instance share.
 *
 * ```js
 * const so = SharedObject.getRemote("chat", nc.uri, true);
 * so.on("sync", (changes) => console.log(changes, so.data));
 * so.client = { say: (who, text) => console.log(who, text) };
 * await so.connect(nc);
 * so.data.topic = "weather";        // or setProperty; null, undefined or delete remove a slot
 * so.send("say", "Ada", "hello");   // everybody hears it, the sender too
 * ```
 */
declare class SharedObject extends Emitter<SharedObjectEvents> implements Attached {
    /** As getRemote was given it. */
    readonly name: string;
    private readonly uri;
    private readonly persistence;
    /** The slots. What is set here goes to everybody; of what changes inside a value, setDirty says it. */
    readonly data: Record<string, unknown>;
    /** Methods that send may call. */
    client: object;
    private readonly slots;
    private readonly handlers;
    private readonly dirty;
    /** Changes that the server has not answered, with what was sent. */
    private readonly sent;
    private denied;
    private seen;
    private nc;
    private link;
    private usable;
    private timer;
    private scheduled;
    private lastSent;
    private rate;
    private waiting;
    private constructor();
    /**
     * An object by its name, which may have slashes; connect makes the connection.
     *
     * @param uri nc.uri, as ActionScript had it; only where a copy is kept here it tells servers apart
     * @param persistence true: the server keeps it. false: it is gone when nobody uses it. A path, such as "/": the server keeps it, and
     * so does this browser (localStorage), for when there is no connection. One name may be two objects, persistent and not.
     */
    static getRemote(name: string, uri?: string, persistence?: boolean | string): SharedObject;
    /** Whether the server keeps it. */
    get persistent(): boolean;
    /** The version on the server that data shows; it grows with each change. */
    get version(): number;
    /** Whether the server has let us use it, and the connection stands. */
    get connected(): boolean;
    /**
     * Connects it. Slots that were set before are sent then; its data come with sync events. It is used again whenever the connection
     * comes back.
     *
     * @throws StatusError SharedObject.NoReadAccess, .ObjectCreationFailed or .NoWriteAccess
     */
    connect(nc: NetConnection): Promise<void>;
    /** Sets a slot; null and undefined remove it. It is sent with others that are set in the same turn of the page (see fps). */
    setProperty(name: string, value: unknown): void;
    /** Says that something inside a slot's value has changed. */
    setDirty(name: string): void;
    /** Calls a method on everybody who uses the object, ourselves included. Who is not connected hears nothing of it. */
    send(handler: string, ...args: unknown[]): void;
    /** Has a function called when somebody sends a name; it goes before client's method. undefined takes it back. */
    handle<A extends unknown[]>(name: string, handler: ((...args: A) => void) | undefined): void;
    /** Removes all slots, for everybody. */
    clear(): void;
    /** How often a second changes are sent: 0 sends them now, and no more until it is set again; below 0 is the default, at once. */
    get fps(): number;
    set fps(n: number);
    /** As ActionScript had it before fps. */
    setFps(n: number): void;
    /** Sends what has changed now, unless earlier changes wait for their answer: then right behind it. */
    flush(): void;
    /** Ends the use of the object; data stay as they are. */
    close(): void;
    private mustLink;
    private writer;
    private schedule;
    /** Requests of the slots; one whose value cannot be sent is left out, and the page hears why. */
    private changes;
    private receive;
    private take;
    /** Puts into a slot what the server has there; what we have set since goes before. */
    private put;
    private changed;
    private succeeded;
    private said;
    private refused;
    private called;
    private get storage();
    private load;
    private save;
}

/** What a SoundOut asks and tells its player. */
interface SoundOutOwner {
    /** Seconds from now to when what lies at a place, in milliseconds, is heard; undefined: time stands. */
    due(at: number): number | undefined;
    /** How fast time goes. */
    rate(): number;
    /** The browser is silent until somebody has touched the page. */
    blocked(error: Error): void;
    failed(error: unknown): void;
}
/** Decodes sound and plays each piece at its time. */
declare class SoundOut {
    private readonly owner;
    private context;
    private decoder;
    private described;
    private readonly playing;
    /** When what plays last ends, by the context's clock. */
    private next;
    private told;
    private timer;
    constructor(owner: SoundOutOwner);
    frame(track: MediaTrack, { body }: MediaPacket, at: number): void;
    private begin;
    /** Asks the browser to let sound out; from within a click it does. */
    wake(): void;
    private play;
    /** Is silent at once, and has forgotten what was to come. */
    stop(): void;
    close(): void;
}

/**
 * When encoded sound was heard. An encoder counts samples from the first on, whatever pieces say of their times: where some were lost
 * before it, as on a machine that is too slow, all that follows would be too early by as much, for good. Times are microseconds.
 */
declare class SoundTimes {
    /** Pieces with nothing lost between them: where they begin in what the encoder was given, and when that was heard. */
    private readonly pieces;
    private given;
    private taken;
    /** How much silence belongs in front of what was heard at a time, for players that stop at a gap. */
    missing(heard: number): number;
    /** Sees what the encoder is given. */
    give(heard: number, duration: number): void;
    /** When the next was heard that it has made, of a duration. */
    take(duration: number): number;
    /** When what comes next is heard, if nothing is lost; NaN: nothing has come. */
    private get next();
}

/** Where pictures and sound to be published come from: a track, read frame by frame in whichever way the browser has. */
/** Ends reading. */
type Stop = () => void;
/** Reads the pictures of a track; each is the reader's to close. */
declare function readPictures(track: MediaStreamTrack, each: (frame: VideoFrame) => void): Stop;
/** Reads the sound of a track; each piece is the reader's to close. */
declare function readSound(track: MediaStreamTrack, each: (sound: AudioData) => void, failed: (error: unknown) => void): Stop;

/** What servers say of a connection, a stream or a shared object. */
interface StatusInfo {
    /** "status", "warning" or "error". */
    level: string;
    /** As ActionScript had them: "NetConnection.Connect.Success". */
    code: string;
    /** For people. */
    description?: string;
    [name: string]: unknown;
}
/** A status that is the reason why something did not happen. */
declare class StatusError extends Error {
    /** All that the server said. */
    readonly info: StatusInfo;
    name: string;
    constructor(
    /** All that the server said. */
    info: StatusInfo);
    /** Why, for people: what a script says of it, or else the server. */
    get reason(): string;
    /** The code alone: "NetConnection.Connect.Rejected". */
    get code(): string;
}
/** Makes a status of this side's own. */
declare const status: (level: string, code: string, description: string) => StatusInfo;
/** Makes an error of this side's own. */
declare const failure: (code: string, description: string) => StatusError;
/** Takes what came for a status, whatever it is. */
declare function asStatus(value: unknown, code: string): StatusInfo;

/**
 * What is known of a NetStream that plays or publishes, in the words of ActionScript's NetStreamInfo: since play or publish, of what
 * comes or of what goes out. What only one of them has is 0 in the other.
 */
interface NetStreamInfo {
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

/**
 * Where the timestamps of messages lie on one line that only goes on. They have 32 bits, and those of live streams begin anywhere, and
 * begin again with another publisher; those of recordings are places in the file. Sound and pictures go on each by themselves: an
 * encoder that is late with one of them sends it seconds behind the other.
 */
declare class Timeline {
    readonly live: boolean;
    newest: number;
    private last;
    /** The last timestamp without the limit of 32 bits. */
    private whole;
    private base;
    /** The furthest place of each kind since the stream has begun. */
    private readonly reached;
    /**
     * @param live whether the line begins with the first timestamp, and closes what would go back
     * @param newest the furthest place, in milliseconds
     */
    constructor(live: boolean, newest?: number);
    /** The place of a message of sound or pictures, in milliseconds; one from before the first is negative. */
    place(time: number, kind: "audio" | "video"): number;
    /** The place of what has no line of its own: data between sound and pictures. */
    beside(time: number): number;
}

/** What a TrackBuffer tells its player. */
interface TrackBufferOwner {
    /** MSE has no room: something must go, and then pump() has to be called. */
    full(): void;
    failed(error: unknown): void;
    /** Nothing waits any more. */
    idle(): void;
}
/** Feeds one SourceBuffer with one kind of track: cuts fragments, sets times right, and waits while it is busy. */
declare class TrackBuffer {
    private readonly buffer;
    private readonly owner;
    private jobs;
    private bytes;
    private described;
    private type;
    private number;
    private held;
    private heldAt;
    /** When the last picture is decoded that went on; the next is later. */
    private last;
    private timer;
    private distance;
    /** Where sound goes on, in its samples. */
    private next;
    /** Pictures wait for one that others may follow; since where they do. */
    private keyless;
    private started;
    private removing;
    /** Of sound without times of its own: where the next frame lies if nothing is said, in its samples, of which a second has so many. */
    private laid;
    private rate;
    private over;
    /** What it was asked to begin with, in seconds. */
    private place;
    constructor(buffer: SourceBuffer, first: MediaTrack, owner: TrackBufferOwner);
    /** Seconds that it has, as ranges. */
    get buffered(): TimeRanges;
    get waits(): boolean;
    /** Takes a frame at a place in milliseconds. */
    frame(track: MediaTrack, p: MediaPacket, at: number): void;
    /** Whether decoding has begun, or begins with this picture. The server waits for a keyframe, and sends others where none comes. */
    private begins;
    private sound;
    /** A picture ends where the next begins, so it waits for that. */
    private picture;
    private ends;
    /** Lets the picture go that waits for the next. */
    settle(): void;
    private push;
    /** Forgets what waits; what MSE has as well, where a place to begin with is given, in seconds. Pictures begin with the next key. */
    restart(place?: number): void;
    /** Removes what lies between two times, in seconds, before anything else happens. */
    remove(from: number, to: number): void;
    /** The buffer is gone. */
    close(): void;
    /** Does what waits, as far as the buffer takes it. */
    pump(): void;
    private begin;
    private append;
    /** Frames without times of their own follow one another, from where the buffer is told to begin. */
    private lay;
}
/** As addSourceBuffer has it. */
declare function mimeType({ kind, codec }: Pick<MediaTrack, "kind" | "codec">): string;
/** MediaSource; Safari has another name for it on telephones. */
declare function sourceOf(): typeof MediaSource | undefined;

/** What carries the bytes of RTMP: a WebSocket, unless NetConnection is given something else. */
interface Transport {
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
declare class WebSocketTransport implements Transport {
    onData: (bytes: Uint8Array) => void;
    onClose: (reason: string) => void;
    onOpen: () => void;
    private readonly socket;
    constructor(url: string);
    private fail;
    get bufferedAmount(): number;
    send(bytes: Uint8Array): void;
    close(): void;
}
/** Where an application is reached, and how connect names it. */
interface Address {
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
declare function parseURL(url: string): Address;

/**
 * The values that AMF carries, as JavaScript has them:
 *
 * | ActionScript | JavaScript |
 * |---|---|
 * | null, undefined, Boolean, Number, int, uint, String | null, undefined, boolean, number, string |
 * | Date | Date |
 * | Array | Array; one with names has them as properties |
 * | Object | a plain object, or an instance of what registerClassAlias named |
 * | XML, XMLDocument | XML |
 * | ByteArray | Uint8Array |
 * | Vector.<int>, <uint>, <Number> | Int32Array, Uint32Array, Float64Array |
 * | Vector.<Object> | Vector |
 * | Dictionary | Dictionary, a Map |
 *
 * Objects have identity: what is met twice in a message is one object on the other side, too, and may hold itself.
 */
/** An XML document as text; nothing parses it here. `new DOMParser().parseFromString(String(xml), "text/xml")` does. */
declare class XML {
    readonly source: string;
    readonly document: boolean;
    /**
     * @param source the document
     * @param document ActionScript 2's class XML (ActionScript 3's XMLDocument), which AMF3 tells from XML, and AMF0 does not
     */
    constructor(source: string, document?: boolean);
    toString(): string;
}
/** ActionScript 3's Vector of objects. Vectors of numbers are typed arrays. */
declare class Vector<T = unknown> extends Array<T> {
    /** The class of its elements; "" is Object. */
    className: string;
    /** Its length is not to be changed; on the wire only. */
    fixed: boolean;
    /** Methods of Array that make an array make a plain one. */
    static get [Symbol.species](): ArrayConstructor;
    /** Makes a vector of these elements. */
    static create<T>(items: Iterable<T>, className?: string, fixed?: boolean): Vector<T>;
}
/** ActionScript's map by identity. A plain Map goes out as one as well. */
declare class Dictionary<K = unknown, V = unknown> extends Map<K, V> {
    /** Its keys do not keep objects alive; on the wire only. */
    weak: boolean;
}
type Constructor = new () => object;
/**
 * Says that objects of a class travel under a name: they are sent with it, and what comes with it is made by `new Class()` without
 * arguments, before its properties are set.
 */
declare function registerClassAlias(alias: string, constructor: Constructor): void;
/** The class that registerClassAlias named. */
declare function getClassByAlias(alias: string): Constructor | undefined;
/** The class name that an object travels under: that of its class, or the one it came with; "" for one without. */
declare function getClassName(value: object): string;
/** Gives a plain object a class name on the wire without a class of its own, and returns it. */
declare function setClassName<T extends object>(value: T, name: string): T;
/** Makes what an object of a class name is here. */
declare function makeObject(name: string): object;
/** Whether a typed array is a Vector of fixed length; says so, if yes is given. */
declare function fixedVector(v: object, yes?: boolean): boolean;
/** Sets a property that a stranger has named: never the prototype, nor an accessor of a class or an array's length. */
declare function assign(to: object, name: string, value: unknown): void;
/** Names of an object's properties that travel: its own, without functions. */
declare function slots(of: object): string[];
/** Whether an array is elements alone: no names, and no holes that would cost more than they say. */
declare function isDense(a: readonly unknown[]): boolean;

/** What a NetStream that plays does with what comes: finds out what tracks are, hands frames to a player, keeps data until their time. */
declare class Viewer {
    private readonly say;
    private player;
    private timeline;
    private readonly configs;
    private readonly tracks;
    /** Tracks that were complained of: once is enough. */
    private readonly unfit;
    private broken;
    private later;
    private laterBytes;
    private facts;
    constructor(say: PlayerOwner["say"]);
    /** Seconds: where the player is; without one, what has come. */
    get time(): number;
    /** Seconds that have come, shown or not. */
    get reached(): number;
    get bufferLength(): number;
    get shown(): Shown;
    /** Takes another player, or none. Where a stream plays, it goes on there with its next key. */
    show(player: Player | undefined): void;
    /** What comes next has nothing to do with what came before. */
    restart(live: boolean, at: number | undefined): void;
    pause(): void;
    resume(): void;
    end(): void;
    /** onMetaData: what it says of all is of use, and never trusted. */
    know(values: Record<string, unknown>): void;
    /** A message of sound or pictures. What a stranger has made of it is no reason to lose the connection. */
    media(m: Message): void;
    private configure;
    private frame;
    private unfitting;
    /** Has something done when the player is where a message of data lies, or now. */
    when(m: Message, run: () => void): void;
    /** Does what is due at a time in seconds, in its order. */
    moved(seconds: number, then?: () => void): void;
    close(): void;
}

/** What a Wire tells who uses it. */
interface WireHandler {
    /** The handshake is done, and messages may be sent. */
    ready(): void;
    /** A message that is not the wire's own business; it is called while bytes are taken apart. */
    message(m: Message): void;
    /** User control event of a stream [RTMP 1.0 §7.1.7]. */
    control(event: number, stream: number): void;
    /** It has ended, once; the reason is for people. */
    closed(reason: string): void;
}
/** RTMP on a transport: handshake, chunks, acknowledgements, pings. It knows no command. */
declare class Wire {
    private readonly transport;
    private readonly handler;
    private shaking;
    private readonly reader;
    private readonly writer;
    private window;
    private received;
    private acknowledged;
    private ended;
    private asked;
    private trip;
    constructor(transport: Transport, handler: WireHandler);
    /** Bytes that wait for the network. */
    get bufferedAmount(): number;
    /** Sends a message on a chunk stream. */
    send(chunkStream: number, m: Message): void;
    /** Sends a user control event whose body is numbers of 32 bits. */
    sendControl(event: number, ...numbers: number[]): void;
    /** Ends the connection; the handler hears of it. */
    close(reason?: string): void;
    private end;
    private protocol;
    private number;
    private feed;
    /** S0, S1 and S2 [RTMP 1.0 §5.2]. The echo in S2 proves nothing, and is not looked at. */
    private shake;
    private take;
    /** Milliseconds to the peer and back, smoothed [RFC 6298 §2]; 0: not known yet. Who asks has it measured, once a second. */
    get roundTrip(): number;
    private userControl;
}

export { NetConnection, type NetConnectionEvents, type NetConnectionOptions, type ReconnectOptions, SharedObject, type SharedObjectEvents, type SyncChange, StatusError, type StatusInfo, parseURL, WebSocketTransport, type Address, type Transport, Emitter, decodeAMF0, decodeAMF3, encodeAMF0, encodeAMF3, Dictionary, getClassByAlias, getClassName, registerClassAlias, setClassName, Vector, XML, WireError, NetStream, type MediaMessage, type NetStreamEvents, type PublishType, getEncoders, getCamera, getMicrophone };
