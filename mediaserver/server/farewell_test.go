package server

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// leaver is a page's end of RTMP in a WebSocket: it does what it is told, and hears how that
// is closed.
type leaver struct {
	net.Conn // to write
	t        *testing.T
	frames   *websocket.Conn
	left     []byte
	conn     *rtmp.Conn
	why      chan websocket.CloseError
}

// within is what comes from a channel.
func within[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(servertest.Patience):
		t.Fatalf("waited too long for %s", what)
	}
	return v
}

func newLeaver(t *testing.T, s *Server) *leaver {
	t.Helper()
	c, status, said := dialWeb(t, s, "")
	if c == nil {
		t.Fatal(status, said)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	l := &leaver{Conn: websocket.NetConn(t.Context(), c, websocket.MessageBinary), t: t, frames: c, why: make(chan websocket.CloseError, 1)}
	l.conn = rtmp.NewClientConn(l, rtmp.Config{})
	if err := l.conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return l
}

// Read implements net.Conn. What websocket.NetConn makes of a close frame says nothing.
func (l *leaver) Read(b []byte) (int, error) {
	for len(l.left) == 0 {
		_, m, err := l.frames.Read(l.t.Context())
		if err != nil {
			var why websocket.CloseError
			errors.As(err, &why) // else the code is 0
			l.why <- why
			return 0, err
		}
		l.left = m
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}

// SetReadDeadline implements net.Conn: the test has patience of its own.
func (l *leaver) SetReadDeadline(time.Time) error { return nil }

// connect says connect, and reads until the end. heard is told of each command that comes.
func (l *leaver) connect(s *Server, app string, heard func(name string), args ...amf.Value) {
	l.t.Helper()
	go func() {
		_ = l.conn.Serve(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeCommand {
				cmd, err := rtmp.ParseCommand(m)
				if err != nil {
					return err
				}
				heard(cmd.Name)
			}
			return nil
		})
	}()
	u, err := rtmp.ParseURL("rtmp://" + s.WebAddr().String() + "/" + app + "/-")
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.conn.SendCommand(0, "connect", 1, u.ConnectObject(), args...); err != nil {
		l.t.Fatal(err)
	}
}

// says checks the close frame.
func (l *leaver) says(code websocket.StatusCode, words string) {
	l.t.Helper()
	why := within(l.t, "the close frame", l.why)
	if why.Code != code || !strings.Contains(why.Reason, words) || strings.Contains(why.Reason, "hunter2") {
		l.t.Errorf("closed with %d %q, want %d %q", why.Code, why.Reason, code, words)
	}
}

// The close frame of a WebSocket says why the server ends it, in a code and in words.
func TestCloseFrameSaysWhy(t *testing.T) {
	t.Parallel()
	scripts := servertest.WriteFiles(t, t.TempDir(), "main.asc", `
		application.onConnect = function (c, secret) {
			if (secret) { application.rejectConnection(c, "Members alone."); return }
			c.leave = function () { application.disconnect(c) }
			return true
		}`)
	s, stop := runWith(t, Config{WebAddress: anyAddress, ScriptFolder: scripts}, open,
		"{application: small, instance: one, limits: {maxConnections: 1}}",
		"{application: club, instance: one, script: {configMap: {name: x}}}")
	insideWeb(t, s, "small/one")
	nothing := func(*leaver) error { return nil }
	for name, c := range map[string]struct {
		app   string
		args  []amf.Value
		let   bool // it is let in, and says then:
		say   func(l *leaver) error
		code  websocket.StatusCode
		words string
	}{
		"no application": {"none/one", nil, false, nothing, websocket.StatusPolicyViolation, "Application (none) is not defined"},
		"a limit":        {"small/one", nil, false, nothing, websocket.StatusTryAgainLater, "spec.limits.maxConnections"},
		"a script":       {"club/one", []amf.Value{"hunter2"}, false, nothing, websocket.StatusPolicyViolation, "Members alone."},
		"a kick": {"club/one", nil, true, func(l *leaver) error {
			return l.conn.SendCommand(0, "leave", 2, nil)
		}, websocket.StatusPolicyViolation, "has ended the connection"},
		"something large": {"app/one", nil, true, func(l *leaver) error {
			// The first chunk of a command of 15 MB.
			return l.frames.Write(t.Context(), websocket.MessageBinary, append([]byte{3, 0, 0, 0, 0xe0, 0, 0, byte(rtmp.TypeCommand), 0, 0, 0, 0}, make([]byte, 128)...))
		}, websocket.StatusMessageTooBig, "too big"},
		"nonsense": {"app/one", nil, true, func(l *leaver) error {
			return l.frames.Write(t.Context(), websocket.MessageBinary, []byte{0xc9, 0, 0}) // goes on with what never began
		}, websocket.StatusProtocolError, "does not take what the client has sent"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLeaver(t, s)
			in := make(chan string, 64)
			l.connect(s, c.app, func(name string) { in <- name }, c.args...)
			if c.let {
				for within(t, "the answer to connect", in) != "_result" {
				}
			}
			if err := c.say(l); err != nil {
				t.Fatal(err)
			}
			l.says(c.code, c.words)
		})
	}
	l := newLeaver(t, s)
	in := make(chan string, 64)
	l.connect(s, "app/one", func(name string) { in <- name })
	for within(t, "the answer to connect", in) != "_result" {
	}
	ended := make(chan struct{})
	go func() { defer close(ended); stop() }()
	l.says(websocket.StatusGoingAway, drainReason)
	<-ended
}
