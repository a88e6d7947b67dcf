/** A long test in steps: one that fails says in which, and what its pages were like. */
import type { BrowserContext, Page } from "playwright-core";
import type { Pages } from "./browser.ts";

/** Milliseconds that a page may take to say how it is: one that hangs is not waited for. */
const patience = 10_000;

/** How a page is, in lines: what it says, and how its video and its connection are. */
const state = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const ranges = (r: TimeRanges): string => Array.from({ length: r.length }, (_, i) => `${r.start(i).toFixed(1)} to ${r.end(i).toFixed(1)}`).join(", ");
    const lines = [...document.querySelectorAll("video")].map(
      (v) =>
        `video: ${v.videoWidth} × ${v.videoHeight}, at ${v.currentTime.toFixed(2)} of ${v.duration} s, has ${ranges(v.buffered) || "nothing"}, readyState ${v.readyState}` +
        `${v.paused ? ", paused" : ""}${v.seeking ? ", seeking" : ""}${v.ended ? ", ended" : ""}${v.error ? `, ${v.error.message}` : ""}` +
        `, ${v.getVideoPlaybackQuality().totalVideoFrames} pictures, of which ${v.getVideoPlaybackQuality().droppedVideoFrames} were dropped` +
        (v.videoWidth > 0 && "look" in globalThis ? `; it shows ${look(v)}` : ""),
    );
    const { nc, ns, codes, began } = globalThis as Partial<typeof globalThis>;
    if (nc) lines.push(`NetConnection: ${nc.connected ? "connected" : "not connected"}`);
    if (ns) lines.push(`NetStream: at ${ns.time.toFixed(2)} s, has sent ${JSON.stringify(ns.info)}`);
    if (began !== undefined) lines.push(`it began ${((performance.now() - began) / 1000).toFixed(1)} s ago`);
    if (codes && codes.length > 0) lines.push(`it was told ${codes.slice(-12).join(", ")}`);
    return [...lines, ...document.body.innerText.replace(/\s+/g, " ").trim().slice(0, 400).split("\n")].filter((line) => line !== "");
  });

/** What can be said of a page, at most so many lines. */
async function about(page: Page): Promise<string[]> {
  const hangs = new Promise<string[]>((resolve) => setTimeout(() => resolve(["it does not answer"]), patience));
  const lines = await Promise.race([state(page).catch((e: unknown) => [String(e)]), hangs]);
  return [page.url().replace(/#.*/, ""), ...lines.map((line) => `    ${line.slice(0, 400)}`)];
}

/** Runs the steps of a test. */
export class Steps {
  private readonly began = Date.now();
  private readonly took: string[] = [];

  /**
   * @param all whose pages are looked at
   * @param server says what the server has logged
   */
  constructor(
    private readonly all: Pages,
    private readonly server: () => string[],
  ) {}

  /** Does one. The error is short, and last of what the test prints: the step, why, and then how things stood. */
  async do<T>(what: string, step: () => Promise<T>): Promise<T> {
    const began = Date.now();
    const since = (t: number): string => `${((Date.now() - t) / 1000).toFixed(1)} s`;
    try {
      return await step();
    } catch (e) {
      const why = (e instanceof Error ? e.message : String(e)).split("\n").filter((line) => !/^\s+at /.test(line));
      const pages = this.all.browser.contexts().flatMap((context: BrowserContext) => context.pages());
      const lines = [
        `${what}: ${why[0]}`,
        ...why.slice(1, 6),
        `This step failed after ${since(began)}, ${since(this.began)} after the test had begun; before it: ${this.took.join("; ") || "none"}.`,
        ...(await Promise.all(pages.map(about))).flat(),
        ...[...this.all.said.slice(-6), ...this.server().slice(-6)].map((line) => line.slice(0, 300)),
      ];
      throw Object.assign(new Error(lines.slice(0, 36).join("\n")), { stack: "" });
    } finally {
      this.took.push(`${what} ${since(began)}`);
    }
  }

  /** How long each has taken. */
  get times(): string {
    return this.took.join("; ");
  }
}
