package webrtc

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A viewer begins at the newest keyframe and hurries through what has come since: it
// sees all of it, within a moment of its own clock, and is live from then on.
func TestViewerBeginsAtTheKeyframe(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.show(0, true, 100, 1)
	s.show(40, false, 100, 2)
	s.show(80, true, 5000, 3)
	for i := range 50 {
		s.show(media.Timestamp(120+40*i), false, 3000, byte(4+i))
	}
	w := s.watch()
	first := <-w.packets
	if first.last != 3 {
		t.Errorf("the viewer begins with picture %d, want 3", first.last)
	}
	last := w.sees(t, 53)
	if length := last - first.time; length > videoRate/2 {
		t.Errorf("what has come before takes %d ms", length/90)
	}
	s.show(2120, false, 100, 60)
	s.show(2160, false, 100, 61)
	if a, b := w.sees(t, 60), w.sees(t, 61); b-a != 40*90 {
		t.Errorf("live pictures are %d units apart, want 3600", b-a)
	}
}

// Who asks for a keyframe, or loses so much that it is too slow, sees nothing until the
// stream's next one.
func TestViewerSkipsToTheNextKeyframe(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(ssrc uint32) rtcp.Packet{
		"asks": func(ssrc uint32) rtcp.Packet { return &rtcp.PictureLossIndication{MediaSSRC: ssrc} },
		"is too slow": func(ssrc uint32) rtcp.Packet {
			return &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 100}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.show(0, true, 100, 1)
			w := s.watch()
			w.sees(t, 1)
			track := <-w.track
			at := media.Timestamp(40)
			servertest.Eventually(t, "a picture is left out", func() bool {
				if err := w.pc.WriteRTCP([]rtcp.Packet{says(uint32(track.SSRC()))}); err != nil {
					t.Fatal(err)
				}
				s.show(at, false, 100, 2)
				s.show(at+1, true, 100, 3)
				at += 40
				p := <-w.packets
				left := p.last == 3
				if !left {
					w.sees(t, 3)
				}
				return left
			})
		})
	}
}

// The end of the stream is the end of the session, and so is that of the client; what
// it had taken is given back.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	places := budget.New("places", 2*SessionMemory)
	s := newSite(t, Options{Budget: places})
	s.show(0, true, 100, 1)
	a, b := s.watch(), s.watch()
	a.sees(t, 1)
	b.sees(t, 1)
	if status, _, said := s.post(a.pc.LocalDescription().SDP); status != http.StatusServiceUnavailable || !strings.Contains(said, "limit reached") {
		t.Errorf("a third: %d %s", status, said)
	}
	if err := a.pc.GracefulClose(); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the client's place is free", func() bool { return s.handler.Sessions() == 1 && places.Used() == SessionMemory })
	s.publisher.Close()
	servertest.Eventually(t, "the session ends with the stream", func() bool { return s.handler.Sessions() == 0 && places.Used() == 0 })
	servertest.Eventually(t, "the client knows", func() bool {
		switch b.pc.ConnectionState() {
		case pion.PeerConnectionStateClosed, pion.PeerConnectionStateFailed, pion.PeerConnectionStateDisconnected:
			return true
		}
		return false
	})
}

// A client that never connects has its place for so long.
func TestSessionThatDoesNotConnect(t *testing.T) {
	t.Parallel()
	taken := 0
	s := newSite(t, Options{ConnectTimeout: 50 * time.Millisecond, Enter: func(string) (func(), error) {
		if taken > 0 {
			return nil, outlet.Refuse(http.StatusServiceUnavailable, "all places are taken")
		}
		taken++
		return func() {}, nil
	}})
	s.show(0, true, 100, 1)
	status, header, said := s.post(chromiumOffer)
	if status != http.StatusCreated || header.Get("ETag") == "" {
		t.Fatalf("%d %v %s", status, header, said)
	}
	servertest.Eventually(t, "the session is given up", func() bool { return s.handler.Sessions() == 0 })
	if status, _, said := s.post(chromiumOffer); status != http.StatusServiceUnavailable || !strings.Contains(said, "all places") {
		t.Errorf("without a place: %d %s", status, said)
	}
}

// Candidates are taken, and ICE is not restarted; a session is known by its address
// alone.
func TestTrickle(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.show(0, true, 100, 1)
	_, header, _ := s.post(chromiumOffer)
	for _, c := range []struct {
		path, kind, body string
		want             int
	}{
		{header.Get("Location"), "application/trickle-ice-sdpfrag", "a=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", http.StatusNoContent},
		{header.Get("Location"), "application/trickle-ice-sdpfrag", "a=ice-ufrag:other\r\n", http.StatusUnprocessableEntity},
		{header.Get("Location"), "text/plain", "", http.StatusUnsupportedMediaType},
		{"/a/b/other/" + header.Get("Location")[len("/a/b/cam/"):], "application/trickle-ice-sdpfrag", "", http.StatusNotFound},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%+v: %s", c, answer.Status)
		}
	}
}

// A flood of packets that are nobody's is answered by none, and in nobody's way.
func TestFloodOfPackets(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.show(0, true, 100, 1)
	w := s.watch()
	w.sees(t, 1)
	udp, err := net.Dial("udp", s.handler.opts.Port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	username := "\x00\x06\x00\x09evil:evil\x00\x00\x00"
	request := "\x00\x01\x00" + string([]byte{byte(len(username))}) + "\x21\x12\xa4\x42abcdefghijkl" + username
	for i := range 2000 {
		for _, p := range []string{request, "\x16\xfe\xfd" + strings.Repeat("x", 200), "\x80\x60" + strings.Repeat("y", 100), "garbage that is not anything"} {
			if _, err := udp.Write([]byte(p)); err != nil {
				t.Fatal(err)
			}
		}
		if i%100 == 0 {
			s.show(media.Timestamp(40+i), false, 100, byte(2+i/100))
		}
	}
	w.sees(t, 21)
	if err := udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := udp.Read(make([]byte, 100)); err == nil {
		t.Errorf("strangers are answered with %d bytes", n)
	}
	servertest.Eventually(t, "something was dropped by its first bytes", func() bool { return s.handler.opts.Port.Dropped() > 0 })
}
