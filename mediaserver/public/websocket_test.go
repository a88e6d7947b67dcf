package public_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// silentFor serves RTMP in WebSockets, by HTTP and by TLS, to peers that may be silent for
// so long. It returns the client's side of a connection, behind the handshake, and the
// server's, with what its Serve returns, and the WebSocket, which is closed when that is over.
func silentFor(t *testing.T, timeout time.Duration, secure bool) (client, server *rtmp.Conn, ended <-chan error, page *websocket.Conn, over <-chan struct{}) {
	t.Helper()
	conns, done, all := make(chan *rtmp.Conn, 1), make(chan error, 1), make(chan struct{})
	handler := public.Handler(public.Options{
		SDK: http.NotFoundHandler(), Watch: http.NotFoundHandler(), Studio: http.NotFoundHandler(), Streams: http.NotFoundHandler(),
		Origins: func(string) public.Origins { return public.Origins{} },
		RTMP: func(nc net.Conn, _ *http.Request) {
			c := rtmp.NewServerConn(nc, rtmp.Config{ReadTimeout: timeout})
			if err := c.Handshake(); err != nil {
				done <- err
				return
			}
			conns <- c
			err := c.Serve(func(*rtmp.Message) error { return nil })
			c.Farewell(err)
			c.Close()
			done <- err
		},
	})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(all)
		handler.ServeHTTP(w, r)
	}))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+public.RTMPPath, &websocket.DialOptions{HTTPClient: s.Client()}) //nolint:bodyclose // it is the connection's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	client = rtmp.NewClientConn(websocket.NetConn(t.Context(), c, websocket.MessageBinary), rtmp.Config{})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return client, <-conns, done, c, all
}

// A page that has nothing to say is asked for a sign of life, and stays when it gives one.
func TestSilentPageStays(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"HTTP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server, ended, _, _ := silentFor(t, 20*time.Second, secure)
			go func() { _ = client.Serve(func(*rtmp.Message) error { return nil }) }() // which answers
			servertest.Eventually(t, "the page to be asked, and to answer", func() bool {
				select {
				case err := <-ended:
					t.Fatalf("a page that was silent has lost its connection: %v", err)
				default:
				}
				return server.RoundTrip() > 0
			})
			before := server.MessagesIn()
			if err := client.Ping(); err != nil {
				t.Fatal(err)
			}
			servertest.Eventually(t, "what it says then to be heard", func() bool { return server.MessagesIn() > before })
		})
	}
}

// One that gives none is gone, and told why.
func TestPageThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	_, _, ended, page, _ := silentFor(t, time.Second, false)
	if err := <-ended; !errors.Is(err, rtmp.ErrSilent) {
		t.Errorf("%v, want ErrSilent", err)
	}
	for {
		if _, _, err := page.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "Nothing was heard") {
				t.Errorf("it was told %v", err)
			}
			return
		}
	}
}

// One that reads nothing, and does not answer, holds nobody up: neither who serves it nor,
// for long, its place.
func TestPageThatReadsNothingIsClosed(t *testing.T) {
	t.Parallel()
	_, server, ended, _, over := silentFor(t, time.Hour, false)
	for err := error(nil); err == nil; {
		err = server.Send(&rtmp.Message{Type: rtmp.TypeData, StreamID: 1, Payload: make([]byte, 256<<10)})
	}
	if err := <-ended; !errors.Is(err, rtmp.ErrSlow) {
		t.Errorf("%v, want ErrSlow", err)
	}
	<-over
}

// What a close frame has no room for is cut between characters.
func TestReasonIsShort(t *testing.T) {
	t.Parallel()
	_, server, _, page, _ := silentFor(t, time.Hour, false)
	_ = server.CloseWithError(&rtmp.Farewell{Why: rtmp.ErrDismissed, Words: "\xff" + strings.Repeat("ü", 100)})
	var err error
	for err == nil {
		_, _, err = page.Read(t.Context())
	}
	var why websocket.CloseError
	if !errors.As(err, &why) || len(why.Reason) > 123 || !utf8.ValidString(why.Reason) || !strings.HasSuffix(why.Reason, "ü…") || !strings.HasPrefix(why.Reason, "\uFFFDü") {
		t.Errorf("it was told %v", err)
	}
}
