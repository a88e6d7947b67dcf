package server

import (
	"maps"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// otherInstances is what stands for all on-demand instances of an application in
	// metrics that have no name of their own there: no instance is called so.
	otherInstances = "*"
	// maxMeasured is how many have.
	maxMeasured = 100
)

// measured is what is remembered for metrics, whose labels no stranger may make: an
// instance has a label of its own once somebody has published there with the key,
// as long as it is loaded and there are not too many; all others are counted
// together. No counter ever goes back. Guarded by onDemand.mu.
type measured struct {
	named int            // rooms with a label
	past  instance.Stats // of those that were counted together, and are not any more
}

// label is what is remembered of one room.
type label struct {
	named  bool
	before instance.Stats // what was counted with the others
	gone   bool           // it is counted for the last time
}

// recognize gives a room, of which the figures are known, a label of its own.
func (m *measured) recognize(in *room, so instance.Stats) {
	if in.label.named || m.named >= maxMeasured {
		return
	}
	m.named++
	in.label.named, in.label.before = true, so
	addTotals(&m.past, so, 1)
}

// forget counts for the last time a room that is unloaded.
func (d *onDemand) forget(in *room) {
	d.counting.Lock()
	defer d.counting.Unlock()
	last := in.inst.Stats()
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.label.gone = true; in.label.named {
		d.measured.named--
		return
	}
	addTotals(&d.measured.past, last, 1)
}

// stats are those of the instances that have labels, and of all others together.
func (d *onDemand) stats() (all []instance.Stats) {
	d.counting.Lock()
	defer d.counting.Unlock()
	rest := instance.Stats{Application: d.application, Name: otherInstances, Viewers: map[string]int{}}
	type look struct {
		*instance.Instance
		label
	}
	var looks []look
	d.mu.Lock()
	addTotals(&rest, d.measured.past, 1)
	for _, in := range d.rooms {
		if in.inst != nil && !in.label.gone {
			looks = append(looks, look{in.inst, in.label})
		}
	}
	d.mu.Unlock()
	for _, l := range looks {
		s := l.Stats()
		if l.named {
			addTotals(&s, l.before, -1)
			all = append(all, s)
			continue
		}
		rest.Connections += s.Connections
		rest.Clients += s.Clients
		for way, n := range s.Viewers {
			rest.Viewers[way] += n
		}
		rest.Streams += s.Streams
		rest.Waiting += s.Waiting
		rest.Players += s.Players
		rest.Playbacks += s.Playbacks
		rest.Recordings += s.Recordings
		rest.SharedObjects += s.SharedObjects
		rest.ObjectUses += s.ObjectUses
		rest.ObjectFiles += s.ObjectFiles
		rest.ObjectBytes += s.ObjectBytes
		addTotals(&rest, s, 1)
	}
	return append(all, rest)
}

// addTotals adds what only grows, or takes it away.
func addTotals(to *instance.Stats, s instance.Stats, sign int64) {
	add := func(n *uint64, more uint64) { *n += uint64(sign * int64(more)) }
	add(&to.Total.Connections, s.Total.Connections)
	add(&to.Total.Viewers, s.Total.Viewers)
	add(&to.Total.Publications, s.Total.Publications)
	add(&to.Total.Recordings, s.Total.Recordings)
	add(&to.Total.ObjectChanges, s.Total.ObjectChanges)
	add(&to.Total.ObjectSendsLost, s.Total.ObjectSendsLost)
	add(&to.Total.BytesIn, s.Total.BytesIn)
	add(&to.Total.BytesOut, s.Total.BytesOut)
	refused := maps.Clone(to.Refused)
	if refused == nil {
		refused = map[session.RefusalCode]uint64{}
	}
	for _, why := range instance.RefusedPublications {
		refused[why] += uint64(sign * int64(s.Refused[why]))
	}
	to.Refused = refused
}
