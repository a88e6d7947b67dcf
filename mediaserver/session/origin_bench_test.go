package session_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// BenchmarkOriginOfEdges is a change of a slot by the server's own code that clients of four
// edges hear, with so many at each, as it costs the origin: the edges read what comes over
// their links, and tell nobody.
func BenchmarkOriginOfEdges(b *testing.B) {
	for _, w := range []way{overLink, overOldLink} {
		for _, clients := range []int{1, 250} {
			b.Run(fmt.Sprint(w, " clients ", clients), func(b *testing.B) { tellEdges(b, w, clients) })
		}
	}
}

// standIn is an edge that has clients, and reads what they are told.
type standIn struct {
	pipe     *link.Pipe
	answered chan struct{} // one for each question
	told     *atomic.Int64 // messages, of all edges
	arrived  chan struct{}
	want     *atomic.Int64
}

func (s *standIn) handle(r link.Record) error {
	switch r.Kind {
	case link.Answer:
		s.answered <- struct{}{}
	case link.ObjectTold:
		var b link.ObjectToldBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		s.pipe.Send(link.Taken, 0, 0, link.RoomBody{Bytes: len(b.Payload)})
		s.took()
	case link.Tell:
		var b link.UpdateBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		s.pipe.Send(link.Room, r.Client, 0, link.RoomBody{Bytes: len(b.Payload)})
		s.took()
	}
	return nil
}

func (s *standIn) took() {
	if s.told.Add(1) == s.want.Load() {
		s.arrived <- struct{}{}
	}
}

func tellEdges(b *testing.B, w way, clients int) {
	h, stop := run(b, w, open.with(func(r *instance.Rules) { r.MaxPerAddress = 0 }))
	defer stop()
	const edges = 4
	var told, want atomic.Int64
	arrived := make(chan struct{}, 1)
	var serving sync.WaitGroup
	var all []*link.Conn
	for range edges {
		nc, err := net.Dial("tcp", h.link.cfg.Origin)
		if err != nil {
			b.Fatal(err)
		}
		c, err := link.Dial(b.Context(), nc, h.link.cfg.Keys, link.Hello{Purpose: link.Control, Edge: "stand-in", Newest: linkVersion[w]})
		if err != nil {
			b.Fatal(err)
		}
		s := &standIn{pipe: link.NewPipe(c, 64<<20), answered: make(chan struct{}, 2*clients), told: &told, want: &want, arrived: arrived}
		serving.Go(func() { _ = s.pipe.Run(s.handle) })
		all = append(all, c)
		use := (&sharedobject.Message{Name: "room", Events: []sharedobject.Event{uses()}}).Encode(false)[1:]
		for n := range uint64(clients) {
			id := fmt.Sprint(len(all), " ", n)
			s.pipe.Send(link.Connect, n+1, 1, link.ConnectBody{Client: link.Client{ID: id, Address: "192.0.2.1:1"}, Application: "app", Instance: "one"})
			<-s.answered
			s.pipe.Send(link.SharedObject, n+1, 2, link.SharedObjectBody{Message: use})
			<-s.answered
		}
	}
	v := puts(b, "a", "here I am").Value
	change := func(n int) {
		messages := int64(edges)
		if w == overOldLink {
			messages = int64(edges * clients)
		}
		told.Store(0)
		want.Store(messages)
		h.instances[0].WithSharedObject("room", false, func(o instance.SharedObject) {
			if err := o.Set(fmt.Sprint("a", n%10), v); err != nil {
				b.Error(err)
			}
		}, func(r *session.Refusal) { b.Error(r) })
		<-arrived
	}
	eventually(b, "all use it", func() bool { return h.Stats()[0].ObjectUses == edges*clients })
	var quiet int64
	eventually(b, "all know it", func() bool { // what they are told first has come
		is := told.Load()
		same := is == quiet
		quiet = is
		return same && is >= edges
	})
	cpu, linked := processor(), h.linked()
	b.ResetTimer()
	for n := range b.N {
		change(n)
	}
	b.StopTimer()
	b.ReportMetric(float64((processor()-cpu).Microseconds())/float64(b.N), "cpu-µs/change")
	b.ReportMetric(float64(h.linked()-linked)/float64(b.N), "link-B/change")
	for _, c := range all {
		c.Close()
	}
	serving.Wait()
}
