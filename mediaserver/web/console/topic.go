package console

import (
	"context"
	"time"
)

const (
	// lookTime is how long an instance may take to say what is in it.
	lookTime = 2 * time.Second
)

// topicKey is what a listener has chosen to look into.
type topicKey struct{ application, instance, object string }

// topic is that for all who have chosen it.
type topic struct {
	key       topicKey
	listeners int  // guarded by sampler.mu, as all here but memory
	looking   bool // a goroutine does
	detail    newest
	object    newest

	memory memory // of whoever looks
}

// memory is what was found at the last look.
type memory struct {
	at      time.Time
	clients map[string]Totals
	streams map[string]streamMemory
	version uint32 // of the object
	known   bool   // it was there
}

// streamMemory is what is remembered of a publication.
type streamMemory struct {
	since         int64
	bytes, frames uint64
	newest        time.Duration
	at            time.Time
	ahead         time.Duration // the least that a packet came behind its timestamp
	fps           float64
}

// look has goroutines look into what listeners have chosen: an instance that does not
// answer is in nobody's way.
func (s *sampler) look(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		if !t.looking && now.Sub(t.memory.at) >= sampleEvery/2 {
			t.looking = true
			go s.lookInto(t, now)
		}
	}
}

func (s *sampler) lookInto(t *topic, now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	k := t.key
	d, ok := s.src.Detail(ctx, k.application, k.instance)
	d.Application, d.Instance = k.application, k.instance
	var detail, object []byte
	if !ok {
		t.memory = memory{at: now}
		detail = event("detail", goneDetail{k.application, k.instance, true})
	} else {
		t.memory.rate(&d, now)
		detail = event("detail", d)
	}
	if k.object != "" {
		o := s.src.Object(ctx, k.application, k.instance, k.object, t.memory.version)
		switch {
		case o == nil && (t.memory.known || t.object.seq == 0):
			t.memory.version, t.memory.known = 0, false
			object = event("object", goneObject{k.object, true})
		case o != nil && (o.Version != t.memory.version || !t.memory.known):
			t.memory.version, t.memory.known = o.Version, true
			object = event("object", o)
		}
	}
	s.mu.Lock()
	t.looking = false
	t.detail.put(detail)
	if object != nil {
		t.object.put(object)
	}
	s.mu.Unlock()
	s.wake()
}

// goneDetail and goneObject say that what was chosen is not there.
type goneDetail struct {
	Application string `json:"application"`
	Instance    string `json:"instance"`
	Gone        bool   `json:"gone"`
}

type goneObject struct {
	Key  string `json:"key"`
	Gone bool   `json:"gone"`
}

// rate fills in what only two looks tell.
func (m *memory) rate(d *Detail, now time.Time) {
	passed := now.Sub(m.at)
	clients := make(map[string]Totals, len(d.Clients))
	for i := range d.Clients {
		c := &d.Clients[i]
		if before, ok := m.clients[c.ID]; ok {
			c.Rates = rates(c.Totals, before, passed)
		}
		clients[c.ID] = c.Totals
	}
	streams := make(map[string]streamMemory, len(d.Streams))
	for i := range d.Streams {
		one := &d.Streams[i]
		is := streamMemory{since: one.Since, bytes: one.Bytes, frames: one.Frames, newest: one.Newest, at: now, ahead: one.Arrived.Sub(time.Time{}.Add(one.Newest))}
		if was, ok := m.streams[one.Name]; ok && was.since == is.since && is.bytes >= was.bytes {
			one.Bitrate = rates(Totals{In: is.bytes}, Totals{In: was.bytes}, now.Sub(was.at)).In
			is.fps = was.fps
			if grown := is.newest - was.newest; grown > 0 { // by the publisher's own clock
				is.fps = float64(is.frames-was.frames) / grown.Seconds()
			}
			one.Delay = max(is.ahead-was.ahead, 0).Milliseconds()
			is.ahead = min(is.ahead, was.ahead)
		}
		if one.Video != nil && is.fps > 0 {
			one.Video.FPS = float64(int(is.fps*10+0.5)) / 10
		}
		streams[one.Name] = is
	}
	m.at, m.clients, m.streams = now, clients, streams
}
