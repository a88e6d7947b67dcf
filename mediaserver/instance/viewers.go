package instance

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// Viewer is somebody who watches a stream by HTTP. It counts as clients do, and is none
// of the script's. It is the caller's until Watch, and is not changed then.
type Viewer struct {
	session.Client
	Way    string // by which it is sent the stream: a label of metrics
	Stream string
	Live   bool // else it is recorded
	// Plays says that it is among the players of the stream, or of the file, anyway.
	Plays bool
	// Asked says that the script was asked about it: it goes with that script.
	Asked bool
	// Operator says that limits are not for it.
	Operator bool
	// Sent counts bytes, and Files what it has open of recordings now, where Plays is
	// false.
	Sent  *atomic.Uint64
	Files *atomic.Int64
	// End has it go. It is called from anywhere, any number of times, and does not wait.
	// barred: it is not to come back at once.
	End func(reason string, barred bool)

	since time.Time
}

// Watch lets a viewer in, or says why not. Each success is matched by an Unwatch. Whether
// it may play was asked before.
func (i *Instance) Watch(v *Viewer, answer func(*session.Refusal)) {
	if !i.post(func(o *owner) { answer(o.watch(v)) }) {
		answer(stopping())
	}
}

func (o *owner) watch(v *Viewer) *session.Refusal {
	if o.closing || o.restarting {
		return stopping()
	}
	if !v.Operator {
		if why := o.hasRoom(v.Address); why != nil {
			return why
		}
	}
	o.seen.watch(v)
	return nil
}

// Unwatch says that a viewer has gone.
func (i *Instance) Unwatch(v *Viewer) {
	// After Close nothing is counted any more.
	_ = i.post(func(o *owner) {
		if !o.seen.unwatch(v) {
			return
		}
		if !v.Operator {
			o.addresses.Go(v.Address)
		}
		if o.restarting && o.seen.connections() == 0 {
			o.restart()
		}
	})
}

// dismissViewers has viewers told to go: all, or those whom a script was asked about.
func (o *owner) dismissViewers(reason string, asked bool) {
	for _, v := range o.seen.watching() {
		if v.Asked || !asked {
			v.End(reason, false)
		}
	}
}

func (s *seen) watch(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.since = time.Now()
	s.viewers[v.ID] = v
	s.total.Connections++
	s.total.Viewers++
}

// unwatch counts a viewer that goes, once: it returns false the second time.
func (s *seen) unwatch(v *Viewer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.ID] != v {
		return false
	}
	delete(s.viewers, v.ID)
	s.total.BytesOut += v.Sent.Load()
	return true
}

func (s *seen) watching() []*Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.viewers))
}

// viewer is one that is here; nil: it is not.
func (s *seen) viewer(id string) *Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewers[id]
}

// of are the viewers of live streams, by name, whom the streams do not know. The caller
// holds s.mu.
func (s *seen) of() map[string]int {
	n := map[string]int{}
	for _, v := range s.viewers {
		if v.Live && !v.Plays {
			n[v.Stream]++
		}
	}
	return n
}

// addViewers adds those who watch by HTTP to figures that have all others. own is how many
// files the instance plays itself.
func (s *Stats) addViewers(all []*Viewer, own int) {
	s.Viewers = map[string]int{}
	http := 0
	for _, v := range all {
		http++
		s.Viewers[v.Way]++
		s.Total.BytesOut += v.Sent.Load()
		switch {
		case v.Plays:
		case v.Live:
			s.Players++
		default:
			// While it is sent a piece it has a file open, and is a viewer anyway.
			s.Playbacks += 1 - int(v.Files.Load())
		}
	}
	if rest := s.Players + s.Playbacks - own - http; rest > 0 {
		s.Viewers[wayRTMP] = rest
	}
}

// wayRTMP is the way of those who watch by RTMP.
const wayRTMP = "rtmp"
