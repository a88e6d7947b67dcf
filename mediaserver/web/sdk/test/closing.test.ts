/** What a page hears of why a server ends its connection: the close frame's reason is the description of NetConnection.Connect.Closed. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pages, type Pages } from "./browser.ts";
import { serve, type Server } from "./server.ts";

let all: Pages;
let server: Server;
before(async () => {
  all = await pages();
  server = await serve({ "chat/main.asc": "application.onConnect = function (c) { c.leave = function () { application.disconnect(c); }; return true; };" }, 0, ["--web-origin", all.origin]);
});
after(async () => {
  await all?.close();
  await server?.stop();
});

for (const [what, want] of [
  ["sent away", /^The application or its administrator has ended the connection\.$/],
  ["the server ends", /^The server is shutting down\.$/],
] as const) {
  test(`a page hears why it is closed: ${what}`, async () => {
    const page = await all.open();
    await page.evaluate(async (url) => {
      const nc = new NetConnection({ reconnect: false });
      const closed = new Promise((resolve) => nc.on("netStatus", (info) => info.code === "NetConnection.Connect.Closed" && resolve(info.description)));
      Object.assign(globalThis, { nc, why: closed });
      await nc.connect(url);
    }, `ws://${server.web}/chat/room`);
    if (what === "sent away") await page.evaluate("nc.notify('leave')");
    else server.process.kill("SIGTERM");
    assert.match(String(await page.evaluate("why")), want);
    await page.close();
  });
}
