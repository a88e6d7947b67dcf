package httpflv

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A viewer that is to go is told why where the way has words for it, and goes, also one
// that has stopped reading; what it was sent is counted.
func TestDismissed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		no   *outlet.Refusal
		code websocket.StatusCode
	}{
		"by an operator":         {outlet.Refuse(http.StatusForbidden, "go away"), websocket.StatusPolicyViolation},
		"with what it had begun": {outlet.Refuse(http.StatusServiceUnavailable, "go elsewhere"), websocket.StatusGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.begin(t)
			large := string(key(1)) + strings.Repeat("picture", 100000)
			film := []tag{{flv.TypeVideo, 0, string(videoHeader)}}
			for range 100 {
				film = append(film, tag{flv.TypeVideo, film[len(film)-1].at + 40, large})
			}
			s.recordings.Store("app/room/film", filmOf(t, film...))
			live := s.ask(t, http.MethodGet, path)
			readTags(t, live.Body, 3)
			recorded := s.ask(t, http.MethodGet, "/app/room/film.flv") // and is not read
			tracks := s.ask(t, http.MethodGet, "/app/room/film.flv?track=0")
			var sockets []*websocket.Conn
			for _, path := range []string{path, "/app/room/film.flv"} {
				ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.server.URL, "http")+path, nil) //nolint:bodyclose // there is none
				if err != nil {
					t.Fatal(err)
				}
				ws.SetReadLimit(1 << 30)
				t.Cleanup(func() { _ = ws.CloseNow() })
				if _, _, err := ws.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
				sockets = append(sockets, ws)
			}
			if n := s.opened.Load(); n != 5 {
				t.Errorf("%d watch", n)
			}
			s.dismiss(c.no)
			if _, err := io.Copy(io.Discard, live.Body); err != nil {
				t.Errorf("the answer ends with %v", err)
			}
			for _, ws := range sockets {
				var err error
				for err == nil {
					_, _, err = ws.Read(t.Context())
				}
				if websocket.CloseStatus(err) != c.code || !strings.Contains(err.Error(), c.no.Reason) {
					t.Errorf("the WebSocket ends with %v", err)
				}
			}
			servertest.Eventually(t, "all have gone", func() bool { return s.opened.Load() == 0 })
			for _, answer := range []*answer{recorded, tracks} {
				if n, err := io.Copy(io.Discard, answer.Body); err == nil || n >= int64(len(large)*100) {
					t.Errorf("a file of which %d bytes came ends with %v", n, err)
				}
			}
			if s.sent.Load() == 0 {
				t.Error("nothing is counted")
			}
		})
	}
}
