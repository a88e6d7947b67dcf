//go:build clients

package clients

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// fails runs the program to its end and expects exit code 1.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program(t), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %v, want exit code 1\n%s", args, err, out.String())
	}
	return out.String()
}

func TestWrongManifests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: a}\n"
	good := file("good.yaml", head+"spec: {application: a}\n")
	for _, c := range []struct{ name, file, want string }{
		{"unknown field", file("unknown.yaml", head+"spec: {application: a, colour: red}\n"), `unknown.yaml: unknown field "spec.colour"`},
		{"empty application", file("empty.yaml", head+"spec: {application: ''}\n"), "empty.yaml: spec.application: Required value: must not be empty"},
		{"no YAML", file("no.yaml", "{[}\n"), "no.yaml: not YAML"},
		{"not there", filepath.Join(dir, "missing.yaml"), "missing.yaml: no such file"},
		{"claimed twice", file("twice.yaml", head+"spec: {application: a}\n"), "both claim a/a"},
	} {
		out := fails(t, "serve", "-f", good, "-f", c.file, "--data", filepath.Join(dir, "data"), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
		if !strings.Contains(out, c.want) || strings.Contains(out, "rtmp://127") {
			t.Errorf("%s: %q does not say %q, or it listened", c.name, out, c.want)
		}
	}
}

func TestTakenPorts(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: a}\nspec: {application: a}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rtmpAddress := strings.TrimSuffix(strings.TrimPrefix(s.url, "rtmp://"), "/live")
	out := fails(t, "serve", "-f", file, "--data", filepath.Join(dir, "data"), "--rtmp-address", rtmpAddress, "--http-address", "127.0.0.1:0")
	if !strings.Contains(out, rtmpAddress) || !strings.Contains(out, "--rtmp-address") || !strings.Contains(out, "in use") {
		t.Errorf("%q does not say which port is taken and how to choose another", out)
	}
	out = fails(t, "serve", "-f", file, "--data", s.data, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	if !strings.Contains(out, "another flashpod serves from it") {
		t.Errorf("%q does not say that the folder is taken", out)
	}
}

// Whatever one client sends, that one is closed, and the others play on.
func TestBadBytesHurtNobodyElse(t *testing.T) {
	s := serve(t, anyone, "")
	publish(t, s.url+"/cam", 600)
	s.untilMetric("streams", 1)
	p := dial(t, s.url)
	p.play("cam", -1000)
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "rtmp://"), "/live")
	for name, b := range map[string][]byte{
		"HTTP":             []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"half a handshake": append([]byte{3}, make([]byte, 700)...),
		"noise after it":   append(append([]byte{3}, make([]byte, 3072)...), bytes.Repeat([]byte{0xff, 0x3a}, 1000)...),
		"a huge message":   append(append([]byte{3}, make([]byte, 3072)...), 0x06, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0),
		"media unasked":    append(append([]byte{3}, make([]byte, 3072)...), 0x04, 0, 0, 0, 0, 0, 1, 8, 9, 0, 0, 0, 0xaf),
	} {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = nc.(*net.TCPConn).CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, nc); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: not closed", name)
		}
		nc.Close()
	}
	// Arguments of the wrong types, on a connection of their own.
	odd := dial(t, s.url)
	odd.call("play", 5.0, "x", true)
	odd.status("NetStream.Play.Failed")
	odd.call("publish", amf.NewObject())
	odd.status("NetStream.Publish.BadName")
	odd.call("seek", "far")
	odd.status("NetStream.Seek.Failed")

	seen := 0
	p.until(func(m rtmp.Message) bool {
		if m.Type == rtmp.TypeVideo {
			seen++
		}
		return seen == 30
	})
}

func TestUnknownApplicationsAndInstances(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	base := strings.TrimSuffix(s.url, "/live")
	for app, want := range map[string]string{
		"/nothing":    "NetConnection.Connect.InvalidApp",
		"/live/other": "NetConnection.Connect.Rejected",
	} {
		conn, _, err := rtmp.Dial(context.Background(), base+app+"/x", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SendCommand(0, "connect", 1, amf.NewObject("app", strings.TrimPrefix(app, "/"))); err != nil {
			t.Fatal(err)
		}
		var got, then string
		err = conn.Serve(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeCommand {
				c, err := rtmp.ParseCommand(m)
				if err != nil {
					return err
				}
				if c.Name == "_error" {
					got = code(c.Args)
				} else {
					then = c.Name
				}
			}
			return nil
		})
		conn.Close()
		if got != want || then != "close" || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %s, then %q, then %v; want %s, close, the end", app, got, then, err, want)
		}
	}
}
