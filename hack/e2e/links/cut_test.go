//go:build clients

package links

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A link that is cut: clients at the edge behind it stay, a publisher there as well, and
// all goes on when it is back. Nobody else notices anything, but who watches what is
// published at that edge.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		t.Run(takes.String(), func(t *testing.T) {
			if takes >= time.Minute != *long {
				return
			}
			t.Parallel()
			cutFor(t, takes)
		})
	}
}

func cutFor(t *testing.T, takes time.Duration) {
	t.Helper()
	h := newHouse(t)
	here, there := h.edge("the edge that is cut"), h.edge("another edge")
	cam := connect(t, "publisher at the origin", h.origin).publishes("cam", "live", aMegabit, 0)
	news := connect(t, "publisher at the edge that is cut", here).publishes("news", "live", aMegabit, 0)
	near := connect(t, "its own publisher's viewer there", here).plays("news", news)
	cut := []*client{connect(t, "viewer at the edge that is cut", here).plays("cam", cam), near}
	far := []*client{
		connect(t, "viewer at the origin, of what is published at that edge", h.origin).plays("news", news),
		connect(t, "viewer at another edge, of what is published at that edge", there).plays("news", news),
	}
	whole := []*client{connect(t, "viewer at the origin", h.origin).plays("cam", cam), connect(t, "viewer at another edge", there).plays("cam", cam)}
	of := map[*client]*publisher{near: news, cut[0]: cam, far[0]: news, far[1]: news, whole[0]: cam, whole[1]: cam}
	from := map[*client][2]int{}
	allPast(of, gop)
	for c := range of {
		statuses, pictures := c.at()
		from[c] = [2]int{statuses, pictures}
	}
	published, _ := news.at()

	here.line.cut()
	cam.goes(int64(takes / frame))
	here.line.mend()
	allPast(of, 2*gop)

	name := fmt.Sprintf("link cut for %v", takes)
	for c := range of {
		l := c.tells(name, from[c][0], from[c][1])
		switch {
		case slices.Contains(whole, c):
			if l.missing != 0 || len(l.said) != 0 {
				t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
			}
		case !oneOf(l.said, nil, []string{"Play.UnpublishNotify", "Play.PublishNotify"}):
			t.Errorf("%s was told %q", c.name, l.said)
		}
	}
	told := news.tellsOnly(name, published)
	if lost := []string{"Publish.InsufficientBW", "Publish.InsufficientBW"}; !oneOf(told, lost) && (takes >= time.Minute || len(told) > 0) {
		t.Errorf("the publisher at the edge was told %q", told)
	}
}

// allPast waits until all have seen so much more than is published now.
func allPast(of map[*client]*publisher, more int64) {
	goals := map[*client]int64{}
	for c, p := range of {
		goals[c] = p.next.Load() + more
	}
	for c, n := range goals {
		c.past(n)
	}
}

// oneOf says whether statuses are any of these.
func oneOf(said []string, any ...[]string) bool {
	return slices.ContainsFunc(any, func(one []string) bool { return slices.Equal(said, one) })
}
