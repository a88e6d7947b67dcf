/** What the page shows, as its address has it behind the #. */
import type { Place } from "./types.ts";

export const parts = ["streams", "clients", "objects", "recordings", "log"] as const;
export type Part = (typeof parts)[number];

export interface Route {
  /** Undefined: the whole server. */
  place?: Place;
  part: Part;
  /** A shared object. */
  object?: string;
}

export function parse(hash: string): Route {
  let at: string[];
  try {
    at = hash.replace(/^#?\//, "").split("/").map(decodeURIComponent);
  } catch {
    return { part: "streams" };
  }
  const [application, instance, part, object] = at;
  if (!application || !instance) return { part: "streams" };
  const route: Route = { place: { application, instance }, part: parts.find((p) => p === part) ?? "streams" };
  return route.part === "objects" && object ? { ...route, object } : route;
}

export function address({ place, part, object }: Route): string {
  if (!place) return "#/";
  return `#/${[place.application, place.instance, part, ...(object === undefined ? [] : [object])].map(encodeURIComponent).join("/")}`;
}

/** A token that the address brings, which is taken out of it: it must not stay in the history. */
export function takeToken(): string | undefined {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token === undefined) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}
