package plan

import (
	"math"
	"testing"
)

func inputs() Inputs {
	return Inputs{
		Viewers: 100000, Hours: 1, Stream: Stream{Mbit: 1, Keyframe: 2}, Arrivals: Arrivals{Share: 0.5, Seconds: 100},
		Machine: Machine{Cores: 10, MemoryGB: 16, Gbit: 10, Edges: 1}, Headroom: 0.5,
		Costs: Costs{
			PlayerMB: 400, PlayerKB: 20, BaseMB: 20, EdgeConnects: 2000, OriginConnects: 10000, FeedMbit: 1000, TakeMbit: 1000,
			IngestMbit: 1000, OriginClientCPU: 1, OriginClientKB: 5, OriginOwnerCores: 1,
		},
		Prices: Prices{MachineHour: 1, EgressGB: 0.1},
	}
}

// What is computed by hand comes out, and what is scarce bounds the number of edges.
func TestFor(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*Inputs)
		machines int
		bound    string
	}{
		"network": {func(*Inputs) {}, 20, "network"},                              // half of 10 Gbit/s is 5,000 viewers
		"CPU":     {func(in *Inputs) { in.Machine.Cores = 0.4 }, 26, "CPU"},       // 0.2 cores less what it takes: 3,980 viewers of 50 µs
		"memory":  {func(in *Inputs) { in.Machine.MemoryGB = 0.1 }, 67, "memory"}, // 50 MB less 20: 1,500 viewers
	} {
		in := inputs()
		c.change(&in)
		p := For(in)
		if p.Machines != c.machines || p.Bound != c.bound {
			t.Errorf("%s: %d machines, bound by %s", name, p.Machines, p.Bound)
		}
	}
	p := For(inputs())
	if p.Gbit != 100 || p.LinkMbit != 20 || p.Middles != 0 || math.Abs(p.EgressTB-45) > 1e-9 || math.Abs(p.Money-4500-21) > 1e-6 {
		t.Errorf("%+v", p)
	}
	if want := (1000 + 20*1000 + 100000) / 1e6; math.Abs(p.OriginCPU-want) > 1e-9 {
		t.Errorf("the origin takes %v cores, want %v", p.OriginCPU, want)
	}
	// More edges than the origin feeds by itself have others between.
	in := inputs()
	in.Machine.Gbit = 0.02 // ten viewers, or ten feeds
	if p := For(in); p.Edges != 10000 || p.Middles != 1000 || p.LinkMbit != 1000 {
		t.Errorf("%d edges, %d between, %v Mbit/s", p.Edges, p.Middles, p.LinkMbit)
	}
}

// Who comes faster than he is let in waits as long as the queue before him, and nobody
// else does.
func TestJoins(t *testing.T) {
	in := inputs()
	if j := join(in, 20); j.Waiting != 0 || j.Rate != 500 || j.P99 > 1 || j.Last != 0 {
		t.Errorf("500 a second of 10,000: %+v", j)
	}
	in.Costs.OriginConnects = 250 // half of them: the last waits for 100 s more
	j := join(in, 20)
	if math.Abs(j.Waiting-25000) > 1 || math.Abs(j.Last-100) > 1 || j.Rate != 250 {
		t.Errorf("500 a second of 250: %+v", j)
	}
	if j.P50 > 1 || math.Abs(j.P99-98) > 2 { // half of all came before
		t.Errorf("they wait %v and %v s", j.P50, j.P99)
	}
}

// What cannot be computed with is named.
func TestCheck(t *testing.T) {
	in := inputs()
	if err := in.Check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Inputs){
		func(in *Inputs) { in.Viewers = 0 }, func(in *Inputs) { in.Headroom = 2 }, func(in *Inputs) { in.Arrivals.Share = -1 },
		func(in *Inputs) { in.Costs.PlayerMB = 0 }, func(in *Inputs) { in.Machine.Edges = 0 },
	} {
		in := inputs()
		spoil(&in)
		if err := in.Check(); err == nil {
			t.Errorf("%+v is fine", in)
		}
	}
}
