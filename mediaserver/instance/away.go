package instance

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// maxAway bounds the names whose publishers are expected back at once.
const maxAway = 1000

// away is a publisher that was lost and is expected back: its connection ended,
// or its server did, and it did not say itself that it is done. Viewers reconnect
// before it does, and want the event, not its recording.
type away struct {
	name  string
	timer *time.Timer
	last  int
	// players are told when it is not expected any more, by number.
	players map[int]func()
}

// lost notes that a publication has ended without its publisher's wish.
func (o *owner) lost(p *publication) {
	if e, ok := o.streams[p.name]; ok && e.publication == p {
		o.expect(p.name, o.rules.Load().PublisherReturn)
	}
}

// expect has players of a name wait for its publisher.
func (o *owner) expect(name string, within time.Duration) *away {
	if was := o.away[name]; was != nil {
		was.timer.Reset(within)
		return was
	}
	if len(o.away) == maxAway {
		return nil
	}
	a := &away{name: name, players: map[int]func(){}}
	inst := o.Instance
	a.timer = time.AfterFunc(within, func() { _ = inst.post(func(o *owner) { o.gaveUp(a) }) })
	o.away[name] = a
	return a
}

// expected is the publisher of a name that is waited for; nil: there is none. For
// a while after the server's start those are expected too whose recording says that
// they were lost: with the server before, most likely.
func (o *owner) expected(name string) *away {
	if a := o.away[name]; a != nil {
		return a
	}
	left := o.rules.Load().PublisherReturn - time.Since(o.since)
	if left <= 0 {
		return nil
	}
	if _, ok := o.store.Interrupted(name); !ok {
		return nil
	}
	return o.expect(name, left)
}

// wait is play for a player that waits for a publisher.
func (o *owner) wait(a *away, r session.PlayRequest) session.PlayAnswer {
	answer := o.play(r)
	if answer.Refusal != nil {
		return answer
	}
	a.last++
	number := a.last
	a.players[number] = r.NobodyCame
	release, inst := answer.Release, o.Instance
	var once sync.Once
	answer.Release = func() {
		once.Do(func() { _ = inst.post(func(*owner) { delete(a.players, number) }) })
		release()
	}
	return answer
}

// cameBack notes that a publisher that was lost is there again.
func (o *owner) cameBack(name string) {
	if a := o.away[name]; a != nil {
		a.timer.Stop()
		delete(o.away, name)
	}
}

// gaveUp tells the players of a publisher that did not come back.
func (o *owner) gaveUp(a *away) {
	if o.away[a.name] != a {
		return // it did, or was lost again
	}
	delete(o.away, a.name)
	o.forget(a.name)
	for _, nobodyCame := range a.players {
		nobodyCame()
	}
}

// forget takes the loss of a publisher out of the recordings' journal.
func (o *owner) forget(name string) {
	if _, ok := o.store.Interrupted(name); ok {
		store := o.store
		o.disk.do(func() { store.Forget(name) }) // else it is expected once more after a start
	}
}
