/** Two edges behind one address of the web and one of UDP: Chromium publishes by WHIP and the watch page watches by WHEP, whichever edge gets the packets. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket as TCP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { program, serve, type Server } from "./server.ts";

const timeout = 120_000;
const folder = mkdtempSync(join(tmpdir(), "flashpod-edges-"));
const key = join(folder, "link.key");
const advertise = join(folder, "addresses");

interface Edge {
  host: string;
  web: number;
  udp: number;
  control: string;
  log: string[];
  process: ChildProcess;
}

/** An edge of the origin at an address of its own. */
async function edge(host: string, origin: Server): Promise<Edge> {
  const args = ["--edge-of", `127.0.0.1:${origin.port}`, "--link-key-file", key, "--rtmp-address", `${host}:0`, "--http-address", "127.0.0.1:0", "--web-address", `${host}:0`];
  args.push("--webrtc-relay-address", host, "--webrtc-advertise-file", advertise, "--cache-dir", join(folder, host), "--drain-timeout", "1s", "--log-format", "json");
  const child = spawn(program, ["serve", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const log: string[] = [];
  const ready = await new Promise<Record<string, string>>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on("line", (line) => {
      log.push(line);
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line) as Record<string, string>);
    });
    child.once("exit", () => reject(new Error(`flashpod serve: ${log.join("\n")}`)));
  });
  const port = (address: string) => Number(/:(\d+)$/.exec(address)![1]);
  return { host, web: port(ready.web!), udp: port(ready.webrtc!), control: ready.http!, log, process: child };
}

/** A load balancer, which hands what comes to one edge until it is told of another; answers of others get nowhere. */
class Balancer {
  /** Of a new connection, and of each packet. */
  web: Edge;
  udp: Edge;
  private readonly tcp = createServer((client) => this.comes(client));
  private readonly front = createSocket("udp4");
  private readonly flows = new Map<string, Socket>();

  constructor(to: Edge) {
    this.web = this.udp = to;
  }
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.tcp.listen(0, "127.0.0.1", resolve));
    await new Promise<void>((resolve) => this.front.bind(0, "127.0.0.1", resolve));
    this.front.on("message", (packet, from) => this.flow(from.address, from.port).send(packet, this.udp.udp, this.udp.host));
  }
  get url(): string {
    return `http://127.0.0.1:${(this.tcp.address() as AddressInfo).port}`;
  }
  get media(): string {
    return `127.0.0.1:${this.front.address().port}`;
  }
  private comes(client: TCP): void {
    const server = connect(this.web.web, this.web.host);
    for (const [one, other] of [[client, server], [server, client]] as const) one.on("error", () => other.destroy()).on("close", () => other.destroy()).pipe(other);
  }
  private flow(host: string, port: number): Socket {
    const of = `${host}:${port}`;
    let socket = this.flows.get(of);
    if (socket === undefined) {
      socket = createSocket("udp4").on("message", (packet, from) => {
        if (from.address === this.udp.host && from.port === this.udp.udp) this.front.send(packet, port, host);
      });
      this.flows.set(of, socket);
    }
    return socket;
  }
  close(): void {
    this.tcp.close();
    for (const socket of [this.front, ...this.flows.values()]) socket.close();
  }
}

let browser: Browser;
let origin: Server;
let edges: Edge[] = [];
let balancers: Balancer[] = [];
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
  origin = await serve({ "tv/notes.txt": "" }, 0, ["--link-key-file", key]);
  edges = await Promise.all(["127.0.0.2", "127.0.0.3"].map((host) => edge(host, origin)));
});
after(async () => {
  await browser.close();
  for (const one of balancers) one.close();
  for (const one of edges) one.process.kill("SIGKILL");
  await origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A balancer whose address who begins now is told. */
async function balance(web: Edge, udp: Edge): Promise<Balancer> {
  const one = new Balancer(web);
  await one.listen();
  one.udp = udp;
  balancers.push(one);
  writeFileSync(advertise, `${one.media}\n`);
  return one;
}

type Colour = readonly [number, number, number];

/** Publishes a colour from a page, with a line that moves, until it stops: again where a session is lost, as on a machine that stands still. */
async function publish(by: Balancer): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  await page.goto(`${by.url}/-/watch/tv/studio/none?way=rtmp`); // a page of the server, of which nothing is wanted
  await page.evaluate(async () => {
    const context = Object.assign(document.createElement("canvas"), { width: 320, height: 180 }).getContext("2d")!;
    let n = 0;
    Object.assign(globalThis, { colour: [32, 96, 192] });
    setInterval(() => {
      context.fillStyle = `rgb(${(globalThis as unknown as { colour: number[] }).colour.join()})`;
      context.fillRect(0, 0, 320, 180);
      context.fillStyle = "white";
      context.fillRect(n++ % 320, 0, 4, 20);
    }, 40);
    const track = context.canvas.captureStream(25).getVideoTracks()[0]!;
    let session = "";
    let over = false;
    const begin = async (): Promise<void> => {
      const pc = new RTCPeerConnection();
      const again = () => {
        pc.close();
        if (!over) setTimeout(() => void begin(), 1000);
      };
      pc.addEventListener("connectionstatechange", () => ["failed", "closed"].includes(pc.connectionState) && again());
      pc.addTransceiver(track, { direction: "sendonly" });
      await pc.setLocalDescription();
      const answer = await fetch("/-/whip/tv/studio/cam", { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription!.sdp });
      const text = await answer.text();
      Object.assign(globalThis, { pc, said: `${answer.status} ${text}` });
      if (answer.status !== 201) return again();
      session = answer.headers.get("Location")!;
      await pc.setRemoteDescription({ type: "answer", sdp: text });
    };
    await begin();
    Object.assign(globalThis, { stop: () => ((over = true), fetch(session, { method: "DELETE" })) });
  });
  return page;
}

/** Publishes another colour, and waits until the page shows it. */
async function reaches(publisher: Page, page: Page, colour: Colour): Promise<void> {
  await publisher.evaluate((colour) => Object.assign(globalThis, { colour }), colour);
  const began = Date.now();
  const seen = await page.evaluate(async (want) => {
    const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true })!;
    let is = [0, 0, 0, 0];
    for (const end = performance.now() + 120_000; performance.now() < end; await new Promise((r) => setTimeout(r, 20))) {
      context.drawImage(document.querySelector("video")!, 0, 0, 16, 16);
      is = [...context.getImageData(8, 8, 1, 1).data];
      if (want.every((c, i) => Math.abs(c - is[i]!) < 40)) return "";
    }
    return `it shows ${is.slice(0, 3).join()}, want ${want.join()}: ${document.body.innerText}`;
  }, colour);
  const state = await publisher.evaluate(() => {
    const { pc, said } = globalThis as unknown as { pc: RTCPeerConnection; said: string };
    return `${pc.connectionState}: ${said.slice(0, 200)}`;
  });
  assert.equal(seen, "", `${state}\n${edges.flatMap((one) => one.log.slice(-20)).join("\n")}`);
  const sessions = await page.evaluate(() => (globalThis as unknown as { sessions: number }).sessions);
  console.log(`${colour.join()} is there after ${Date.now() - began} ms, in session ${sessions} of the page`);
}

/** How many packets an edge has handed on. */
async function passed(of: Edge, to: "edge" | "client"): Promise<number> {
  const text = await (await fetch(`http://${of.control}/metrics`)).text();
  return Number(new RegExp(`^flashpod_edge_webrtc_passed_packets_total\\{to="${to}"\\} (\\S+)`, "m").exec(text)![1]);
}

test("pages publish and watch by edges behind one address", async () => {
  const [one, two] = edges as [Edge, Edge];
  const publishes = await balance(one, two);
  const publisher = await publish(publishes);
  const watches = await balance(two, one);
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  await page.addInitScript(() => {
    Object.assign(globalThis, { sessions: 0, RTCPeerConnection: class extends RTCPeerConnection { constructor(...args: [RTCConfiguration?]) { super(...args); (globalThis as unknown as { sessions: number }).sessions++; } } });
  });
  await page.goto(`${watches.url}/-/watch/tv/studio/cam?way=whep`);
  await reaches(publisher, page, [32, 96, 192]);
  for (const edge of edges) for (const to of ["edge", "client"] as const) assert.ok((await passed(edge, to)) > 0, `${edge.host} has handed on nothing to a ${to}`);

  // The balancer moves both.
  publishes.udp = one;
  watches.udp = two;
  await reaches(publisher, page, [192, 32, 32]);
  publishes.udp = two;
  watches.udp = one;
  await reaches(publisher, page, [32, 192, 32]);

  // The edge goes that has the viewer's session, and by which the publisher's packets come.
  two.process.kill("SIGKILL");
  publishes.udp = watches.web = one;
  await reaches(publisher, page, [192, 192, 32]);
  await publisher.evaluate(async () => void (await (globalThis as unknown as { stop(): Promise<Response> }).stop()));
  await page.waitForFunction(() => document.getElementById("message")!.textContent!.includes("has ended"), undefined, { timeout });
});
