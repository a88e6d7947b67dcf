//go:build clients

package links

import (
	"testing"
)

// A publisher that moves from one edge to another: viewers everywhere go on with one
// stream, and the name is free for it as soon as it can be.
func TestPublisherMoves(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	// leaves is how it goes from the edge where it was.
	for name, leaves := range map[string]func(p *publisher, from *server){
		"its connection ends":              func(p *publisher, _ *server) { p.nc.Close() },
		"its network is gone":              func(_ *publisher, from *server) { must(from.t, command("ip link set dev "+from.near+" down")) },
		"the link of its edge is cut":      func(_ *publisher, from *server) { from.line.cut() },
		"its edge is killed":               func(_ *publisher, from *server) { from.kill() },
		"its edge stands still, and wakes": func(_ *publisher, from *server) { from.stands(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			one, two, three := h.edge("one edge"), h.edge("another edge"), h.edge("a third edge")
			before := connect(t, "publisher", one).publishes("cam", "live", aMegabit, 0)
			viewers := map[*client]*publisher{}
			for who, s := range map[string]*server{"viewer at the origin": h.origin, "viewer where the publisher comes to": two, "viewer at a third edge": three} {
				viewers[connect(t, who, s).plays("cam", before)] = before
			}
			allPast(viewers, gop)
			mover := connect(t, "publisher, at another edge", two)
			from := map[*client][2]int{}
			for c := range viewers {
				statuses, pictures := c.at()
				from[c] = [2]int{statuses, pictures}
			}

			leaves(before, one)
			refused := 0
			after := mover.retries(&refused, (before.next.Load()/gop+2)*gop)
			for c := range viewers {
				c.sees(after)
				viewers[c] = after
			}
			allPast(viewers, 2*gop)

			of := "publisher moves to another edge: " + name
			for c := range viewers {
				l, wrong := c.lost(from[c][0], from[c][1])
				figure(of, c.name, "", ms(l.silence), "", said(l.said))
				for _, one := range wrong {
					t.Errorf("%s: %s", c.name, one)
				}
				if !oneOf(l.said, nil, []string{"Play.UnpublishNotify", "Play.PublishNotify"}) {
					t.Errorf("%s was told %q", c.name, l.said)
				}
			}
			mover.tellsOnly(of, 0)
			if refused > 10 {
				t.Errorf("the publisher was refused %d times", refused)
			}
			// The old one, if it comes back, does not take the name away.
			switch name {
			case "the link of its edge is cut":
				one.line.mend()
				before.hears(1, "Publish.BadName")
				before.tellsOnly(of, 1)
			case "its edge stands still, and wakes":
				one.stands(false)
				before.hears(1, "Publish.BadName")
				before.tellsOnly(of, 1)
			}
			allPast(viewers, gop)
			if l, _ := mover.lost(1, 0); len(l.said) > refused {
				t.Errorf("the publisher was told %q", l.said)
			}
		})
	}
}
