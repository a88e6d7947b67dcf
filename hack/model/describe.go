package main

import (
	"fmt"
	"strings"

	"flashpod.dev/flashpod/hack/model/plan"
)

// describe is a plan as a table in Markdown.
func describe(in plan.Inputs, p plan.Plan) string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%d viewers of %.1f Mbit/s for %g hours, on machines of %g cores, %g GB and %g Gbit/s that are used at %.0f %%:\n\n| | |\n|---|---|\n",
		in.Viewers, in.Stream.Mbit, in.Hours, in.Machine.Cores, in.Machine.MemoryGB, in.Machine.Gbit, 100*in.Headroom)
	line("machines of edges", "%d, of %d viewers each; what bounds them is %s", p.Machines, in.Viewers/p.Machines, p.Bound)
	if p.Middles > 0 {
		line("edges between those and the origin", "%d", p.Middles)
	} else {
		line("edges between those and the origin", "none: the origin feeds %d by itself", p.Edges)
	}
	line("cores that work", "%.0f of edges, %.1f of the origin", p.Cores, p.OriginCPU)
	line("memory", "%.0f GB of edges, %.1f GB of the origin", p.MemoryGB, p.OriginGB)
	line("network", "%.0f Gbit/s to viewers, %.0f Mbit/s from the origin", p.Gbit, p.LinkMbit)
	line("from dialling to being let in", "p50 %.1f s, p99 %.1f s; at most %.0f wait at once, the last for %.0f s", p.Joins.P50, p.Joins.P99, p.Joins.Waiting, p.Joins.Last)
	line("money", "%.0f, of which %.0f for %.0f TB of traffic", p.Money, p.Traffic, p.EgressTB)
	line("full first, of what more edges do not help", "%s, at %d viewers", p.First, p.FullAt)
	b.WriteString("\n| how full at the peak | |\n|---|---:|\n")
	for _, u := range p.Uses {
		fmt.Fprintf(&b, "| %s | %.1f %% |\n", u.What, 100*u.Share)
	}
	return b.String()
}
