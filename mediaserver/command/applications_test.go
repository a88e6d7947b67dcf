package command

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// TestServeApplications serves an old server's folder by the command line alone, whose
// script answers a client's call, and tells what goes wrong in it.
func TestServeApplications(t *testing.T) {
	t.Parallel()
	folder := filepath.Dir(servertest.WriteFiles(t, filepath.Join(t.TempDir(), "chat"), "main.asc",
		"application.onConnect = function (c, who) { if (who == 'nobody') { this.rejectConnection(c, {message: 'nobody comes in'}); return }\n c.hello = function (name) { return 'hello ' + name + ' of ' + application.name };\n c.oops = function () { return nothing.there }; return true }"))
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	cmd := rootCommand("test")
	cmd.SetArgs([]string{"serve", "--applications", folder, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--log-level", "error"})
	cmd.SetOut(w)
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx); _ = w.Close() }()
	var rtmp, web string
	lines := bufio.NewScanner(r)
	for web == "" && lines.Scan() {
		if m := regexp.MustCompile(`(rtmp://[0-9.:]+)/chat`).FindStringSubmatch(lines.Text()); m != nil {
			rtmp = m[1]
		}
		if m := regexp.MustCompile(`(http://[0-9.:]+)  health`).FindStringSubmatch(lines.Text()); m != nil {
			web = m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if rtmp == "" || web == "" {
		t.Fatalf("it says %q and %q", rtmp, web)
	}
	for path, says := range map[string]string{"/chat": "hello you of chat/_definst_", "/chat/a/b": "hello you of chat/a/b"} {
		if out, err := flashpod(t.Context(), nil, "call", rtmp+path, "hello", `"you"`); err != nil || !strings.Contains(out, says) {
			t.Errorf("%s: %q, %v", path, out, err)
		}
	}
	path := film(t, 1)
	for _, words := range [][]string{
		{"call", rtmp + "/chat", "hello"},
		{"shared-object", "get", rtmp + "/chat", "users"},
		{"play", rtmp + "/chat/_definst_/cam"},
		{"publish", path, rtmp + "/chat/_definst_/cam"},
	} {
		if _, err := flashpod(t.Context(), nil, append(words, "--connect", `"nobody"`)...); err == nil || !strings.Contains(err.Error(), "nobody comes in") {
			t.Errorf("%s: the script does not hear what connect says: %v", words[0], err)
		}
	}
	if out, err := flashpod(t.Context(), nil, "call", rtmp+"/chat", "oops"); err == nil {
		t.Errorf("a call that throws has a result: %q", out)
	}
	out, err := flashpod(t.Context(), nil, "instances", "info", "chat", "--url", web)
	if err != nil || !strings.Contains(out, "SCRIPT ERRORS (the last of 1)") || !strings.Contains(out, "main.asc:3") {
		t.Errorf("%v\n%s", err, out)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
