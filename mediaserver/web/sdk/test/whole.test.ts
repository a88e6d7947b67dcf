/** All that browsers do in one room, at once: on a server of its own, or at the room of ROOM: a JSON of whole.ts's Room, with arguments for Chromium and a rule by which it resolves names. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";
import { chat, consoleSees, join_, publish, script, seekFile, seekRecording, watchFLV, watchPage, type Room } from "./whole.ts";

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

test("two pages chat, one publishes, the other watches in every way and seeks in the recording, and the console sees it", async () => {
  const [anna, ben] = [await all.open(), await all.open()];
  await join_(anna, room, "Anna");
  await join_(ben, room, "Ben");
  await chat(anna, ben, "Anna", "Flash is back");
  await publish(anna, room, "cam");
  for (const way of room.ways) await watchPage(all, room, "cam", way);
  for (const scheme of ["http", "ws"] as const) await watchFLV(all, room, "cam", scheme);
  await consoleSees(all, room, "cam", "Flash is back", async () => {
    await chat(ben, anna, "Ben", "I see you");
    return "I see you";
  });
  await anna.evaluate(async () => {
    await until("some seconds", () => performance.now() - globalThis.began > 7000);
    await ns.publish(false);
  });
  await seekRecording(ben, "cam");
  await seekFile(all, room, "cam");
});
