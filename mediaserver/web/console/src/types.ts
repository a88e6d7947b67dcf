/** What the server tells: the shapes of its JSON. Times are milliseconds since 1970 where nothing else is said, rates bits a second. */

export interface Session {
  /** A viewer changes nothing. */
  role: "admin" | "viewer";
  version: string;
}

/** One moment of the last hour. */
export interface Point {
  /** Seconds since 1970. */
  t: number;
  clients: number;
  players: number;
  in: number;
  out: number;
  /** Cores in use. */
  cpu: number;
  /** Bytes. */
  memory: number;
}

export interface History {
  /** Seconds between two points. */
  step: number;
  points: Point[];
}

export interface Server {
  version: string;
  /** Seconds. */
  uptime: number;
  ready: boolean;
  draining: boolean;
  /** Why it is not ready. */
  reason: string;
  cpu: number;
  memory: number;
  connections: number;
  /** Address of the public port; empty: there is none. Without a host (http://:8080) it is at whatever name this server is known by. */
  web: string;
}

/** An instance by its name. */
export interface Place {
  application: string;
  instance: string;
}

export interface Instance extends Place {
  scripted: boolean;
  clients: number;
  players: number;
  streams: number;
  /** That are being written. */
  recordings: number;
  in: number;
  out: number;
  /** Of its script, since it started. */
  errors: number;
}

export interface State {
  server: Server;
  instances: Instance[];
  /** That are not told of, as there are too many. */
  more: number;
}

export interface Stream {
  name: string;
  since: number;
  /** Id of the client that publishes it. */
  publisher?: string;
  /** Null: there is none. What is 0 in it is not known. */
  video: { codec: string; width: number; height: number; fps: number } | null;
  audio: { codec: string; rate: number; channels: number } | null;
  bitrate: number;
  /** Seconds between two keyframes; 0: not known. */
  keyframes: number;
  viewers: number;
  recording: boolean;
  /** Milliseconds that what came last is later than what came soonest, by the publisher's clock. */
  delay: number;
}

export interface Client {
  id: string;
  address: string;
  /** What it calls itself; empty: nothing. */
  agent: string;
  since: number;
  in: number;
  out: number;
  /** Milliseconds; 0: not known. */
  ping: number;
  /** Messages that it was too slow for. */
  dropped?: number;
  /** As "publishes cam, plays film"; empty: nothing. */
  does: string;
}

export interface SharedObject {
  /** Names it among the persistent ones and the others. */
  key: string;
  name: string;
  persistent: boolean;
  version: number;
  slots: number;
  bytes: number;
  users: number;
}

/** The instance that is looked at, or that it does not run. */
export type Detail = Place & ({ gone: true } | Running);

export interface Running {
  gone?: undefined;
  streams: Stream[];
  clients: Client[];
  objects: SharedObject[];
}

/** The shared object that is looked at, or that nobody uses it. */
export type Slots = { key: string } & (
  | { gone: true }
  | {
      gone?: undefined;
      name: string;
      version: number;
      slots: Record<string, unknown>;
      /** Slots that are not told of, as there are too many. */
      more: number;
    }
);

export interface Entry extends Partial<Place> {
  time: number;
  level: "trace" | "info" | "warn" | "error";
  text: string;
  /** Where in a script, as main.asc:12. */
  where?: string;
}

export interface Recording extends Place {
  name: string;
  bytes: number;
  /** Null: not known. */
  seconds: number | null;
  /** RFC 3339. */
  modified: string;
  /** It is being written now. */
  recording: boolean;
}
