package plan

import "math"

// Joins is how long viewers take from dialling to being let in. The first picture is a
// round trip or two later, and the newest keyframe with it, which the edge has.
type Joins struct {
	Rate     float64 // at which the origin and the edges let them in while they wait, a second
	P50, P99 float64 // seconds
	Last     float64 // seconds from when the last has come until he is in
	Waiting  float64 // at most, at once
}

// join lets viewers come, second by second, through what lets in the fewest: the owner of
// the instance, which asks the script for each, or the cores of the edges. First come,
// first let in.
func join(in Inputs, edges int) Joins {
	c := in.Costs
	cores := float64(edges) / in.Machine.Edges * in.Machine.Cores
	capacity := min(c.OriginConnects*c.OriginOwnerCores, c.EdgeConnects*cores)
	burst := float64(in.Viewers) * in.Arrivals.Share / in.Arrivals.Seconds // a second
	j := Joins{Rate: min(capacity, burst)}
	const early = 3600
	before := float64(in.Viewers) * (1 - in.Arrivals.Share) / early
	type wait struct{ seconds, many float64 }
	var waits []wait
	waiting := 0.0
	for t := -early; ; t++ {
		come := before
		if t >= 0 {
			come = min(burst, max(0, float64(in.Viewers)*in.Arrivals.Share-float64(t)*burst))
		}
		if t >= 0 && come == 0 && waiting == 0 {
			j.Last = max(0, float64(t)-math.Ceil(in.Arrivals.Seconds))
			break
		}
		if come > 0 {
			waits = append(waits, wait{(waiting + come/2) / capacity, come})
		}
		waiting = max(0, waiting+come-capacity)
		j.Waiting = max(j.Waiting, waiting)
	}
	// In the order in which they came waits only grow and then do not matter any more:
	// what is asked for is how many of all have waited how long.
	quantile := func(q float64) float64 {
		least, most := 0.0, 0.0
		for _, w := range waits {
			most = max(most, w.seconds)
		}
		for range 60 {
			middle, within := (least+most)/2, 0.0
			for _, w := range waits {
				if w.seconds <= middle {
					within += w.many
				}
			}
			if within >= q*float64(in.Viewers) {
				most = middle
			} else {
				least = middle
			}
		}
		return most
	}
	j.P50, j.P99 = quantile(0.5), quantile(0.99)
	return j
}
