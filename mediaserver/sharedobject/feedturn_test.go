package sharedobject

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// busyEar is a subscriber whom it takes a millisecond to tell something.
type busyEar struct{}

func (busyEar) Tell(u Update, _ Waiter) bool {
	if u.Payload != nil {
		<-time.After(time.Millisecond)
	}
	return true
}

// The time that it takes to tell others of what somebody does is that of his address:
// who floods an object has with its feed no more than another address alone.
func TestFeedWorksInTheTurnOfWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const flooder, other = "192.0.2.1", "192.0.2.2:1"
		turns := budget.NewTurns(1)
		b := newBench(nil)
		b.feed.cfg.Turn = turns.For("")
		by := b.join(&ear{}, Form{})
		by.TellIn(turns.For(flooder + ":1"))
		b.join(busyEar{}, Form{})
		b.answer()
		value := strings.Repeat("x", MaxMessage) // a message each time
		for range 1000 {
			b.say(by, set(t, "a", value))
		}
		var stop atomic.Bool
		works := func(address string, did *int) {
			turn := turns.For(address)
			for !stop.Load() {
				turn.Rest(nil)
				<-time.After(time.Millisecond)
				*did++
			}
			turn.End()
		}
		var its, others int
		go works(flooder+":2", &its)
		go works(other, &others)
		<-time.After(600 * time.Millisecond) // of which 400 are worked
		stop.Store(true)
		<-time.After(time.Minute) // the feed comes to its end
		synctest.Wait()
		if others < 180 || its == 0 {
			t.Errorf("the other address has worked %d ms, that of the flooder %d without its feed", others, its)
		}
	})
}
