/** What the page asks of the server. A cookie, which scripts cannot read, says who asks. */
import type { Place, Recording, Session } from "./types.ts";

/** Where the console is, whatever stands before it. */
const base = new URL(".", location.href).pathname;

/** The server has said no; the message is for people. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const part = encodeURIComponent;
const of = ({ application, instance }: Place): string => `${part(application)}/${part(instance)}`;

async function ask(method: string, path: string, headers: Record<string, string> = {}, signal: AbortSignal | null = null): Promise<Response> {
  if (method !== "GET") headers["X-Flashpod-Console"] = "1";
  let answer: Response;
  try {
    answer = await fetch(`${base}api/${path}`, { method, headers, cache: "no-store", credentials: "same-origin", signal });
  } catch {
    throw new Refused(0, "The server cannot be reached.");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let error = text.trim() || answer.statusText;
  try {
    error = (JSON.parse(text) as { error: string }).error;
  } catch {
    // It is no JSON: a proxy has answered.
  }
  throw new Refused(answer.status, error);
}

/** Changes the token for a session. */
export const signIn = async (token: string): Promise<Session> => (await ask("POST", "session", { Authorization: `Bearer ${token}` })).json() as Promise<Session>;

/** The session that the cookie names. */
export const session = async (): Promise<Session> => (await ask("GET", "session")).json() as Promise<Session>;

export const signOut = (): Promise<unknown> => ask("DELETE", "session");

export const kick = (place: Place, client: string): Promise<unknown> => ask("DELETE", `instances/${of(place)}/clients/${part(client)}`);
export const unload = (place: Place): Promise<unknown> => ask("POST", `instances/${of(place)}/unload`);
export const drain = (): Promise<unknown> => ask("POST", "drain");

export interface RecordingPage {
  recordings: Recording[];
  /** What the next page comes after; undefined: there is none. */
  after?: string;
}

/** A page of an instance's recordings, or of those of all: also of instances that do not run. */
export async function recordings(place?: Place, after?: string): Promise<RecordingPage> {
  const query = new URLSearchParams({ limit: "50" });
  if (place) query.set("instance", `${place.application}/${place.instance}`);
  if (after !== undefined) query.set("after", after);
  const page = (await (await ask("GET", `recordings?${query}`)).json()) as { recordings: Recording[]; next?: string };
  const next = page.next === undefined ? null : new URL(page.next, location.href).searchParams.get("after");
  return next === null ? { recordings: page.recordings } : { recordings: page.recordings, after: next };
}

const steps = (name: string): string => name.split("/").map(part).join("/");

export const removeRecording = (place: Place, name: string): Promise<unknown> => ask("DELETE", `recordings/${of(place)}/${steps(name)}`);

/** Address of a stream's picture and sound: how says in which form. */
export const media = (place: Place, name: string, how: ".mp4" | ".flv" | "/index.m3u8"): string => `${base}media/${of(place)}/${steps(name)}${how}`;

/** Throws what the server has against sending events: an EventSource does not say it. */
export async function tryEvents(place?: Place, object?: string): Promise<void> {
  const stop = new AbortController();
  try {
    await ask("GET", events(place, object).slice(`${base}api/`.length), {}, stop.signal);
  } finally {
    stop.abort();
  }
}

/** Address of the events about an instance, and about a shared object of it. */
export function events(place?: Place, object?: string): string {
  const query = new URLSearchParams();
  if (place) query.set("instance", `${place.application}/${place.instance}`);
  if (place && object !== undefined) query.set("object", object);
  return `${base}api/events?${query}`;
}
