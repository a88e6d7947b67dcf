package script_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// farServer is another server with an application that lets in whoever says good, and calls back.
func farServer(t *testing.T) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			clients.Go(func() { serveFar(nc) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		clients.Wait()
	})
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func serveFar(nc net.Conn) {
	c := rtmp.NewServerConn(nc, rtmp.Config{})
	defer c.Close()
	if c.Handshake() != nil {
		return
	}
	calls := rtmp.NewCalls(c, 0, 0)
	defer calls.Close()
	calls.Handle("echo", func(args []amf.Value) (amf.Value, error) { return amf.NewArray(args...), nil })
	calls.Handle("leave", func([]amf.Value) (amf.Value, error) { return nil, c.Close() })
	calls.Handle("callMe", func(args []amf.Value) (amf.Value, error) {
		method := args[0].(string)
		return true, calls.Call(method, func(values []amf.Value, err error) {
			_ = c.SendCommand(0, "onStatus", 0, nil, amf.NewObject("level", "status", "code", "Heard", "description", fmt.Sprint(texts(values), " ", err)))
		}, args[1:]...)
	})
	// Whoever asked hears of the end when the connection ends.
	_ = c.Serve(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeCommand {
			return nil
		}
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err
		}
		if cmd.Name != "connect" {
			return calls.Receive(cmd)
		}
		app, _ := cmd.Object.(*amf.Object).Get("app")
		if len(cmd.Args) == 1 && cmd.Args[0] == "good" {
			return c.SendCommand(0, "_result", cmd.Transaction, amf.NewObject(), amf.NewObject("level", "status", "code", "NetConnection.Connect.Success", "description", app))
		}
		return c.SendCommand(0, "_error", cmd.Transaction, nil, amf.NewObject("level", "error", "code", "NetConnection.Connect.Rejected",
			"description", "no", "application", amf.NewObject("message", "bad word")))
	})
}

func TestNetConnectionToAServer(t *testing.T) {
	t.Parallel()
	port := farServer(t)
	common := fmt.Sprintf(`var URL = "rtmp://127.0.0.1:%s/app/room", nc = new NetConnection(); function end() { trace("done") }
		nc.onStatus = function (i) { trace(i.code + " " + i.description + (i.application ? " " + i.application.message : "") + " " + this.isConnected); if (this[i.code]) this[i.code]() };`, port)
	for _, s := range []struct{ name, script, want string }{
		{"a call, and the end", `URL += "?ticket=1"; trace(nc.call("echo", null, 1)); trace(nc.connect(URL, "good") + "" + nc.isConnected + (nc.uri == URL));
			nc["NetConnection.Connect.Success"] = function () { trace(this.call("echo", {onResult: function (v) { trace("echo " + v); nc.close(); trace(nc.isConnected) }}, 1, "two")) };
			nc["NetConnection.Connect.Closed"] = end`, `
			false
			truefalsetrue
			NetConnection.Connect.Success app/room?ticket=1 true
			true
			echo 1,two
			false
			NetConnection.Connect.Closed  false
			done`},
		{"a refusal, and again from onStatus", `nc.connect(URL, "bad"); nc["NetConnection.Connect.Rejected"] = function () { this.connect(URL, "good") }; nc["NetConnection.Connect.Success"] = end`, `
			failed  fatal=false: NetConnection.connect at main.asc:2: connect to rtmp://127.0.0.1:PORT/app/room: NetConnection.Connect.Rejected: no: bad word
			NetConnection.Connect.Rejected no bad word false
			NetConnection.Connect.Success app/room true
			done`},
		{"calls of the far server", `nc.add = function (a, b) { trace("add"); return a + b }; nc.throws = function () { throw new Error("mine") };
			nc.connect(URL, "good"); var tests = [["add", 1, 2], ["throws"], ["close"], ["connect", "rtmp://x/"], ["hasOwnProperty", "x"], ["nothing"]];
			function next() { var t = tests.shift(); if (t) nc.call.apply(nc, ["callMe", {onResult: function () {}}].concat(t)); else end() }
			nc["NetConnection.Connect.Success"] = nc.Heard = next`, `
			NetConnection.Connect.Success app/room true
			add
			Heard  3 <nil> true
			failed main.asc:2  fatal=false: main.asc:2:99: Error: mine
			Heard  {level:error,code:NetConnection.Call.Failed,description:mine} NetConnection.Call.Failed: mine true
			Heard  {level:error,code:NetConnection.Call.Failed,description:Method not found (close).} NetConnection.Call.Failed: Method not found (close). true
			Heard  {level:error,code:NetConnection.Call.Failed,description:Method not found (connect).} NetConnection.Call.Failed: Method not found (connect). true
			Heard  {level:error,code:NetConnection.Call.Failed,description:Method not found (hasOwnProperty).} NetConnection.Call.Failed: Method not found (hasOwnProperty). true
			Heard  {level:error,code:NetConnection.Call.Failed,description:Method not found (nothing).} NetConnection.Call.Failed: Method not found (nothing). true
			done`},
		{"a server that goes while a call waits", `nc.connect(URL, "good"); nc["NetConnection.Connect.Closed"] = end;
			nc["NetConnection.Connect.Success"] = function () { this.call("nothing", {onStatus: function (i) { trace(i.code + ": " + i.description) }}); this.call("leave", {onStatus: function (i) { trace(i.code) }}) }`, `
			NetConnection.Connect.Success app/room true
			NetConnection.Call.Failed: Method not found (nothing).
			NetConnection.Call.Failed
			NetConnection.Connect.Closed  false
			done`},
		{"a host that is not allowed, for application", `delete nc.onStatus; application.onStatus = function (i) { trace("application " + i.code); if (/Closed/.test(i.code)) end() }; nc.connect("rtmp://elsewhere/app")`, `
			failed  fatal=false: NetConnection.connect at main.asc:2: host elsewhere:1935 is not in spec.script.allowedHosts
			application NetConnection.Connect.Failed
			application NetConnection.Connect.Closed
			done
			application Application.Script.Error`},
		{"an object of its own that cannot be another server's as well", `nc.onStatus = function () {}; nc.connect(URL, "good"); var so = SharedObject.get("local/1"); so.onStatus = function (i) { trace(i.code + ": " + i.description); so.setProperty("a", 1); trace(so.size() + " " + (SharedObject.get("local/1") === so)); end() };
			so.lock(); trace(SharedObject.get("local/1", false, nc) + " " + so.unlock())`, `
			open local/1 false
			open local/1 false
			null 0
			failed  fatal=false: SharedObject.get("local/1"): no room for local/1
			SharedObject.ObjectCreationFailed: SharedObject.get("local/1"): no room for local/1
			1 true
			done`},
		{"closed before it is connected, and what is no URL", `nc.connect(URL, "good"); nc.close(); try { nc.connect("ftp://x/") } catch (e) { trace(e.message) } try { nc.connect("rtmp://") } catch (e) { trace(typeof e.message) } end()`, `
			NetConnection.connect: "ftp" is no scheme of a server: use rtmp, rtmps, http or https
			string
			done`},
	} {
		t.Run(s.name, func(t *testing.T) {
			f := newFake()
			h := start(t, f, script.Config{Files: files("main.asc", strings.ReplaceAll(common, "\n", " ")+"\n"+s.script), Network: network(t, outgoing.Limits{}, "127.0.0.1")})
			f.await(t, "done")
			h.Sync()
			got := lines(strings.ReplaceAll(strings.Join(f.all(), "\n"), ":"+port, ":PORT"))
			if want := lines(s.want); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
