/** Chromium, and what tests do with a page of the console. */
import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { fake, type Fake } from "./fake.ts";

/** Milliseconds that a slow machine may take for one thing. */
export const patience = 120_000;

export interface Pages {
  browser: Browser;
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** Ends it all, and throws what pages have complained of. */
  close(): Promise<void>;
}

export async function pages(): Promise<Pages> {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
  const errors: string[] = [];
  return {
    browser,
    open: async (url, options) => {
      const page = await browser.newPage(options);
      page.setDefaultTimeout(patience);
      page.on("pageerror", (e) => errors.push(e.stack ?? String(e)));
      // What is refused, and what is not there while a server is down, is said in the console by the browser itself.
      page.on("console", (m) => m.type() === "error" && !/^Failed to load resource|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/.test(m.text()) && errors.push(m.text()));
      await page.goto(url);
      return page;
    },
    close: async () => {
      await browser.close();
      if (errors.length > 0) throw new Error(`pages complain: ${errors.join("\n")}`);
    },
  };
}

/** Waits until an element that is chosen so has a text in it. */
export const says = (page: Page, where: string, text: string | RegExp): Promise<void> => page.locator(where).filter({ hasText: text }).first().waitFor();

export interface Inside {
  server: Fake;
  page: Page;
  end(): Promise<void>;
}

/** A page of a server that is told what to say (see fake), which has let somebody in. */
export async function inside(all: Pages, role: "admin" | "viewer" = "admin", hash = "", options: BrowserContextOptions = {}, crowded = false): Promise<Inside> {
  const server = await fake(role, crowded);
  const page = await all.open(`${server.url}#token=right`, options);
  await says(page, ".condition", "Ready");
  if (hash !== "") await page.evaluate((hash) => (location.hash = hash), hash);
  const end = async (): Promise<void> => {
    await page.context().close();
    await server.close();
  };
  return { server, page, end };
}

/** What axe has against the page as it is now. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map((v) => `${v.impact}: ${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target.join(" ")} (${n.failureSummary})`).join("; ")}`);
}

/** Checks that everybody can use the page, and that nothing of it is beyond its edge. */
export async function isFine(page: Page, what: string): Promise<void> {
  assert.deepEqual(await faults(page), [], what);
  await fits(page, what);
}

/** Checks that nothing of the page is beyond its edge. */
export async function fits(page: Page, what: string): Promise<void> {
  const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide! <= has!, `${what}: the page is ${wide} wide, and the window ${has}`);
}
