import { decodeAMF3, encodeAMF3 } from "./amf0.ts";
import { Emitter, findHandler, report, type Handlers } from "./emitter.ts";
import type { Link } from "./link.ts";
import type { Attached, NetConnection } from "./netconnection.ts";
import { Event, ObjectWriter, readObject, type ObjectEvent } from "./objectwire.ts";
import { failure, status, StatusError, type StatusInfo } from "./status.ts";
import type { Message } from "./chunks.ts";

/** One entry of a sync event, as onSync of ActionScript had them. */
export interface SyncChange {
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
export interface SharedObjectEvents {
  /** What has changed, in order. */
  sync: [changes: SyncChange[]];
  /** SharedObject.NoReadAccess, .NoWriteAccess, .ObjectCreationFailed, .BadPersistence, .Flush.Failed. */
  netStatus: [info: StatusInfo];
}

/** What one message may have: the server takes long ones in portions. */
const maxSlots = 256;
const maxBytes = 64 << 10;
/** Stands for a slot that is to be removed. */
const removed = Symbol("removed");

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
export class SharedObject extends Emitter<SharedObjectEvents> implements Attached {
  /** The slots. What is set here goes to everybody; of what changes inside a value, setDirty says it. */
  readonly data: Record<string, unknown>;
  /** Methods that send may call. */
  client: object = {};

  private readonly slots: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  private readonly handlers: Handlers = Object.create(null) as Handlers;
  private readonly dirty = new Set<string>();
  /** Changes that the server has not answered, with what was sent. */
  private readonly sent = new Map<string, unknown>();
  private denied = 0;
  private seen = 0;
  private nc: NetConnection | undefined;
  private link: Link | undefined;
  private usable = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private scheduled = false;
  private lastSent = -Infinity;
  private rate = -1;
  private waiting: { resolve(): void; reject(e: StatusError): void } | undefined;

  private constructor(
    /** As getRemote was given it. */
    readonly name: string,
    private readonly uri: string | undefined,
    private readonly persistence: boolean | string,
  ) {
    super();
    this.data = new Proxy(this.slots, {
      set: (_, slot, value) => (this.setProperty(String(slot), value), true),
      defineProperty: (_, slot, d) => (this.setProperty(String(slot), d.value), true),
      deleteProperty: (_, slot) => (this.setProperty(String(slot), null), true),
    });
  }

  /**
   * An object by its name, which may have slashes; connect makes the connection.
   *
   * @param uri nc.uri, as ActionScript had it; only where a copy is kept here it tells servers apart
   * @param persistence true: the server keeps it. false: it is gone when nobody uses it. A path, such as "/": the server keeps it, and
   * so does this browser (localStorage), for when there is no connection. One name may be two objects, persistent and not.
   */
  static getRemote(name: string, uri?: string, persistence: boolean | string = false): SharedObject {
    if (name === "" || /[\s~%&\\;:"',<>?#]/.test(name)) throw new TypeError(`shared object ${JSON.stringify(name)}: not a name`);
    return new SharedObject(name, uri, persistence);
  }

  /** Whether the server keeps it. */
  get persistent(): boolean {
    return this.persistence !== false;
  }
  /** The version on the server that data shows; it grows with each change. */
  get version(): number {
    return this.seen;
  }
  /** Whether the server has let us use it, and the connection stands. */
  get connected(): boolean {
    return this.usable;
  }

  /**
   * Connects it. Slots that were set before are sent then; its data come with sync events. It is used again whenever the connection
   * comes back.
   *
   * @throws StatusError SharedObject.NoReadAccess, .ObjectCreationFailed or .NoWriteAccess
   */
  connect(nc: NetConnection): Promise<void> {
    this.close();
    nc.listenObject(this.name, this.persistent, (m) => this.receive(m));
    this.nc = nc;
    this.load();
    const connected = new Promise<void>((resolve, reject) => (this.waiting = { resolve, reject }));
    connected.catch(() => {});
    nc.attach(this);
    return connected;
  }

  /** Sets a slot; null and undefined remove it. It is sent with others that are set in the same turn of the page (see fps). */
  setProperty(name: string, value: unknown): void {
    if (value === null || value === undefined) delete this.slots[name];
    else this.slots[name] = value;
    this.setDirty(name);
  }

  /** Says that something inside a slot's value has changed. */
  setDirty(name: string): void {
    this.dirty.add(name);
    this.schedule();
  }

  /** Calls a method on everybody who uses the object, ourselves included. Who is not connected hears nothing of it. */
  send(handler: string, ...args: unknown[]): void {
    const link = this.mustLink("send");
    link.send(3, this.writer(link).event(Event.SendMessage, undefined, handler, ...args).message());
  }

  /** Has a function called when somebody sends a name; it goes before client's method. undefined takes it back. */
  handle<A extends unknown[]>(name: string, handler: ((...args: A) => void) | undefined): void {
    if (handler) this.handlers[name] = handler;
    else delete this.handlers[name];
  }

  /** Removes all slots, for everybody. */
  clear(): void {
    const link = this.mustLink("clear");
    this.dirty.clear();
    link.send(3, this.writer(link).event(Event.Clear).message());
  }

  /** How often a second changes are sent: 0 sends them now, and no more until it is set again; below 0 is the default, at once. */
  get fps(): number {
    return this.rate;
  }
  set fps(n: number) {
    this.rate = n;
    clearTimeout(this.timer);
    this.scheduled = false;
    if (n === 0) this.flush();
    else this.schedule();
  }
  /** As ActionScript had it before fps. */
  setFps(n: number): void {
    this.fps = n;
  }

  /** Sends what has changed now, unless earlier changes wait for their answer: then right behind it. */
  flush(): void {
    this.scheduled = false;
    clearTimeout(this.timer);
    if (!this.usable || !this.link || this.sent.size > 0 || this.dirty.size === 0) return;
    const names = [...this.dirty].slice(0, maxSlots);
    this.link.send(3, this.changes(this.link, names));
    this.lastSent = Date.now();
    this.save();
  }

  /** Ends the use of the object; data stay as they are. */
  close(): void {
    if (this.link) this.link.send(3, this.writer(this.link).event(Event.Release).message());
    this.nc?.listenObject(this.name, this.persistent, undefined);
    this.nc?.detach(this);
    this.detached("closed");
    this.nc = undefined;
    this.refused(status("error", "SharedObject.ObjectCreationFailed", "closed"));
  }

  private mustLink(what: string): Link {
    if (!this.link) throw failure("NetConnection.Call.Failed", `${what} of ${this.name}: not connected`);
    return this.link;
  }

  private writer(link: Link): ObjectWriter {
    return new ObjectWriter(link.encoding, this.name, this.seen, this.persistent);
  }

  /** @internal */
  attached(link: Link): void {
    this.link = link;
    // The slots of a transient one say nothing about those of the next.
    if (!this.persistent) this.seen = 0;
    link.send(3, this.writer(link).event(Event.Use).message());
  }

  /** @internal */
  detached(_reason: string): void {
    this.link = undefined;
    this.usable = false;
    this.denied = 0;
    // Nobody knows whether they have come: they go again.
    for (const name of this.sent.keys()) this.dirty.add(name);
    this.sent.clear();
  }

  private schedule(): void {
    if (this.scheduled || !this.usable || this.sent.size > 0 || this.dirty.size === 0 || this.rate === 0) return;
    this.scheduled = true;
    if (this.rate < 0) queueMicrotask(() => this.scheduled && this.flush());
    else this.timer = setTimeout(() => this.flush(), Math.max(0, this.lastSent + 1000 / this.rate - Date.now()));
  }

  /** Requests of the slots; one whose value cannot be sent is left out, and the page hears why. */
  private changes(link: Link, names: string[]): Message {
    const w = this.writer(link);
    for (const name of names) {
      const there = name in this.slots;
      try {
        if (there) w.event(Event.RequestChange, name, this.slots[name]);
        else w.event(Event.RequestRemove, name);
      } catch (error) {
        this.dirty.delete(name);
        for (const n of names) this.sent.delete(n);
        report(new TypeError(`slot ${name} of ${this.name}: ${String(error)}`));
        return this.changes(link, names.filter((n) => n !== name));
      }
      this.sent.set(name, there ? this.slots[name] : removed);
      if (w.length > maxBytes) break;
    }
    for (const name of this.sent.keys()) this.dirty.delete(name);
    return w.message();
  }

  private receive(m: Message): void {
    const { version, events } = readObject(m);
    const changes: SyncChange[] = [];
    this.seen = version;
    for (const e of events) this.take(e, changes);
    this.save();
    if (changes.length > 0) this.emit("sync", changes);
    this.schedule();
  }

  private take(e: ObjectEvent, changes: SyncChange[]): void {
    switch (e.type) {
      case Event.UseSuccess:
        this.usable = true;
        this.waiting?.resolve();
        this.waiting = undefined;
        return;
      case Event.Clear:
        for (const name of Object.keys(this.slots)) if (!this.dirty.has(name)) delete this.slots[name];
        changes.push({ code: "clear" });
        return;
      case Event.Change:
      case Event.Remove:
        this.changed(e.name!, e.type === Event.Change ? e.value : removed, changes);
        return;
      case Event.Success:
        this.succeeded(e.name!, changes);
        return;
      case Event.Status:
        this.said(status(String(e.value), e.name!, `shared object ${this.name}`));
        return;
      case Event.SendMessage:
        this.called(e.value as unknown[]);
    }
  }

  /** Puts into a slot what the server has there; what we have set since goes before. */
  private put(name: string, value: unknown): void {
    if (this.dirty.has(name)) return;
    if (value === removed || value === null || value === undefined) delete this.slots[name];
    else this.slots[name] = value;
  }

  private changed(name: string, value: unknown, changes: SyncChange[]): void {
    const oldValue = this.slots[name];
    const ours = this.sent.get(name);
    this.put(name, value);
    if (ours !== undefined && this.denied > 0) {
      // The server says behind a refusal what the slot is.
      this.denied--;
      this.sent.delete(name);
      changes.push({ code: "reject", name, oldValue });
    } else if (value === removed) {
      if (ours === removed) this.sent.delete(name);
      changes.push({ code: "delete", name });
    } else changes.push({ code: "change", name, oldValue });
  }

  private succeeded(name: string, changes: SyncChange[]): void {
    if (!this.sent.has(name)) return;
    // Another's change may have come in between: ours was later.
    this.put(name, this.sent.get(name));
    this.sent.delete(name);
    changes.push({ code: "success", name });
  }

  private said(info: StatusInfo): void {
    if (this.sent.size > 0) this.denied++;
    this.emit("netStatus", info);
    if (!this.usable) this.refused(info);
  }

  private refused(info: StatusInfo): void {
    this.waiting?.reject(new StatusError(info));
    this.waiting = undefined;
  }

  private called([name, ...args]: unknown[]): void {
    const handler = findHandler(this.handlers, String(name)) ?? findHandler(this.client, String(name));
    try {
      handler?.(...args);
    } catch (error) {
      report(error);
    }
  }

  // The copy that a browser keeps of an object whose persistence is a path.

  private get storage(): string | undefined {
    if (typeof this.persistence !== "string" || typeof localStorage === "undefined") return undefined;
    return `flashpod:${this.uri ?? this.nc?.uri ?? ""}:${this.persistence}:${this.name}`;
  }

  private load(): void {
    const key = this.storage;
    const kept = key === undefined ? null : localStorage.getItem(key);
    if (kept === null) return;
    try {
      const { version, data } = decodeAMF3(Uint8Array.from(atob(kept), (c) => c.charCodeAt(0))) as { version: number; data: object };
      this.seen = version;
      for (const [name, value] of Object.entries(data)) this.put(name, value);
    } catch {
      localStorage.removeItem(key!);
    }
  }

  private save(): void {
    const key = this.storage;
    if (key === undefined) return;
    try {
      const bytes = encodeAMF3({ version: this.seen, data: { ...this.slots } });
      localStorage.setItem(key, btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join("")));
    } catch (error) {
      this.emit("netStatus", status("error", "SharedObject.Flush.Failed", String(error)));
    }
  }
}
