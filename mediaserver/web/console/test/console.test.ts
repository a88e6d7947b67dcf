/** The console of a real server: what is published, who is there and what scripts say is seen, and what is asked for happens. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { SharedObject } from "../../sdk/src/index.ts";
import { connect, program, serve, until, type Server } from "../../sdk/test/server.ts";
import { isFine, pages, says, type Pages } from "./pages.ts";

const script = `
application.onConnect = function(client, name) { trace(name + " is here"); return true; };
Client.prototype.stumble = function() {
	var nothing;
	return nothing.at.all;
};
`;
const blue = [32, 96, 192];

let all: Pages;
let server: Server;
const folder = mkdtempSync(join(tmpdir(), "flashpod-console-"));
const applications = join(folder, "applications");
const data = join(folder, "data");
/** All that was started, so that a test that fails ends. */
const started: ChildProcess[] = [];
before(async () => {
  all = await pages();
  server = await serve({ "tv/main.asc": script }, 0, ["--data", data], applications);
});
after(async () => {
  for (const child of started) child.kill("SIGKILL");
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
  await all.close();
});

const token = (role: "admin" | "viewer"): string => readFileSync(join(data, "console", role), "utf8").trim();

/** The console, by somebody of a role, at a part of it. */
async function open(hash: string, role: "admin" | "viewer" = "admin", options = {}): Promise<Page> {
  const page = await all.open(`http://${server.control}/-/console/#token=${token(role)}`, options);
  await says(page, ".condition", "Ready");
  await page.evaluate((hash) => (location.hash = hash), hash);
  return page;
}

const encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv"];
const source = ["-f", "lavfi", "-i", "color=c=0x2060c0:s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100"];

/** Publishes blue pictures and a tone until it is killed. */
function publish(name: string): ChildProcess {
  const child = spawn("ffmpeg", ["-v", "error", "-nostdin", "-re", ...source, "-t", "600", ...encoding, server.url(`tv/studio/${name}`)], { stdio: ["ignore", "inherit", "inherit"] });
  started.push(child);
  return child;
}

/** Records so many seconds of them. */
function record(name: string, seconds: number, encoded = encoding): void {
  const file = join(folder, "film.flv");
  execFileSync("ffmpeg", ["-v", "error", "-nostdin", "-y", ...source, "-t", String(seconds), ...encoded, file]);
  execFileSync(program, ["publish", file, server.url(`tv/studio/${name}`), "--mode", "record", "--fast"], { stdio: "ignore" });
}

/** Waits until the page's video shows blue pictures, and moves on. */
const showsBlue = (page: Page): Promise<unknown> =>
  page.waitForFunction(
    (blue) => {
      const video = document.querySelector("video");
      if (!video || video.videoWidth !== 320 || video.videoHeight !== 180 || video.currentTime < 0.3) return false;
      const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
      context.drawImage(video, 0, 0, 16, 16);
      const colour = [...context.getImageData(8, 8, 1, 1).data].slice(0, 3);
      return colour.every((c, i) => Math.abs(c - blue[i]!) < 40);
    },
    blue,
    { polling: 200 },
  );

/** What a stream, or whatever has a list of facts, says of something. */
const fact = (page: Page, of: string): ReturnType<Page["locator"]> => page.locator(".facts > div", { has: page.locator("dt", { hasText: of }) }).locator("dd");

test("a stream is seen with what it is made of, and its picture", async () => {
  const publisher = publish("cam");
  const page = await open("#/");
  // What its script has said has a link to the log, and may be there before.
  await page.getByRole("table", { name: "Instances that run now" }).getByRole("link", { name: "tv/studio" }).first().click();
  await says(page, ".stream h2", "cam");
  for (const [of, text] of [
    ["Picture", /^H\.264, 320 × 180, \d+(\.\d+)? fps$/],
    ["Sound", "AAC, 44.1 kHz, mono"],
    ["Keyframes", "every 1.0 s"],
    ["Bit rate", /[1-9]\d* kbit\/s/],
    ["Viewers", "0"],
  ] as const) {
    await fact(page, of).filter({ hasText: text }).waitFor();
  }
  await page.getByRole("button", { name: "Watch cam" }).click();
  await showsBlue(page);
  await page.getByText(/^By FLV, .* s behind what has come/).waitFor();
  await isFine(page, "a preview");
  const address = await page.getByRole("link", { name: "Page for viewers" }).getAttribute("href");
  assert.equal(address, `http://${server.web}/-/watch/tv/studio/cam`);
  await page.getByRole("button", { name: "Stop watching" }).click();
  assert.equal(await page.locator("video").count(), 0);
  await page.evaluate(() => ["MediaSource", "ManagedMediaSource"].forEach((name) => Reflect.deleteProperty(globalThis, name)));
  await page.getByRole("button", { name: "Watch cam" }).click();
  await showsBlue(page);
  await page.getByText(/^By HLS/).waitFor();

  const gone = once(publisher, "exit");
  publisher.kill("SIGTERM");
  await gone;
  await says(page, "main", "Nothing is published here now.");
  await page.close();
});

test("a client is seen with what it does, and is disconnected", async () => {
  const nc = await connect(server, "tv/room", {}, "ada");
  const [watcher, admin] = [await open("#/tv/room/clients", "viewer"), await open("#/tv/room/clients")];
  const row = admin.getByRole("row").filter({ hasText: "127.0.0.1" });
  await row.first().waitFor();
  assert.equal(await row.count(), 1);
  const closed = until<void>("its end", (done) => nc.on("netStatus", ({ code }) => code === "NetConnection.Connect.Closed" && done()));
  await admin.getByRole("button", { name: /^Kick/ }).click();
  await admin.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
  await closed;
  await says(admin, "[role=status]", "is disconnected");
  await row.first().waitFor({ state: "detached" });

  // Who only looks is not offered it, and would not get it.
  await says(watcher, ".role", "Read only");
  assert.equal(await watcher.getByRole("button", { name: /kick|unload|drain|delete/i }).count(), 0);
  const answer = await watcher.evaluate(async () => (await fetch("api/drain", { method: "POST", headers: { "X-Flashpod-Console": "1" } })).status);
  assert.equal(answer, 403);
  await watcher.close();
  await admin.close();
});

test("slots of a shared object are seen as they change", async () => {
  const nc = await connect(server, "tv/board", {}, "ben");
  const so = SharedObject.getRemote("board/one", nc.uri, true);
  await so.connect(nc);
  so.setProperty("count", 1);
  so.setProperty("who", { name: "ada", tall: true });
  const page = await open("#/tv/board/objects");
  await page.getByRole("link", { name: "board/one" }).click();
  const value = (slot: string): ReturnType<Page["locator"]> => page.locator(".slots tr", { has: page.locator("th", { hasText: slot }) }).locator("pre");
  await value("count").filter({ hasText: /^1$/ }).waitFor();
  assert.deepEqual(JSON.parse((await value("who").textContent())!), { name: "ada", tall: true });
  so.setProperty("count", 2);
  await value("count").filter({ hasText: /^2$/ }).and(page.locator(".changed")).waitFor();
  so.setProperty("count", null);
  await value("count").waitFor({ state: "detached" });
  nc.close();
  await says(page, "main", /does not run now|Nobody uses board\/one now/);
  await page.close();
});

test("what a script says, and what fails in it, is seen as it comes", async () => {
  const page = await open("#/tv/stage/log");
  const nc = await connect(server, "tv/stage", {}, "carla");
  await says(page, ".entry.trace", "carla is here");
  await nc.call("stumble").catch(() => {});
  await says(page, ".entry.error", /undefined/);
  await says(page, ".entry.error .where", "main.asc:5");
  await page.evaluate(() => (location.hash = "#/"));
  await page.getByRole("row").filter({ hasText: "tv/stage" }).getByRole("link", { name: "1", exact: true }).waitFor();
  nc.close();
  await page.close();
});

test("a recording plays, is taken home and deleted", async () => {
  record("film", 6);
  const page = await open("#/");
  await page.getByRole("button", { name: "Show recordings" }).click();
  await page.getByRole("row").filter({ hasText: "tv/studio/film" }).filter({ hasText: "0:06" }).waitFor();
  await isFine(page, "recordings of all instances");
  await page.getByRole("table", { name: "Recordings of all instances" }).getByRole("link", { name: "tv/studio/" }).first().click();
  await page.getByRole("heading", { name: "tv/studio" }).waitFor();
  const row = page.getByRole("row").filter({ hasText: "film" });
  await row.filter({ hasText: "0:06" }).waitFor();
  await row.getByRole("button", { name: "Play film" }).click();
  await showsBlue(page);
  await page.waitForFunction(() => Math.abs(document.querySelector("video")!.duration - 6) < 0.5);
  await page.evaluate(() => (document.querySelector("video")!.currentTime = 4));
  await page.waitForFunction(() => document.querySelector("video")!.currentTime > 4.2 && !document.querySelector("video")!.seeking);
  await isFine(page, "a player");
  await page.getByRole("button", { name: "Close" }).click();

  const [download] = await Promise.all([page.waitForEvent("download"), row.getByRole("link", { name: "FLV of film" }).click()]);
  assert.equal(download.suggestedFilename(), "film.flv");
  const probed = execFileSync("ffprobe", ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", await download.path()], { encoding: "utf8" });
  assert.deepEqual(probed.trim().split("\n").sort(), ["aac", "h264"]);

  const file = join(applications, "tv/streams/studio/film.flv");
  assert(existsSync(file), `${file} is not there`);
  await row.getByRole("button", { name: "Delete… film" }).click();
  await says(page, "dialog", "gone for good");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await says(page, "main", "Nothing is recorded here.");
  assert(!existsSync(file), `${file} is still there`);
  await page.close();
});

test("a recording whose pictures no browser shows says what is left out", async () => {
  record("old", 4, ["-c:v", "flv", "-c:a", "aac", "-f", "flv"]); // Sorenson H.263
  const page = await open("#/tv/studio/recordings");
  await page.getByRole("row").filter({ hasText: "old" }).getByRole("button", { name: "Play old" }).click();
  await says(page, "dialog", "Sorenson H.263");
  await page.waitForFunction(() => document.querySelector("video")!.currentTime > 0.2); // its sound plays
  await isFine(page, "a player of sound alone");
  await page.close();
});

test("an instance is unloaded, and the server drains", async () => {
  const nc = await connect(server, "tv/last", {}, "dora");
  const page = await open("#/tv/last/clients");
  await says(page, "tbody", "127.0.0.1");
  const closed = until<void>("its end", (done) => nc.on("netStatus", ({ code }) => code === "NetConnection.Connect.Closed" && done()));
  await page.getByRole("button", { name: "Unload…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Unload" }).click();
  await closed;
  await says(page, "main", "does not run now");

  await page.evaluate(() => (location.hash = "#/"));
  await page.getByRole("button", { name: "Drain…" }).click();
  const ended = once(server.process, "exit");
  await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
  await ended;
  assert.equal(server.process.exitCode, 0);
  await says(page, ".link", "Connection lost");
  await page.close();
});
