package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// hand is a clock that the test turns.
type hand struct {
	mu   sync.Mutex
	at   time.Time
	beat chan time.Time
}

func newHand() *hand {
	return &hand{at: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC), beat: make(chan time.Time)}
}

func (h *hand) clock() clock { return clock{time: h.now, beat: h.beat} }

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// tick has the only one who listens look at its files, and waits until it has:
// the second beat is heard when the first has been worked off.
func (h *hand) tick() {
	h.beat <- h.now()
	h.beat <- h.now()
}

// said is a log that a test reads.
type said struct{ servertest.Log }

func (s *said) count(what string) int { return s.Count(what) }
func (s *said) log() *slog.Logger     { return s.Logger(slog.LevelInfo) }

// secret is a key as kubelet mounts it: a link to a link that is swapped.
type secret struct {
	t   *testing.T
	dir string
	n   int
}

func (s *secret) file() string { return filepath.Join(s.dir, "key") }

func (s *secret) write(key string) {
	s.t.Helper()
	s.n++
	version, link := fmt.Sprintf("..%d", s.n), filepath.Join(s.dir, "..data")
	for _, err := range []error{
		os.Mkdir(filepath.Join(s.dir, version), 0o755),
		os.WriteFile(filepath.Join(s.dir, version, "key"), []byte(key), 0o440),
		os.Symlink(version, link+"_tmp"),
		os.Rename(link+"_tmp", link),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if s.n == 1 {
		if err := os.Symlink("..data/key", s.file()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// own is the key that a server has made, which is edited by hand.
type own struct {
	t    *testing.T
	path string
}

func (o own) file() string { return "" }

func (o own) write(key string) {
	o.t.Helper()
	if err := os.MkdirAll(filepath.Dir(o.path), 0o700); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(o.path, []byte(key), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// attempt publishes with a key, if there is one, and returns what a refused
// publisher is told; empty: it was not refused.
func attempt(t *testing.T, s *Server, key string) string {
	t.Helper()
	c := connect(t, s, "app/one").hello()
	name := "cam"
	if key != "" {
		name += "?key=" + key
	}
	c.on(1, "publish", name, "live")
	got, info := c.next()
	if got == "event 0" {
		c.expect("onStatus NetStream.Publish.Start")
		c.on(1, "publish", false)
		c.expect("onStatus NetStream.Unpublish.Success")
		c.conn.Close()
		return ""
	}
	if got != "onStatus NetStream.Publish.BadName" {
		t.Fatalf("got %q", got)
	}
	d, _ := info.Get("description")
	c.conn.Close()
	return fmt.Sprint(d)
}

const (
	valid    = ""
	wrong    = "Wrong publish key"
	replaced = "was replaced and is no longer valid"
	noneSent = "no key was given: append ?key=KEY"
	noneHere = "the server has none yet"
)

// hold compares what publishers are told to what is wanted, by key.
func hold(t *testing.T, s *Server, when string, want map[string]string) {
	t.Helper()
	for key, want := range want {
		if got := attempt(t, s, key); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s, key %q: told %q, want %q", when, key, got, want)
		}
	}
}

const keyed = "{application: app, instance: one}"
