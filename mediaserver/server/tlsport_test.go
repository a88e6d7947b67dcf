package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// both is a configuration of a server for RTMP and HTTP on one port of TLS.
func both(t *testing.T) Config {
	t.Helper()
	certFile, keyFile := writePair(t, t.TempDir(), "one.example", time.Now())
	return Config{WebAddress: anyAddress, RTMPSAddress: anyAddress, TLSCertFile: certFile, TLSKeyFile: keyFile}
}

// overTLS is a client of HTTP by TLS, by HTTP/2 or 1.1.
func overTLS(t *testing.T, two bool) *http.Client {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!two)
	protocols.SetHTTP2(two)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// dialTLS connects by TLS, and offers protocols.
func dialTLS(t *testing.T, s *Server, offers ...string) *tls.Conn {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: servertest.Patience}, Config: &tls.Config{InsecureSkipVerify: true, NextProtos: offers}}
	nc, err := d.DialContext(t.Context(), "tcp", s.RTMPSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	return nc.(*tls.Conn)
}

// awaitNobody waits until no connection is counted.
func awaitNobody(t *testing.T, s *Server) {
	t.Helper()
	servertest.Eventually(t, "no connection is counted", func() bool { return s.open.Load() == 0 })
}

// RTMP and HTTP are told apart by what a client offers, and by its first byte where that
// is nothing, or nothing that is known here.
func TestOnePortForBoth(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, both(t), open)
	for name, c := range map[string]struct {
		offers []string
		agreed string
	}{
		"none": {nil, ""}, "unknown": {[]string{"rtmp", "acme-tls/1"}, ""},
		"HTTP/1.1": {[]string{"http/1.1"}, "http/1.1"}, "both": {[]string{"x", "http/1.1", "h2"}, "h2"},
	} {
		nc := dialTLS(t, s, c.offers...)
		if got := nc.ConnectionState().NegotiatedProtocol; got != c.agreed {
			t.Errorf("%s: %q is agreed on, want %q", name, got, c.agreed)
		}
		if c.agreed != "" {
			continue
		}
		if got := hello(t, nc); got != "_result NetConnection.Connect.Success" {
			t.Errorf("RTMP, offers %s: %s", name, got)
		}
	}
	for name, offers := range map[string][]string{"none": nil, "unknown": {"rtmp"}, "HTTP/1.1": {"http/1.1"}} {
		nc := dialTLS(t, s, offers...)
		if _, err := io.WriteString(nc, "GET /-/watch/app/one/cam HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatalf("HTTP, offers %s: %v", name, err)
		}
		if b, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(b), "cam") {
			t.Errorf("HTTP, offers %s: %s %v", name, answer.Status, err)
		}
		answer.Body.Close()
	}
	for _, two := range []bool{false, true} {
		answer, err := overTLS(t, two).Get("https://" + s.RTMPSAddr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK || (answer.ProtoMajor == 2) != two || answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s %v", answer.Proto, answer.Status, answer.Header)
		}
	}
}

// Without a port for the web that of TLS has RTMP alone.
func TestTLSWithoutWeb(t *testing.T) {
	t.Parallel()
	cfg := both(t)
	cfg.WebAddress = ""
	s, _ := runWith(t, cfg, open)
	nc := dialTLS(t, s, "h2", "http/1.1")
	if p := nc.ConnectionState().NegotiatedProtocol; p != "" {
		t.Errorf("%q is agreed on", p)
	}
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(nc); len(b) != 0 {
		t.Errorf("%q", b)
	}
	if got := hello(t, dialTLS(t, s)); got != "_result NetConnection.Connect.Success" {
		t.Error(got)
	}
}

// Every way of the web is there by TLS, each viewer is a player and a connection, and
// all of them are told when the server ends.
func TestWaysByTLS(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, both(t), open)
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	address := s.RTMPSAddr().String()
	var viewers []*viewer
	for _, two := range []bool{false, true} {
		answer, err := overTLS(t, two).Get("https://" + address + "/app/one/cam.flv")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		tags, err := flv.NewReader(bufio.NewReader(answer.Body))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, err)
		}
		viewers = append(viewers, &viewer{t, answer, tags})
	}
	dial := func(path string) *websocket.Conn {
		ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
		defer cancel()
		c, _, err := websocket.Dial(ctx, "wss://"+address+path, &websocket.DialOptions{HTTPClient: overTLS(t, false)}) //nolint:bodyclose // there is none
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
	ws := dial("/app/one/cam.flv")
	ws.SetReadLimit(1 << 20)
	cut := make(chan error, 1)
	go func() { // all the time: who answers no ping has gone
		for {
			if _, _, err := ws.Read(t.Context()); err != nil {
				cut <- err
				return
			}
		}
	}()
	conn := rtmp.NewClientConn(websocket.NetConn(t.Context(), dial(public.RTMPPath), websocket.MessageBinary), rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	inside := rtmp.NewNetConnection(conn)
	t.Cleanup(inside.Close)
	u, err := rtmp.ParseURL("rtmp://" + address + "/app/one/-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inside.Connect(t.Context(), u.ConnectObject()); err != nil {
		t.Fatal(err)
	}
	came := spectate(t, &visitor{t: t, nc: inside}, "cam", -1000)
	for _, word := range []string{"one", strings.Repeat("x", 300<<10)} {
		if word != "one" {
			show(word)
		}
		for _, v := range viewers {
			v.sees(word)
		}
		awaitWord(t, came, word)
	}
	servertest.Eventually(t, "five connections are counted", func() bool { return s.open.Load() == 5 })
	joined(t, s, 4)
	stop()
	for _, v := range viewers {
		if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
			t.Errorf("%s: the answer ends with %v", v.answer.Proto, err)
		}
	}
	err = <-cut
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ends with %v", err)
	}
	<-inside.Ended()
	awaitNobody(t, s)
}

// What is no protocol that is served here ends its connection, with a word where there
// is one, and disturbs nobody.
func TestStrangersAtThePortOfBoth(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, both(t), open)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for name, c := range map[string]struct {
		offers []string
		says   string
		hears  string // the beginning of it
	}{
		"RTMP for HTTP/1.1":        {[]string{"http/1.1"}, "\x03" + strings.Repeat("\x00", 1536) + "\n\n", "HTTP/1.1 400"},
		"RTMP for HTTP/2":          {[]string{"h2"}, "\x03" + strings.Repeat("\x00", 1536), ""},
		"HTTP/1.1 for HTTP/2":      {[]string{"h2"}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"HTTP/2 for HTTP/1.1":      {[]string{"http/1.1"}, preface, "HTTP/1.1 "},
		"HTTP/2 for nothing":       {nil, preface, "HTTP/1.1 "},
		"RTMPE":                    {nil, "\x06" + strings.Repeat("\x00", 1536), ""},
		"zeros":                    {nil, strings.Repeat("\x00", 2000), ""},
		"TLS inside TLS":           {nil, "\x16\x03\x01\x02\x00", ""},
		"a header without an end":  {nil, "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 100<<10), "HTTP/1.1 431"},
		"a frame that is too long": {[]string{"h2"}, preface + "\xff\xff\xff\x00\x00\x00\x00\x00\x00", "\x00"}, // settings come first
		"settings without a frame": {[]string{"h2"}, preface + "\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x00"},
	} {
		nc := dialTLS(t, s, c.offers...)
		_, _ = io.WriteString(nc, c.says) // it may be closed before all is said
		b, err := io.ReadAll(nc)
		if errors.Is(err, context.DeadlineExceeded) || len(b) < len(c.hears) || string(b[:len(c.hears)]) != c.hears || c.hears == "" && strings.Contains(string(b), "HTTP") {
			t.Errorf("%s: hears %.60q, %v", name, b, err)
		}
	}
	// Before TLS, and instead of it.
	for name, says := range map[string]string{
		"HTTP": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "RTMP": "\x03" + strings.Repeat("\x00", 1536), "garbage": "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"a long record": "\x16\x03\x01\xff\xff" + strings.Repeat("x", 1<<16), "HTTP/2": preface,
	} {
		nc, err := net.DialTimeout("tcp", s.RTMPSAddr().String(), servertest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
		_, _ = io.WriteString(nc, says)
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nc, err := net.DialTimeout("tcp", s.WebAddr().String(), servertest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
	_, _ = io.WriteString(nc, preface)
	if b, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 ") {
		t.Errorf("HTTP/2 without TLS: %q %v", b, err)
	}
	awaitNobody(t, s)
	if got := hello(t, dialTLS(t, s)); got != "_result NetConnection.Connect.Success" {
		t.Error(got)
	}
}

// Who is slow, or says nothing, before the handshake, within it or behind it, has its
// time and no more; a drain does not wait for it.
func TestSilentClientsByTLS(t *testing.T) {
	t.Parallel()
	cfg := both(t)
	cfg.handshakeTime = 300 * time.Millisecond
	s, _ := runWith(t, cfg, open)
	says := map[string]string{"nothing": "", "a half": "\x16\x03\x01\x02\x00\x01"}
	for name, words := range says {
		nc, err := net.DialTimeout("tcp", s.RTMPSAddr().String(), servertest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
		_, _ = io.WriteString(nc, words)
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nc, err := net.DialTimeout("tcp", s.RTMPSAddr().String(), servertest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
	_, _ = io.Copy(io.Discard, tls.Client(nc, &tls.Config{InsecureSkipVerify: true})) // shakes hands where there is time for it
	awaitNobody(t, s)
	servertest.Eventually(t, "they are counted", func() bool { return s.Refused()["closed before the handshake"] > 0 })
}

// A drain cuts off clients that have not said what they speak.
func TestDrainWithoutAWord(t *testing.T) {
	t.Parallel()
	cfg := both(t)
	cfg.DrainTimeout, cfg.handshakeTime = time.Millisecond, time.Hour
	s, stop := runWith(t, cfg, open)
	nc := dialTLS(t, s)
	servertest.Eventually(t, "it is there", func() bool { return s.open.Load() == 1 })
	stop()
	if _, err := io.Copy(io.Discard, nc); errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	awaitNobody(t, s)
}

// Clients of HTTP go on with what they have agreed on before; those of RTMP are given no
// ticket, which some of them take for an error.
func TestTicketsAreOfHTTP(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, both(t), open)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, offers := range map[string][]string{"HTTP": {"http/1.1"}, "RTMP": nil} {
			cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: offers, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1), ServerName: "one.example"}
			for i := range 2 {
				d := tls.Dialer{NetDialer: &net.Dialer{Timeout: servertest.Patience}, Config: cfg}
				nc, err := d.DialContext(t.Context(), "tcp", s.RTMPSAddr().String())
				if err != nil {
					t.Fatalf("%s %s: %v", name, tls.VersionName(version), err)
				}
				if got := nc.(*tls.Conn).ConnectionState().DidResume; got != (i == 1 && offers != nil) {
					t.Errorf("%s %s, connection %d: resumed %v", name, tls.VersionName(version), i, got)
				}
				if offers != nil { // what it is answered has the ticket before it
					_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
					if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
					if err != nil {
						t.Fatal(err)
					}
					answer.Body.Close()
				}
				if err := nc.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
