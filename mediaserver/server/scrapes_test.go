package server

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// A client that sends more than a hundred requests at once and reads later gets its answers
// in order, one after another, and keeps nobody else waiting.
func TestPipelinedScrapes(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	const scrapes = 60
	nc := askHTTP(t, s, "")
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(nc, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", scrapes)+
			"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		sent <- err
	}()
	for range 5 {
		if got := status(t, askHTTP(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")); got != http.StatusOK {
			t.Errorf("another is answered %d", got)
		}
	}
	r := bufio.NewReader(nc)
	for n := range 2*scrapes + 1 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", n, err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		want := []string{"flashpod_build_info", "ok\n"}[n%2]
		if n == 2*scrapes {
			want = "ready\n"
		}
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(b), want) {
			t.Fatalf("answer %d: %s %v %.100s, want %q", n, resp.Status, err, b, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("behind the last: %q, %v", rest, err)
	}
}

// A client that asks and does not read keeps its place for as long as an answer may
// take, and no longer.
func TestAnswerThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, ln := onePipe()
		s := &Server{cfg: Config{Budgets: &budget.Budgets{}}, log: slog.New(slog.DiscardHandler), http: newPlaces(ln, 1, func() {})}
		failed := make(chan error, 1)
		s.serveWeb(failed)
		taken := func() int {
			synctest.Wait()
			s.http.mu.Lock()
			defer s.http.mu.Unlock()
			return len(s.http.taken)
		}
		if _, err := io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-time.After(writeTimeout - time.Second)
		if taken() != 1 {
			t.Error("its place was given away before its time")
		}
		<-time.After(2 * time.Second)
		if n := taken(); n != 0 {
			t.Error("it keeps its place")
		}
		client.Close()
		s.closeWeb()
		synctest.Wait()
		select {
		case err := <-failed:
			t.Error(err)
		default:
		}
	})
}
