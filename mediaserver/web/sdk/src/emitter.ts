type Listener = (...args: unknown[]) => void;

/** Events by name, typed by what their listeners are given. A listener that throws is reported and disturbs nobody. */
export class Emitter<Events extends { [K in keyof Events]: unknown[] }> {
  private readonly listeners = new Map<keyof Events, Set<Listener>>();

  /** Has a function called at each event of the name; the function that is returned ends that. */
  on<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void {
    const set = this.listeners.get(name) ?? new Set<Listener>();
    this.listeners.set(name, set.add(listener as Listener));
    return () => this.off(name, listener);
  }

  /** As on, for the next event alone. */
  once<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void {
    const off = this.on(name, (...args) => {
      off();
      listener(...args);
    });
    return off;
  }

  /** Ends what on began. */
  off<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): void {
    this.listeners.get(name)?.delete(listener as Listener);
  }

  protected emit<K extends keyof Events>(name: K, ...args: Events[K]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** What an error says, for people. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Tells the page of an error in its own code, as an uncaught one. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Functions that the other side may call by name. */
export type Handlers = Record<string, unknown>;

/**
 * Finds what `path` names below an object of handlers, "." and "/" between names, with what it is a method of. What every object has
 * from the language (toString and the like) is not to be called from outside.
 */
export function findHandler(client: object, path: string): ((...args: unknown[]) => unknown) | undefined {
  let of: unknown;
  let found: unknown = client;
  for (const name of path.split(/[./]/)) {
    of = found;
    if ((typeof of !== "object" && typeof of !== "function") || of === null) return undefined;
    if (name === "constructor" || (name in Object.prototype && !Object.hasOwn(of, name))) return undefined;
    if (typeof of === "function" && name in Function.prototype) return undefined;
    found = (of as Record<string, unknown>)[name];
  }
  return typeof found === "function" ? (found as (...args: unknown[]) => unknown).bind(of) : undefined;
}
