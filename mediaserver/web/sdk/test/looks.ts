/** What tests see of the server's own pages of streams. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";

const timeout = 120_000;

/** Waits until the element of an id says something. */
export async function says(page: Page, where: string, text: string): Promise<void> {
  try {
    await page.waitForFunction(([where, text]) => document.getElementById(where!)!.textContent!.includes(text!), [where, text] as const, { timeout });
  } catch (e) {
    const all = await page.evaluate(() => document.body.innerText.slice(0, 2000)).catch(() => "nothing");
    throw new Error(`waited too long for #${where} to say ${JSON.stringify(text)}; the page says: ${all}`, { cause: e });
  }
}

/** What the page's video shows as soon as it is a colour, and moves: the colour of its middle, and the message that covers it. */
export async function shows(page: Page, colour: readonly number[]): Promise<void> {
  const seen = await page.evaluate(async ({ want, patience }) => {
    const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
    const seen = { colour: [0, 0, 0, 0], size: [0, 0], moves: false, message: "" as string | null };
    let last = document.querySelector("video")?.currentTime ?? 0; // another way to play begins at another time
    const done = (): boolean => seen.moves && seen.message === "" && want.every((c, i) => Math.abs(c - seen.colour[i]!) < 40);
    for (const end = performance.now() + patience; !done() && performance.now() < end; await new Promise((next) => setTimeout(next, 20))) {
      const video = document.querySelector("video");
      if (!video || video.videoWidth === 0) continue;
      context.drawImage(video, 0, 0, 16, 16);
      Object.assign(seen, { colour: [...context.getImageData(8, 8, 1, 1).data], size: [video.videoWidth, video.videoHeight], moves: seen.moves || video.currentTime > last, message: document.getElementById("message")!.textContent });
      last = video.currentTime;
    }
    return seen;
  }, { want: colour, patience: timeout });
  assert(colour.every((c, i) => Math.abs(c - seen.colour[i]!) < 40), `it shows ${JSON.stringify(seen)}, want ${colour.join()}`);
  assert(seen.moves, "the picture stands still");
  assert.equal(seen.message, "");
}

/** Waits until a page that chooses its way by itself plays by the one of a title. One on a machine that does much else may lose its patience with a way, and take the next: it is opened again. */
export async function chooses(page: Page, title: string): Promise<void> {
  let said = "";
  for (let tries = 0; tries < 10; tries++) {
    await page.waitForFunction(() => /\bby \S/.test(document.getElementById("facts")!.textContent!), undefined, { timeout });
    said = await page.evaluate(() => document.getElementById("facts")!.textContent!);
    if (said.includes(`by ${title}`)) return;
    await page.reload();
  }
  assert.fail(`the page plays not by ${title}: ${said}`);
}
