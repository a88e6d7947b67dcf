/** What the server tells as it happens, kept as the page shows it. */
import * as api from "./api.ts";
import type { Detail, Entry, Place, Point, Slots, State } from "./types.ts";

/** Entries of the log that are kept. */
const most = 500;
/** The server sends a point each ten seconds: milliseconds without anything after which it is taken for gone. */
const patience = 35_000;
/** Rates of an instance or a stream that are kept for its little graph: one each two seconds. */
const traces = 60;

/** All that is known. Each change makes a new one; what has not changed in it is the same value as before. */
export interface Seen {
  link: "connecting" | "live" | "lost";
  /** Why it is lost. */
  reason?: string;
  state?: State;
  step: number;
  history: Point[];
  detail?: Detail;
  object?: Slots;
  log: readonly (Entry & { key: number })[];
  /** Rates by instance ("APPLICATION/INSTANCE") or stream (…/NAME). */
  rates: ReadonlyMap<string, readonly number[]>;
}

const nothing: Seen = { link: "connecting", step: 10, history: [], log: [], rates: new Map() };

export class Feed {
  seen: Seen = nothing;
  private readonly listeners = new Set<() => void>();
  private source: EventSource | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private telling: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  private entries = 0;
  /** Entries that the server tells again at the beginning of a connection. */
  private known = new Map<string, number>();
  private of: { place?: Place; object?: string } = {};
  private running = false;

  /** @param signedOut is called when there is no session any more: it says whether there is a new one */
  constructor(private readonly signedOut: () => Promise<boolean>) {}

  listen(f: () => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  /** Begins, or looks at something else. */
  look(place?: Place, object?: string): void {
    const now = place === undefined ? {} : object === undefined ? { place } : { place, object };
    if (this.running && JSON.stringify(now) === JSON.stringify(this.of)) return;
    const same = key(this.of.place) === key(place);
    this.of = now;
    this.running = true;
    const { detail, object: _, ...rest } = this.seen;
    this.change(same && detail ? { ...rest, detail } : rest, true);
    this.open();
  }

  stop(): void {
    this.running = false;
    this.close();
    this.known.clear();
    this.of = {};
    this.change({ ...nothing, rates: new Map() }, true);
  }

  private close(): void {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
  }

  private open(): void {
    this.close();
    this.known = new Map();
    for (const e of this.seen.log) this.known.set(signature(e), (this.known.get(signature(e)) ?? 0) + 1);
    const source = (this.source = new EventSource(api.events(this.of.place, this.of.object)));
    const on = <T>(name: string, f: (data: T) => Partial<Seen>): void => {
      source.addEventListener(name, (e) => {
        if (source !== this.source) return;
        this.alive();
        this.change({ ...this.seen, ...f(JSON.parse((e as MessageEvent<string>).data) as T) });
      });
    };
    on<{ step: number; points: Point[] }>("history", ({ step, points }) => ({ step, history: points }));
    on<Point>("point", (p) => ({ history: [...this.seen.history.filter(({ t }) => t > p.t - 3600 && t < p.t), p] }));
    on<State>("state", (state) => ({ state, rates: this.traced(state.instances.map((i) => [key(i), i.out])) }));
    on<Detail>("detail", (detail) => ({ detail, ...(detail.gone ? {} : { rates: this.traced(detail.streams.map((s) => [`${key(detail)}/${s.name}`, s.bitrate])) }) }));
    on<Slots>("object", (object) => ({ object }));
    on<Entry>("log", (entry) => ({ log: this.logged(entry) }));
    on<{ lines: number }>("lost", ({ lines }) => ({ log: this.logged({ time: Date.now(), level: "warn", text: `${lines} entries came too fast for this page, and are not shown.` }) }));
    source.onopen = () => {
      if (source !== this.source) return;
      this.tries = 0;
      this.alive();
      const { reason: _, ...seen } = this.seen;
      this.change({ ...seen, link: "live" }, true);
    };
    source.onerror = () => {
      if (source === this.source) void this.lost("The server does not answer.");
    };
    this.alive();
  }

  /** Something has come. */
  private alive(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => void this.lost("The server has been silent for half a minute."), patience);
  }

  private async lost(reason: string): Promise<void> {
    this.close();
    this.change({ ...this.seen, link: "lost", reason }, true);
    try {
      await api.session();
      await api.tryEvents(this.of.place, this.of.object);
    } catch (e) {
      const { status, message } = e as api.Refused;
      if (!this.running) return;
      if (status === 401) {
        if (!(await this.signedOut())) return;
      } else {
        this.change({ ...this.seen, reason: message }, true);
      }
    }
    if (!this.running || this.source !== undefined) return;
    // Pages that were opened together do not come back together.
    const wait = Math.min(10_000, 500 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), wait);
  }

  private traced(now: [string, number][]): Seen["rates"] {
    const rates = new Map(this.seen.rates);
    for (const [of, rate] of now) rates.set(of, [...(rates.get(of) ?? []), rate].slice(-traces));
    return rates;
  }

  private logged(entry: Entry): Seen["log"] {
    const told = this.known.get(signature(entry)) ?? 0;
    if (told > 0) {
      this.known.set(signature(entry), told - 1);
      return this.seen.log;
    }
    return [...this.seen.log.slice(-(most - 1)), { ...entry, key: this.entries++ }];
  }

  /** Tells listeners: at once, or what comes within a moment together. */
  private change(seen: Seen, now = false): void {
    this.seen = seen;
    if (!now) {
      this.telling ??= setTimeout(() => this.tell(), 50);
      return;
    }
    this.tell();
  }

  private tell(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    for (const f of [...this.listeners]) f();
  }
}

export const key = (place?: Place): string => (place ? `${place.application}/${place.instance}` : "");

const signature = (e: Entry): string => JSON.stringify([e.time, e.application, e.instance, e.level, e.text, e.where]);
