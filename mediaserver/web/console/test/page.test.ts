/** The page alone, told what to show: how one comes in, whether everybody can use it, and what it does when the server is away. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fake } from "./fake.ts";
import { fits, inside as into, isFine, pages, patience, says, type Inside, type Pages } from "./pages.ts";

let all: Pages;
before(async () => {
  all = await pages();
});
after(() => all.close());
const inside = (...of: Parameters<typeof into> extends [unknown, ...infer Rest] ? Rest : never): Promise<Inside> => into(all, ...of);

test("a token lets somebody in, a wrong one does not, and none stays in the address", async () => {
  const server = await fake();
  const page = await all.open(server.url);
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await says(page, "[role=alert]", "this is no token of the console");
  await isFine(page, "a refusal");
  await page.getByLabel("Token").fill("right");
  await page.getByRole("button", { name: "Sign in" }).click();
  await says(page, ".condition", "Ready");

  await page.reload();
  await says(page, ".condition", "Ready"); // by its cookie
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert(server.asked.includes("DELETE /-/console/api/session"));

  const other = await all.open(`${server.url}#token=right`);
  await says(other, ".condition", "Ready");
  assert.equal(other.url(), server.url);
  const refused = await all.open(`${server.url}#token=wrong`);
  await says(refused, "[role=alert]", "this is no token of the console");
  assert.equal(refused.url(), server.url);
  assert(!server.asked.some((a) => a.includes("right") || a.includes("wrong")), server.asked.join("\n"));
  for (const p of [page, other, refused]) await p.close();
  await server.close();
});

const parts = ["", "streams", "clients", "objects/p%3Apoll%2Fquestion", "recordings", "log"];
for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1360]) {
    test(`everybody can use every part of it, ${colorScheme} and ${width} wide`, async () => {
      const { page, end } = await inside("admin", "", { colorScheme, viewport: { width, height: 800 } });
      await page.locator("figure canvas").first().waitFor();
      for (const part of parts) {
        await page.evaluate((hash) => (location.hash = hash), part === "" ? "#/" : `#/live/concert/${part}`);
        const sure = { "": "chat/lobby", streams: "backstage/camera-2", clients: "203.0.113.17", recordings: "soundcheck", log: "votes" }[part] ?? "Autumn Leaves";
        await says(page, "main", sure);
        await isFine(page, part === "" ? "overview" : part);
      }
      await page.evaluate(() => (location.hash = "#/live/nobody/streams"));
      await says(page, "main", "does not run now");
      await isFine(page, "an instance that does not run");
      await page.evaluate(() => (location.hash = "#/"));
      await page.getByRole("button", { name: "Drain…" }).click();
      await page.getByRole("dialog").waitFor();
      await isFine(page, "a question");
      await end();
    });
  }
}

test("names and numbers may be as long as they get, however wide a window is", async () => {
  const { page, end } = await inside("admin", "", {}, true);
  for (const part of parts) {
    await page.evaluate((hash) => (location.hash = hash), part === "" ? "#/" : `#/live/concert/${part}`);
    await says(page, part === "log" ? "main [role=log]" : "main li, main tbody", part === "log" ? "412 people" : "a-name-that-goes-on");
    for (const width of [320, 500, 768, 1000, 1100, 1360]) {
      await page.setViewportSize({ width, height: 800 });
      await fits(page, `${part || "overview"}, ${width} wide`);
    }
    await isFine(page, part);
  }
  await end();
});

test("graphs say in words what they show, and follow the browser's colours", async () => {
  const { page, server, end } = await inside();
  const clients = page.getByRole("img", { name: /^Graph of the last hour\. clients: \d+ now, at most \d+; players: \d+ now/ });
  await clients.waitFor();
  const coloured = (): Promise<string> =>
    clients.locator("canvas").evaluate((c: HTMLCanvasElement) => {
      const { data } = c.getContext("2d")!.getImageData(0, 0, c.width, c.height);
      const seen = new Map<string, number>();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.set(`${data[i]},${data[i + 1]},${data[i + 2]}`, (seen.get(`${data[i]},${data[i + 1]},${data[i + 2]}`) ?? 0) + 1);
      return [...seen].sort((a, b) => b[1] - a[1]).map(([colour]) => colour).join(" ");
    });
  /** Waits until it is drawn in a colour, which is later than its canvas is there. */
  const drawnIn = async (colour: RegExp): Promise<void> => {
    let seen = "";
    for (const end = Date.now() + patience; Date.now() < end; await new Promise((next) => setTimeout(next, 50))) if (colour.test((seen = await coloured()))) return;
    assert.match(seen, colour);
  };
  await drawnIn(/\b20,86,200\b/);
  await page.emulateMedia({ colorScheme: "dark" });
  await drawnIn(/\b138,180,255\b/);
  server.tell("point", { t: Date.now() / 1000 + 5, clients: 4711, players: 5, in: 1, out: 1, cpu: 0.1, memory: 1 << 20 });
  await page.getByRole("img", { name: /clients: 4711 now, at most 4711/ }).waitFor();
  await end();
});

test("who only looks sees no button that changes anything", async () => {
  const { page, server, end } = await inside("viewer");
  for (const part of parts) {
    await page.evaluate((hash) => (location.hash = hash), part === "" ? "#/" : `#/live/concert/${part}`);
    await says(page, "main", part === "recordings" ? "soundcheck" : /concert/);
    assert.deepEqual(await page.getByRole("button", { name: /kick|unload|drain|delete/i }).allTextContents(), [], part);
  }
  await says(page, ".role", "Read only");
  assert.deepEqual(server.asked.filter((a) => !a.startsWith("GET") && a !== "POST /-/console/api/session"), []);
  await end();
});

test("a change is asked for once more, and Escape leaves it, by the keyboard alone", async () => {
  const { page, server, end } = await inside("admin", "#/live/concert/clients");
  const kick = page.getByRole("button", { name: "Kick… 203.0.113.17:51422" });
  await kick.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Disconnect this client?" });
  await says(page, "dialog", "publishes stage");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.textContent === "Kick… 203.0.113.17:51422");
  assert(!server.asked.some((a) => a.startsWith("DELETE")));

  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await page.keyboard.press("Tab");
  await page.waitForFunction(() => document.activeElement?.textContent === "Disconnect");
  await page.keyboard.press("Enter");
  await says(page, "[role=status]", "203.0.113.17:51422 is disconnected.");
  assert(server.asked.includes("DELETE /-/console/api/instances/live/concert/clients/AAqZ31"));

  await page.evaluate(() => (location.hash = "#/live/rehearsal%2Froom-2/clients"));
  await page.getByRole("button", { name: "Unload…" }).click();
  await page.getByRole("button", { name: "Unload", exact: true }).click();
  await says(page, "[role=status]", "live/rehearsal/room-2 is unloaded.");
  assert(server.asked.includes("POST /-/console/api/instances/live/rehearsal%2Froom-2/unload"));

  await page.reload();
  await says(page, ".condition", "Ready");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter"); // the link that skips what is above
  await page.waitForFunction(() => document.activeElement?.tagName === "MAIN");
  await end();
});

test("tables are sorted by a column, and looked through", async () => {
  const { page, end } = await inside("admin", "#/live/concert/clients");
  const first = (): Promise<string | null> => page.locator("tbody tr").first().locator("th .name").textContent();
  await says(page, "tbody", "198.51.100.31");
  await page.getByRole("button", { name: "Out", exact: true }).click();
  await page.getByRole("columnheader", { name: "Out", exact: true }).and(page.locator("[aria-sort=descending]")).waitFor();
  assert.equal(await first(), "198.51.100.20:50000");
  await page.getByRole("button", { name: "Out", exact: true }).click();
  await page.getByRole("columnheader", { name: "Out", exact: true }).and(page.locator("[aria-sort=ascending]")).waitFor();
  assert.equal(await first(), "[2001:db8:17::4f]:40022");
  await page.getByLabel("Look for a client").fill("publishes stage");
  await page.locator("tbody tr").nth(1).waitFor({ state: "detached" });
  assert.equal(await first(), "203.0.113.17:51422");

  await page.getByRole("link", { name: "Recordings" }).click();
  await says(page, "tbody", "soundcheck");
  await page.getByRole("button", { name: "More" }).click();
  await says(page, "tbody", "2026/summer/encore");
  await page.getByRole("button", { name: "More" }).waitFor({ state: "detached" });
  await end();
});

test("it says when the connection is lost and when it is back, also to a server that has forgotten it", async () => {
  const { page, server, end } = await inside();
  for (const forget of [false, true]) {
    server.down(forget);
    await says(page, ".link[role=status]", "Connection lost. The server cannot be reached.");
    await says(page, "tbody", "live/concert"); // how it was
    server.up();
    await says(page, ".link[role=status]", "Connected again.");
  }
  server.log({ time: Date.now(), application: "live", instance: "concert", level: "trace", text: "said only once" });
  await says(page, "[role=log]", "said only once");
  server.down();
  await says(page, ".link", "Connection lost");
  server.up();
  await says(page, ".link", "Connected again");
  server.log({ time: Date.now(), application: "live", instance: "concert", level: "trace", text: "said later" });
  await says(page, "[role=log]", "said later");
  const said = await page.locator("[role=log] .text").allTextContents();
  assert.equal(said.filter((s) => s === "said only once").length, 1, said.join("\n"));

  // A token that is not right any more is asked for.
  await page.reload(); // the page has the cookie, and no token
  await says(page, ".condition", "Ready");
  server.down(true);
  await says(page, ".link", "Connection lost");
  server.up();
  await page.getByLabel("Token").waitFor();
  await says(page, "[role=alert]", "Your session has ended");
  await end();
});

test("the log is told to screen readers in few words, and can be narrowed", async () => {
  const { page, server, end } = await inside("admin", "#/live/concert/log");
  await says(page, "[role=log]", "412 people");
  assert.equal(await page.locator("[role=log]").getAttribute("aria-live"), "off");
  for (let i = 0; i < 5; i++) server.log({ time: Date.now() + i, application: "live", instance: "concert", level: "error", text: `it fails ${i}`, where: "main.asc:3" });
  server.log({ time: Date.now(), application: "chat", instance: "lobby", level: "error", text: "of somebody else" });
  await says(page, ".log [role=status]", "New script errors");
  await says(page, "[role=log]", "it fails 4");
  await page.getByLabel("Only errors and warnings").check();
  await page.getByLabel("Look for a text in the log").fill("fails");
  await page.locator(".entry", { hasText: "votes" }).waitFor({ state: "detached" });
  assert.deepEqual(await page.locator("[role=log] .text").allTextContents(), [0, 1, 2, 3, 4].map((i) => `it fails ${i}`));
  await page.getByLabel("Look for a text in the log").fill("");
  assert(!(await page.locator("[role=log]").textContent())!.includes("somebody else"));
  await end();
});
