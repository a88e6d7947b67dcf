package controllers

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// audience is how much all edges have to do, as far as they have said.
type audience struct {
	connections int64         // of clients, at edges or at the origin
	bits        float64       // that edges send to clients, a second
	slowest     time.Duration // round of an edge
	silent      bool          // an edge that takes connections has not said
}

// audienceOf sums up what edges say, and what they said some time before.
func audienceOf(pods []corev1.Pod, loads, before map[string]edgeLoad, since time.Duration, origin int64) audience {
	var a audience
	for i := range pods {
		name := pods[i].Name
		l, ok := loads[name]
		if !ok {
			a.silent = a.silent || podReady(&pods[i]) && pods[i].DeletionTimestamp == nil
			continue
		}
		a.connections += l.connections
		a.slowest = max(a.slowest, l.roundTime)
		if was, ok := before[name]; ok && l.sentBytes >= was.sentBytes && since > 0 {
			a.bits += float64(l.sentBytes-was.sentBytes) * 8 / since.Seconds()
		}
	}
	// To the origin, clients of edges are its own, and it has those who came to itself.
	a.connections = max(a.connections, origin)
	return a
}

// edgesFor is how many edges an audience needs now, whatever was before: a pure function.
// now is how many there are.
func edgesFor(s *v1alpha1.EdgesAutoscaling, a audience, now int32, at time.Time) int32 {
	percent := int64(100 + value(s.HeadroomPercent))
	per := int64(max(s.ConnectionsPerEdge, 1)) * 100
	need := int32(min((a.connections*percent+per-1)/per, int64(s.MaxReplicas)))
	if most := float64(s.MegabitsPerEdge) * 1e6; most > 0 {
		bits := a.bits * float64(percent) / 100
		for n := need; n < s.MaxReplicas && bits > most*float64(n); n++ {
			need = n + 1
		}
	}
	if value(s.MinReplicas) == 0 && a.connections*percent <= per {
		need = 0 // the origin serves so few itself
	}
	if limit := s.MaxRoundTime; limit != nil && a.slowest > limit.Duration {
		need = max(need, now+1)
	}
	if a.silent {
		need = max(need, now) // who says nothing may have many
	}
	return min(max(need, value(s.MinReplicas), scheduled(s.Schedule, at)), s.MaxReplicas)
}

// scheduled is how many edges there are to be at least, by what is known before.
func scheduled(events []v1alpha1.EdgesEvent, at time.Time) (n int32) {
	for _, e := range events {
		since := at.Sub(e.From.Time)
		switch e.Repeat {
		case v1alpha1.RepeatDaily:
			since %= 24 * time.Hour
		case v1alpha1.RepeatWeekly:
			since %= 7 * 24 * time.Hour
		}
		if !at.Before(e.From.Time) && since < e.Until.Sub(e.From.Time) {
			n = max(n, e.MinReplicas)
		}
	}
	return n
}

// recommendation is what was needed at a time.
type recommendation struct {
	at time.Time
	n  int32
}

// settle is how many edges there are to be, by what was needed within the windows: a pure
// function. More are there when all since scaleUpWindow needed more, as many as the least
// of them; fewer when all since scaleDownWindow needed fewer, as many as the most of them,
// and not before the number has stayed as it is for cooldown. past ends with what is needed
// now; an operator that has not looked for that long takes none away.
func settle(s *v1alpha1.EdgesAutoscaling, past []recommendation, now int32, changed, at time.Time) int32 {
	if len(past) == 0 {
		return now
	}
	least := func(window time.Duration, better func(a, b int32) int32) (n int32, whole bool) {
		n = past[len(past)-1].n
		for _, r := range slices.Backward(past) {
			n = better(n, r.n)
			if at.Sub(r.at) >= window {
				return n, true
			}
		}
		return n, false
	}
	up, enough := least(s.ScaleUpWindow.Duration, func(a, b int32) int32 { return min(a, b) })
	if up > now && enough {
		return up
	}
	down, enough := least(s.ScaleDownWindow.Duration, func(a, b int32) int32 { return max(a, b) })
	if down < now && enough && at.Sub(changed) >= s.Cooldown.Duration {
		return down
	}
	return min(max(now, value(s.MinReplicas)), s.MaxReplicas) // what the spec says waits for nothing
}

// scaler is what is remembered of an instance whose edges the operator counts. An operator
// that is new knows nothing, and takes no edge away until it has watched for long enough.
type scaler struct {
	asked   time.Time
	loads   map[string]edgeLoad
	origin  int64 // connections of the origin; -1: it has not said
	past    []recommendation
	wanted  int32
	changed time.Time // when wanted has, or the first look
}

// decide says anew how many edges there are to be.
func (s *scaler) decide(spec *v1alpha1.EdgesAutoscaling, a audience, now int32, at time.Time) {
	if s.changed.IsZero() {
		s.wanted, s.changed = now, at
	}
	s.past = append(s.past, recommendation{at, edgesFor(spec, a, now, at)})
	oldest := max(spec.ScaleUpWindow.Duration, spec.ScaleDownWindow.Duration)
	for len(s.past) > 1 && at.Sub(s.past[1].at) >= oldest { // one that is as old stays
		s.past = s.past[1:]
	}
	n := settle(spec, s.past, s.wanted, s.changed, at)
	if n != s.wanted {
		s.wanted, s.changed = n, at
	}
}

// scalers are those of all instances. One instance is reconciled by one goroutine at a
// time, which alone uses its scaler.
type scalers struct{ all sync.Map } // of client.ObjectKey: *scaler

func (s *scalers) of(key client.ObjectKey) *scaler {
	one, _ := s.all.LoadOrStore(key, &scaler{})
	return one.(*scaler) //nolint:forcetypeassert // nothing else is in there
}

func (s *scalers) forget(key client.ObjectKey) { s.all.Delete(key) }
