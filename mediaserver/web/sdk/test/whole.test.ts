/** All that browsers do in one room, at once: on a server of its own, or at the room of ROOM: a JSON of whole.ts's Room, with arguments for Chromium and a rule by which it resolves names. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";
import { Steps } from "./steps.ts";
import { chat, consoleSees, join_, publish, script, seekFile, seekRecording, watchFLV, watchHLS, watchPage, type Room } from "./whole.ts";

let all: Pages;
let server: Server | undefined;
let room: Room;
const folders: string[] = [];
before(async () => {
  if (process.env.ROOM) {
    const given = JSON.parse(process.env.ROOM) as Room & { args: string[]; resolve: string };
    room = given;
    all = await pages(given.args, given.resolve);
    return;
  }
  all = await pages();
  const data = mkdtempSync(join(tmpdir(), "flashpod-whole-"));
  folders.push(data);
  server = await serve({ "chatRoom/main.asc": script }, 0, ["--web-origin", all.origin, "--data", data]);
  const token = readFileSync(join(data, "console/admin"), "utf8").trim();
  room = { web: `http://${server.web}`, path: "chatRoom/lobby", key: "", ways: ["whep", "rtmp", "hls"], console: { url: `http://${server.control}`, token } };
});
after(async () => {
  await all.close();
  await server?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test("two pages chat, one publishes, the other watches in every way and seeks in the recording, and the console sees it", async (t) => {
  const steps = new Steps(all, () => server?.log ?? []);
  const [anna, ben] = [await all.open(), await all.open()];
  await steps.do("Anna joins", () => join_(anna, room, "Anna"));
  await steps.do("Ben joins", () => join_(ben, room, "Ben"));
  await steps.do("they chat", () => chat(anna, ben, "Anna", "Flash is back"));
  await steps.do("Anna publishes", () => publish(anna, room, "cam"));
  for (const way of room.ways) await steps.do(`a page watches by ${way}`, () => watchPage(all, room, "cam", way));
  for (const scheme of ["http", "ws"] as const) await steps.do(`a page watches FLV by ${scheme}`, () => watchFLV(all, room, "cam", scheme));
  await steps.do("a page watches by hls.js", () => watchHLS(all, room, "cam", false));
  await steps.do("the console", () =>
    consoleSees(all, room, "cam", "Flash is back", async () => {
      await chat(ben, anna, "Ben", "I see you");
      return "I see you";
    }),
  );
  await steps.do("Anna ends", () =>
    anna.evaluate(async () => {
      await until("some seconds", () => performance.now() - globalThis.began > 7000);
      await ns.publish(false);
    }),
  );
  await steps.do("Ben seeks in the recording", () => seekRecording(ben, "cam"));
  await steps.do("a page seeks in the file", () => seekFile(all, room, "cam"));
  await steps.do("a page seeks by hls.js", () => watchHLS(all, room, "cam", true));
  t.diagnostic(steps.times);
});
