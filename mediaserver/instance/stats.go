package instance

import "time"

// Totals only ever grow.
type Totals struct {
	Connections  uint64
	Publications uint64
	Recordings   uint64
	BytesIn      uint64 // from clients that have left; Stats adds those still here
	BytesOut     uint64
}

// Stats is a snapshot of an instance.
type Stats struct {
	Application, Name string
	Uptime            time.Duration
	Connections       int // now
	Streams           int // names published now
	Players           int // of live streams, now
	Playbacks         int // of recorded streams, now
	Recordings        int // being written now
	Total             Totals
	// Refused counts the publications that were refused since the start; each
	// reason is there.
	Refused map[Refusal]uint64
}

// Stats asks the owner for a snapshot. It is zero but for the names once the
// instance has stopped.
func (i *Instance) Stats() Stats {
	s := Stats{
		Application: i.cfg.Application,
		Name:        i.cfg.Name,
		Uptime:      time.Since(i.started),
		Recordings:  int(i.recordings.Load()),
		Playbacks:   i.Store().Playbacks(),
	}
	_ = i.do(func() {
		s.Total = i.total
		s.Refused = i.refused.counted()
		s.Connections = len(i.clients)
		for _, c := range i.clients {
			in, out := c.Bytes()
			s.Total.BytesIn += in
			s.Total.BytesOut += out
		}
		for _, entry := range i.streams {
			if entry.stream.Live() {
				s.Streams++
			}
			s.Players += entry.stream.Players()
		}
	})
	return s
}
