package session_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
)

// Names that are refused are in the log, as far as they are fit to be there.
func TestRefusedNamesAreLogged(t *testing.T) {
	t.Parallel()
	var said lines
	s, _ := runWith(t, here, session.Config{Log: said.log(slog.LevelInfo)}, open)
	c := connect(t, s, "app/one").hello()
	for name, logged := range map[string]string{
		"bad\x01name?key=SECRET":                    "name",
		"turned\u202egpj.flv?key=SECRET":            "turned",
		"long" + strings.Repeat("x", 600):           "longxxx",
		"missing?key=SECRET":                        "missing",
		"rec.flv/x?key=SECRET":                      "rec.flv/x",
		"mp4:a" + strings.Repeat("/..", 9) + "/out": "mp4:a/..",
	} {
		c.on(1, "play", name, 0.0, -1.0, true)
		for w, _ := c.next(); !strings.HasPrefix(w, "onStatus NetStream.Play."); w, _ = c.next() {
		}
		eventually(t, fmt.Sprintf("%.40q is in the log", name), func() bool {
			for line := range strings.Lines(said.String()) {
				if strings.Contains(line, "play refused") && strings.Contains(line, logged) {
					return true
				}
			}
			return false
		})
	}
	for line := range strings.Lines(said.String()) {
		if len(line) > 1500 {
			t.Errorf("a line of %d bytes: %.200s", len(line), line)
		}
	}
	c.send("getStreamLength", 5, nil, "bad\x01length?key=SECRET")
	c.Until("_result [0]")
	eventually(t, "a name that has no length is in the log", func() bool { return said.Count("getStreamLength refused") == 1 })
	if said.Count("SECRET") > 0 {
		t.Errorf("a key is in the log:\n%s", said.String())
	}
}

// A file that is none is no error of the server's, however often it is asked for.
func TestDamagedFilesAreNoErrors(t *testing.T) {
	t.Parallel()
	var said lines
	s, _ := runWith(t, here, session.Config{Log: said.log(slog.LevelInfo)}, open)
	if err := os.WriteFile(filepath.Join(s.folders[0], "bad.mp4"), []byte("this is not a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s, "app/one").hello()
	c.send("getStreamLength", 5, nil, "mp4:bad")
	c.Until("_error NetConnection.Call.Failed")
	c.on(1, "play", "mp4:bad", 0.0, -1.0, true)
	c.Until("onStatus NetStream.Play.FileStructureInvalid")
	eventually(t, "the log says both", func() bool { return said.Count("bad") >= 2 })
	if said.Count("level=ERROR") > 0 {
		t.Errorf("the log says\n%s", said.String())
	}
}
