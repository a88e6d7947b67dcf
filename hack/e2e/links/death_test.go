//go:build clients

package links

import (
	"testing"
	"time"
)

// An edge dies: its viewers connect to another one and play again, from the keyframe of the
// group that is published; nobody else notices anything.
func TestEdgeDies(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	h := newHouse(t)
	dies, stays := h.edge("the edge that dies"), h.edge("another edge")
	cam := connect(t, "publisher", h.origin).publishes("cam", "live", aMegabit, 0)
	lost := connect(t, "viewer at the edge that dies", dies).plays("cam", cam)
	others := map[*client]*publisher{connect(t, "viewer at another edge", stays).plays("cam", cam): cam, connect(t, "viewer at the origin", h.origin).plays("cam", cam): cam}
	lost.past(2 * gop)
	allPast(others, 0)

	dies.kill()
	<-lost.nc.Ended()
	published := cam.next.Load()
	again := connect(t, "the same viewer, at another edge", stays)
	again.plays("cam", cam)
	again.past(published + gop)
	allPast(others, 0)

	const of = "an edge dies"
	before, after := lost.saw(0), again.saw(0)
	first, last := after[0], before[len(before)-1]
	l := again.tells(of, 0, 0)
	figure(of, "both together", ms(frame*time.Duration(max(0, first.n-last.n-1)))+" in 1 gaps", ms(first.at.Sub(last.at)), "", "")
	if !first.key || first.n < published-gop || l.missing != 0 {
		t.Errorf("it plays again from picture %d (a keyframe: %v) when %d are published, and has lost %v since", first.n, first.key, published, l.missing)
	}
	for c := range others {
		if l := c.tells(of, 2, 0); l.missing != 0 || len(l.said) != 0 {
			t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
		}
	}
}
