//go:build clients

package links

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// bad are lines over which everything goes, though it takes its time.
var bad = map[string]func(edge, origin *place) *line{
	"link that loses 3 % of its packets": func(edge, origin *place) *line {
		l := lay(edge, origin)
		l.loses(30)
		return l
	},
	"link with 150 ms each way": func(edge, origin *place) *line { return layFar(edge, origin, 150*time.Millisecond) },
	"link with 50 ms each way that loses 1 %": func(edge, origin *place) *line {
		l := layFar(edge, origin, 50*time.Millisecond)
		l.loses(10)
		return l
	},
	"link of 1 Mbit/s, of which media needs half": func(edge, origin *place) *line {
		l := lay(edge, origin)
		l.rate("1mbit")
		return l
	},
}

// Over a link that is bad nothing is lost, and everything works: a publisher at the edge, a
// viewer, a shared object, and a recording that is sought.
func TestBadLink(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	for name, lays := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			h := newHouse(t)
			e := h.edge("edge", lays)
			cam := connect(t, "publisher at the origin", h.origin).publishes("cam", "record", aMegabit/2, 0)
			news := connect(t, "publisher at the edge", e).publishes("news", "live", aMegabit/2, 0)
			viewers := map[*client]*publisher{
				connect(t, "viewer at the edge", e).plays("cam", cam):                                              cam,
				connect(t, "viewer at the origin, of what is published at the edge", h.origin).plays("news", news): news,
			}
			object := connect(t, "client of an object", e).nc.SharedObject("wall", false)
			must(t, object.Use(ctx))
			must(t, object.Set(ctx, "brick", "red"))
			allPast(viewers, 4*gop)
			for c := range viewers {
				if l := c.tells(name, 2, 0); l.missing != 0 || len(l.said) != 0 {
					t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
				}
			}
			cam.stop()
			cam.nc.Close()
			h.origin.untilMetric(0, "recordings")
			seeks(t, ctx, name, e)
		})
	}
}

// seeks plays a recording and seeks in it.
func seeks(t *testing.T, ctx context.Context, name string, e *server) {
	t.Helper()
	c := connect(t, "player of a recording at the edge", e)
	c.sees(nil)
	must(t, c.ns.Command("play", "cam", 0))
	c.hears(0, "Play.Start")
	c.past(1)
	asked := time.Now()
	must(t, c.ns.Seek(ctx, 3*time.Second))
	c.past(3 * gop)
	figure(name, c.name, "", fmt.Sprintf("sought in %s", ms(time.Since(asked))), "", said(c.said(0)))
}
