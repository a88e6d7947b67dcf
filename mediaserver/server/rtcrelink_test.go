package server

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// rtcBroken is an origin, an edge and an edge of that, with a network between the first two,
// where who watches or publishes by WebRTC waits so long for a link.
func rtcBroken(t *testing.T, waits time.Duration) (b *broken, leaf *Server) {
	t.Helper()
	patient := Config{WebAddress: anyAddress, rtcConnect: servertest.Patience, rtcSilence: servertest.Patience, streamWaits: waits}
	middle := patient
	middle.LinkAddress = anyAddress
	b = runBrokenWith(t, patient, middle, open)
	patient.LinkKeyFile, patient.EdgeOf = b.cfg.LinkKeyFile, b.edge.links.Addr().String()
	leaf, _ = runWith(t, patient)
	return b, leaf
}

// shows publishes pictures until a viewer has seen one that is published from now on.
func (p *rtcPublisher) shows(v *rtcViewer, n int) {
	p.t.Helper()
	want, seen := slice(true, n), false
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	servertest.Eventually(p.t, "a picture is seen", func() bool {
		p.show(true, n)
		for <-pace.C; len(v.pictures) > 0; {
			seen = bytes.HasSuffix(<-v.pictures, want) || seen
		}
		return seen
	})
}

// watchedAt has somebody watch at a server, who is let in when there is a picture to begin with.
func (p *rtcPublisher) watchedAt(s *Server) (v *rtcViewer) {
	p.t.Helper()
	status := 0
	p.showUntil("somebody watches", func() bool {
		v, status, _ = watchRTC(p.t, s, "/-/whep/app/one/cam", patient)
		return status == http.StatusCreated
	})
	v.connected()
	return v
}

// has says whether a server has a session, at which one may ask without ending it.
func (c *rtcClient) has(s *Server) bool {
	c.t.Helper()
	status, _, said := askRTC(c.t, s, http.MethodPatch, c.session, "", "candidates")
	if status != http.StatusUnsupportedMediaType && status != http.StatusNotFound {
		c.t.Errorf("PATCH: %d %s", status, said)
	}
	return status != http.StatusNotFound
}

// Viewers by WebRTC stay when the link of their edge is lost, or that of the edge before it, and
// go on in their session when it is there again.
func TestViewersByWebRTCOutliveALink(t *testing.T) {
	t.Parallel()
	b, leaf := rtcBroken(t, 10*servertest.Patience)
	p, status, said := publishRTC(t, b.of, "/-/whip/app/one/cam", "", patient)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	p.connected()
	servers := []*Server{b.edge, leaf}
	var viewers []*rtcViewer
	for n, s := range servers {
		v := p.watchedAt(s)
		p.shows(v, 100+n)
		viewers = append(viewers, v)
	}
	for round := range 2 {
		back := b.lose()
		servertest.Eventually(t, "the origin lets go of the viewers", func() bool { return len(waysOf(t, b.of, "app/one")) == 0 })
		back()
		servertest.Eventually(t, "the origin knows of them again", func() bool { return len(waysOf(t, b.of, "app/one")) == len(viewers) })
		for n, v := range viewers {
			p.shows(v, 110+10*round+n)
		}
	}
	for n, v := range viewers {
		if status := v.end(servers[n]); status != http.StatusOK {
			t.Errorf("DELETE of viewer %d: %d", n, status)
		}
	}
	// Where its publication ends, so do they.
	v := p.watchedAt(leaf)
	p.shows(v, 140)
	if status := p.end(b.of); status != http.StatusOK {
		t.Errorf("DELETE of the publisher: %d", status)
	}
	servertest.Eventually(t, "the viewer's session has ended", func() bool { return !v.has(leaf) })
}

// Where the link does not come back in time, sessions of both kinds end, and their clients may
// begin others when it does.
func TestWebRTCEndsWithALinkThatStaysLost(t *testing.T) {
	t.Parallel()
	b, leaf := rtcBroken(t, time.Second)
	for _, s := range []*Server{b.edge, leaf} {
		var p *rtcPublisher
		servertest.Eventually(t, "somebody publishes there", func() bool {
			var status int
			p, status, _ = publishRTC(t, s, "/-/whip/app/one/cam", "", patient)
			return status == http.StatusCreated
		})
		p.connected()
		v := p.watchedAt(s)
		p.shows(v, 100)
		back := b.lose()
		servertest.Eventually(t, "the sessions have ended", func() bool { return !v.has(s) && !p.has(s) })
		back()
	}
}

// deaf is a client that publishes and hears nothing.
type deaf struct{ session.Peer }

func (deaf) Returned(session.ConnectAnswer) {}
func (deaf) Traffic() session.Traffic       { return session.Traffic{} }
func (deaf) Shutdown(string)                {}
func (deaf) Fail(error)                     {}

// A publisher at an edge is asked for a keyframe when there is a way to the origin again, be it
// the edge's own or that of an edge before it; what it sends then is published.
func TestPublishersAreAskedForAKeyframe(t *testing.T) {
	t.Parallel()
	b, leaf := rtcBroken(t, servertest.Patience)
	for name, s := range map[string]*Server{"near": b.edge, "far": leaf} {
		lost, asked, resumed := make(chan struct{}, 100), make(chan struct{}, 100), make(chan struct{}, 100)
		c := session.Client{ID: name, Address: "192.0.2.1:7"}
		in := make(chan session.ConnectAnswer, 1)
		s.Connect(session.ConnectRequest{Client: c, Application: "app", Instance: "one"}, deaf{}, func(a session.ConnectAnswer) { in <- a })
		entered := <-in
		if entered.Refusal != nil {
			t.Fatal(entered.Refusal)
		}
		published := make(chan session.PublishAnswer, 1)
		entered.Instance.Publish(session.PublishRequest{
			Client: c, Name: name, Mode: session.PublishLive,
			TakenOver: func(*session.Refusal) {}, RecordingEnded: func(*session.Refusal) {}, RecordingBegan: func() {},
			Interrupted: func() { lost <- struct{}{} }, KeyframeWanted: func() { asked <- struct{}{} }, Resumed: func(session.Gap) { resumed <- struct{}{} },
		}, func(a session.PublishAnswer) { published <- a })
		a := <-published
		if a.Refusal != nil {
			t.Fatal(a.Refusal)
		}
		write := func(payload []byte) {
			t.Helper()
			if err := a.Publication.Write(&rtmp.Message{Type: rtmp.TypeVideo, Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		write(header)
		write(key)
		live := func() bool { l := b.of.running("app", "one").Live(name); return l != nil && l.Live() }
		servertest.Eventually(t, "it is published", live)
		back := b.lose()
		awaited(t, name+": word that the way is lost", lost)
		back()
		awaited(t, name+": a keyframe to be asked for", asked)
		write(laterKey)
		awaited(t, name+": word that it is back", resumed)
		watchFLV(t, b.of, "/app/one/"+name+".flv").sees(string(laterKey[1:]))
		a.Publication.Close(session.EndedAsked, func(error) {})
		entered.Instance.Leave(c)
	}
}

// awaited is what comes.
func awaited[T any](t *testing.T, what string, c <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(servertest.Patience):
		t.Fatalf("waited %v for %s", servertest.Patience, what)
	}
	return got
}
