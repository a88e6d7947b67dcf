/** What a page hears of why a server ends its connection: the close frame's reason is the description of NetConnection.Connect.Closed. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pages, type Pages } from "./browser.ts";
import { says } from "./looks.ts";
import { connect, serve, type Server } from "./server.ts";

const script = `
application.onConnect = function (c) {
	c.leave = function () { application.disconnect(c); };
	c.sendAway = function () {
		for (var i = application.clients.length; i-- > 0; ) if (application.clients[i] != c) application.disconnect(application.clients[i]);
	};
	return true;
};
`;
let all: Pages;
let server: Server;
before(async () => {
  all = await pages();
  server = await serve({ "chat/main.asc": script }, 0, ["--web-origin", all.origin]);
});
after(async () => {
  await all?.close();
  await server?.stop();
});

test("the pages of a stream say that they were sent away, and why, and do not come back", async () => {
  const nc = await connect(server, "chat/hall");
  const watch = await all.blank();
  await watch.goto(`http://${server.web}/-/watch/chat/hall/cam?way=rtmp`);
  await says(watch, "message", "Nobody publishes this stream yet");
  const studio = await all.blank();
  await studio.goto(`http://${server.web}/-/studio/chat/hall/cam`);
  await studio.getByRole("button", { name: "Turn the camera on" }).click();
  await studio.getByRole("button", { name: "Publish" }).click();
  await says(studio, "state", "Live");
  await nc.call("sendAway");
  await says(studio, "state", "Not published: The application or its administrator has ended the connection.");
  await says(watch, "message", "The application or its administrator has ended the connection.");
  nc.close();
  await watch.close();
  await studio.close();
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
