package plan

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Plan is what an event needs.
type Plan struct {
	Machines  int // that edges are on
	Edges     int
	Middles   int    // edges between the origin and those; 0: there is no tier between
	Bound     string // what the number of edges comes of
	Cores     float64
	MemoryGB  float64
	Gbit      float64 // a second, to viewers
	EgressTB  float64
	Money     float64 // machines and egress
	Traffic   float64 // the egress's part of it
	Joins     Joins
	Uses      []Use   // the fullest first
	First     string  // what is full first of what more edges do not help
	FullAt    int     // viewers at which it is
	LinkMbit  float64 // a second, that leaves the origin
	OriginCPU float64 // cores
	OriginGB  float64
}

// Use is how full a part is at its peak: 1 is full.
type Use struct {
	What  string
	Share float64
}

// MBPerSecond is what one viewer is sent.
func (s Stream) MBPerSecond() float64 { return s.Mbit / 8 }

// For makes a plan.
func For(in Inputs) Plan {
	c, m := in.Costs, in.Machine
	viewers := float64(in.Viewers)
	perViewer := c.PlayerMB * in.Stream.MBPerSecond() / 1e6 // cores
	take := c.TakeMbit * in.Stream.Mbit / 1e6
	fits := []Use{ // Share: viewers that a machine has room for
		{"network", in.Headroom * m.Gbit * 1000 / in.Stream.Mbit},
		{"CPU", (in.Headroom*m.Cores - m.Edges*take) / perViewer},
		{"memory", (in.Headroom*m.MemoryGB*1e6 - m.Edges*c.BaseMB*1000) / c.PlayerKB},
	}
	least := slices.MinFunc(fits, func(a, b Use) int { return cmp.Compare(a.Share, b.Share) })
	p := Plan{Machines: int(math.Ceil(viewers / least.Share)), Bound: least.What}
	p.Edges = p.Machines * int(m.Edges)
	feed := c.FeedMbit * in.Stream.Mbit / 1e6
	children := int(max(1, min(in.Headroom*m.Gbit*1000/in.Stream.Mbit, in.Headroom*m.Cores/max(feed, 1e-9))))
	fed := p.Edges
	if p.Edges > children {
		p.Middles = int(math.Ceil(float64(p.Edges) / float64(children)))
		fed = p.Middles
	}
	p.Joins = join(in, p.Edges)
	p.Gbit = viewers * in.Stream.Mbit / 1000
	p.EgressTB = viewers * in.Stream.MBPerSecond() * in.Hours * 3600 / 1e6
	p.Traffic = p.EgressTB * 1000 * in.Prices.EgressGB
	all := float64(p.Machines+int(math.Ceil(float64(p.Middles)/m.Edges))) + 1
	p.Money = p.Traffic + all*in.Hours*in.Prices.MachineHour
	p.Cores = viewers*perViewer + float64(p.Edges)*take
	p.MemoryGB = (viewers*c.PlayerKB + float64(p.Edges)*c.BaseMB*1000) / 1e6
	p.LinkMbit = float64(fed) * in.Stream.Mbit
	p.OriginCPU = Origin(c, in.Stream, fed, viewers)
	p.OriginGB = viewers * c.OriginClientKB / 1e6

	machines := float64(p.Machines)
	p.Uses = []Use{
		{"the edges' network", p.Gbit / (machines * m.Gbit)},
		{"the edges' cores", p.Cores / (machines * m.Cores)},
		{"the edges' memory", p.MemoryGB / (machines * m.MemoryGB)},
		{"the edges' cores while all connect", p.Joins.Rate / (c.EdgeConnects * machines * m.Cores)},
		{"the instance's owner while all connect", p.Joins.Rate / (c.OriginConnects * c.OriginOwnerCores)},
		{"the origin's cores", p.OriginCPU / m.Cores},
		{"the origin's memory", p.OriginGB / m.MemoryGB},
		{"the origin's network", p.LinkMbit / (m.Gbit * 1000)},
	}
	slices.SortStableFunc(p.Uses, func(a, b Use) int { return cmp.Compare(b.Share, a.Share) })
	// More edges are a matter of money: what is full first is what more of them does not help.
	for _, u := range p.Uses {
		if !strings.HasPrefix(u.What, "the edges") {
			p.FullAt, p.First = int(viewers/u.Share), u.What
			break
		}
	}
	return p
}

// Origin is how many cores an origin takes whose stream is fed to so many edges, which have
// so many clients in all.
func Origin(c Costs, s Stream, fed int, clients float64) float64 {
	return (c.IngestMbit*s.Mbit + float64(fed)*c.FeedMbit*s.Mbit + clients*c.OriginClientCPU) / 1e6
}

// Edge is how many cores an edge takes that has players of its own, and feeds other edges
// with clients of their own.
func Edge(c Costs, s Stream, players, fed int, clients float64) float64 {
	own := c.TakeMbit*s.Mbit + float64(players)*c.PlayerMB*s.MBPerSecond()
	return (own + float64(fed)*c.FeedMbit*s.Mbit + clients*c.OriginClientCPU) / 1e6
}
