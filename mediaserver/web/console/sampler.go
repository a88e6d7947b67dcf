package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// sampleEvery is how often the server is looked at while somebody listens.
	sampleEvery = 2 * time.Second
	// maxInstances is how many instances the event state has.
	maxInstances = 500
)

// sampler looks at the server for all listeners.
type sampler struct {
	src    Source
	lines  *Lines
	closed chan struct{}
	ended  chan struct{}

	// What follows is the goroutine's own.
	before  Server // at the last look
	at      time.Time
	totals  map[[2]string]Totals // of instances, then
	point   Server               // at the last point
	pointAt time.Time
	changed stateEvent // what was told last, without what changes all the time

	mu        sync.Mutex // Lines.mu is taken after it; nothing else is
	listeners map[*listener]struct{}
	topics    map[topicKey]*topic
	history   history
	points    uint64        // how many there were ever
	state     newest        // event state
	again     chan struct{} // somebody has come
}

// newest is an event that takes the place of the one before.
type newest struct {
	event []byte
	seq   uint64
}

// put replaces the event, unless it is the same.
func (n *newest) put(event []byte) {
	if n.seq == 0 || !bytes.Equal(n.event, event) {
		n.event, n.seq = event, n.seq+1
	}
}

func newSampler(src Source, lines *Lines) *sampler {
	s := &sampler{
		src: src, lines: lines, closed: make(chan struct{}), ended: make(chan struct{}), again: make(chan struct{}, 1),
		listeners: map[*listener]struct{}{}, topics: map[topicKey]*topic{}, history: newHistory(),
	}
	lines.onAdd(s.wake)
	return s
}

func (s *sampler) close() {
	close(s.closed)
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		l.rouse()
	}
}

// run looks at the server until the sampler is closed.
func (s *sampler) run() {
	defer close(s.ended)
	ticks := time.NewTicker(sampleEvery)
	defer ticks.Stop()
	s.sample(time.Now(), true)
	for {
		select {
		case now := <-ticks.C:
			s.sample(now, false)
		case <-s.again:
			s.sample(time.Now(), true)
		case <-s.closed:
			return
		}
	}
}

// sample looks once. Where nobody listens it is for the last hour alone, and often not
// even for that.
func (s *sampler) sample(now time.Time, fresh bool) {
	s.mu.Lock()
	listened := len(s.listeners) > 0
	s.mu.Unlock()
	due := s.pointAt.IsZero() || now.Sub(s.pointAt) >= historyStep-sampleEvery/2
	if !listened && !due {
		s.at = time.Time{} // what is known is too old to be compared with
		return
	}
	is := s.src.Server()
	if due {
		s.addPoint(is, now)
	}
	if !listened {
		s.before, s.at, s.totals = is, time.Time{}, nil
		return
	}
	if !fresh || s.at.IsZero() || now.Sub(s.at) >= sampleEvery/2 {
		s.addState(is, now)
	}
	s.look(now)
	s.wake()
}

func (s *sampler) addPoint(is Server, now time.Time) {
	if !s.pointAt.IsZero() {
		passed := now.Sub(s.pointAt)
		r := rates(is.Totals, s.point.Totals, passed)
		p := point{
			T: now.Unix(), Clients: is.Clients, Players: is.Players, In: r.In, Out: r.Out,
			CPU: busy(is.Busy, s.point.Busy, passed), Memory: is.Memory,
		}
		s.mu.Lock()
		s.history.add(p)
		s.points++
		s.mu.Unlock()
	}
	s.point, s.pointAt = is, now
}

// stateEvent is the event state.
type stateEvent struct {
	Server    Server     `json:"server"`
	Instances []Instance `json:"instances"`
	More      int        `json:"more"` // instances that are not here, as they are too many
}

func (s *sampler) addState(is Server, now time.Time) {
	passed := now.Sub(s.at)
	if s.at.IsZero() {
		passed = 0
	}
	is.CPU = busy(is.Busy, s.before.Busy, passed)
	e := stateEvent{Server: is, Instances: s.src.Instances()}
	slices.SortFunc(e.Instances, func(a, b Instance) int {
		return cmp.Or(strings.Compare(a.Application, b.Application), strings.Compare(a.Instance, b.Instance))
	})
	if n := len(e.Instances); n > maxInstances {
		e.Instances, e.More = e.Instances[:maxInstances], n-maxInstances
	}
	if e.Instances == nil {
		e.Instances = []Instance{}
	}
	totals := make(map[[2]string]Totals, len(e.Instances))
	for i := range e.Instances {
		one := &e.Instances[i]
		key := [2]string{one.Application, one.Instance}
		if before, ok := s.totals[key]; ok {
			one.Rates = rates(one.Totals, before, passed)
		}
		totals[key] = one.Totals
	}
	s.before, s.at, s.totals = is, now, totals
	if s.same(e) {
		return
	}
	text := event("state", e)
	s.mu.Lock()
	s.state.put(text)
	s.mu.Unlock()
}

// same says whether an event tells nothing that was not told before: the clock alone is
// no news, nor is it that memory comes and goes a little.
func (s *sampler) same(e stateEvent) bool {
	const some = 1 << 20
	e.Server.Uptime, e.Server.Memory = 0, e.Server.Memory/some
	e.Server.CPU = float64(int(e.Server.CPU * 100))
	is, err := json.Marshal(e)
	was, _ := json.Marshal(s.changed)
	if err == nil && bytes.Equal(is, was) {
		return true
	}
	s.changed = e
	return false
}

// wake has all listeners look.
func (s *sampler) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		l.rouse()
	}
}

// event is a server-sent event (HTML, "Server-sent events"): JSON has no line breaks.
func event(name string, data any) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + name + "\ndata: ")
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return nil
	}
	b.WriteByte('\n')
	return b.Bytes()
}
