/** The studio (mediaserver/web/studio) in Chromium, whose camera and microphone are files: what one page publishes, another shows. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as dial, createServer, type AddressInfo, type Server as TCPServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { says, shows } from "./looks.ts";
import { connect, serve, until, type Server } from "./server.ts";

const blue = [32, 96, 192];
const red = [192, 64, 32];
const hex = (colour: number[]) => `0x${colour.map((c) => c.toString(16).padStart(2, "0")).join("")}`;

let folder: string;
let browser: Browser;
let server: Server;
let key: string;
const errors: string[] = [];

/** Makes a file of one colour and a tone. */
function film(name: string, colour: number[], ...how: string[]): string {
  const to = join(folder, name);
  execFileSync("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", `color=c=${hex(colour)}:s=640x360:r=25:d=4`, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4", ...how, to]);
  return to;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "flashpod-studio-"));
  const camera = film("camera.y4m", blue, "-map", "0", "-pix_fmt", "yuv420p");
  const microphone = film("microphone.wav", blue, "-map", "1");
  const manifest = join(folder, "room.yaml");
  writeFileSync(manifest, "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: room}\nspec: {application: keyed, recording: {mode: 'Off'}}\n");
  server = await serve({ "tv/notes.txt": "", "no/main.asc": "application.onConnect = function (c) { this.rejectConnection(c, {message: 'not today'}); };" }, 0, ["-f", manifest, "--data", join(folder, "data")]);
  key = readFileSync(join(folder, "data/keyed/keys/room.key"), "utf8").trim();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${camera}`,
      `--use-file-for-fake-audio-capture=${microphone}`,
      "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    ],
  });
});
after(async () => {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(errors, [], "pages complain");
});

async function open(kind: "studio" | "watch", name: string, host = server.web!, by = browser): Promise<Page> {
  const page = await by.newPage();
  page.setDefaultTimeout(120_000);
  page.on("pageerror", (e) => errors.push(e.stack ?? String(e)));
  page.on("console", (m) => m.type() === "error" && /Content Security|Refused/.test(m.text()) && errors.push(m.text()));
  // One way alone: a machine that is busy is not to be taken for a browser that cannot play it.
  await page.goto(`http://${host}/-/${kind}/${name}${kind === "watch" ? "?way=rtmp" : ""}`);
  return page;
}

/** Opens the studio of a name with the camera on. */
async function camera(name: string, host?: string): Promise<Page> {
  const page = await open("studio", name, host);
  await page.getByRole("button", { name: "Turn the camera on" }).click();
  await shows(page, blue);
  return page;
}

const publish = (page: Page) => page.getByRole("button", { name: "Publish" }).click();

/** Waits for a figure to be what it is to be. */
const figure = (page: Page, name: string, is: RegExp) =>
  page.waitForFunction(([id, is]) => new RegExp(is!).test(document.getElementById(id!)!.textContent!), [`out-${name}`, is.source] as const);

test("the studio publishes a camera, as it is set, and another page shows it", async () => {
  const page = await camera("tv/hall/cam");
  assert.equal(await page.getByLabel("Camera", { exact: true }).locator("option").count(), 1);
  await page.getByLabel("Size").selectOption("360 lines");
  await page.getByLabel("Codec").selectOption("H.264");
  await page.getByLabel("Bit rate").fill("700");
  await shows(page, blue);
  await publish(page);
  await says(page, "state", "Live");
  const watcher = await open("watch", "tv/hall/cam");
  await says(watcher, "state", "Live");
  await shows(watcher, blue);
  await says(watcher, "facts", "640 × 360");
  await figure(page, "size", /^640 × 360$/);
  await figure(page, "codecs", /^H\.264, (Opus|AAC)$/);
  await figure(page, "rate", /^[1-9].* (k|M)bit\/s$/);
  await figure(page, "fps", /^[1-9]/);
  await page.waitForFunction(() => (document.getElementById("level") as HTMLMeterElement).value > 0.3);
  await page.getByRole("button", { name: "Mute" }).click();
  await page.waitForFunction(() => (document.getElementById("level") as HTMLMeterElement).value === 0);

  // What is set while it is live counts at once.
  await page.getByLabel("Codec").selectOption("VP9");
  await figure(page, "codecs", /^VP9, /);
  await page.getByLabel("Size").selectOption("As it comes");
  await shows(watcher, blue);

  await page.getByRole("button", { name: "End" }).click();
  await says(page, "state", "Ended.");
  await says(watcher, "message", "has ended");
  const link = page.getByRole("link", { name: "Watch page" });
  assert.equal(await link.evaluate((a: HTMLAnchorElement) => a.href), watcher.url().replace("?way=rtmp", ""));
  await page.close();
  await watcher.close();
});

test("a browser that has no reader of tracks publishes all the same", async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("pageerror", (e) => errors.push(e.stack ?? String(e)));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  await page.addInitScript("delete globalThis.MediaStreamTrackProcessor");
  await page.goto(`http://${server.web}/-/studio/tv/hall/plain`);
  await page.getByRole("button", { name: "Turn the camera on" }).click();
  await publish(page);
  await says(page, "state", "Live");
  await figure(page, "codecs", /^(H\.264|VP9|AV1), (Opus|AAC)$/);
  const watcher = await open("watch", "tv/hall/plain");
  await shows(watcher, blue);
  await page.close();
  await watcher.close();
});

test("the studio publishes a file, records it, and ends with it", async () => {
  const page = await open("studio", "tv/hall/film");
  await page.getByLabel("File", { exact: true }).check();
  await page.getByLabel("Again from the start").check();
  await page.getByLabel("Video or sound").setInputFiles(film("film.webm", red, "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "500k", "-c:a", "libopus"));
  await shows(page, red);
  await page.getByLabel("Record").selectOption("Yes, in place of what is recorded");
  await publish(page);
  await says(page, "state", "Live, and recorded");
  const watcher = await open("watch", "tv/hall/film");
  await shows(watcher, red);
  await says(watcher, "facts", "640 × 360");
  await page.getByLabel("Again from the start").uncheck();
  await says(page, "state", "Ended, and recorded.");
  await says(page, "message", "The file is over.");
  await watcher.close();
  const later = await open("watch", "tv/hall/film");
  await says(later, "state", "Recorded");
  await shows(later, red);
  await page.getByLabel("Video or sound").setInputFiles(join(folder, "room.yaml"));
  await says(page, "message", "cannot play room.yaml");
  await page.close();
  await later.close();
});

test("the studio publishes what another page shows", async (t) => {
  // It is chosen by its title; of browsers with fake devices, screens are fakes, too.
  const other = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--auto-select-tab-capture-source-by-title=shown to others"] });
  t.after(() => other.close());
  const shown = await other.newPage();
  await shown.setContent(`<title>shown to others</title><body style="background: rgb(${red})"><script>setInterval(() => document.body.style.outline = Math.random() + "px solid", 50)</script>`);
  const page = await open("studio", "tv/hall/screen", server.web, other);
  await page.getByLabel("Screen", { exact: true }).check();
  await page.getByLabel("Sound", { exact: true }).selectOption("No sound");
  await page.getByRole("button", { name: "Choose what to show" }).click();
  await shows(page, red);
  await publish(page);
  const watcher = await open("watch", "tv/hall/screen");
  await shows(watcher, red);
  await figure(page, "codecs", /^(H\.264|VP9|AV1)$/);
  await page.close();
  await says(watcher, "message", "It begins here by itself"); // when it is there again
  await watcher.close();
});

test("a publish key is asked for, is told when it is wrong, and is nowhere but in what is sent", async () => {
  const page = await camera("keyed/room/cam");
  await publish(page);
  await says(page, "state", "needs a key");
  const field = page.getByLabel("Publish key");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement!.id), "key");
  await field.fill("guessed");
  await publish(page);
  await says(page, "state", "publish key is wrong");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await page.getByLabel("Record").selectOption("Yes, in place of what is recorded");
  const urls: string[] = [];
  page.on("request", (r) => urls.push(r.url()));
  await field.fill(key);
  await publish(page);
  await says(page, "state", "Live");
  await says(page, "note", "Not recorded");
  const watcher = await open("watch", "keyed/room/cam");
  await shows(watcher, blue);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  for (const text of [...urls, page.url(), kept, ...server.log]) assert(!text.includes(key) && !text.includes("guessed"), text);

  // A name that is taken is no other's.
  const second = await camera("keyed/room/cam");
  await second.getByLabel("Publish key").fill(key);
  await publish(second);
  await says(second, "state", "already published");
  await shows(watcher, blue);
  for (const each of [page, second, watcher]) await each.close();
});

test("what a script says to whom it lets not in is shown", async () => {
  const page = await camera("no/one/cam");
  await publish(page);
  await says(page, "state", "not today");
  await page.close();
});

/** Stands between pages and the server, and can be cut. */
class Line {
  private readonly sockets = new Set<Socket>();
  private down = false;
  private constructor(private readonly listener: TCPServer) {}

  static async to(host: string, port: number): Promise<Line> {
    const line: Line = new Line(
      createServer((near) => {
        if (line.down) {
          near.destroy();
          return;
        }
        const far = dial(port, host);
        for (const s of [near, far]) {
          line.sockets.add(s);
          s.on("error", () => {}).on("close", () => [near, far].forEach((other) => other.destroy()));
        }
        near.pipe(far).pipe(near);
      }),
    );
    await new Promise<void>((done) => line.listener.listen(0, "127.0.0.1", done));
    return line;
  }
  get address(): string {
    return `127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }
  cut(): void {
    this.down = true;
    for (const s of this.sockets) s.destroy();
    this.sockets.clear();
  }
  mend(): void {
    this.down = false;
  }
  close(): void {
    this.cut();
    this.listener.close();
  }
}

test("a studio whose connection is lost comes back, and those who watch see it again", async () => {
  const [host, port] = server.web!.split(":");
  const line = await Line.to(host!, Number(port));
  const page = await camera("tv/hall/far", line.address);
  await publish(page);
  await says(page, "state", "Live");
  const watcher = await open("watch", "tv/hall/far");
  await shows(watcher, blue);
  line.cut();
  await says(page, "state", "connection is lost");
  line.mend();
  await says(page, "state", "Live");
  const nc = await connect(server, "tv/hall");
  await until("pictures", (done: (v: undefined) => void) => void watchPictures(nc, "far", done));
  await shows(watcher, blue);
  await page.getByRole("button", { name: "End" }).click();
  await says(page, "state", "Ended.");
  nc.close();
  line.close();
  await page.close();
  await watcher.close();
});

/** Calls done with the first keyframe of a stream. */
async function watchPictures(nc: Awaited<ReturnType<typeof connect>>, name: string, done: (v: undefined) => void): Promise<void> {
  const { NetStream } = await import("../src/index.ts");
  const ns = new NetStream(nc);
  ns.on("media", ({ kind, payload }) => kind === "video" && (payload[0]! & 0x70) === 0x10 && done(undefined));
  await ns.play(name);
}

test("a page that has not come by HTTPS says that it cannot publish, and what can", async () => {
  const page = await open("studio", "tv/hall/cam", server.web!.replace("127.0.0.1", "insecure.test"));
  await says(page, "cannot", "HTTPS, or from localhost");
  await says(page, "message", "cannot publish here");
  assert(await page.getByRole("button", { name: "Publish" }).isDisabled());
  await page.close();
});

test("the studio is used by keyboard alone", async () => {
  const page = await open("studio", "tv/hall/keys");
  const reach = async (id: string) => {
    for (let i = 0; i < 30; i++) {
      if ((await page.evaluate(() => document.activeElement?.id || (document.activeElement as HTMLInputElement | null)?.value)) === id) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not come to ${id}`);
  };
  await reach("camera");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowLeft");
  await reach("open");
  await page.keyboard.press("Enter");
  await shows(page, blue);
  await reach("publish");
  await page.keyboard.press("Enter");
  await says(page, "state", "Live");
  await page.keyboard.press("Enter");
  await says(page, "state", "Ended.");
  // All that is used has a name.
  const nameless = await page.evaluate(() => [...document.querySelectorAll<HTMLInputElement>("input, select, button, meter, video")].filter((e) => !(e.labels?.length || e.textContent?.trim() || e.ariaLabel)).map((e) => e.outerHTML));
  assert.deepEqual(nameless, []);
  await page.close();
});
