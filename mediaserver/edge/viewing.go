package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Request is what the origin is asked for a viewer by HTTP.
type Request struct {
	link.WatchBody
	ID string // of the viewer, in this process
	// Sent counts what the viewer is sent: the origin is told each second.
	Sent *atomic.Uint64
	// End has the viewer go, as the origin says, or since what it has was lost. It is called
	// at most once, from anywhere, and does not wait. barred: it is not to come back at
	// once.
	End func(reason string, barred bool)
}

// Viewing is what the origin has granted a viewer, until it is closed: a live stream, or
// what is behind it.
type Viewing struct {
	Live *stream.Stream
	HLS  outlet.HLSRules // of a live stream

	File       media.File
	Reader     io.ReaderAt
	Size       int64
	Modified   time.Time
	Key        string // changes when the file does
	Disk       string // where it lies, in a word
	OnMetaData []byte

	close func()
	u     *uplink
}

// Linked says whether the origin can be asked now.
func (v *Viewing) Linked() bool {
	v.u.mu.Lock()
	defer v.u.mu.Unlock()
	return v.u.pipe != nil
}

// Close says that the viewer has it no more.
func (v *Viewing) Close() { v.close() }

// errTooOld says that an origin has not heard of viewers by HTTP.
var errTooOld = outlet.Refuse(http.StatusNotImplemented, "the origin of this edge is of a version that has no viewers by HTTP at edges: update it, or watch by RTMP")

// noOrigin is why a viewer is granted nothing.
func noOrigin(err error) error {
	var no *outlet.Refusal
	if errors.As(err, &no) {
		return no
	}
	return outlet.Refuse(http.StatusServiceUnavailable, "the origin of this instance cannot be reached: try again")
}

// Watch asks the origin for a viewer, and waits until it has what it may watch, or ctx
// ends. It fails as an outlet.House does.
func (e *Edge) Watch(ctx context.Context, r Request) (*Viewing, error) {
	at, err := e.Locate(ctx, r.Path)
	switch {
	case err != nil:
		return nil, err
	case at.Undefined:
		return nil, outlet.NotDefined(at.Application)
	case !at.Known:
		return nil, outlet.ErrNotFound
	}
	for {
		u := e.to(place{at.Application, at.Instance})
		if u == nil {
			return nil, outlet.Refuse(http.StatusServiceUnavailable, fmt.Sprintf("limit reached: this edge is linked to %d instances already", maxLinks))
		}
		v := &viewer{u: u, ask: r, since: time.Now(), answers: make(chan error, 1)}
		if err := u.come(v); errors.Is(err, errIdle) {
			continue // it has ended since it was looked up
		} else if err != nil {
			return nil, noOrigin(err)
		}
		viewing, err := v.wait(ctx)
		if err != nil {
			v.leave()
		}
		return viewing, err
	}
}

// viewer is a viewer by HTTP of this edge, of whom its origin knows.
type viewer struct {
	u     *uplink
	n     uint64 // on the pipe
	ask   Request
	since time.Time

	answers chan error // one: nil, and then granted is set
	granted link.WatchAnswer
	over    sync.Once // its end is told

	// What follows is of the uplink's mu.
	feed  *feed
	film  *film
	left  bool
	told  uint64    // of what it was sent
	again time.Time // since when it stays
	asked bool      // the origin is asked for it anew
}

// come enters a viewer, and has the origin asked.
func (u *uplink) come(v *viewer) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	u.number++
	v.n = u.number
	if u.viewers == nil {
		u.viewers = map[uint64]*viewer{}
	}
	u.viewers[v.n] = v
	u.empty = time.Time{}
	if u.pipe == nil {
		u.waiting = append(u.waiting, v.send) // is called as here
		return nil
	}
	v.send()
	return nil
}

// send asks the origin. The caller holds the uplink's mu.
func (v *viewer) send() {
	switch {
	case v.left:
		return
	case v.u.pipe.Version() < link.Viewings && v.asked:
		v.asked = false
		v.u.asking--
		go v.end(errTooOld.Error(), false) // which takes mu
		return
	case v.u.pipe.Version() < link.Viewings:
		v.answers <- errTooOld
		return
	}
	v.u.pipe.Send(link.Watch, v.n, v.n, v.ask.WatchBody)
}

// handle does what a record says of this viewer.
func (v *viewer) handle(r link.Record) error {
	switch r.Kind {
	case link.Answer:
		var a link.WatchAnswer
		if err := r.Decode(&a); err != nil {
			return err
		}
		v.answered(a)
	case link.Dismiss:
		var b link.DismissBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		v.end(b.Reason, b.Barred)
	default:
		return fmt.Errorf("%w: record %d of a viewer", link.ErrFrame, r.Kind)
	}
	return nil
}

func (v *viewer) answered(a link.WatchAnswer) {
	if v.isAgain() {
		v.answeredAgain(a)
		return
	}
	var why error
	switch {
	case a.Status == http.StatusNotFound && a.Reason == "":
		why = outlet.ErrNotFound
	case a.Status != 0:
		why = outlet.Refuse(a.Status, a.Reason)
	default:
		u := v.u
		u.mu.Lock()
		u.served = true
		if a.File == nil && len(u.feeds) == 0 {
			u.opts = stream.Options{Latency: stream.Latency(a.Latency), GOPCache: a.GOPCache}
		}
		u.mu.Unlock()
		v.granted = a
	}
	select {
	case v.answers <- why:
	default: // the origin answers once
	}
}

// end has the viewer go, once.
func (v *viewer) end(reason string, barred bool) {
	v.over.Do(func() { v.ask.End(reason, barred) })
}

// wait waits for the origin's answer, and for what it grants.
func (v *viewer) wait(ctx context.Context) (*Viewing, error) {
	select {
	case err := <-v.answers:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if v.granted.File != nil {
		return v.open(ctx)
	}
	f := v.u.feed(v.granted.Live, v.granted.Of, v, v.granted.Token)
	if f == nil {
		return nil, noOrigin(errLost)
	}
	v.u.mu.Lock()
	v.feed = f
	v.u.mu.Unlock()
	select {
	case <-f.ready:
		of := v.granted.HLS
		return &Viewing{u: v.u, Live: f.stream, HLS: outlet.HLSRules{Plain: of.Plain, Part: of.Part, Window: of.Window}, close: sync.OnceFunc(v.leave)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open opens the file that was granted.
func (v *viewer) open(ctx context.Context) (*Viewing, error) {
	of := v.granted.File
	film := v.u.film(of.Key, v, v.granted.Token)
	if film == nil {
		return nil, noOrigin(errLost)
	}
	v.u.mu.Lock()
	v.film = film
	v.u.mu.Unlock()
	f, err := v.u.open(ctx, of, film, v, v.granted.Token)
	switch {
	case errors.Is(err, media.ErrInvalid):
		return nil, outlet.Refuse(http.StatusUnsupportedMediaType, "the recording is damaged, or not what its name says")
	case errors.Is(err, errIndexes):
		return nil, outlet.Refuse(http.StatusServiceUnavailable, err.Error()+": try again later")
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, noOrigin(err)
	}
	return &Viewing{
		u: v.u, File: f.File, Reader: f.Bytes, Size: of.Size, Modified: time.Unix(0, v.granted.Modified), Key: of.Key, Disk: v.granted.Disk,
		OnMetaData: of.OnMetaData, close: sync.OnceFunc(func() { f.Close(); v.leave() }),
	}, nil
}

// leave tells the origin that the viewer has gone.
func (v *viewer) leave() {
	u := v.u
	u.mu.Lock()
	f, left := v.feed, v.left
	v.left, v.feed = true, nil
	_, stays := u.stayers[v]
	delete(u.stayers, v)
	there := u.viewers[v.n] == v
	if there {
		delete(u.viewers, v.n)
	}
	v.answerLost()
	var useless bool
	pipe := u.pipe
	if there && !left {
		if pipe != nil && pipe.Version() >= link.Viewings {
			if n := v.ask.Sent.Load(); n > v.told {
				pipe.Send(link.Sent, 0, 0, []link.SentBody{{Viewer: v.n, Bytes: n - v.told}})
			}
			pipe.Send(link.Watched, v.n, 0, nil)
		}
	}
	if there && !left || stays {
		useless, pipe = u.emptied()
	}
	u.mu.Unlock()
	if f != nil {
		u.unfeed(f, v)
	}
	u.drop(useless, pipe)
}

// tellSent tells the origin what viewers were sent since the last time. It runs once at a
// time.
func (u *uplink) tellSent(pipe *link.Pipe) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if pipe.Version() < link.Viewings {
		return
	}
	var all []link.SentBody
	for n, v := range u.viewers {
		if sent := v.ask.Sent.Load(); sent > v.told {
			all = append(all, link.SentBody{Viewer: n, Bytes: sent - v.told})
			v.told = sent
		}
		if len(all) == maxTold {
			pipe.Send(link.Sent, 0, 0, all)
			all = nil
		}
	}
	if len(all) > 0 {
		pipe.Send(link.Sent, 0, 0, all)
	}
}

// Feeds is how many live streams the origin feeds to this edge.
func (e *Edge) Feeds() (n int) {
	for _, u := range e.all() {
		u.mu.Lock()
		n += len(u.feeds)
		u.mu.Unlock()
	}
	return n
}

// all are the links that there are.
func (e *Edge) all() []*uplink {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.links))
}
