package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Clients that are here when their address leads elsewhere are asked to connect again where
// they follow that, and served on; so are those of the next time, and nobody in between.
func TestClientsAreAskedToLeave(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leave")
	log := &servertest.Log{}
	s, _ := runWith(t, Config{LeaveFile: file, Log: log.Logger(slog.LevelInfo)}, open)
	says := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(what string, times int) {
		t.Helper()
		servertest.Eventually(t, what, func() bool { return log.Count(what) == times })
	}
	p := publishes(t, s, "cam")
	follows := connect(t, s, "app/one", "capsEx", 1.0).hello()
	stays := connect(t, s, "app/one").hello()
	for _, v := range []*client{follows, stays} {
		v.on(1, "play", "cam")
		v.Until("data |RtmpSampleAccess")
	}
	says("2m\n")
	follows.expect("onStatus NetConnection.Connect.ReconnectRequest")
	later := connect(t, s, "app/one", "capsEx", 1.0).hello()
	audio(t, p, 0)
	follows.expect("audio 0")
	stays.expect("audio 0")

	says("soon")
	logged("it is not known whether clients are to leave", 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	logged("clients may stay", 1)
	says("1s")
	for _, v := range []*client{follows, later} {
		v.expect("onStatus NetConnection.Connect.ReconnectRequest")
	}
	audio(t, p, 500)
	follows.expect("audio 500")
	stays.expect("audio 500")
	logged("clients are asked to connect again", 2)
}

// What the file says is a time, or nothing.
func TestReadLeave(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for text, want := range map[string]time.Duration{"2m\n": 2 * time.Minute, "120s": 2 * time.Minute, "": 0, "\n": 0, "0": 0, "soon": -1, "-1s": -1, "2m\n" + string(make([]byte, maxLeave)): -1} {
		servertest.WriteFiles(t, folder, "leave", text)
		got, err := readLeave(filepath.Join(folder, "leave"))
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%.10q: %v, %v", text, got, err)
		}
	}
	if got, err := readLeave(filepath.Join(folder, "none")); got != 0 || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
}
