//go:build clients

package clients

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a test counts it as stuck, and life how long what it starts may run.
const (
	patience = 2 * time.Minute
	life     = 10 * time.Minute
)

// server is bin/flashpod, serving one instance.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string // rtmp://127.0.0.1:PORT/live
	tls  string // rtmps://127.0.0.1:PORT/live, when it was asked for
	http string // http://127.0.0.1:PORT
	web  string // http://127.0.0.1:PORT of web pages and HTTP players, when it was asked for
	data string
	log  *lockedBuffer
	done chan struct{} // closed when it has ended, with err
	err  error
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

const anyone = "access: {publish: {mode: Anyone}}"

// serve starts the program with a spec, a data folder ("": a new one) and more
// arguments.
func serve(t *testing.T, spec, data string, more ...string) *server {
	t.Helper()
	return serveBehind(t, nil, spec, data, more...)
}

// serveBehind has another program start it, which becomes it.
func serveBehind(t *testing.T, starter []string, spec, data string, more ...string) *server {
	t.Helper()
	if data == "" {
		data = filepath.Join(t.TempDir(), "data")
	}
	file := filepath.Join(t.TempDir(), "live.yaml")
	text := "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: live}\nspec:\n  application: live\n  instance: _definst_\n"
	for line := range strings.Lines(spec) {
		text += "  " + line
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(starter), program(t), "serve", "-f", file, "--data", data)
	return begin(t, data, append(args, more...))
}

// serveEdge starts the program as an edge of a server that was begun with the same key.
func serveEdge(t *testing.T, of *server, key string) *server {
	t.Helper()
	origin := strings.TrimSuffix(of.url, "/live")
	e := begin(t, "", []string{program(t), "serve", "--edge-of", origin, "--link-key-file", key, "--web-address", "127.0.0.1:0"})
	e.url = strings.TrimSuffix(e.url, "/APPLICATION/INSTANCE") + "/live"
	return e
}

// begin starts the program, with ports of its own, and waits until it says where they are.
func begin(t *testing.T, data string, args []string) *server {
	t.Helper()
	s := &server{t: t, data: data, log: &lockedBuffer{}, done: make(chan struct{})}
	args = append(args, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("server log:\n%s", s.log)
		}
	})
	lines := bufio.NewScanner(out)
	rtmp, web := regexp.MustCompile(`^  (rtmps?://\S+)$`), regexp.MustCompile(`^  (http://\S+)`)
	pages := regexp.MustCompile(`^ +browser +(http://[^/]+)/`)
	for lines.Scan() {
		if m := rtmp.FindStringSubmatch(lines.Text()); m != nil {
			if strings.HasPrefix(m[1], "rtmps:") {
				s.tls = m[1]
			} else {
				s.url = m[1]
			}
		}
		if m := pages.FindStringSubmatch(lines.Text()); m != nil {
			s.web = m[1]
		}
		if m := web.FindStringSubmatch(lines.Text()); m != nil {
			s.http = m[1]
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	if s.url == "" || s.http == "" {
		t.Fatalf("the server did not say where it listens; its log:\n%s", s.log)
	}
	return s
}

func program(t *testing.T) string {
	t.Helper()
	p, err := filepath.Abs("../../../bin/flashpod")
	if err == nil {
		_, err = os.Stat(p)
	}
	if err != nil {
		t.Fatalf("%v (make bin/flashpod)", err)
	}
	return p
}

// stop ends the server as Ctrl-C does and expects it to end well.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.done:
		if s.err != nil {
			s.t.Fatalf("server ended with %v", s.err)
		}
	case <-time.After(patience):
		s.t.Fatal("server did not end")
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// streams is the folder with the recordings.
func (s *server) streams() string { return filepath.Join(s.data, "live", "streams", "_definst_") }

// metric reads a metric of the instance.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	r, err := http.Get(s.http + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "flashpod_"+name+"{") {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &v); err == nil {
				return v
			}
		}
	}
	s.t.Fatalf("no metric flashpod_%s in\n%s", name, body)
	return 0
}

// until polls a condition of the outside world.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func (s *server) untilMetric(name string, want float64) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%s to be %v", name, want), func() bool { return s.metric(name) == want })
}
