package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// feed is a live stream of the origin's that has players here. It ends with the last of
// them, and outlives links.
type feed struct {
	name    string
	of      uint64 // which one of that name it is at the origin; 0: not known; of the uplink's mu
	stream  *stream.Stream
	ctx     context.Context
	stop    context.CancelFunc
	plays   map[any]string // those who play it, and the tokens by one of which it is fed; "": none now; of the uplink's mu
	granted chan struct{}  // there is one
	conn    atomic.Pointer[link.Conn]
	live    atomic.Bool   // it was published, once
	lost    atomic.Bool   // what was published is, here
	late    *time.Timer   // has viewers go who wait for it; of who fills the feed
	known   func()        // what the origin has is known, or will not be soon
	ready   chan struct{} // closed then
}

// feed is the stream of a name, with one player more; nil: the link has ended. of says which
// one it is, of those that have had the name: one that the origin has no more is fed to an
// end, to those who have it.
func (u *uplink) feed(name string, of uint64, player any, token string) *feed {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return nil
	}
	f := u.feeds[name]
	if f != nil && f.of == 0 {
		f.of = of
	}
	if f == nil || of != 0 && f.of != of {
		f = &feed{name: name, of: of, stream: stream.New(name, u.e.cfg.Fanout, u.opts), plays: map[any]string{}, granted: make(chan struct{}, 1), ready: make(chan struct{})}
		f.known = sync.OnceFunc(func() { close(f.ready) })
		f.ctx, f.stop = context.WithCancel(u.e.ctx)
		u.feeds[name] = f
		defer u.e.runs.Go(func() { u.fill(f) })
	}
	f.plays[player] = token
	rouse(f.granted)
	return f
}

// unfeed is one player less, whose token it returns.
func (u *uplink) unfeed(f *feed, player any) (token string) {
	u.mu.Lock()
	token = f.plays[player]
	delete(f.plays, player)
	last := len(f.plays) == 0
	if last && u.feeds[f.name] == f {
		delete(u.feeds, f.name)
	}
	u.mu.Unlock()
	if last {
		f.stop()
	}
	return token
}

// grant gives a player another token; false says that it does not play any more. of is as of
// feed.
func (u *uplink) grant(f *feed, of uint64, player any, token string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, plays := f.plays[player]; !plays {
		return false
	}
	f.plays[player] = token
	f.of = of
	if token != "" {
		rouse(f.granted)
	}
	return true
}

// token is that of one who plays; "": nobody has one.
func (u *uplink) token(f *feed) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, token := range f.plays {
		if token != "" {
			return token
		}
	}
	return ""
}

// cut ends what feeds it, since the link has ended: its players hear that nobody publishes.
func (f *feed) cut() {
	f.known()
	if c := f.conn.Load(); c != nil {
		c.Close()
	}
}

const (
	// againAfter is how long it takes until a feed that was lost is asked for again, at
	// first, and againAtMost when that has failed often.
	againAfter  = 100 * time.Millisecond
	againAtMost = 2 * time.Second
)

// fill has a stream fed until nobody plays it: again when the connection is lost.
func (u *uplink) fill(f *feed) {
	defer f.stop()
	defer f.known()
	for wait := time.Duration(0); ; {
		select {
		case <-time.After(wait):
		case <-f.ctx.Done():
			return
		}
		token := u.token(f)
		if token == "" {
			select {
			case <-f.granted:
				wait = 0
			case <-f.ctx.Done():
				return
			}
			continue
		}
		c, err := u.e.dial(link.Hello{Purpose: link.Feed, Token: token})
		if err != nil {
			f.known() // nor will more be known soon: its players wait as for who publishes
			wait = min(2*wait+againAfter, againAtMost)
			continue
		}
		wait = againAfter
		if err := f.take(u, c); err != nil && f.ctx.Err() == nil {
			u.log.Warn("the feed of a stream has ended, and is asked for again", "stream", f.name, "err", err)
		}
	}
}

// take publishes what comes, until the connection or the feed ends.
func (f *feed) take(u *uplink, c *link.Conn) error {
	f.conn.Store(c)
	defer f.conn.Store(nil)
	defer c.Close()
	defer context.AfterFunc(f.ctx, c.Close)()
	var p *stream.Publisher
	defer func() {
		if p != nil {
			p.Lose() // it may go on where it is published
			f.lost.Store(true)
			f.wait(u)
		}
	}()
	cuts := c.Version() >= link.Viewings
	for {
		kind, b, err := c.ReadFrame()
		if err != nil {
			return err
		}
		var m rtmp.Message
		var state link.StateBody
		var marks link.Marks
		switch kind {
		case link.KindEnd:
			if p != nil {
				p.Close()
				p = nil
			}
			continue
		case link.KindState:
			err = link.Unmarshal(b, &state)
		case link.KindMessage:
			m, marks, err = link.ParseMessage(b)
		default:
			err = link.ErrFrame
		}
		if err != nil {
			return err
		}
		switch {
		case p == nil && m.Type == rtmp.TypeData:
			f.stream.Send(m.Payload) // by the server: nobody publishes
			continue
		case p == nil && (state.Live || kind == link.KindMessage):
			if p, err = f.stream.Publish(); err != nil {
				return err
			}
			f.live.Store(true)
			if f.lost.Swap(false) {
				f.late.Stop()
			}
		case marks.TookOver:
			p.Renew()
		case state.Lagged:
			p.Skip()
		}
		if kind == link.KindState {
			if p != nil && state.Changed {
				p.SetStored(state.Stream())
			}
			if p == nil || state.Ready || !cuts { // there is nothing to wait for
				f.known()
			}
			continue
		}
		if cuts {
			err = p.Relay(&m, marks.Cut)
		} else {
			err = p.Write(&m)
		}
		if err != nil {
			return err
		}
	}
}
