package session_test

import (
	"log/slog"
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
		found := false
		for line := range strings.Lines(said.String()) {
			found = found || strings.Contains(line, "play refused") && strings.Contains(line, logged)
			if len(line) > 1500 {
				t.Errorf("a line of %d bytes: %.200s", len(line), line)
			}
		}
		if !found {
			t.Errorf("%.40q is not in the log:\n%s", name, said.String())
		}
	}
	if said.Count("SECRET") > 0 {
		t.Errorf("a key is in the log:\n%s", said.String())
	}
}
