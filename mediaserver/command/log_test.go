package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// process is a server in a process of its own, whose log is a pipe.
type process struct {
	*exec.Cmd
	rtmp, http string // addresses
	data       string
	log        *bufio.Reader
	ignored    chan struct{} // closed behind the end of a log that nobody wants; nil: somebody does
}

// ignoreLog reads the log, and forgets it.
func (p *process) ignoreLog() {
	p.ignored = make(chan struct{})
	go func() {
		defer close(p.ignored)
		_, _ = io.Copy(io.Discard, p.log)
	}()
}

// serveProcess starts a server, and reads its log until it is ready: no further.
// files is how many it may open, 0 as many as the test.
func serveProcess(t *testing.T, files int, spec string, prepare func(streams string), args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	streams := filepath.Join(dir, "data", "app", "streams", "one")
	if err := os.MkdirAll(streams, 0o755); err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(streams)
	}
	doc := filepath.Join(dir, "one.yaml")
	if err := os.WriteFile(doc, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\n"+
		"spec: {application: app, "+spec+"access: {publish: {mode: Anyone}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	// One page: a log that is read slowly is full at once.
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), syscall.F_SETPIPE_SZ, 4096); errno != 0 {
		t.Fatal(errno)
	}
	shell := `exec "$0" "$@"`
	if files > 0 {
		shell = fmt.Sprintf("ulimit -n %d && %s", files, shell)
	}
	p := &process{data: filepath.Join(dir, "data"), log: bufio.NewReader(r)}
	p.Cmd = exec.Command("sh", append([]string{"-c", shell, os.Args[0], "serve", "-f", doc, "--data", p.data, "--log-format", "json",
		"--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--drain-timeout", "2s"}, args...)...)
	p.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	p.Stderr = w
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended already, if all is well
		if p.ignored == nil {
			p.ignoreLog()
		}
		<-p.ignored
		_ = p.Wait()
	})
	for p.rtmp == "" {
		line, err := p.log.ReadString('\n')
		if err != nil {
			t.Fatalf("%v, behind %s", err, line)
		}
		var said struct{ Msg, RTMP, HTTP string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if said.Msg == "ready" {
			p.rtmp, p.http = said.RTMP, said.HTTP
		}
	}
	return p
}

// said is one line of the log.
type said struct {
	Msg, Level, Like, Address, Stream, Agent string
	Lines                                    int
	raw                                      string
}

// end ends the server and returns what it has said from the last line that was
// read until then.
func (p *process) end(t *testing.T) (all []said) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := p.log.ReadString('\n')
		if err != nil {
			break
		}
		one := said{raw: line}
		if strings.HasPrefix(line, "flashpod: ") {
			one.Msg = strings.TrimSpace(line) // the last line is for people
		} else if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the server ended: %v", err)
	}
	return all
}

// patience is how long a server may take for what it does at once.
const patience = 2 * time.Minute

func (p *process) connect(t *testing.T) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := connect(ctx, "rtmp://"+p.rtmp+"/app/one/x", rtmp.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks for a path, and wants 200.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", path, resp.Status, err, b)
	}
	return string(b)
}

func rec(t *testing.T) func(string) {
	return func(streams string) {
		if err := os.Rename(film(t, 1), filepath.Join(streams, "rec.flv")); err != nil {
			t.Fatal(err)
		}
	}
}

// Strangers say what would be long lines with keys in them, and much of it, and
// nobody reads the log: all are answered as if there were none, and what the log
// has in the end is short, and has no key.
func TestStrangersFillTheLog(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, 0, "limits: {maxConnectionsPerAddress: 0}, ", rec(t))
	long := strings.Repeat("x", 300<<10)
	for range 60 {
		askAwkwardly(t, p, long)
	}
	for range 300 {
		nc, err := net.Dial("tcp", p.rtmp)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\n\r\n") // it may be refused already
		nc.Close()
	}
	agent(t, p, "LNX 9,0,124,2 key=SECRET "+long[:20000])
	p.get(t, "/healthz")
	metrics := p.get(t, "/metrics")
	if !strings.Contains(metrics, `flashpod_log_lines_dropped_total{reason="too many of a kind"} `) {
		t.Error("metrics do not tell of lines that the log has not")
	}

	count, bytes := map[string]int{}, 0
	for _, one := range p.end(t) {
		bytes += len(one.raw)
		if len(one.raw) > 1024 {
			t.Errorf("a line of %d bytes: %.200s…", len(one.raw), one.raw)
		}
		if strings.Contains(one.raw, "SECRET") {
			t.Errorf("the log has the key: %s", one.raw)
		}
		if one.Level == "ERROR" {
			t.Errorf("no error: %s", one.raw)
		}
		count[one.Msg]++
		count[one.Like] += one.Lines
		if one.Msg == "play refused" && (one.Stream == "" || !strings.Contains(one.raw, "***") && !strings.Contains(one.raw, "…")) {
			t.Errorf("a name that was refused is not told: %s", one.raw)
		}
		if one.Msg == "connected" && strings.HasPrefix(one.Agent, "LNX") && one.Agent != "LNX 9,0,124,2 key=***" {
			t.Errorf("an agent is %q", one.Agent)
		}
	}
	// 900 lines at least would have been said of them, without a pace.
	if bytes > 256<<10 || count["handshake failed"] == 0 || count["play refused"] == 0 || count["stopped"] != 1 {
		t.Errorf("the log has %d bytes: %v", bytes, count)
	}
}

// askAwkwardly asks for names of no stream, which have a key or much more in
// them.
func askAwkwardly(t *testing.T, p *process, long string) {
	t.Helper()
	c := p.connect(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, name := range []string{"rec.flv/x?key=SECRET&" + long, "rec.flv/x?key=SECRET", "rec/" + long, "rec.flv/" + strings.Repeat("x/", 200)} {
		answer, err := c.Call(ctx, "getStreamLength", name)
		if err != nil || len(answer) != 1 || answer[0] != 0.0 {
			t.Fatalf("the length of %.40s… is %v, %v", name, answer, err)
		}
	}
	for _, name := range []string{"no\x01name?key=SECRET", "rec.flv/x;key=SECRET", "rec.flv%3Fkey=SECRET", long + "?key=SECRET"} {
		if err := c.stream.Command("play", name, 0.0); err != nil {
			t.Fatal(err)
		}
		var refused *rtmp.StatusError
		for err := error(nil); refused == nil; {
			if _, err = c.stream.Status(ctx); err != nil && !errors.As(err, &refused) {
				t.Fatal(err)
			}
		}
	}
}

// agent connects as a client that calls itself so.
func agent(t *testing.T, p *process, flashVer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, u, err := rtmp.Dial(ctx, "rtmp://"+p.rtmp+"/app/one/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	nc := rtmp.NewNetConnection(conn)
	defer nc.Close()
	object := u.ConnectObject()
	object.Set("flashVer", flashVer)
	if _, err := nc.Connect(ctx, object); err != nil {
		t.Fatal(err)
	}
}

// A log that nobody reads keeps the server from ending no longer than its last
// lines may take.
func TestNobodyReadsTheEnd(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, 0, "", nil)
	for n := range 40 {
		agent(t, p, fmt.Sprintf("agent %d", n))
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the server does not end")
	}
}
