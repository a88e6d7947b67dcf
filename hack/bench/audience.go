package main

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// audience is a server with a publisher and many players.
type audience struct {
	*target
	feed *feed
	load *loader
}

// gather starts a server and n players of one stream.
func (b *bench) gather(latency string, n int, cores ...int) (*audience, error) {
	t, err := b.serve(latency, cores...)
	if err != nil {
		return nil, err
	}
	return gatherAt(t, []string{"s"}, n)
}

// gatherAt brings n players of each name to a server, which ends with them.
func gatherAt(t *target, names []string, n int) (*audience, error) {
	a := &audience{target: t}
	var err error
	if a.feed, err = publish(t, "live", names...); err != nil {
		t.stop()
		return nil, err
	}
	if a.load, err = newLoader(t.addr, t.app); err != nil {
		a.end()
		return nil, err
	}
	words := make([][]byte, len(names))
	for i, name := range names {
		words[i] = playWords(name, -2000)
	}
	if err := a.load.open(n*len(names), func(i int) []byte { return words[i%len(words)] }); err != nil {
		a.end()
		return nil, err
	}
	a.load.run(settle)
	return a, nil
}

// settle is how long an audience plays before it is measured: what connecting
// left behind, such as garbage, is collected by then.
const settle = 2 * time.Second

// cost is the server's CPU in µs per MB.
func (a *audience) cost(window time.Duration) (float64, error) {
	us, err := measure(a.child, a.load, window)
	if err == nil {
		err = a.feed.failure()
	}
	return us, err
}

func (a *audience) end() {
	a.stop()
	if a.feed != nil {
		a.feed.close()
	}
	if a.load != nil {
		a.load.close()
	}
}

// witnesses are a few players of a live stream that look at every frame, on a
// thread of their own that goes before the loader's.
type witnesses struct {
	measuring atomic.Bool
	stopped   atomic.Bool
	wg        sync.WaitGroup
	words     []byte
	listens   func(*player, message)
	mu        sync.Mutex // guards load, and the figures while they are not valid yet
	load      *loader
	seen      map[*player]*sight

	// Valid once they have disconnected.
	latencies []float64 // ms from the publisher's write to the player's read
	rounds    []float64 // ms between the reads that brought a frame
	frames    int
	lost      int
	dead      error
}

// sight is what a witness has seen last.
type sight struct {
	number uint32
	at     int64
	begun  bool
}

// watch prepares witnesses of name; join connects one.
func watch(t *target, name string) (*witnesses, error) {
	l, err := newLoader(t.addr, t.app)
	if err != nil {
		return nil, err
	}
	w := &witnesses{load: l, words: playWords(name, -2000), seen: map[*player]*sight{}}
	w.listens = w.hear
	w.wg.Go(func() {
		runtime.LockOSThread()
		preferThread()
		for !w.stopped.Load() {
			w.mu.Lock()
			l.step(20)
			w.mu.Unlock()
		}
	})
	return w, nil
}

// join connects a witness and returns when it sees something. Where it stands
// among the players says how early its turn comes in a round.
func (w *witnesses) join() error {
	w.mu.Lock()
	err := w.load.add(w.words, w.listens)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	for end := time.Now().Add(socketTimeoutSecs * time.Second); ; {
		w.mu.Lock()
		waits, why := w.load.opening > 0, w.load.why
		w.mu.Unlock()
		switch {
		case why != nil || time.Now().After(end):
			return fmt.Errorf("a witness saw nothing: %w", orEnd(why))
		case !waits:
			return nil
		}
		nap(int64(time.Millisecond))
	}
}

// among brings n players to a loader, and witnesses evenly among them and at the end.
func (w *witnesses) among(l *loader, n int, words []byte) error {
	for k := range witnessCount {
		if err := w.join(); err != nil {
			return err
		}
		if err := l.open(n*(k+1)/witnessCount-n*k/witnessCount, same(words)); err != nil {
			return err
		}
	}
	return w.join()
}

func (w *witnesses) hear(p *player, m message) {
	if !isPicture(m) {
		return
	}
	s := w.seen[p]
	if s == nil {
		s = &sight{}
		w.seen[p] = s
	}
	number := binary.BigEndian.Uint32(m.head[stampAt+8:])
	measuring := w.measuring.Load()
	if measuring && s.begun {
		w.frames++
		w.lost += int(number - s.number - 1)
		sent := int64(binary.BigEndian.Uint64(m.head[stampAt:]))
		w.latencies = append(w.latencies, float64(w.load.now-sent)/1e6)
		if w.load.now != s.at {
			w.rounds = append(w.rounds, float64(w.load.now-s.at)/1e6)
		}
	}
	s.number, s.begun = number, measuring
	s.at = w.load.now
}

// take is what was measured since the last time, while it goes on.
func (w *witnesses) take() (latencies []float64, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	latencies, lost = w.latencies, w.lost
	w.latencies, w.rounds, w.frames, w.lost = nil, nil, 0, 0
	return latencies, lost
}

// begin starts to count.
func (w *witnesses) begin() { w.measuring.Store(true) }

// leave disconnects them; their figures are valid then.
func (w *witnesses) leave() {
	w.stopped.Store(true)
	w.wg.Wait()
	w.dead = w.load.why
	w.load.close()
}
