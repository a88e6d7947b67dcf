package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
	"flashpod.dev/flashpod/mediaserver/web/pages"
)

// edgeHouse is where HTTP finds streams at an edge: at its origin, which lets viewers in.
// What is asked there is asked once for a viewer, however many requests it makes.
type edgeHouse struct{ s *Server }

// streams are where HTTP finds streams.
func (s *Server) streams() outlet.House {
	if s.cfg.EdgeOf != "" { // there is no edge yet where this is asked first
		return edgeHouse{s}
	}
	return house{s}
}

// Live implements outlet.House.
func (h edgeHouse) Live(r *http.Request, way outlet.Way, path string) (*outlet.Live, error) {
	v, err := h.request(r, way, path)
	if err != nil {
		return nil, err
	}
	defer v.leaves()
	if v.sitting != nil && !v.sitting.Live {
		return nil, outlet.ErrNotFound // the viewer has the recording
	}
	viewing, err := h.watch(v, true)
	if err != nil {
		return nil, err
	}
	live, rules := v.seated.far.stream(v)
	return &outlet.Live{Stream: live, HLS: rules, Viewing: viewing}, nil
}

// Recording implements outlet.House.
func (h edgeHouse) Recording(r *http.Request, way outlet.Way, path string) (*outlet.Recording, error) {
	v, err := h.request(r, way, path)
	if err != nil {
		return nil, err
	}
	defer v.leaves()
	viewing, err := h.watch(v, false)
	if err != nil {
		return nil, err
	}
	f, err := v.seated.far.recorded(v)
	if err != nil {
		viewing.Close()
		return nil, err
	}
	return &outlet.Recording{
		File: f.File, Reader: f.Reader, Size: f.Size, Modified: f.Modified, OnMetaData: f.OnMetaData,
		Key: fmt.Sprintf("%s%s %d %d", fileName(way, ""), path, f.Size, f.Modified.UnixNano()), Of: f.Disk, Viewing: viewing,
	}, nil
}

// serves says whether this edge serves what is at a path: it fails with ErrNotFound where it
// does not, and where the origin cannot say whose that is.
func (h edgeHouse) serves(ctx context.Context, path string) error {
	if len(h.s.docs) == 0 {
		return nil
	}
	at, err := h.at(ctx, path)
	if err == nil && h.s.notServed(at.Application, at.Instance) != nil {
		err = outlet.ErrNotFound
	}
	return err
}

// request is one for what is at a path.
func (h edgeHouse) request(r *http.Request, way outlet.Way, path string) (*webRequest, error) {
	v := &webRequest{server: h.s, r: r, way: way, at: there(h), name: path, operator: outlet.IsOperator(r.Context()), release: func() {}}
	if way.Requests() {
		var err error
		if v.sitting, err = h.s.sittings.find(v); err != nil {
			return nil, v.refused(err)
		}
	}
	if v.sitting != nil {
		return v, nil // it was let in, and goes on while the origin is away
	}
	if err := h.serves(r.Context(), path); err != nil {
		return nil, v.refused(err)
	}
	return v, nil
}

// watch is webRequest.watch, for which the origin is asked even by who only looks.
func (h edgeHouse) watch(v *webRequest, live bool) (*outlet.Viewing, error) {
	if v.sitting != nil || v.r.Method != http.MethodHead {
		return v.watch(live, func() {})
	}
	one := v.viewer(live)
	if err := v.at.enter(v, one); err != nil {
		return nil, v.refused(err)
	}
	v.seated = one
	return outlet.NewViewing(v.r.Context(), &one.sent, "", func() { one.at.leave(one) }), nil
}

// there is the origin of an edge.
type there struct{ s *Server }

// Log implements usher.
func (t there) Log() *slog.Logger { return t.s.log }

// enter implements usher.
func (t there) enter(v *webRequest, one *webViewer) error {
	g := &granted{one: one, busy: make(chan struct{}, 1)}
	viewing, err := g.ask(v, one.Live, &one.sent)
	if err != nil {
		return err
	}
	if g.file = viewing; one.Live {
		g.live, g.file = viewing, nil
	}
	one.far = g
	t.s.watched.comes(one)
	return nil
}

// leave implements usher.
func (t there) leave(one *webViewer) {
	one.far.close()
	t.s.watched.goes(one)
}

// granted is what the origin has granted a viewer of an edge: a live stream, a recorded
// one or, where a stream has ended while it was watched, both.
type granted struct {
	one  *webViewer
	busy chan struct{} // has one in it while the origin is asked for one thing more

	mu     sync.Mutex // nothing else is taken, and nobody called, while it is held
	live   *edge.Viewing
	file   *edge.Viewing
	looked time.Time // when it was asked whether a stream that has ended is back
	over   bool
}

// ask asks the origin for the viewer of a request.
func (g *granted) ask(v *webRequest, live bool, sent *atomic.Uint64) (*edge.Viewing, error) {
	r := v.r
	q := r.URL.Query()
	if v.token != "" {
		q.Set(outlet.TokenName, v.token) // by which it is the same viewer to all
	}
	return v.server.edge.Watch(r.Context(), edge.Request{
		WatchBody: link.WatchBody{
			Path: v.name, Way: string(v.way), Recorded: !live, Method: r.Method, URL: r.URL.Path, Query: q.Encode(), Address: r.RemoteAddr,
			Agent: r.UserAgent(), Referrer: r.Referer(), Authorization: r.Header.Get("Authorization"), Operator: v.operator,
		},
		ID: g.one.ID, Sent: sent, End: func(reason string, barred bool) { g.one.End(reason, barred) },
	})
}

// lookAgain is how often it is asked whether a stream that has ended is back.
const lookAgain = time.Second

// stream is the live stream, for one request more: the one that there is now.
func (g *granted) stream(v *webRequest) (*stream.Stream, outlet.HLSRules) {
	g.mu.Lock()
	is, rules := g.live.Live, g.live.HLS
	look := !is.Live() && time.Since(g.looked) >= lookAgain && g.live.Linked()
	if look {
		g.looked = time.Now()
	}
	g.mu.Unlock()
	if !look || !v.way.Requests() {
		return is, rules
	}
	anew, err := g.ask(v, true, new(atomic.Uint64))
	if err != nil {
		return is, rules
	}
	if !anew.Live.Live() || !g.take(&g.live, anew) {
		anew.Close()
		return is, rules
	}
	return anew.Live, anew.HLS
}

// recorded is the recorded stream, for one request more. It waits until it is there.
func (g *granted) recorded(v *webRequest) (*edge.Viewing, error) {
	select {
	case g.busy <- struct{}{}:
	case <-v.r.Context().Done():
		return nil, v.r.Context().Err()
	}
	defer func() { <-g.busy }()
	g.mu.Lock()
	f := g.file
	g.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := g.ask(v, false, new(atomic.Uint64))
	if err != nil {
		return nil, err
	}
	if !g.take(&g.file, f) {
		f.Close()
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "the server is shutting down")
	}
	return f, nil
}

// take puts something granted in the place of what was; false: the viewer has gone.
func (g *granted) take(place **edge.Viewing, anew *edge.Viewing) bool {
	g.mu.Lock()
	was, over := *place, g.over
	if !over {
		*place = anew
	}
	g.mu.Unlock()
	if was != nil && !over {
		was.Close()
	}
	return !over
}

// close gives all back.
func (g *granted) close() {
	g.mu.Lock()
	live, file := g.live, g.file
	g.over = true
	g.mu.Unlock()
	for _, v := range []*edge.Viewing{live, file} {
		if v != nil {
			v.Close()
		}
	}
}

// at is where a stream is, or would be. Where the origin does not say, it is as at a server
// without instances on demand.
func (h edgeHouse) at(ctx context.Context, path string) (at link.LocateAnswer, err error) {
	if at, err = h.s.edge.Locate(ctx, path); err != nil || at.Application == "" {
		app, rest, _ := strings.Cut(path, "/")
		at = link.LocateAnswer{Application: app, Instance: defaultInstance, Name: rest}
	}
	return at, err
}

// place is house.place of an edge.
func (h edgeHouse) place(path string) pages.Place {
	ctx, cancel := context.WithTimeout(h.s.cut, placeTime)
	defer cancel()
	at, _ := h.at(ctx, path) // who connects to a place that is none is told so then
	return pages.Place{Application: at.Application, Instance: at.Instance, Stream: at.Name}
}

// placeTime is how long an origin may take to say where a stream is.
const placeTime = 5 * time.Second

// place is where a stream is, or would be.
func (s *Server) place(path string) pages.Place {
	if s.cfg.EdgeOf != "" { // there is no edge yet where this is asked first
		return edgeHouse{s}.place(path)
	}
	return house{s}.place(path)
}

// locate is what an edge is told of a path.
func (s *Server) locate(path string) link.LocateAnswer {
	at := house{s}.place(path)
	i, _ := house{s}.locate(path)
	a := link.LocateAnswer{Application: at.Application, Instance: at.Instance, Name: at.Stream, Known: i != nil || s.onDemand[at.Application] != nil}
	a.Undefined = i == nil && !s.defines(at.Application)
	a.Pages = s.originsAt("/" + path).List()
	return a
}
