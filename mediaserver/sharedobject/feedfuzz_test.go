package sharedobject

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// listener is a client that keeps what it hears as a client does, and takes nothing
// while it is deaf.
type listener struct {
	mu      sync.Mutex
	t       *testing.T
	room    int
	waiting Waiter
	slots   map[string]amf.Value
	largest int
	version uint32                 // that it was told last
	sent    float64                // messages that it has sent
	heard   map[string]float64     // the number of the last message of each
	asked   map[string][]amf.Value // what it has put into slots, and has no answer for
}

func (l *listener) Tell(u Update, w Waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.Payload == nil {
		l.waiting = nil
		return true
	}
	if l.waiting != nil && l.waiting != w || l.room <= 0 {
		l.waiting = w
		return false
	}
	l.waiting = nil
	l.room -= len(u.Payload)
	m, err := Parse(u.Payload[1:], 1<<24)
	if err != nil {
		l.t.Errorf("told what cannot be understood: %v", err)
		return true
	}
	if len(m.Events) > 1 {
		l.largest = max(l.largest, len(u.Payload))
	}
	if m.Version < l.version && m.Events[0].Type != UseSuccess {
		l.t.Errorf("told version %d behind %d", m.Version, l.version)
	}
	l.version = m.Version
	for i, e := range m.Events {
		if e.Type == SendMessage {
			all, _ := amf.DecodeAll(e.Value.Raw)
			by, n := all[0].(string), all[1].(float64)
			if n <= l.heard[by] {
				l.t.Errorf("told message %v of %s behind %v", n, by, l.heard[by])
			}
			l.heard[by] = n
		}
		if e.Type != Success {
			tell(l.slots, m.Events[i:i+1])
			continue
		}
		asked := l.asked[e.Name]
		if len(asked) == 0 {
			l.t.Errorf("told of a success of %s that it has not asked for", e.Name)
			continue
		}
		l.slots[e.Name], l.asked[e.Name] = asked[0], asked[1:]
	}
	return true
}

// comesBack checks what a client has that comes back with the version that it was told
// last, after its line broke.
func (l *listener) comesBack(o *Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slots, want := maps.Clone(l.slots), map[string]amf.Value{}
	if _, ok := o.Since(l.version); !ok {
		clear(slots)
	}
	tell(slots, o.State(l.version))
	tell(want, o.State(0))
	if !maps.Equal(slots, want) {
		l.t.Errorf("a client that comes back with version %d has %.300v, and the object %.300v", l.version, slots, want)
	}
}

// hear lets it take so many bytes more.
func (l *listener) hear(bytes int) {
	l.mu.Lock()
	w := l.waiting
	if l.room = bytes; bytes > 0 {
		l.waiting = nil
	}
	l.mu.Unlock()
	if w != nil && bytes > 0 {
		w.Room()
	}
}

// note keeps what the client has asked for, of a message with one change at most.
func (l *listener) note(out Outcome, events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if e.Type == RequestChange && slices.ContainsFunc(out.Requester, func(e Event) bool { return e.Type == Success }) {
			v, _, _ := amf.Decode(e.Value.Raw)
			l.asked[e.Name] = append(l.asked[e.Name], v)
		}
	}
}

// step is one thing that happens, as two bytes say.
func (b *bench) step(t *testing.T, who *listener, s *Subscription, what, which byte) {
	slot := fmt.Sprint("s", which%40)
	apply := func(events ...Event) {
		out := b.ApplyFor(s, &Message{Events: events}, all)
		who.note(out, events)
		b.feed.Tell(s, out)
	}
	switch what {
	case 0, 1, 2:
		apply(set(t, slot, strings.Repeat(slot, int(which))))
	case 3:
		apply(del(slot))
	case 4:
		who.sent++
		hi, err := NewValue(fmt.Sprintf("%p", who), who.sent)
		if err != nil {
			t.Fatal(err)
		}
		apply(set(t, slot, int(which)), del(fmt.Sprint("s", which/2%40)), Event{Type: SendMessage, Value: hi})
	case 5:
		if which%8 == 0 {
			apply(Event{Type: Clear})
		}
	case 6:
		who.hear(0)
	case 7:
		who.hear(int(which) * 16)
	case 8:
		b.again(s)
	case 9:
		b.Lock()
	case 10:
		b.feed.TellUnlocked(b.Unlock())
	case 11:
		b.Purge(b.Version())
	case 12:
		synctest.Wait()
	case 13, 14:
		synctest.Wait()
		b.answerOnce()
	case 15:
		if synctest.Wait(); b.locks == 0 {
			who.comesBack(b.Object)
		}
	}
}

// Whatever happens in whichever order, and however slowly clients take it: in the end
// all of them have what the object has, and nothing is held for them.
func FuzzFeed(f *testing.F) {
	f.Add([]byte{0, 1, 6, 0, 0, 2, 3, 1, 7, 9, 0, 3, 5, 8, 0, 4, 8, 0, 9, 0, 0, 5, 10, 0})
	f.Add([]byte("\x06\x00\x00\xff\x0c\xfe\x18\xfd\x00\xfc\x0c\xfb\x03\xff\x07\x10\x05\x00\x00\x01\x0b\x00\x07\x20"))
	f.Add([]byte(strings.Repeat("\x06\x01\x00\xe0\x07\x03\x03\x07\x09\x00\x00\x20\x0a\x00\x04\x04", 20)))
	f.Fuzz(func(t *testing.T, steps []byte) {
		synctest.Test(t, func(t *testing.T) { follow(t, steps[:min(len(steps), 4096)]) })
	})
}

// The same as the fuzz test, with what chance says.
func TestFeedByChance(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			steps := make([]byte, 1000)
			for i := range steps {
				steps[i] = byte(r.Uint32())
			}
			synctest.Test(t, func(t *testing.T) { follow(t, steps) })
		})
	}
}

func follow(t *testing.T, steps []byte) {
	pays := budget.New("objects", 16<<20)
	o := newBench(pays)
	o.SetLimits(Limits{Slots: 30})
	const clients = 3
	var who [clients]*listener
	var subs [clients]*Subscription
	for i := range who {
		who[i] = &listener{t: t, room: 1 << 30, slots: map[string]amf.Value{}, heard: map[string]float64{}, asked: map[string][]amf.Value{}}
		subs[i] = o.join(who[i], Form{})
	}
	for i := 0; i+1 < len(steps); i += 2 {
		n := int(steps[i]>>4) % clients
		o.step(t, who[n], subs[n], steps[i]&0xf, steps[i+1])
	}
	for o.locks > 0 {
		o.feed.TellUnlocked(o.Unlock())
	}
	want := map[string]amf.Value{}
	tell(want, o.State(0))
	for _, l := range who {
		l.hear(1 << 30)
	}
	o.answer()
	for i, l := range who {
		if !maps.EqualFunc(l.slots, want, func(a, b amf.Value) bool { return a == b }) {
			t.Errorf("client %d has %v, and the object %v", i, l.slots, want)
		}
		for slot, left := range l.asked {
			if len(left) > 0 {
				t.Errorf("client %d has no answer for %d changes of %s", i, len(left), slot)
			}
		}
		l.comesBack(o.Object)
		if l.largest > MaxMessage+100 {
			t.Errorf("a message of several events has %d bytes", l.largest)
		}
		o.feed.Leave(subs[i])
	}
	synctest.Wait()
	o.Drop()
	if used := pays.Used(); used != 0 {
		t.Errorf("%d bytes are paid for nothing", used)
	}
}
