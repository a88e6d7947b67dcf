package origin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/playback"
)

// viewer is a viewer by HTTP of an edge, and what it was granted. To the house it is one
// whose request lasts as long as the edge says so.
type viewer struct {
	e      *edge
	n      uint64 // on the pipe
	ctx    context.Context
	cancel context.CancelFunc
	left   atomic.Bool // its edge has said that it has gone

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held
	gone    bool
	viewing *outlet.Viewing
	given   *grant
	kept    func() bool // has it not be dismissed any more
}

// locate answers where a stream is, or would be.
func (e *edge) locate(r link.Record) error {
	var b link.LocateBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	if b.Held != "" {
		go func() { // it may wait for a disk
			var a link.LocateAnswer
			application, instance, _ := strings.Cut(b.Held, "/")
			if e.o.cfg.Holds != nil {
				if held, known := e.o.cfg.Holds(application, instance); known {
					a.Holding = &held
				}
			}
			e.pipe.Send(link.Answer, 0, r.ID, a)
		}()
		return nil
	}
	if e.o.cfg.Locate == nil {
		e.pipe.Send(link.Answer, 0, r.ID, link.LocateAnswer{})
		return nil
	}
	go func() { // an edge asks its own origin
		e.pipe.Send(link.Answer, 0, r.ID, e.o.cfg.Locate(b.Path))
	}()
	return nil
}

// watch asks whether a viewer may watch, and what: that may take its time.
func (e *edge) watch(r link.Record) error {
	var b link.WatchBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	v := &viewer{e: e, n: r.Client}
	v.ctx, v.cancel = context.WithCancel(outlet.OfEdge(context.Background(), v.left.Load))
	e.mu.Lock()
	_, twice := e.viewers[r.Client]
	full := len(e.viewers) >= maxClients
	if !twice && !full {
		e.viewers[r.Client] = v
	}
	e.mu.Unlock()
	switch {
	case twice:
		return fmt.Errorf("%w: two viewers have the number %d", link.ErrFrame, r.Client)
	case full:
		return errors.New("too many viewers")
	}
	go func() {
		a := v.ask(&b)
		if a.Status != 0 {
			v.leave()
		}
		e.pipe.Send(link.Answer, v.n, r.ID, a)
	}()
	return nil
}

// ask asks the house, as the viewer would have.
func (v *viewer) ask(b *link.WatchBody) link.WatchAnswer {
	house, way := v.e.o.cfg.House, outlet.Way(b.Way)
	if house == nil {
		return link.WatchAnswer{Status: http.StatusNotImplemented, Reason: "the origin serves nobody by HTTP"}
	}
	r := requestOf(v.ctx, b)
	if b.Recorded {
		rec, err := house.Recording(r, way, b.Path)
		if err != nil {
			return refused(err)
		}
		f := v.e.o.newFile(&playback.File{File: rec.File, Bytes: rec.Reader, OnMetaData: rec.OnMetaData, Release: rec.Close})
		a := link.WatchAnswer{File: f.body(), Modified: rec.Modified.UnixNano(), Disk: rec.Of}
		a.Token = v.grant(rec.Viewing, &grant{file: f, back: f.close})
		return a
	}
	live, err := house.Live(r, way, b.Path)
	if err != nil {
		return refused(err)
	}
	s := live.Stream
	away := 0
	if way.Plays() && r.Method != http.MethodHead {
		away = 1 // it is a player there
	}
	s.Away(away)
	of := s.Options()
	a := link.WatchAnswer{Live: s.Name(), Of: s.ID(), Latency: int(of.Latency), GOPCache: of.GOPCache, HLS: link.HLSRules{Plain: live.HLS.Plain, Part: live.HLS.Part, Window: live.HLS.Window}}
	a.Token = v.grant(live.Viewing, &grant{live: s, left: func() { s.Away(-away); live.Close() }, back: func() {}})
	return a
}

// requestOf is the request that a viewer has made at its edge.
func requestOf(ctx context.Context, b *link.WatchBody) *http.Request {
	r := &http.Request{
		Method: b.Method, URL: &url.URL{Path: b.URL, RawQuery: b.Query}, RemoteAddr: b.Address, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	for name, value := range map[string]string{"User-Agent": b.Agent, "Referer": b.Referrer, "Authorization": b.Authorization} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if b.Operator {
		ctx = outlet.AsOperator(ctx)
	}
	return r.WithContext(ctx)
}

// refused is why a viewer is granted nothing.
func refused(err error) link.WatchAnswer {
	a := link.WatchAnswer{Status: http.StatusServiceUnavailable, Reason: err.Error()}
	var no *outlet.Refusal
	switch {
	case errors.Is(err, outlet.ErrNotFound):
		a.Status = http.StatusNotFound
		a.Reason = "" // the edge says so in words of its own
	case errors.As(err, &no):
		a.Status = no.Status
	}
	return a
}

// grant remembers what the viewer is given, until it leaves, and has it told when it is to
// go. It returns the token.
func (v *viewer) grant(of *outlet.Viewing, g *grant) string {
	token := v.e.o.give(g)
	kept := context.AfterFunc(of.Asked, func() {
		why := context.Cause(of.Asked)
		var no *outlet.Refusal
		barred := errors.As(why, &no) && no.Status == http.StatusForbidden
		v.e.pipe.Send(link.Dismiss, v.n, 0, link.DismissBody{Reason: why.Error(), Barred: barred})
	})
	v.mu.Lock()
	gone := v.gone
	if !gone {
		v.viewing, v.given, v.kept = of, g, kept
	}
	v.mu.Unlock()
	if gone {
		kept()
		v.e.o.take(g)
	}
	return token
}

// leave forgets a viewer, and lets go of it.
func (v *viewer) leave() {
	v.left.Store(true)
	v.e.mu.Lock()
	delete(v.e.viewers, v.n)
	v.e.mu.Unlock()
	v.lost()
}

// lost gives back what the viewer was given.
func (v *viewer) lost() {
	v.cancel()
	v.mu.Lock()
	g, kept := v.given, v.kept
	v.gone, v.given, v.viewing = true, nil, nil
	v.mu.Unlock()
	if g != nil {
		kept()
		v.e.o.take(g)
	}
}

// sent counts what viewers were sent.
func (e *edge) sent(r link.Record) error {
	var all []link.SentBody
	if err := r.Decode(&all); err != nil {
		return err
	}
	for _, one := range all {
		if v := e.viewer(one.Viewer); v != nil {
			v.mu.Lock()
			if v.viewing != nil {
				v.viewing.Sent.Add(one.Bytes)
			}
			v.mu.Unlock()
		}
	}
	return nil
}

func (e *edge) viewer(n uint64) *viewer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.viewers[n]
}

// handleViewer does what a record says of viewers by HTTP; ok is false where it says
// nothing of any.
func (e *edge) handleViewer(r link.Record) (ok bool, err error) {
	switch r.Kind {
	case link.Locate:
		return true, e.locate(r)
	case link.Watch:
		return true, e.watch(r)
	case link.Watched:
		if v := e.viewer(r.Client); v != nil {
			v.leave()
		}
		return true, nil
	case link.Sent:
		return true, e.sent(r)
	}
	return false, nil
}

// loseViewers lets go of all viewers, when the link has ended.
func (e *edge) loseViewers() {
	e.mu.Lock()
	all := e.viewers
	e.viewers = map[uint64]*viewer{}
	e.mu.Unlock()
	for _, v := range all {
		v.lost()
	}
}
