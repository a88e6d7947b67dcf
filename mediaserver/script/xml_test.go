package script_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

func TestXMLFromElsewhere(t *testing.T) {
	t.Parallel()
	runOutside(t, `function show(x, name) { x.onLoad = function (ok) { trace(name + " " + ok + this.loaded + " " + this.status + " " + this); trace("done") }; return x; }`, []outsideCase{
		{"load", `var x = show(new XML(), "x"); trace(x.getBytesTotal()); trace(x.load(URL + "/list.xml")); x.onHTTPStatus = function (n) { trace(n) }`, `
			undefined
			true
			200
			x truetrue 0 <list><user name="Jörg" /><user name="B" /></list>
			done`},
		{"sendAndLoad", `var x = new XML("<a b='c'/>"); x.contentType = "text/xml"; x.addRequestHeader("X-Mine", "m"); var to = new XML();
			to.onData = function (s) { trace(s); trace("done") }; x.sendAndLoad(URL + "/echo", to)`, `
			method=POST&query=&type=text/xml&mine=m&body=<a%20b%3D"c"%20/>
			done`},
		{"variables into a document", `var lv = new LoadVars(); lv.sendAndLoad(URL + "/list.xml", show(new XML(), "x"))`, `
			x truetrue 0 <list><user name="Jörg" /><user name="B" /></list>
			done`},
		{"garbage", `show(new XML(), "x").load(URL + "/garbage"); new XML("<a/>").send(URL + "/echo")`, "x truetrue -6 \x00\x01ÿ\ndone"},
		{"a host that is not allowed", `show(new XML("<a/>"), "x").load("http://elsewhere/")`, `
			failed  fatal=false: XML.load at main.asc:2: host elsewhere:80 is not in spec.script.allowedHosts
			x falsefalse 0 <a />
			done`},
	})
}

// listen is a server of XMLSocket's kind: handle gets its one connection.
func listen(t *testing.T, handle func(net.Conn, *bufio.Reader)) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		handle(conn, bufio.NewReader(conn))
	}()
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

const socketScript = `var s = new XMLSocket(); s.onConnect = function (ok) { trace("connect " + ok); if (ok) first(); else trace("done") };
	s.onXML = function (x) { trace("xml " + x) }; s.onClose = function () { trace("close"); trace("done") }; `

func runSocket(t *testing.T, port, source, want string) {
	t.Helper()
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", strings.ReplaceAll(socketScript, "\n", " ")+"\n"+source), Network: network(t, outgoing.Limits{}, "127.0.0.1:"+port)})
	f.await(t, "done")
	if got, want := strings.Join(f.all(), "\n"), lines(want); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestXMLSocket(t *testing.T) {
	t.Parallel()
	port := listen(t, func(c net.Conn, r *bufio.Reader) {
		hello, err := r.ReadString(0)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(c, "<got>%s</got>\x00<second/>\x00<unfinished", strings.TrimSuffix(hello, "\x00"))
	})
	runSocket(t, port, fmt.Sprintf(`trace(s.send("early")); trace(s.connect("127.0.0.1", 0)); trace(s.connect("", 80)); trace(s.connect("127.0.0.1", %s)); trace(s.connect("127.0.0.1", 80));
		function first() { trace(s.send(new XML("<hello/>"))) }`, port), `
		false
		false
		false
		true
		false
		connect true
		true
		xml <got><hello /></got>
		xml <second />
		close
		done`)
}

func TestXMLSocketsAreBounded(t *testing.T) {
	t.Parallel()
	flood := listen(t, func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := c.Write(make([]byte, 1000)); err != nil { // texts of nothing, without end
				return
			}
		}
	})
	runSocket(t, flood, fmt.Sprintf(`var n = 0; s.onData = function (t) { if (t === "" && ++n == 5000) { s.close(); trace("done") } }; s.connect("127.0.0.1", %s); function first() {}`, flood), `
		connect true
		done`)
	long := listen(t, func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := c.Write([]byte(strings.Repeat("x", 1<<16))); err != nil {
				return
			}
		}
	})
	runSocket(t, long, fmt.Sprintf(`s.connect("127.0.0.1", %s); function first() {}`, long), `
		connect true
		failed  fatal=false: XMLSocket: the other side has sent a text that is too large: more than 1047552 bytes
		close
		done`)
	stop := make(chan struct{})
	deaf := listen(t, func(net.Conn, *bufio.Reader) { <-stop })
	runSocket(t, deaf, fmt.Sprintf(`s.connect("127.0.0.1", %s); var text = "x"; while (text.length < 500000) text += text;
		function first() { for (var i = 0; i < 100 && s.send(text); i++); trace(i < 100); s.close(); trace(s.send("x")); trace("done") }`, deaf), `
		connect true
		true
		false
		done`)
	close(stop)
	runSocket(t, "1", `trace(s.connect("127.0.0.2", 80))`, `
		true
		failed  fatal=false: XMLSocket.connect at main.asc:2: host 127.0.0.2:80 is not in spec.script.allowedHosts
		connect false
		done`)
}
