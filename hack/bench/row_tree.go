package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"flashpod.dev/flashpod/hack/model/plan"
)

// The tree that package plan is checked by.
const (
	treeMiddles = 2
	treeLeaves  = 4
	treePlayers = 4000
)

// tree is an origin, edges of it and edges of those, with a stream and as many players at
// each leaf.
type tree struct {
	*linked
	middles, leaves []*target
	feed            *feed
	loads           []*loader
}

// tree starts one with so many players at each leaf.
func (b *bench) tree(middles, leaves, each int) (*tree, error) {
	l, err := b.linked("Throughput")
	if err != nil {
		return nil, err
	}
	t := &tree{linked: l}
	err = t.grow(middles, leaves, each)
	if err != nil {
		t.end()
	}
	return t, err
}

func (t *tree) grow(middles, leaves, each int) error {
	for range middles {
		e, err := t.middle()
		if err != nil {
			return err
		}
		t.middles = append(t.middles, e)
	}
	for i := range leaves {
		of := t.origin
		if middles > 0 {
			of = t.middles[i%middles]
		}
		e, err := t.edge(of)
		if err != nil {
			return err
		}
		t.leaves = append(t.leaves, e)
	}
	var err error
	if t.feed, err = publish(t.origin, "live", "s"); err != nil {
		return err
	}
	for _, e := range t.leaves {
		load, err := newLoader(e.addr, e.app)
		if err != nil {
			return err
		}
		t.loads = append(t.loads, load)
		if err := load.open(each, same(playWords("s", -2000))); err != nil {
			return err
		}
	}
	return t.play(2 * settle)
}

// play lets all players take what they are sent.
func (t *tree) play(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for _, one := range t.loads {
			one.step(2)
			if one.dead > 0 {
				return fmt.Errorf("%d players lost their connection: %w", one.dead, one.why)
			}
		}
	}
	return nil
}

func (t *tree) end() {
	for _, one := range t.loads {
		one.close()
	}
	if t.feed != nil {
		t.feed.close()
	}
	t.linked.end()
}

// cores is what the origin, the middles and the leaves take of a core, each kind together.
func (t *tree) cores(window time.Duration) (origin, middles, leaves float64, err error) {
	all := append(append([]*target{t.origin}, t.middles...), t.leaves...)
	before := make([]usage, len(all))
	for i, one := range all {
		if before[i], err = used(one.pid()); err != nil {
			return 0, 0, 0, err
		}
	}
	if err := t.play(window); err != nil {
		return 0, 0, 0, err
	}
	for i, one := range all {
		after, err := used(one.pid())
		if err != nil {
			return 0, 0, 0, err
		}
		share := (after.cpu - before[i].cpu).Seconds() / after.at.Sub(before[i].at).Seconds()
		switch {
		case i == 0:
			origin += share
		case i <= len(t.middles):
			middles += share
		default:
			leaves += share
		}
	}
	return origin, middles, leaves, t.feed.failure()
}

// small measures a tree once.
func (b *bench) small(middles, leaves, each int) (origin, middle, leaf float64, err error) {
	t, err := b.tree(middles, leaves, each)
	if err != nil {
		return 0, 0, 0, err
	}
	defer t.end()
	return t.cores(b.window)
}

// treeRow measures what one server, one feed and one client take, computes a tree from
// that as hack/model does an event of a million, and holds the tree against it.
func treeRow(b *bench) ([]result, error) {
	players := b.players(treePlayers) / treeLeaves * treeLeaves
	stream := plan.Stream{Mbit: bytesPerSecond() * 8 / 1e6, Keyframe: gopFrames / float64(frameRate)}
	costs, err := b.unitCosts(stream, players/treeLeaves)
	if err != nil {
		return nil, err
	}
	clients := float64(players)
	want := []float64{
		plan.Origin(costs, stream, treeMiddles, clients),
		treeMiddles * plan.Edge(costs, stream, 0, treeLeaves/treeMiddles, clients/treeMiddles),
		treeLeaves * plan.Edge(costs, stream, players/treeLeaves, 0, 0),
	}
	var totals, ratios []float64
	var each [3][]float64
	sum := want[0] + want[1] + want[2]
	for range 3 {
		o, m, l, err := b.small(treeMiddles, treeLeaves, players/treeLeaves)
		if err != nil {
			return nil, err
		}
		totals, ratios = append(totals, o+m+l), append(ratios, (o+m+l)/sum)
		for i, v := range []float64{o, m, l} {
			each[i] = append(each[i], v)
		}
	}
	var parts []string
	for i, what := range []string{"origin", "middle edges", "leaves"} {
		parts = append(parts, fmt.Sprintf("%s %.1f %% for %.1f %%", what, 100*median(each[i]), 100*want[i]))
	}
	r := result{
		what:   fmt.Sprintf("a tree of an origin, %d middle edges, %d leaves and %d players, against what hack/model computes", treeMiddles, treeLeaves, players),
		figure: fmt.Sprintf("%.1f %% of a core", 100*median(totals)), floor: fmt.Sprintf("computed %.1f %%: %s", 100*sum, strings.Join(parts, ", ")),
		target: "within 10 %", ratio: median(ratios),
	}
	r.verdict = judge(math.Abs(r.ratio-1) <= 0.1)
	return []result{r, {what: "costs that hack/model has for inputs, of this run", figure: fmt.Sprintf(
		"playerMB %.0f, feedMbit %.0f, takeMbit %.0f, ingestMbit %.0f, originClientCPU %.1f",
		costs.PlayerMB, costs.FeedMbit, costs.TakeMbit, costs.IngestMbit, costs.OriginClientCPU)}}, nil
}

// unitCosts measures what the arithmetic of package plan needs, with so many players where
// there are many.
func (b *bench) unitCosts(s plan.Stream, many int) (c plan.Costs, err error) {
	perMbit := func(cores float64) float64 { return max(0, cores) * 1e6 / s.Mbit }
	var alone, fed, took, with, origin []float64
	for range 3 {
		t, err := b.tree(0, 0, 0)
		if err != nil {
			return c, err
		}
		o, _, _, err := t.cores(b.window)
		t.end()
		if err != nil {
			return c, err
		}
		alone = append(alone, o)
		o, _, l, err := b.small(0, 1, 1)
		if err != nil {
			return c, err
		}
		fed, took = append(fed, o), append(took, l)
		o, _, l, err = b.small(0, 1, many)
		if err != nil {
			return c, err
		}
		origin, with = append(origin, o), append(with, l)
	}
	c.IngestMbit = perMbit(median(alone))
	c.FeedMbit = perMbit(median(fed) - median(alone))
	c.TakeMbit = perMbit(median(took))
	c.PlayerMB = max(0, median(with)-median(took)) * 1e6 / float64(many-1) / s.MBPerSecond()
	c.OriginClientCPU = max(0, median(origin)-median(fed)) * 1e6 / float64(many-1)
	return c, nil
}
