/** What the server tells, and where it cannot, is said on the page in words. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fake, server as state } from "./fake.ts";
import { inside, pages, says, type Pages } from "./pages.ts";

let all: Pages;
before(async () => {
  all = await pages();
});
after(() => all.close());

test("how the server does is said at its head, and a server that drains is not drained again", async () => {
  const { page, server, end } = await inside(all);
  server.tell("state", { server: { ...state, ready: false, reason: "the disk is full" }, instances: [], more: 0 });
  await says(page, ".condition.bad", "Not ready: the disk is full");
  await says(page, "main", "No instance runs now.");
  server.tell("state", { server: { ...state, ready: false, draining: true, reason: "" }, instances: [], more: 7 });
  await says(page, ".condition.warn", "Draining");
  await says(page, "main", "7 more instances would be too much for this page");
  assert(await page.getByRole("button", { name: "Draining…" }).isDisabled());
  await end();
});

test("an address without a host is of the host that the page is from", async () => {
  const { page, server, end } = await inside(all);
  server.tell("state", { server: { ...state, web: "http://:8088" }, instances: [], more: 0 });
  await page.getByRole("link", { name: "http://127.0.0.1:8088", exact: true }).waitFor();
  server.tell("state", { server: { ...state, web: "" }, instances: [], more: 0 });
  await page.getByText("For browsers").waitFor({ state: "detached" });
  await end();
});

test("a shared object comes and goes, and what is too much is said", async () => {
  const { page, server, end } = await inside(all, "viewer", "#/live/concert/objects/t%3Acursor");
  const of = "t:cursor";
  server.tell("object", { key: of, gone: true });
  await says(page, ".slots", "Nobody uses cursor now.");
  server.tell("object", { key: of, name: "cursor", version: 5, slots: { x: 1, y: [1, 2] }, more: 3 });
  await says(page, ".slots", "3 more slots would be too much for this page.");
  assert.equal(await page.locator(".changed").count(), 0, "nothing has changed yet");
  server.tell("object", { key: of, name: "cursor", version: 6, slots: { x: 2, y: [1, 2] }, more: 0 });
  await says(page, ".changed", /^2$/);
  assert.equal(await page.locator(".changed").count(), 1);
  server.tell("lost", { lines: 12 });
  await page.evaluate(() => (location.hash = "#/"));
  await says(page, "[role=log]", "12 entries came too fast for this page");
  await end();
});

test("why there are no events is said, and that there are some again", async () => {
  const { page, server, end } = await inside(all);
  server.refuse("32 pages are sent what happens, as many as may be: close one");
  await says(page, ".link.lost", "32 pages are sent what happens");
  server.refuse(undefined);
  await says(page, ".link.live", "Connected again.");
  await end();
});

test("a picture that cannot be shown says why", async () => {
  const { page, end } = await inside(all, "viewer", "#/live/concert/streams");
  await page.getByRole("button", { name: "Watch radio" }).click();
  await says(page, ".preview [role=status]", "Nobody publishes this stream now.");
  await page.evaluate(() => {
    HTMLMediaElement.prototype.canPlayType = () => "";
    for (const name of ["MediaSource", "ManagedMediaSource"]) Reflect.deleteProperty(globalThis, name);
  });
  await page.getByRole("button", { name: "Watch stage" }).click();
  await says(page, ".preview [role=status]", "This browser can play neither Media Source Extensions nor HLS.");
  await page.evaluate(() => (location.hash = "#/live/concert/recordings"));
  await page.getByRole("button", { name: "Play soundcheck" }).click();
  await says(page, "dialog [role=status]", "there is nothing at /-/console/media/live/concert/soundcheck/index.m3u8");
  await end();
});

test("a link with a token that is followed where the console is open lets somebody in", async () => {
  const server = await fake();
  const page = await all.open(server.url);
  await page.getByLabel("Token").waitFor();
  await page.evaluate(() => (location.hash = "#token=wrong"));
  await says(page, "[role=alert]", "this is no token of the console");
  await page.evaluate(() => (location.hash = "#token=right"));
  await says(page, ".condition", "Ready");
  assert.equal(page.url(), server.url);
  await page.evaluate(() => (location.hash = "#token=wrong")); // who is in stays in
  await page.waitForFunction(() => location.hash === "");
  await says(page, ".condition", "Ready");
  await page.close();
  await server.close();
});
