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

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// silentFor serves RTMP in WebSockets, by HTTP and by TLS, to peers that may be silent for
// so long. It returns the client's side of a connection, behind the handshake, and the
// server's, with what its Serve returns.
func silentFor(t *testing.T, timeout time.Duration, secure bool) (client, server *rtmp.Conn, ended <-chan error) {
	t.Helper()
	conns, done := make(chan *rtmp.Conn, 1), make(chan error, 1)
	s := httptest.NewUnstartedServer(public.Handler(public.Options{
		SDK: http.NotFoundHandler(), Watch: http.NotFoundHandler(), Studio: http.NotFoundHandler(), Streams: http.NotFoundHandler(),
		Origins: func(string) public.Origins { return public.Origins{} },
		RTMP: func(nc net.Conn, _ *http.Request) {
			c := rtmp.NewServerConn(nc, rtmp.Config{ReadTimeout: timeout})
			if err := c.Handshake(); err != nil {
				done <- err
				return
			}
			conns <- c
			done <- c.Serve(func(*rtmp.Message) error { return nil })
			c.Close()
		},
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
	return client, <-conns, done
}

// A page that has nothing to say is asked for a sign of life, and stays when it gives one.
func TestSilentPageStays(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"HTTP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server, ended := silentFor(t, 20*time.Second, secure)
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

// One that gives none is gone.
func TestPageThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	_, _, ended := silentFor(t, time.Second, false)
	if err := <-ended; !errors.Is(err, rtmp.ErrSilent) {
		t.Errorf("%v, want ErrSilent", err)
	}
}
