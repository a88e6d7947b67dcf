package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Fanout is the set of loops that write to players. One serves all streams of
// a process.
type Fanout struct {
	loops []*loop
	wg    sync.WaitGroup

	mu    sync.Mutex // nothing else is taken, and no connection called, while it is held
	conns map[Conn]*attachedConn
	next  int
}

// attachedConn is a connection that plays: one at least of its NetStreams.
type attachedConn struct {
	// What a round looks at lies side by side, as in a Player.
	Conn
	players   []*Player
	one       [1]*Player  // what players lies in, as long as there is one
	queued    atomic.Bool // is in loop.queued
	blocked   bool        // the socket took less than there was
	begun     bool        // progress is set, and perhaps rest
	lags      bool        // it has not taken all that there was to send since lagging
	dead      bool
	again     bool  // there is more to lay out, once what was laid out is written
	media     bool  // is next: what was cut last was the session's
	shares    bool  // it is a Sharer
	switching int32 // players that wait to go over to another stream

	// Held by the loop, as all but queued, loop and uses.
	rest     []byte // of a packet that was written in part; goes before all else
	tryAt    time.Time
	progress time.Time // when the socket took something last, of what is begun
	lagging  time.Time // valid while lags

	counts  counter    // nil: it counts nothing
	lagged  lagCounter // nil: it does not count what it is spared
	tallied time.Time  // when it was told last what waits; zero: nothing does
	loop    *loop
	uses    int // players; guarded by Fanout.mu
}

// counter is a connection that counts the messages that the loop writes to it.
type counter interface{ CountSent(messages int) }

// begin has bytes written before all else. The time that the socket may take for
// them runs from now on, if it does not already.
func (a *attachedConn) begin(rest []byte) {
	if a.rest = rest; !a.begun {
		a.begun, a.progress = true, time.Now()
	}
}

// NewFanout starts n loops; 0 means one for each processor that Go uses. Close
// ends them.
func NewFanout(n int) *Fanout {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	f := &Fanout{conns: map[Conn]*attachedConn{}}
	for range n {
		l := newLoop(f.wg.Go)
		f.loops = append(f.loops, l)
		f.wg.Go(l.run)
	}
	return f
}

// Close ends the loops, and returns when nobody is told anything any more. All
// players have been closed before.
func (f *Fanout) Close() {
	for _, l := range f.loops {
		close(l.stop)
	}
	f.wg.Wait()
}

// attach takes a connection over for a player. Two players of a connection never
// come at once.
func (f *Fanout) attach(conn Conn) *attachedConn {
	f.mu.Lock()
	a, ok := f.conns[conn]
	if !ok {
		a = &attachedConn{Conn: conn, loop: f.loops[f.next%len(f.loops)]}
		a.players = a.one[:0]
		_, a.shares = conn.(Sharer)
		a.counts, _ = conn.(counter)
		a.lagged, _ = conn.(lagCounter)
		f.next++
		f.conns[conn] = a
	}
	a.uses++
	f.mu.Unlock()
	if !ok {
		conn.Attach(func() { a.loop.queue(a) })
	}
	return a
}

// detach gives the connection its socket back after its last player.
func (f *Fanout) detach(a *attachedConn) {
	f.mu.Lock()
	a.uses--
	last := a.uses == 0
	if last {
		delete(f.conns, a.Conn)
	}
	f.mu.Unlock()
	if last {
		a.loop.do(func() {
			a.dead = true // a wake-up on its way finds nothing to do
			a.Detach(a.rest)
			a.rest = nil
		})
	}
}

// group is the players of one stream in one loop.
type group struct {
	stream *Stream
	loop   *loop
	dirty  atomic.Bool // is in loop.dirty, or about to be written
	urgent atomic.Bool // and there is more than sound that pictures will take along

	// Held by the loop.
	players []*Player
	began   time.Time     // of the last round
	cost    time.Duration // of a round, smoothed
}

// wake tells the group's loop that the stream has grown.
func (g *group) wake(urgent bool) {
	hurry := urgent && !g.urgent.Swap(true)
	if !g.dirty.Swap(true) {
		g.loop.markDirty(g)
	} else if hurry {
		g.loop.signal() // it waits as if there were time
	}
}

// leave takes a player out, and forgets a group that has none any more. It runs
// in the loop.
func (g *group) leave(p *Player) {
	g.players = remove(g.players, p)
	if len(g.players) == 0 {
		g.stream.mu.Lock()
		g.stream.dropGroup(g)
		g.stream.mu.Unlock()
	}
}

// groupOf returns the stream's group in a loop, made at its first player
// there. The caller holds s.mu.
func (s *Stream) groupOf(l *loop) *group {
	var all []*group
	if have := s.groups.Load(); have != nil {
		for _, g := range *have {
			if g.loop == l {
				return g
			}
		}
		all = append(all, *have...)
	}
	g := &group{stream: s, loop: l}
	all = append(all, g)
	s.groups.Store(&all)
	return g
}

// dropGroup forgets a group without players. The caller holds s.mu.
func (s *Stream) dropGroup(gone *group) {
	var all []*group
	for _, g := range *s.groups.Load() {
		if g != gone {
			all = append(all, g)
		}
	}
	s.groups.Store(&all)
}

const (
	// No round is stretched further: it is what a player's buffer forgives.
	maxInterval = 350 * time.Millisecond
	// A share of the loop's time: an interval of so many rounds.
	balancedRounds = 3
	lowRounds      = 1
	// Sound waits for a picture to go with, so many intervals and so long.
	soundIntervals = 3
	maxSoundWait   = 100 * time.Millisecond
)

// interval is the time from one round's start to the next: as short as the cost
// of a round allows, and what else the loop has to do. Sound of a stream with
// pictures makes no rounds of its own when rounds are dear: a picture comes
// soon, and takes it along.
func (g *group) interval(urgent bool) time.Duration {
	switch g.stream.opts.Latency {
	case Throughput:
		return maxInterval
	case Low:
		return min(g.cost*lowRounds, maxInterval)
	}
	d := min(max(g.cost*balancedRounds, g.loop.load.stretch), maxInterval)
	if !urgent {
		return max(d, min(d*soundIntervals, maxSoundWait))
	}
	return d
}
