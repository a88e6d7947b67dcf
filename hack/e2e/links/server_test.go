//go:build clients

package links

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a test counts it as stuck.
const patience = 2 * time.Minute

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// house is an origin, and what its edges need to link to it.
type house struct {
	t      *testing.T
	key    string
	origin *server
}

// server is bin/flashpod in a place of its own.
type server struct {
	*place
	cmd  *exec.Cmd
	data string
	log  *lockedBuffer
	line *line         // to its origin; nil: it is one
	done chan struct{} // closed when it has ended
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const manifest = `apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: live}
spec:
  application: live
  instance: _definst_
  access: {publish: {mode: Anyone}}
`

// newHouse starts an origin, once its data folder is what the test wants it to be.
func newHouse(t *testing.T, prepare ...func(data string)) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, key: filepath.Join(dir, "link.key")}
	file := filepath.Join(dir, "live.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	data := filepath.Join(dir, "data")
	must(t, os.Mkdir(data, 0o755))
	for _, one := range prepare {
		one(data)
	}
	h.origin = begin(newPlace(t, "origin"), []string{program(t), "serve", "-f", file, "--data", data, "--link-key-file", h.key})
	h.origin.data = data
	return h
}

// edge starts an edge on a line that is laid as the caller likes, or by a wire.
func (h *house) edge(name string, lays ...func(edge, origin *place) *line) *server {
	h.t.Helper()
	p := newPlace(h.t, name)
	l := append(lays, lay)[0](p, h.origin.place)
	cache := filepath.Join(h.t.TempDir(), "cache")
	e := begin(p, []string{program(h.t), "serve", "--edge-of", l.to + ":1935", "--link-key-file", h.key, "--cache-dir", cache})
	e.line = l
	until(h.t, name+" has reached its origin", func() bool { return e.get("/readyz") == http.StatusOK })
	return e
}

func begin(p *place, args []string) *server {
	p.t.Helper()
	s := &server{place: p, log: &lockedBuffer{}, done: make(chan struct{})}
	args = append(args, "--rtmp-address", "0.0.0.0:1935", "--http-address", p.address+":8080")
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, s.log
	must(p.t, p.in(s.cmd.Start))
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	p.t.Cleanup(func() {
		s.kill()
		if p.t.Failed() || os.Getenv("LINKS_LOG") != "" {
			p.t.Logf("the log of %s:\n%s", p.name, s.log)
		}
	})
	until(p.t, p.name+" answers", func() bool {
		select {
		case <-s.done:
			p.t.Fatalf("%s has ended: %s", p.name, s.log)
		default:
		}
		return s.get("/healthz") == http.StatusOK
	})
	return s
}

func program(t *testing.T) string {
	t.Helper()
	p, err := filepath.Abs("../../../bin/flashpod")
	must(t, err)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v (make bin/flashpod)", err)
	}
	return p
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stands has it do nothing, or go on.
func (s *server) stands(still bool) {
	s.t.Helper()
	does := syscall.SIGCONT
	if still {
		does = syscall.SIGSTOP
	}
	must(s.t, s.cmd.Process.Signal(does))
}

// get is the status of an answer; 0: there is none.
func (s *server) get(path string) int {
	r, err := http.Get("http://" + s.address + ":8080" + path)
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// metric is the sum of a metric's values whose labels have all these words.
func (s *server) metric(name string, words ...string) (sum float64) {
	s.t.Helper()
	r, err := http.Get("http://" + s.address + ":8080/metrics")
	must(s.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(s.t, err)
	found := false
	for line := range strings.Lines(string(body)) {
		of, value, _ := strings.Cut(strings.TrimPrefix(line, "flashpod_"), " ")
		if line[0] == '#' || strings.SplitN(of, "{", 2)[0] != name || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			continue
		}
		if cut := strings.LastIndexByte(line, ' '); cut > 0 {
			value = line[cut:]
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err == nil {
			sum += v
			found = true
		}
	}
	if !found {
		s.t.Fatalf("no metric flashpod_%s %q of %s", name, words, s.name)
	}
	return sum
}

func (s *server) untilMetric(want float64, name string, words ...string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%s of %s to be %v", name, s.name, want), func() bool { return s.metric(name, words...) == want })
}

// logged waits for a line of the log with all these words.
func (s *server) logged(words ...string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%q in the log of %s", words, s.name), func() bool {
		for line := range strings.Lines(s.log.String()) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return true
			}
		}
		return false
	})
}

// memory is how many MiB the process has, and has had at most.
func (s *server) memory() (now, most int) {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	must(s.t, err)
	for line := range strings.Lines(string(b)) {
		var kib int
		switch f := strings.Fields(line); f[0] {
		case "VmRSS:":
			_, _ = fmt.Sscan(f[1], &kib)
			now = kib >> 10
		case "VmHWM:":
			_, _ = fmt.Sscan(f[1], &kib)
			most = kib >> 10
		}
	}
	return now, most
}

// url is where clients connect.
func (s *server) url() string { return "rtmp://" + s.address + ":1935/live" }
