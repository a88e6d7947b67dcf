/** Chromium, with pages that have the SDK and what the tests show: colour bars, with the time in them. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";

/** Milliseconds that a slow machine may take for one thing. */
const patience = 120_000;

/** What pages draw and look at, for pages of others, too. */
export const tools = `
// Four bars, and below them a number in white and black: tenths of a second, which begins again after nearly two hours.
const colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];
globalThis.draw = (context, tenths) => {
  colours.forEach((c, i) => { context.fillStyle = "rgb(" + c + ")"; context.fillRect(80 * i, 0, 80, 180); });
  for (let bit = 0; bit < 16; bit++) { context.fillStyle = tenths >> bit & 1 ? "white" : "black"; context.fillRect(20 * bit, 180, 20, 60); }
};
// What a picture shows: whether its bars are right, and the number; undefined: there is none.
globalThis.look = (picture) => {
  const context = (globalThis.looking ??= new OffscreenCanvas(320, 240).getContext("2d", { willReadFrequently: true }));
  context.clearRect(0, 0, 320, 240);
  context.drawImage(picture, 0, 0, 320, 240);
  const { data } = context.getImageData(0, 0, 320, 240);
  const at = (x, y) => [...data.subarray(4 * (320 * y + x), 4 * (320 * y + x) + 4)];
  const bars = colours.map((c, i) => at(80 * i + 40, 90).slice(0, 3).every((v, k) => Math.abs(v - c[k]) < 60));
  let tenths = 0;
  for (let bit = 0; bit < 16; bit++) if (at(20 * bit + 10, 210)[0] > 127) tenths |= 1 << bit;
  return bars.every(Boolean) ? tenths : undefined;
};
globalThis.until = async (what, test) => {
  for (const end = performance.now() + 120_000; performance.now() < end; await new Promise((r) => setTimeout(r, 20))) {
    const found = await test();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error("waited too long for " + what);
};
`;

const html = `<!doctype html><meta charset="utf-8"><title>test</title><video muted playsinline width="320" height="240"></video><canvas width="320" height="240"></canvas>
<script type="module">
import * as sdk from "/flashpod.js";
Object.assign(globalThis, sdk);

${tools}globalThis.codes = [];
globalThis.connect = async (url) => {
  const nc = new NetConnection();
  await nc.connect(url);
  const ns = new NetStream(nc);
  ns.on("netStatus", (info) => codes.push(info.code.replace("NetStream.", "") + (info.level === "status" ? "" : " " + info.level + ": " + info.description)));
  ns.on("playStatus", (info) => codes.push(info.code.replace("NetStream.", "")));
  return ns;
};
globalThis.ready = true;
</script>`;

export interface Pages {
  origin: string;
  /** The same by a name that is no localhost's. */
  insecure: string;
  browser: Browser;
  /** What all of them have said in their consoles, and their errors. */
  said: string[];
  /** A page, whose errors fail the test at its end. */
  open(origin?: string): Promise<Page>;
  /** A page of somebody else's. */
  blank(): Promise<Page>;
  /** Ends it all, and throws what pages have complained of. */
  close(): Promise<void>;
}

/** Starts Chromium, with arguments of one's own and a rule more for resolving names, and a server of pages. */
export async function pages(args: string[] = [], rule = ""): Promise<Pages> {
  const script = readFileSync(join(process.env.SDK!, "flashpod.js"));
  const http = createServer((request, response) => {
    response.setHeader("Content-Type", request.url === "/flashpod.js" ? "text/javascript" : "text/html");
    response.end(request.url === "/flashpod.js" ? script : html);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const insecure = origin.replace("127.0.0.1", "insecure.test");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--host-resolver-rules=MAP insecure.test 127.0.0.1${rule && `,${rule}`}`, ...args],
  });
  const errors: string[] = [];
  const said: string[] = [];
  const blank = async (): Promise<Page> => {
    const page = await browser.newPage();
    page.setDefaultTimeout(patience);
    page.on("pageerror", (e) => said.push(`${page.url()}: ${String(e)}`));
    page.on("console", (m) => said.push(`${page.url()}: ${m.type()}: ${m.text()} ${m.location().url}`));
    page.on("crash", () => said.push(`${page.url()}: crashed`));
    return page;
  };
  return {
    origin,
    insecure,
    browser,
    said,
    blank,
    open: async (at = origin) => {
      const page = await blank();
      page.on("pageerror", (e) => errors.push(e.stack ?? String(e)));
      page.on("console", (m) => m.type() === "error" && !m.text().includes("favicon") && errors.push(m.text()));
      await page.goto(at);
      await page.waitForFunction("globalThis.ready");
      return page;
    },
    close: async () => {
      await browser.close();
      http.close();
      if (errors.length > 0) throw new Error(`pages complain: ${errors.join("\n")}`);
    },
  };
}
