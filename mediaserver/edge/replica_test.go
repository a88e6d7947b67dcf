package edge

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// far is an origin that says what a test has it say: an object and its feed, which one
// edge carries.
type far struct {
	t      *testing.T
	pipe   *link.Pipe
	object *sharedobject.Object
	feed   *sharedobject.Feed
	linked chan struct{} // closed once a client has connected
	begun  atomic.Uint64
}

// newFar makes an origin, and an edge of it.
func newFar(t *testing.T) (*far, *Edge) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := link.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	f := &far{t: t, object: sharedobject.NewObject("room", true, sharedobject.Limits{}, nil), linked: make(chan struct{})}
	f.feed = sharedobject.NewFeed("room", true, sharedobject.FeedConfig{Ask: func(s *sharedobject.Subscription, c sharedobject.Cursor) {
		f.feed.State(s, f.object.Piece(c, sharedobject.MaxMessage))
	}})
	keys := link.FixedKeys("a link's key")
	var serving sync.WaitGroup
	serving.Go(func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		if _, err := io.ReadFull(nc, make([]byte, len(link.Preface))); err != nil {
			return
		}
		c, _, err := link.Accept(nc, cert, keys, 0, func(link.Hello) error { return nil })
		if err != nil {
			t.Error(err)
			return
		}
		f.pipe = link.NewPipe(c, 64<<20)
		_ = f.pipe.Run(func(r link.Record) error {
			if r.Kind == link.Connect {
				f.pipe.Send(link.Answer, r.Client, r.ID, link.ConnectAnswer{})
				close(f.linked)
			}
			return nil
		})
	})
	fanout := stream.NewFanout(0)
	e := New(Config{Origin: ln.Addr().String(), Keys: keys, Fanout: fanout})
	t.Cleanup(func() {
		e.Close()
		ln.Close()
		serving.Wait()
		fanout.Close()
	})
	return f, e
}

// Carry implements sharedobject.Carrier.
func (f *far) Carry(name string, persistent bool) (sharedobject.Carried, uint32) {
	f.pipe.Send(link.ObjectBegins, 0, f.begun.Add(1), link.ObjectBody{Name: name, Persistent: persistent})
	return f, 0
}

// Tell implements sharedobject.Subscriber.
func (f *far) Tell(u sharedobject.Update, _ sharedobject.Waiter) bool {
	if len(u.Payload) > 0 {
		f.pipe.Send(link.ObjectTold, 0, f.begun.Load(), link.ObjectToldBody{Payload: u.Payload})
	}
	return true
}

func (f *far) End() {}

// Carrier implements sharedobject.Far, of the edge's first client.
func (f *far) Carrier() (sharedobject.Carrier, uint64) { return f, 1 }

// listener is a client of the edge that looks at the order in which it is told.
type listener struct {
	session.Peer
	t       *testing.T
	changes atomic.Int64
	calls   chan int64 // how many changes it had heard of
}

func (l *listener) Tell(u sharedobject.Update, _ sharedobject.Waiter) bool {
	m, err := sharedobject.Parse(u.Payload[1:], 1<<20)
	if err != nil {
		l.t.Error(err)
		return true
	}
	for _, e := range m.Events {
		if e.Type == sharedobject.Change {
			l.changes.Add(1)
		}
	}
	return true
}

func (l *listener) Invoke(session.Invocation, func(session.Answer)) { l.calls <- l.changes.Load() }
func (l *listener) Traffic() session.Traffic                        { return session.Traffic{} }
func (l *listener) Shutdown(string)                                 {}

// What an origin says to one client, or to many, comes behind all that it has said of a
// shared object before, and before what it says then.
func TestNothingOvertakesAReplica(t *testing.T) {
	t.Parallel()
	f, e := newFar(t)
	l := &listener{t: t, calls: make(chan int64, 1)}
	answered := make(chan session.ConnectAnswer, 1)
	e.Connect(session.ConnectRequest{Application: "app", Instance: "one"}, l, func(a session.ConnectAnswer) { answered <- a })
	a := <-answered
	<-f.linked
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	sub := sharedobject.NewSubscription(f.feed, f, sharedobject.Form{AMF3: true})
	f.feed.Join(sub, []sharedobject.Event{{Type: sharedobject.UseSuccess}, {Type: sharedobject.Clear}}, f.object.Join(f.object.Begin()))
	told := func() { // all that was said is on the pipe
		done := make(chan struct{})
		f.feed.Told(nil, func() { close(done) })
		<-done
	}
	told()
	changes := int64(0)
	for n := range 300 {
		for range n % 5 {
			v, err := sharedobject.NewValue(changes)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := f.object.Set("n", v)
			f.feed.Tell(nil, out)
			told()
			changes++
		}
		body := link.InvokeBody{Method: "look"}
		if n%2 == 0 {
			f.pipe.Send(link.Invoke, 1, 0, body)
		} else {
			f.pipe.Send(link.InvokeMany, 0, 0, link.InvokeManyBody{InvokeBody: body, Clients: link.AppendNumbers(nil, []uint64{1})})
		}
		select {
		case heard := <-l.calls:
			if heard != changes {
				t.Fatalf("call %d came with %d changes heard of %d", n, heard, changes)
			}
		case <-time.After(servertest.Patience):
			t.Fatal("a call did not come")
		}
	}
	a.Instance.Leave(session.Client{})
}
