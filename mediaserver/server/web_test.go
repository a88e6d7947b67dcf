package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// ask sends what a client has to say over HTTP, and returns the connection.
func askHTTP(t *testing.T, s *Server, said string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, said); err != nil {
		t.Fatal(err)
	}
	return nc
}

func status(t *testing.T, nc net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Bodies that never come, headers that never end, and connections that say
// nothing, far more than there are places: whoever asks something gets an answer,
// clients that stream are let in, and what is open stays within the budget.
func TestClientsOfHTTPThatSayNothing(t *testing.T) {
	t.Parallel()
	files := budget.New("files", 64)
	s, _ := runWith(t, Config{Budgets: &budget.Budgets{Files: files}, MaxConnections: 40},
		"{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxConnectionsPerAddress: 0}}")
	const places = 8
	for n := range 100 {
		switch n % 3 {
		case 0:
			askHTTP(t, s, "")
		case 1:
			askHTTP(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
		case 2:
			askHTTP(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	s.http.mu.Lock()
	taken := len(s.http.taken)
	s.http.mu.Unlock()
	if taken > places {
		t.Errorf("%d connections of HTTP are open, want %d at most", taken, places)
	}
	if got := status(t, askHTTP(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")); got != http.StatusOK {
		t.Errorf("/healthz: %d", got)
	}
	for range 40 {
		connect(t, s, "app/one").hello()
	}
	if got := status(t, askHTTP(t, s, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")); got != http.StatusOK {
		t.Errorf("/metrics, with all places for streams taken: %d", got)
	}
	servertest.Eventually(t, "connections that made room are counted", func() bool { return s.Refused()["HTTP connection made room for another"] > 0 })
	if cap(s.words.places) == 0 {
		t.Error("no files are kept for those who have not said what they speak")
	}
	want := int64(places + 40 + cap(s.words.places))
	servertest.Eventually(t, fmt.Sprint(want, " files are counted"), func() bool { return files.Used() == want })
}

// A request with a body is refused before its body comes, and its connection is
// closed. A client that has sent it reads why.
func TestRequestsHaveNoBody(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	t.Cleanup(func() { // before the server ends: it gives who still sends half a second to read why
		servertest.Eventually(t, "the connections to be closed", func() bool {
			s.http.mu.Lock()
			defer s.http.mu.Unlock()
			return len(s.http.taken) == 0
		})
	})
	for headers, body := range map[string]int{
		"Content-Length: 100000": 0, "Content-Length: 5": 0, "Transfer-Encoding: chunked": 0, "Expect: 100-continue\r\nContent-Length: 9": 0,
		"Content-Length: 99": 99, "Content-Length: 100001": 100001, "Content-Length: 3000000": 3000000,
	} {
		for _, line := range []string{"GET /healthz", "DELETE /recordings/app/one/x", "POST /metrics"} {
			t.Run(line+" "+headers, func(t *testing.T) {
				t.Parallel()
				nc := askHTTP(t, s, line+" HTTP/1.1\r\nHost: localhost\r\n"+headers+"\r\n\r\n")
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = nc.Write(make([]byte, body)) // it is refused meanwhile
				}()
				if code := status(t, nc); code != http.StatusRequestEntityTooLarge {
					t.Errorf("answered %d", code)
				}
				_, _ = io.Copy(io.Discard, nc) // to the end, or a reset
				<-sent
			})
		}
	}
}

// What a client may take, by the clock.
func TestTimeoutsOfHTTP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said  string
		after time.Duration // the connection is closed
	}{
		"nothing":     {"", readTimeout},
		"half a line": {"GET /slow HT", readTimeout},
		"idle":        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", idleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nc, ended := overPipe(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				started := time.Now()
				if _, err := io.WriteString(nc, c.said); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, nc); err != nil {
					t.Error(err)
				}
				if took := time.Since(started); took != c.after {
					t.Errorf("closed after %v, want %v", took, c.after)
				}
				ended()
			})
		})
	}
}

// An answer may take longer than its request.
func TestAnswerThatTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nc, ended := overPipe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(3 * readTimeout):
				fmt.Fprint(w, "done")
			case <-r.Context().Done():
			}
		}))
		go func() { _, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") }()
		if answer, err := io.ReadAll(nc); err != nil || !bytes.HasSuffix(answer, []byte("done")) {
			t.Errorf("%v %s", err, answer)
		}
		ended()
	})
}

// pipeListener has one connection.
type pipeListener struct {
	conns chan net.Conn
	gone  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.gone); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// onePipe is a listener with one connection, and its client.
func onePipe() (client net.Conn, ln *pipeListener) {
	client, server := net.Pipe()
	ln = &pipeListener{conns: make(chan net.Conn, 1), gone: make(chan struct{})}
	ln.conns <- server
	return client, ln
}

// overPipe serves HTTP to a client over a pipe, which has the clock of a bubble.
func overPipe(t *testing.T, h http.Handler) (client net.Conn, ended func()) {
	t.Helper()
	client, ln := onePipe()
	places := newPlaces(ln, 1, func() {})
	web := places.server(h)
	done := make(chan error, 1)
	go func() { done <- web.Serve(places) }()
	return client, func() {
		client.Close()
		web.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
}

// Among many addresses, the one that has most gives a place.
func TestPlacesAreShared(t *testing.T) {
	t.Parallel()
	l := newPlaces(nil, 8, nil)
	come := func(host string, answers bool) *place {
		p := &place{of: l, from: budget.Address(net.JoinHostPort(host, "1")), since: time.Now(), answers: answers}
		if last := l.take(p); last != nil && last.from != p.from && l.byAddress[last.from] == 0 {
			t.Errorf("%s takes the only place of %s", host, last.from)
		}
		return p
	}
	probe, scraper := come("192.0.2.1", false), come("192.0.2.2", false)
	for range 20 {
		come("198.51.100.1", true)
		come("198.51.100.2", false)
	}
	if n := len(l.taken); n != 8 || probe.gone || scraper.gone {
		t.Errorf("%d places are taken; those of a probe, %v, and a scraper, %v, are given to others", n, probe.gone, scraper.gone)
	}
	if come("192.0.2.3", false); len(l.taken) != 8 || probe.gone || scraper.gone {
		t.Error("another does not find a place")
	}
	for p := range l.taken {
		l.remove(p)
	}
	if len(l.byAddress) != 0 {
		t.Errorf("addresses that are gone are remembered: %v", l.byAddress)
	}
}

// A probe of HTTP/1.0 names no host.
func TestProbeWithoutAHost(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	if got := status(t, askHTTP(t, s, "GET /healthz HTTP/1.0\r\n\r\n")); got != http.StatusOK {
		t.Errorf("%d", got)
	}
}

// HTTP answers to addresses, localhost and the names that it has, and to no other.
func TestNamesOfHTTP(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{HTTPNames: []string{"Media.Example.com."}, DebugAddress: "127.0.0.1:0"}, open)
	for host, want := range map[string]int{
		"":                       http.StatusOK, // no browser says so
		"127.0.0.1":              http.StatusOK,
		"10.1.2.3:8080":          http.StatusOK,
		"[2001:db8::1]:8080":     http.StatusOK,
		"[::1]":                  http.StatusOK,
		"localhost":              http.StatusOK,
		"LocalHost:8080":         http.StatusOK,
		"media.example.com":      http.StatusOK,
		"MEDIA.example.com.:80":  http.StatusOK,
		"evil.example.com":       http.StatusMisdirectedRequest,
		"x.media.example.com":    http.StatusMisdirectedRequest,
		"127.0.0.1.example.com":  http.StatusMisdirectedRequest,
		"localhost.example.com:": http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/metrics", "/recordings", "/healthz", "/"} {
			if got := status(t, askHTTP(t, s, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")); got != want {
				t.Errorf("%s of %q: %d, want %d", path, host, got, want)
			}
		}
		if host == "media.example.com" || host == "MEDIA.example.com.:80" {
			continue // developers ask by address
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.DebugAddr().String()+"/debug/behind", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Host = host; host == "" {
			continue
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("debugging of %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
}

// The hosts file of a machine says what it is called, and what others are, which
// it is not.
func TestHostsNames(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hosts")
	text := "# comment\n127.0.0.1 localhost\n\n127.0.0.1\tLobby-0.lobby-origin.ns.svc.cluster.local.  lobby-0 # more\n" +
		"192.0.2.200 another\n0.0.0.0 ads.example.com\n127.0.0.1\nbad line\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(hostsNames(file), " "); got != "localhost lobby-0.lobby-origin.ns.svc.cluster.local lobby-0" {
		t.Errorf("names: %s", got)
	}
	if got := hostsNames(filepath.Join(t.TempDir(), "none")); got != nil {
		t.Errorf("names of no file: %v", got)
	}
}

// A budget that is too small for HTTP is told with what to do.
func TestTooFewFiles(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Budgets: &budget.Budgets{Files: budget.New("files", 3)}}, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close(context.Background())
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("%v", err)
	}
}
