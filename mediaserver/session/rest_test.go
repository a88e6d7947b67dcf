package session

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// socket is a player's, each of whose writes takes so long.
type socket struct {
	takes  time.Duration
	writes chan struct{} // gets one when a write begins
}

func (s *socket) Attach(func())                        {}
func (s *socket) TakeQueued(dst []byte) ([]byte, bool) { return dst, true }
func (s *socket) Detach([]byte)                        {}
func (s *socket) Send(...*rtmp.Message) error          { return nil }
func (s *socket) CloseWithError(error) error           { return nil }

func (s *socket) TryWritev(bufs [][]byte) (n int, err error) {
	if s.takes > 0 {
		s.writes <- struct{}{}
		<-time.After(s.takes)
	}
	for _, b := range bufs {
		n += len(b)
	}
	return n, nil
}

// TestLoopsAreWaitedForAside has twenty sessions change what they play, on a loop
// that takes 50 ms for each round of its writes: all wait for the same round, and
// none of them for a turn that another holds meanwhile.
func TestLoopsAreWaitedForAside(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*live){
		"pause":    func(l *live) { _ = l.pause() },
		"resume":   func(l *live) { l.resume(-1) },
		"receive":  func(l *live) { l.receive(wanted{audio: true}) },
		"reached":  func(l *live) { l.reached() },
		"stop":     func(l *live) { l.stop() },
		"bound":    func(l *live) { l.bound() },
		"switched": func(l *live) { l.switched(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { waitAside(t, do) })
		})
	}
}

func waitAside(t *testing.T, do func(*live)) {
	const sessions = 20
	fanout := stream.NewFanout(1)
	defer fanout.Close()
	cam := stream.New("cam", fanout, stream.Options{})
	p, err := cam.Publish()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	slow := &socket{takes: 50 * time.Millisecond, writes: make(chan struct{}, 100)}
	defer cam.Play(slow, 1).Close()
	q := budget.NewTurns(1)
	var all []*live
	for range sessions {
		s := &Session{}
		s.turns.own, s.turns.waits = q.For("192.0.2.1:1"), true
		ns := &netStream{session: s}
		l := &live{ns: ns, endless: true, player: cam.PlayWith(&socket{}, 1, stream.PlayOptions{Paused: true})}
		ns.playing = l
		all = append(all, l)
	}
	synctest.Wait()
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Payload: []byte{0x12, 1}}); err != nil {
		t.Fatal(err)
	}
	<-slow.writes
	var done sync.WaitGroup
	done.Add(sessions)
	for _, l := range all {
		l.ns.session.turns.post(func() { defer done.Done(); do(l) })
	}
	synctest.Wait()
	if n := q.Waiting(); n > 0 {
		t.Errorf("%d wait for a turn, while the loop writes", n)
	}
	done.Wait()
	synctest.Wait()
	for _, l := range all {
		l.player.Close()
	}
}
