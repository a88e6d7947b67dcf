package sharedobject

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// far is a client of a server that has a replica: it hears as an ear does, and checks.
type far struct {
	ear
	t       *testing.T
	at      *shelf // nil: it is told as others are
	below   *shelf // behind that one; nil: it is at that one
	number  uint64
	sub     *Subscription
	slots   map[string]string
	version uint32
	order   []string // of what was sent
	asked   []string // that it has no answer for
}

func (f *far) Carrier() (Carrier, uint64) {
	if f.at == nil {
		return nil, 0
	}
	return f.at, f.number
}

// near is a client as its own shelf has it, which is told as others are.
type near struct{ *far }

func (near) Carrier() (Carrier, uint64) { return nil, 0 }

// further is a client of a shelf behind the one that has it, where it has another number.
type further struct{ *far }

func (f further) Carrier() (Carrier, uint64) { return f.below, f.number + 100 }

// take takes what it was told since the last time.
func (f *far) take() {
	for _, u := range f.updates {
		m, err := Parse(u.Payload[1:], 1<<22)
		if err != nil {
			f.t.Fatal(err)
		}
		if m.Version < f.version && m.Events[0].Type != UseSuccess {
			f.t.Errorf("version %d behind %d", m.Version, f.version)
		}
		f.version = m.Version
		for _, e := range m.Events {
			switch e.Type {
			case Clear:
				clear(f.slots)
			case Change:
				f.slots[e.Name] = string(e.Value.Raw)
			case Remove:
				delete(f.slots, e.Name)
			case SendMessage:
				if v, _, _ := amf.Decode(e.Value.Raw); v != "locked" {
					f.order = append(f.order, v.(string))
				}
			case Success:
				name, value, _ := strings.Cut(f.asked[0], "=")
				if name != e.Name {
					f.t.Fatalf("success of %q, where %q is due", e.Name, f.asked[0])
				}
				f.slots[name], f.asked = value, f.asked[1:]
			}
		}
	}
	f.updates = nil
}

// shelf is a server that has a replica of one object, and takes only so much at once.
type shelf struct {
	ear
	t       *testing.T
	replica *Replica
	clients map[uint64]*far
	begun   int
	has     uint32 // of the replica that is there already
	brought int    // bytes
	pays    *budget.Budget
}

func (s *shelf) Carry(name string, persistent bool) (Carried, uint32) {
	s.begun++
	if s.has > 0 {
		return s, s.has
	}
	s.replica = NewReplica(name, persistent, ReplicaConfig{Client: func(n uint64) (Subscriber, *budget.Budget) {
		switch c := s.clients[n]; {
		case c == nil:
			return nil, nil
		case c.below != nil && c.below != s:
			return further{c}, nil
		default:
			return near{c}, nil
		}
	}, Objects: s.pays, Queues: s.pays})
	return s, 0
}

func (s *shelf) End() {
	if s.has == 0 {
		s.replica.End()
	}
}

// bring has the replica take what has come.
func (s *shelf) bring() {
	for _, u := range s.updates {
		s.brought += len(u.Payload)
		if err := s.replica.Take(u.Payload, 1<<22); err != nil {
			s.t.Fatal(err)
		}
	}
	s.updates = nil
}

// world is an object with clients here, at two servers that have replicas, and at two that
// have replicas of those.
type world struct {
	*bench
	t       *testing.T
	r       *rand.Rand
	shelves []*shelf
	clients []*far
	sent    int
	// lockless has nothing locked: versions of slots under a lock are the replica's own.
	lockless bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{bench: newBench(nil), t: t, r: rand.New(rand.NewPCG(seed, 7))}
	w.Persistent, w.lockless = true, seed%3 == 0
	for n := range 4 {
		w.shelves = append(w.shelves, &shelf{t: t, clients: map[uint64]*far{}, ear: ear{deaf: (seed>>(n/2))%2 == 0}, pays: budget.New("replicas", 1<<30)})
	}
	for n := range 15 {
		c := &far{t: t, slots: map[string]string{}, number: uint64(n + 1), ear: ear{deaf: n%3 == 2}}
		if n%5 > 0 {
			c.at = w.shelves[(n%5-1)%2]
			c.at.clients[c.number] = c
		}
		if n%5 > 2 {
			c.below = w.shelves[n%5-1]
			c.below.clients[c.number+100] = c
		}
		w.clients = append(w.clients, c)
	}
	return w
}

// use has a client begin, or begin anew, with what it knows.
func (w *world) use(c *far) {
	if c.sub == nil {
		c.sub = NewSubscription(w.feed, c, Form{AMF3: c.number%2 == 0})
	}
	w.Object.Again(c.sub)
	if known, ok := w.Since(c.version); ok {
		w.feed.Join(c.sub, []Event{{Type: UseSuccess}}, w.Object.Join(known))
		return
	}
	w.feed.Join(c.sub, []Event{{Type: UseSuccess}, {Type: Clear}}, w.Object.Join(w.Begin()))
}

func (w *world) leave(c *far) {
	w.feed.Leave(c.sub)
	w.quiet() // an answer that is lost is nobody's any more
	c.sub, c.asked = nil, nil
}

// change is what chance has a client, or the server, ask for.
func (w *world) change() (e Event, asked string) {
	slot := fmt.Sprint("s", w.r.IntN(30))
	switch n := w.r.IntN(20); {
	case n == 0 && w.r.IntN(10) == 0:
		return Event{Type: Clear}, ""
	case n < 4:
		return del(slot), ""
	case n < 7:
		if w.Locked() { // who says it hears it before others do
			return Event{Type: SendMessage, Value: value(w.t, "locked")}, ""
		}
		w.sent++
		return Event{Type: SendMessage, Value: value(w.t, fmt.Sprint("m", w.sent))}, ""
	case n == 7:
		e = set(w.t, slot, strings.Repeat("L", 20<<10)+slot)
	default:
		e = set(w.t, slot, fmt.Sprint(w.r.IntN(1000), strings.Repeat("x", w.r.IntN(2000))))
	}
	return e, slot + "=" + string(e.Value.Raw)
}

// step is something that chance has happen.
func (w *world) step() {
	c := w.clients[w.r.IntN(len(w.clients))]
	switch n := w.r.IntN(40); {
	case n < 20 && c.sub != nil:
		var events []Event
		for range 1 + w.r.IntN(4) {
			e, asked := w.change()
			if asked != "" {
				c.asked = append(c.asked, asked)
			}
			events = append(events, e)
		}
		w.say(c.sub, events...)
	case n < 26:
		e, _ := w.change()
		w.say(nil, e)
	case n == 26 && !w.Locked() && !w.lockless:
		w.Lock()
	case n < 29:
		w.feed.TellUnlocked(w.Unlock())
	case n < 32 && c.sub == nil:
		w.use(c)
	case n == 32 && c.sub != nil && w.r.IntN(4) == 0:
		w.leave(c)
	case n == 33 && w.r.IntN(10) == 0:
		w.Purge(w.Version())
	case n < 37:
		w.pass()
	}
}

// pass brings what is on its way, and has who is deaf take it.
func (w *world) pass() {
	w.answer()
	for _, s := range w.shelves {
		if s.replica != nil {
			s.bring()
			s.takeAll()
		}
	}
	synctest.Wait()
	for _, c := range w.clients {
		c.take()
		c.takeAll()
	}
}

// quiet passes until nothing is on its way.
func (w *world) quiet() {
	for again := true; again; {
		again = false
		w.pass()
		synctest.Wait()
		for _, s := range w.shelves {
			again = again || len(s.updates) > 0 || s.waiting != nil
		}
		for _, c := range w.clients {
			again = again || len(c.updates) > 0 || c.waiting != nil
		}
		again = again || len(w.asked) > 0
	}
}

// What chance has clients of two replicas, of the object itself and the server do: in the
// end all have the same, each has heard what was sent in one order, and each of its
// requests was answered once, in order.
func TestReplicasByChance(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				for range 1500 {
					w.step()
				}
				for w.Locked() {
					w.feed.TellUnlocked(w.Unlock())
				}
				w.quiet()
				for _, c := range w.clients {
					if c.sub == nil {
						w.use(c)
					}
				}
				w.quiet()
				w.say(nil, set(t, "last", "last")) // with which all are told the version
				w.quiet()
				w.check()
				for _, c := range w.clients {
					w.leave(c)
				}
				if w.quiet(); len(w.feed.subs)+len(w.feed.carriers) > 0 {
					t.Errorf("%d subscribers stay", len(w.feed.subs))
				}
				for _, s := range w.shelves {
					if used := s.pays.Used(); used != 0 {
						t.Errorf("%d bytes are paid for nothing", used)
					}
				}
			})
		})
	}
}

func (w *world) check() {
	has := map[string]string{}
	for name, s := range w.Object.slots {
		has[name] = string(s.value.Raw)
	}
	for i, c := range w.clients {
		if !maps.Equal(c.slots, has) || len(c.asked) > 0 || c.version != w.Version() {
			w.t.Errorf("client %d has %d slots of %d, version %d of %d, and no answer to %.40q", i, len(c.slots), len(has), c.version, w.Version(), c.asked)
		}
		last := 0
		for _, m := range c.order {
			var n int
			if _, err := fmt.Sscanf(m, "m%d", &n); err != nil || n <= last {
				w.t.Errorf("client %d has heard %q behind %d: %v", i, m, last, err)
			}
			last = n
		}
	}
	for i, s := range w.shelves {
		o := s.replica.object
		if o.version != w.Version() || len(o.slots) != len(has) || s.begun == 0 {
			w.t.Errorf("replica %d has version %d of %d, %d slots of %d", i, o.version, w.Version(), len(o.slots), len(has))
		}
		for name, one := range o.slots {
			if string(one.value.Raw) != has[name] {
				w.t.Errorf("replica %d has another %s", i, name)
			}
			if is := w.Object.slots[name].version; w.lockless && one.version != is {
				w.t.Errorf("replica %d has version %d of %s, not %d", i, one.version, name, is)
			}
		}
	}
}

// A replica that was cut off goes on from the version that it has: it hears what has
// changed and what was deleted since, and where that is not known any more, all.
func TestReplicaGoesOn(t *testing.T) {
	for name, forgotten := range map[string]bool{"what has changed": false, "all": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				c := w.clients[1]
				w.use(c)
				for n := range 20 {
					w.say(c.sub, set(t, fmt.Sprint("s", n), n))
					c.asked = append(c.asked, fmt.Sprintf("s%d=%s", n, value(t, n).Raw))
				}
				w.quiet()
				c.at.has = c.at.replica.Version()
				w.feed.Leave(c.sub) // as its link is lost
				w.quiet()
				w.say(nil, set(t, "s0", "changed"), del("s1"))
				if forgotten {
					w.Purge(w.Version())
				}
				c.sub, c.at.brought = nil, 0
				w.use(c)
				w.quiet()
				w.clients, w.shelves = w.clients[1:2], w.shelves[:1]
				w.check()
				if whole := c.at.brought > 300; whole != forgotten {
					t.Errorf("%d bytes were brought", c.at.brought)
				}
			})
		})
	}
}

// What is no message between servers is refused, and disturbs nothing.
func FuzzReplica(f *testing.F) {
	v := value(f, "hi")
	for _, events := range [][]Event{
		{knownSince(1), {Type: Clear}, by(0, 2), {Type: Change, Name: "a", Value: v}},
		{joining{client: 1, form: Form{AMF3: true}, all: true}.event()},
		{joining{client: 1, version: 2}.event(), by(1, 3), {Type: Success, Name: "a"}, {Type: byOthers}, {Type: Change, Name: "a", Value: v}},
		{by(2, 3), {Type: Remove, Name: "b"}, leaving(1)},
		{{Type: floor}, {Type: joins, Name: "?"}},
	} {
		m := Message{Name: "chat", Version: 3, Events: events}
		f.Add(m.Encode(true))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReplica("chat", true, ReplicaConfig{Client: func(uint64) (Subscriber, *budget.Budget) { return &ear{}, nil }})
		defer r.End()
		for range 2 {
			if r.Take(b, 1<<16) != nil {
				break
			}
		}
		told := make(chan struct{})
		r.Told(func() { close(told) })
		<-told
		if m, err := Parse(append([]byte(nil), b[min(1, len(b)):]...), 1<<16); err == nil {
			for _, e := range m.Events {
				if e.Type.between() {
					t.Errorf("a client may send an event of type %d", e.Type)
				}
			}
		}
	})
}
