package command

import (
	"context"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// answers is a server of one connection, which says in all answers what it was
// told: by connect, and as arguments.
func answers(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		conn := rtmp.NewServerConn(nc, rtmp.Config{})
		defer conn.Close()
		if conn.Handshake() != nil {
			return
		}
		var hello []amf.Value
		_ = conn.Serve(func(m *rtmp.Message) error {
			if m.Type != rtmp.TypeCommand {
				return nil
			}
			cmd, err := rtmp.ParseCommand(m)
			if err != nil {
				return err
			}
			if cmd.Name == "connect" {
				hello = cmd.Args
			}
			return conn.SendCommand(0, "_result", cmd.Transaction, nil, amf.NewObject(
				"method", cmd.Name, "connect", amf.NewArray(hello...), "args", amf.NewArray(cmd.Args...)))
		})
	}()
	return "rtmp://" + l.Addr().String() + "/app/one"
}

// call prints what a method returns, and sends what connect and the method are to
// be told.
func TestCallCommand(t *testing.T) {
	t.Parallel()
	got := must(t, "call", answers(t), "room.say", `{"x": [1, null]}`, `"hi\u0007"`, "--connect", `"anna"`, "--connect", "5")
	if want := `{"args":[{"x":[1,null]},"hi\u0007"],"connect":["anna",5],"method":"room.say"}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := must(t, "call", answers(t), "m", "--", "-5"); got != `{"args":[-5],"connect":[],"method":"m"}`+"\n" {
		t.Errorf("got %s", got)
	}
	far := strings.Replace(answers(t), "/app/one", "/?rtmp://origin.example.com/app/one", 1)
	if got := must(t, "call", far, "m"); got != `{"args":[],"connect":[],"method":"m"}`+"\n" {
		t.Errorf("got %s of an edge that is told its origin", got)
	}
	got = must(t, "call", answers(t), "nothing", "-o", "json")
	if want := "{\n  \"args\": [],\n  \"connect\": [],\n  \"method\": \"nothing\"\n}\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCallCommandOfAServer(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	if got := must(t, "call", s.secure, "getStreamLength", `"none"`, "--ca", s.ca); got != "0\n" {
		t.Errorf("got %q", got)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"URL noSuchMethod 1", 1, "call noSuchMethod: NetConnection.Call.Failed: Method not found (noSuchMethod)."},
		{"URL", 2, "call needs METHOD: see flashpod call --help"},
		{"", 2, "call needs URL and METHOD"},
		{"URL m text", 2, `value "text" is no JSON`},
		{"URL m --connect {", 2, `--connect: value "{" is no JSON`},
		{"URL m -5", 2, "put -- before arguments that begin with a minus sign"},
		{"URL m -o yaml", 2, `--output "yaml": choose text or json`},
		{"http://127.0.0.1/app m", 2, `RTMP URL "http://127.0.0.1/app": scheme is "http", not rtmp or rtmps`},
		{"rtmp://127.0.0.1:1/app/one m", 1, "connect to 127.0.0.1:1"},
		{"OTHER m", 1, "NetConnection.Connect."},
	} {
		words := strings.Fields(c.args)
		for i, word := range words {
			words[i] = map[string]string{"URL": s.url, "OTHER": strings.Replace(s.url, "/app", "/none", 1)}[word]
			if words[i] == "" {
				words[i] = word
			}
		}
		_, err := flashpod(t.Context(), nil, append([]string{"call"}, words...)...)
		if exitCode(err) != c.code || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: code %d, %v; want code %d, %s", c.args, exitCode(err), err, c.code, c.says)
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(interrupted{})
	if _, err := flashpod(ctx, nil, "call", s.url, "m"); err == nil || err.Error() != "interrupted" {
		t.Errorf("Ctrl-C: %v", err)
	}
}
