package edge

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// direct carries an object to replicas without a link. It implements sharedobject.Carrier
// and, of the client with the number, sharedobject.Far.
type direct struct {
	t      *testing.T
	to     *replicas
	number uint64
	id     uint64
	bytes  int
	kept   []link.ObjectBody // what it was told, as its link began
}

func (d *direct) say(k link.Kind, body any) {
	b, err := cbor.Marshal(body)
	if err != nil {
		d.t.Error(err)
	}
	r := link.Record{Kind: k, ID: d.id, Body: b}
	switch k {
	case link.ObjectBegins:
		err = d.to.begins(&r)
	case link.ObjectTold:
		d.bytes += len(b)
		err = d.to.told(&r)
	}
	if err != nil {
		d.t.Error(err)
	}
}

func (d *direct) Carry(name string, persistent bool) (sharedobject.Carried, uint32) {
	d.id++
	has := uint32(0)
	for _, one := range d.kept {
		if one.Name == name && one.Persistent == persistent {
			has = one.Has
		}
	}
	d.say(link.ObjectBegins, link.ObjectBody{Name: name, Persistent: persistent, Has: has})
	return d, has
}

func (d *direct) Tell(u sharedobject.Update, _ sharedobject.Waiter) bool {
	if len(u.Payload) > 0 {
		d.say(link.ObjectTold, link.ObjectToldBody{Payload: u.Payload})
	}
	return true
}

func (d *direct) End() {}

func (d *direct) Carrier() (sharedobject.Carrier, uint64) { return d, d.number }

// An object that persists goes on, after its link is lost, from the version that is there:
// of what is there nothing comes again, and who uses it has what has changed meanwhile.
func TestReplicasAreKept(t *testing.T) {
	t.Parallel()
	e := &Edge{log: slog.New(slog.DiscardHandler)}
	l := &listener{t: t}
	one, two := &remote{peer: l}, &remote{peer: l}
	two.uses.list = []use{{name: "room", persistent: true}}
	u := &uplink{e: e, err: errors.New("there is no link"), clients: map[*remote]struct{}{one: {}, two: {}}, stays: map[uint64]*remote{1: one, 2: two}}
	u.objects.u = u
	o := sharedobject.NewObject("room", true, sharedobject.Limits{}, nil)
	var f *sharedobject.Feed
	f = sharedobject.NewFeed("room", true, sharedobject.FeedConfig{Ask: func(s *sharedobject.Subscription, c sharedobject.Cursor) {
		f.State(s, o.Piece(c, sharedobject.MaxMessage))
	}})
	put := func(name string, bytes int) {
		v, err := sharedobject.NewValue(string(make([]byte, bytes)))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := o.Set(name, v)
		f.Tell(nil, out)
	}
	quiet := func(told func(done func())) { // with what is asked for on the way
		for range 3 {
			is := make(chan struct{})
			told(func() { close(is) })
			<-is
		}
	}
	here := func(done func()) { f.Told(nil, done) }
	join := func(d *direct) *sharedobject.Subscription {
		s := sharedobject.NewSubscription(f, d, sharedobject.Form{})
		f.Join(s, []sharedobject.Event{{Type: sharedobject.UseSuccess}, {Type: sharedobject.Clear}}, o.Join(o.Begin()))
		quiet(here)
		u.objects.settle()
		for _, one := range u.objects.all() {
			quiet(one.Told) // what who joins has not had, its replica is asked for
		}
		return s
	}
	const large = 10000
	put("a", large)
	first := &direct{t: t, to: &u.objects, number: 1}
	s := join(first)
	if first.bytes < large || l.changes.Load() != 1 {
		t.Fatalf("%d bytes were brought, and %d changes told", first.bytes, l.changes.Load())
	}
	u.objects.lost(u.stays)
	f.Leave(s)
	put("b", 10)
	quiet(here)
	if l.changes.Load() != 1 {
		t.Error("who is cut off was told of a change")
	}
	second := &direct{t: t, to: &u.objects, number: 2, kept: u.objects.goesOn(true)}
	join(second)
	if second.bytes == 0 || second.bytes > large/10 || l.changes.Load() != 3 || len(u.objects.kept) > 0 {
		t.Errorf("%d bytes were brought again, and %d changes told, %d kept", second.bytes, l.changes.Load(), len(u.objects.kept))
	}
	body, err := cbor.Marshal(link.ObjectBody{Name: "room", Persistent: true, Has: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.objects.begins(&link.Record{ID: 99, Body: body}); !errors.Is(err, link.ErrFrame) {
		t.Errorf("a replica goes on that is not there: %v", err)
	}
	u.objects.end()
}
