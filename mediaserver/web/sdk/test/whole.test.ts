/** All that browsers do in one room, at once: on a server of its own, or at the room of ROOM, a JSON of whole.ts's Room and arguments for Chromium. */
import { after, before, test } from "node:test";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";
import { chat, join_, publish, script, seekRecording, watchFLV, watchPage, type Room } from "./whole.ts";

let all: Pages;
let server: Server | undefined;
let room: Room;
before(async () => {
  if (process.env.ROOM) {
    const given = JSON.parse(process.env.ROOM) as Room & { args: string[] };
    room = given;
    all = await pages(given.args);
    return;
  }
  all = await pages();
  server = await serve({ "chatRoom/main.asc": script }, 0, ["--web-origin", all.origin]);
  room = { web: `http://${server.web}`, path: "chatRoom/lobby", key: "" };
});
after(async () => {
  await all.close();
  await server?.stop();
});

test("two pages chat, one publishes, the other watches in every way and seeks in the recording", async () => {
  const [anna, ben] = [await all.open(), await all.open()];
  await join_(anna, room, "Anna");
  await join_(ben, room, "Ben");
  await chat(anna, ben, "Anna", "Flash is back");
  await publish(anna, room, "cam");
  for (const way of ["rtmp", "hls"]) await watchPage(all, room, "cam", way);
  for (const scheme of ["http", "ws"] as const) await watchFLV(all, room, "cam", scheme);
  await chat(ben, anna, "Ben", "I see you");
  await anna.evaluate(async () => {
    await until("some seconds", () => performance.now() - globalThis.began > 7000);
    await ns.publish(false);
  });
  await seekRecording(ben, "cam");
});
