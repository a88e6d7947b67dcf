import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NetConnection, parseURL, StatusError, type StatusInfo } from "../src/index.ts";
import { connect, serve, TCPTransport, until, type Server } from "./server.ts";

const script = `
application.onConnect = function(client, name, extra) {
	if (name == "nobody") {
		application.rejectConnection(client, {message: "not you", n: 7});
		return;
	}
	client.name = name;
	client.extra = extra;
	application.acceptConnection(client);
	client.call("welcome", null, name);
};
Client.prototype.add = function(a, b) { return a + b; };
Client.prototype.echo = function(v) { return v; };
Client.prototype.extraOf = function() { return this.extra; };
Client.prototype.fail = function() { throw new Error("no luck"); };
Client.prototype.askMe = function(method, v) {
	var self = this;
	this.call(method, {
		onResult: function(r) { self.call("answered", null, r); },
		onStatus: function(s) { self.call("answered", null, s.code + " " + s.description); }
	}, v);
};
Client.prototype.kick = function() { application.disconnect(this); };
Client.prototype.agentOf = function() { return this.agent + "|" + this.uri; };
`;

let server: Server;
before(async () => {
  server = await serve({ "chat/main.asc": script });
});
after(() => server.stop());

test("addresses", () => {
  assert.deepEqual(parseURL("wss://media.example.org/chat/lobby?key=k"), {
    socket: "wss://media.example.org/-/rtmp",
    tcUrl: "rtmps://media.example.org/chat/lobby?key=k",
    app: "chat/lobby?key=k",
  });
  assert.equal(parseURL("http://h:8090/a/b/c/").socket, "ws://h:8090/-/rtmp");
  assert.deepEqual(parseURL("rtmp://[::1]:7/a%20b").app, "a b");
  assert.deepEqual(parseURL("wss://edge/?rtmp://origin:1936/chat/a%20b/?key=k"), {
    socket: "wss://edge/-/rtmp",
    tcUrl: "rtmps://edge/?rtmp://origin:1936/chat/a b?key=k",
    app: "?rtmp://origin:1936/chat/a b?key=k",
  });
  for (const bad of ["", "chat", "ftp://h/a", "ws://h", "ws://h/", "/chat", "ws://h/?key=k", "ws://h/?rtmp://o", "ws://h/?rtmp://o/", "ws://h/?rtmps://o/a", "ws://h/?rtmp://u@o/a", "ws://h/?rtmp://o/?rtmp://p/a"]) assert.throws(() => parseURL(bad), TypeError, bad);
});

for (const objectEncoding of [0, 3] as const) {
  test(`calls with objectEncoding ${objectEncoding}`, async () => {
    const nc = new NetConnection({ ...server.tcp, objectEncoding });
    const codes: string[] = [];
    nc.on("netStatus", (info) => codes.push(info.code));
    const welcome = until<string>("welcome", (done) => nc.handle("welcome", done));
    const info = await nc.connect(server.url("chat/calls"), "Ada", { list: [1, "two", null], at: new Date(1000) });
    assert.equal(info.code, "NetConnection.Connect.Success");
    assert.equal(info.objectEncoding, objectEncoding);
    assert.match(String(info.fmsVer), /^FMS\//);
    assert.equal(await welcome, "Ada");
    assert.equal(await nc.call<number>("add", 2, 3), 5);
    assert.deepEqual(await nc.call("extraOf"), { list: [1, "two", null], at: new Date(1000) });
    const cyclic: { self?: unknown; name: string } = { name: "Zoë 𝄞" };
    cyclic.self = cyclic;
    const back = await nc.call<typeof cyclic>("echo", cyclic);
    assert.equal(back.self, back);
    assert.equal(back.name, "Zoë 𝄞");
    assert.equal(await nc.call("echo", undefined), undefined);
    assert.equal(await nc.call("echo", null), null);
    if (objectEncoding === 3) assert.deepEqual(await nc.call("echo", new Uint8Array([1, 2, 3])), new Uint8Array([1, 2, 3]));
    const long = "x".repeat(300_000);
    assert.equal(await nc.call("echo", long), long);
    const many = await Promise.all(Array.from({ length: 500 }, (_, i) => nc.call<number>("add", i, 1)));
    assert.deepEqual(many, Array.from({ length: 500 }, (_, i) => i + 1));
    assert.match(await nc.call<string>("agentOf"), /^WEB 32,0,0,0\|rtmp:\/\/127\.0\.0\.1:\d+\/chat\/calls$/);
    nc.close();
    assert.deepEqual(codes, ["NetConnection.Connect.Success", "NetConnection.Connect.Closed"]);
  });
}

test("calls that fail say why", async () => {
  const nc = await connect(server, "chat/fail");
  const refused = async (name: string, pattern: RegExp) =>
    assert.rejects(nc.call(name), (e: unknown) => e instanceof StatusError && e.code === "NetConnection.Call.Failed" && pattern.test(e.message));
  await refused("nothing", /Method not found \(nothing\)/);
  await refused("fail", /no luck/);
  const pending = nc.call("echo", 1);
  nc.close();
  await assert.rejects(pending, /closed/);
  await assert.rejects(nc.call("echo", 1), /not connected/);
});

test("the server calls the page: by name, by path, with promises, and not what is not there", async () => {
  const nc = await connect(server, "chat/called");
  const ask = (method: string, v: unknown) =>
    until<unknown>(method, (done) => {
      nc.handle("answered", done);
      nc.notify("askMe", method, v);
    });
  nc.client = {
    double: (n: number) => 2 * n,
    later: (n: number) => new Promise((resolve) => setTimeout(() => resolve(n + 1), 5)),
    board: { color: "red", paint(c: string) { return `${this.color} to ${c}`; } },
    fails() { throw new Error("boom"); },
  };
  assert.equal(await ask("double", 21), 42);
  assert.equal(await ask("later", 1), 2);
  assert.equal(await ask("board/paint", "blue"), "red to blue");
  assert.match(String(await ask("fails", 1)), /NetConnection.Call.Failed Error: boom/);
  for (const name of ["nobody", "toString", "constructor", "double.call", "__proto__", "board/nothing"]) {
    assert.match(String(await ask(name, 1)), /Method not found/, name);
  }
  nc.close();
});

test("a script's rejection has what the script says, and is final", async () => {
  const nc = new NetConnection(server.tcp);
  const said: StatusInfo[] = [];
  nc.on("netStatus", (info) => said.push(info));
  nc.on("reconnecting", () => assert.fail("tried again"));
  await assert.rejects(nc.connect(server.url("chat/reject"), "nobody"), (e: unknown) => {
    assert(e instanceof StatusError);
    assert.equal(e.code, "NetConnection.Connect.Rejected");
    assert.deepEqual(e.info.application, { message: "not you", n: 7 });
    assert.equal(e.reason, "not you");
    assert.match(e.message, /^NetConnection\.Connect\.Rejected: .* not you$/);
    return true;
  });
  assert.deepEqual(said.map((i) => i.code), ["NetConnection.Connect.Rejected", "NetConnection.Connect.Closed"]);
  assert.equal(nc.connected, false);
  await assert.rejects(nc.connect(server.url("nothing/here")), /NetConnection.Connect/);
});

test("a client that the script disconnects stays away", async () => {
  const nc = await connect(server, "chat/kick", { reconnect: { minDelay: 1 } });
  nc.on("reconnecting", () => assert.fail("tried again"));
  const closed = until<StatusInfo>("Closed", (done) => nc.on("netStatus", (info) => !nc.connected && done(info)));
  nc.notify("kick");
  assert.equal((await closed).code, "NetConnection.Connect.Closed");
  await new Promise((resolve) => setImmediate(resolve));
});

test("a server that is not there", async () => {
  const nc = new NetConnection({ transport: () => new TCPTransport(1) });
  await assert.rejects(nc.connect("ws://127.0.0.1:1/chat"), (e: unknown) => e instanceof StatusError && e.code === "NetConnection.Connect.Failed");
});

test("close in the middle of connect", async () => {
  const nc = new NetConnection(server.tcp);
  const connecting = nc.connect(server.url("chat/close"), "Ada");
  nc.close();
  await assert.rejects(connecting, /NetConnection.Connect.Failed/);
  assert.equal(nc.connected, false);
  await nc.connect(server.url("chat/close"), "Ada");
  assert.equal(await nc.call("add", 1, 1), 2);
  nc.close();
});

test("a lost connection comes back, and a drain is followed", async () => {
  const first = await serve({ "chat/main.asc": script });
  const second = await serve({ "chat/main.asc": script });
  try {
    let port = first.port;
    let lost!: TCPTransport;
    const nc = new NetConnection({ transport: () => (lost = new TCPTransport(port)), reconnect: { minDelay: 10 } });
    const codes: string[] = [];
    nc.on("netStatus", (info) => codes.push(info.code));
    await nc.connect(first.url("chat/again"), "Ada");
    const back = () => until<StatusInfo>("Success", (done) => nc.on("netStatus", (i) => i.code === "NetConnection.Connect.Success" && done(i)));
    let success = back();
    lost.close();
    await success;
    assert.equal(await nc.call("add", 1, 2), 3);
    assert.deepEqual(codes, ["NetConnection.Connect.Success", "NetConnection.Connect.Closed", "NetConnection.Connect.Success"]);

    port = second.port;
    success = back();
    const stopped = first.stop();
    await success;
    assert.equal(await nc.call("add", 2, 2), 4);
    assert(codes.includes("NetConnection.Connect.ReconnectRequest"), codes.join());
    await stopped;
    nc.close();
  } finally {
    await second.stop();
  }
});
