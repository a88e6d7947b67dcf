//go:build clients

package links

import (
	"slices"
	"testing"
)

// An edge whose link takes less than a stream has: its viewers lose whole groups of
// pictures, hear so, and stay near to what is published now. The origin keeps little for
// it, and nobody else notices anything.
func TestEdgeSlowerThanTheStream(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	h := newHouse(t)
	slow, fast := h.edge("the slow edge"), h.edge("another edge")
	slow.line.rate("1mbit")
	cam := connect(t, "publisher", h.origin).publishes("cam", "live", 2*aMegabit, 0)
	behind := []*client{connect(t, "viewer at the slow edge", slow).plays("cam", cam), connect(t, "another viewer there", slow).plays("cam", cam)}
	whole := []*client{connect(t, "viewer at the origin", h.origin).plays("cam", cam), connect(t, "viewer at another edge", fast).plays("cam", cam)}
	for _, c := range whole {
		c.past(gop)
	}
	before, _ := h.origin.memory()
	told := behind[0].hears(0, "Play.InsufficientBW")
	behind[0].hears(told, "Play.InsufficientBW")
	_, most := h.origin.memory()

	const name = "edge slower than the stream"
	for _, c := range behind {
		c.hears(0, "Play.InsufficientBW")
		if l := c.tells(name, 2, 0); l.missing == 0 {
			t.Errorf("%s has lost nothing", c.name)
		}
	}
	for _, c := range whole {
		c.past(cam.next.Load())
		if l := c.tells(name, 2, 0); l.missing != 0 || slices.Contains(l.said, "Play.InsufficientBW") {
			t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
		}
	}
	if most > before+64 {
		t.Errorf("the origin has had %d MiB, and %d before", most, before)
	}
}

// A publisher whose edge has a link that takes less than it sends is held up, as by a slow
// network of its own: nothing of what it sends is lost, and nobody else notices anything.
func TestPublisherAtASlowEdge(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	h := newHouse(t)
	slow := h.edge("the slow edge")
	slow.line.rate("1mbit")
	cam := connect(t, "publisher at the origin", h.origin).publishes("cam", "live", aMegabit, 0)
	news := connect(t, "publisher at the slow edge", slow).publishes("news", "record", 3*aMegabit, 0)
	news.hears(0, "Record.Start")
	viewers := map[*client]*publisher{connect(t, "viewer at the origin", h.origin).plays("cam", cam): cam, connect(t, "viewer at the origin, of what is published there", h.origin).plays("news", news): news}
	const name = "publisher at an edge whose link takes a third of what it sends"
	for c := range viewers {
		c.past(4 * gop)
		if l := c.tells(name, 2, 0); l.missing != 0 || len(l.said) != 0 {
			t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
		}
	}
	news.stop()
	must(t, news.ns.Command("closeStream"))
	news.hears(0, "Unpublish.Success")
	if all := news.tellsOnly(name, 0); !oneOf(all, []string{"Publish.Start", "Record.Start", "Record.Stop", "Unpublish.Success"}) {
		t.Errorf("the publisher was told %q", all)
	}
	if n := slow.metric("edge_links_lost_total"); n != 0 {
		t.Errorf("the link was lost %v times", n)
	}
}
