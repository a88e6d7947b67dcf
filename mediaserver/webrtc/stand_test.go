package webrtc

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site has a stream of VP8, and serves it.
type site struct {
	t         testing.TB
	stream    *stream.Stream
	publisher *stream.Publisher
	handler   *Handler
	server    *httptest.Server
	opened    atomic.Int64 // viewers that were let in, and have not gone
	sent      atomic.Uint64
	let       context.Context // viewers stay until it ends
	dismiss   context.CancelCauseFunc
}

func newSite(t testing.TB, opts Options) *site {
	t.Helper()
	port, err := Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	opts.Port = port
	fanout := stream.NewFanout(1)
	s := &site{t: t, stream: stream.New("cam", fanout, stream.Options{GOPCache: true})}
	s.let, s.dismiss = context.WithCancelCause(context.Background())
	s.handler = New(s, opts)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.Watch(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	if s.publisher, err = s.stream.Publish(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.handler.Close()
		if s.opened.Load() != 0 {
			t.Errorf("%d viewers have not gone", s.opened.Load())
		}
		s.dismiss(nil)
		s.server.CloseClientConnections()
		s.server.Close()
		s.publisher.Close()
		fanout.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// Live implements outlet.House.
func (s *site) Live(_ *http.Request, way outlet.Way, _ string) (*outlet.Live, error) {
	if way != outlet.WebRTC {
		return nil, outlet.ErrNotFound
	}
	s.opened.Add(1)
	return &outlet.Live{Stream: s.stream, Viewing: outlet.NewViewing(s.let, &s.sent, "", func() { s.opened.Add(-1) })}, nil
}

// Recording implements outlet.House.
func (s *site) Recording(*http.Request, outlet.Way, string) (*outlet.Recording, error) {
	return nil, outlet.ErrNotFound
}

// picture is one of VP8, of so many bytes, and with a number at its end.
func picture(key bool, size int, n byte) []byte {
	b := []byte("\x31\x00\x00")
	if key {
		b = []byte("\x30\x00\x00\x9d\x01\x2a\x10\x00\x10\x00")
	}
	return append(append(b, make([]byte, size)...), n)
}

// show publishes a picture.
func (s *site) show(at media.Timestamp, key bool, size int, n byte) {
	s.t.Helper()
	head := "\xa1vp08"
	if key {
		head = "\x91vp08"
	}
	if err := s.publisher.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: append([]byte(head), picture(key, size, n)...)}); err != nil {
		s.t.Fatal(err)
	}
}

// watcher is a viewer, with the packets that have come.
type watcher struct {
	pc      *pion.PeerConnection
	packets chan seen
	track   chan *pion.TrackRemote
	session string
}

// seen is the last packet of a picture.
type seen struct {
	last byte
	time uint32
}

func (s *site) post(body string) (status int, header http.Header, said string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.server.URL+"/a/b/cam", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/sdp")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(b)
}

func (s *site) watch() *watcher {
	s.t.Helper()
	var settings pion.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := pion.NewAPI(pion.WithSettingEngine(settings)).NewPeerConnection(pion.Configuration{})
	if err != nil {
		s.t.Fatal(err)
	}
	w := &watcher{pc: pc, packets: make(chan seen, 10000), track: make(chan *pion.TrackRemote, 1)}
	s.t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		s.t.Fatal(err)
	}
	pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		w.track <- track
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if p.Marker && len(p.Payload) > 0 {
				w.packets <- seen{p.Payload[len(p.Payload)-1], p.Timestamp}
			}
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err == nil {
		gathered := pion.GatheringCompletePromise(pc)
		err = pc.SetLocalDescription(offer)
		<-gathered
	}
	if err != nil {
		s.t.Fatal(err)
	}
	status, header, said := s.post(pc.LocalDescription().SDP)
	if status != http.StatusCreated {
		s.t.Fatalf("%d %s", status, said)
	}
	w.session = header.Get("Location")
	if err := pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: said}); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// sees waits for a picture, and returns its time.
func (w *watcher) sees(t testing.TB, n byte) (time uint32) {
	t.Helper()
	late := newPatience()
	defer late.Stop()
	for {
		select {
		case p := <-w.packets:
			if p.last == n {
				return p.time
			}
		case <-late.C:
			t.Fatalf("picture %d has not come", n)
		}
	}
}

func newPatience() *time.Timer { return time.NewTimer(servertest.Patience) }
