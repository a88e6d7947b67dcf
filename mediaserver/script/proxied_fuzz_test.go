package script

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// proxyModel is an object here, the server that keeps it, and what is on its way between
// them, all of it moved by a test.
type proxyModel struct {
	Instance // asked for nothing but turns
	p        *proxied
	here     *sharedobject.Object
	there    *sharedobject.Object
	turns    []func(OpenObject)
	toThere  []sharedobject.Event
	toHere   [][]sharedobject.Event
	silent   bool // the far server answers nothing
}

func newProxyModel(limits sharedobject.Limits, silent bool) *proxyModel {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing is told the script
	m := &proxyModel{there: sharedobject.NewObject("board", false, sharedobject.Limits{}, nil), silent: silent}
	m.p = &proxied{so: &sharedObject{w: &world{ctx: ctx, host: &Host{cfg: Config{Instance: m}}}, key: ObjectKey{Name: "board"}}}
	limits.Owes = m.p.Owes
	m.here = sharedobject.NewObject("board", false, limits, nil)
	m.p.reset(m)
	m.p.timed = true // no time is looked at
	m.p.used = true
	return m
}

func (m *proxyModel) ID() string { return "here" }

func (m *proxyModel) UseSharedObject(_ ObjectKey, f func(OpenObject), _ func(string)) {
	m.turns = append(m.turns, f)
}

func (m *proxyModel) HandleObject(string, bool, func(*sharedobject.Message) error) {}
func (m *proxyModel) Ended() <-chan struct{}                                       { return nil }
func (m *proxyModel) TellObject(said *sharedobject.Message) error {
	m.toThere = append(m.toThere, said.Events...)
	return nil
}

// open is the object here in a turn.
func (m *proxyModel) open() smallObject { return smallObject{o: m.here} }

// client has a client that is here do something, as the instance does and tells of it.
func (m *proxyModel) client(e sharedobject.Event) {
	_, was := m.here.Get(e.Name)
	out := m.here.Apply(&sharedobject.Message{Events: []sharedobject.Event{e}}, sharedobject.Access{Read: true, Write: true})
	switch {
	case out.Denied > 0:
	case e.Type == sharedobject.RequestChange:
		m.p.hear(ObjectNews{Kind: ObjectChanged, Name: e.Name})
	case e.Type == sharedobject.RequestRemove && was:
		m.p.hear(ObjectNews{Kind: ObjectDeleted, Name: e.Name})
	case e.Type == sharedobject.Clear:
		m.p.hear(ObjectNews{Kind: ObjectCleared})
	case e.Type == sharedobject.SendMessage:
		m.p.hear(ObjectNews{Kind: ObjectSent, Call: e.Value})
	}
}

// other has somebody else do something at the far server, or us, which hears the answer.
func (m *proxyModel) other(e sharedobject.Event, us bool) {
	out := m.there.Apply(&sharedobject.Message{Events: []sharedobject.Event{e}}, sharedobject.Access{Read: true, Write: true})
	heard := out.Others
	if us {
		heard = out.Requester
	}
	if len(heard) > 0 && !m.silent {
		m.toHere = append(m.toHere, heard)
	}
}

// step moves the first of what waits: a turn here, a question, an answer.
func (m *proxyModel) step(what byte) bool {
	switch {
	case what == 0 && len(m.turns) > 0:
		f := m.turns[0]
		m.turns = m.turns[1:]
		f(m.open())
	case what == 1 && len(m.toThere) > 0:
		e := m.toThere[0]
		m.toThere = m.toThere[1:]
		m.other(e, true)
	case what == 2 && len(m.toHere) > 0:
		events := m.toHere[0]
		m.toHere = m.toHere[1:]
		m.hears(events)
	default:
		return false
	}
	return true
}

func (m *proxyModel) hears(events []sharedobject.Event) {
	m.p.hearing = true
	for i := range events {
		_ = m.p.event(m.open(), &events[i], events[i+1:]) // limits are told the script
	}
	m.p.hearing = false
}

// check says what does not hold at any moment.
func (m *proxyModel) check(most int) error {
	p := m.p
	lost, lostLen, asked, bytes := 0, 0, 0, 0
	for name, s := range p.slots {
		_, held := m.here.Get(name)
		if s.lost == held {
			return fmt.Errorf("slot %s: it is here: %v, and counts as lost: %v", name, held, s.lost)
		}
		if s.lost {
			lost, lostLen = lost+1, lostLen+len(name)
		}
		if s.asked {
			asked, bytes = asked+1, bytes+len(s.value.Raw)
		}
	}
	for name := range p.known {
		if _, held := m.here.Get(name); !held && p.slots[name] == nil {
			return fmt.Errorf("slot %s is known, and neither here nor under way", name)
		}
	}
	switch {
	case lost != p.lost || lostLen != p.lostLen || asked != p.asked || bytes != p.bytes:
		return fmt.Errorf("%d slots lost with %d bytes, %d asked for with %d: counted are %d, %d, %d, %d", lost, lostLen, asked, bytes, p.lost, p.lostLen, p.asked, p.bytes)
	case len(p.waiting) > len(p.slots) || len(p.sent) > maxSent+1:
		return fmt.Errorf("%d of %d slots wait, %d messages", len(p.waiting), len(p.slots), len(p.sent))
	case most > 0 && (m.here.Len() > most || lost > 2*most+1):
		return fmt.Errorf("%d slots, and %d that the far server has not heard of, of an object of %d", m.here.Len(), lost, most)
	}
	return nil
}

// same says where the object here differs from the one that the server keeps.
func (m *proxyModel) same() error {
	if m.here.Len() != m.there.Len() {
		return fmt.Errorf("%v here, %v there", m.here.Names(), m.there.Names())
	}
	for _, name := range m.there.Names() {
		there, _ := m.there.Get(name)
		if here, ok := m.here.Get(name); !ok || string(here.Raw) != string(there.Raw) {
			return fmt.Errorf("slot %s is % x here, and % x there", name, here.Raw, there.Raw)
		}
	}
	if n := len(m.p.slots); n > 0 || len(m.p.sent) > 0 {
		return fmt.Errorf("%d slots and %d messages are under way when all is said", n, len(m.p.sent))
	}
	return nil
}

var errEndless = errors.New("it does not come to rest")

// run does what the bytes of a program say: of each, the lower half is what, the upper
// half of which slot. odd: events that nobody has asked for come as well.
func (m *proxyModel) run(program []byte, most int, odd bool) error {
	value := func(i int) sharedobject.Value {
		v, _ := sharedobject.NewValue(float64(i))
		return v
	}
	for i, b := range program {
		slot, v := fmt.Sprint("s", b>>4), value(i)
		switch b & 15 {
		case 0, 1:
			m.client(sharedobject.Event{Type: sharedobject.RequestChange, Name: slot, Value: v})
		case 2:
			m.client(sharedobject.Event{Type: sharedobject.RequestRemove, Name: slot})
		case 3:
			m.client(sharedobject.Event{Type: sharedobject.Clear})
		case 4:
			m.client(sharedobject.Event{Type: sharedobject.SendMessage, Value: v})
		case 5:
			m.other(sharedobject.Event{Type: sharedobject.RequestChange, Name: slot, Value: v}, false)
		case 6:
			m.other(sharedobject.Event{Type: sharedobject.RequestRemove, Name: slot}, false)
		case 7:
			m.other(sharedobject.Event{Type: sharedobject.Clear}, false)
		case 9:
			if odd {
				m.hears([]sharedobject.Event{{Type: sharedobject.EventType(b >> 4), Name: fmt.Sprint("s", i%7), Value: v}})
			}
		default:
			m.step(b % 3)
		}
		if err := m.check(most); err != nil {
			return fmt.Errorf("after %d steps: %w", i+1, err)
		}
	}
	for n := 0; len(m.turns)+len(m.toThere)+len(m.toHere) > 0; n++ {
		if n > 3000+30*len(program) {
			return errEndless
		}
		m.step(byte(n % 3))
		if err := m.check(most); err != nil {
			return fmt.Errorf("as it comes to rest: %w", err)
		}
	}
	return nil
}

// FuzzProxied: whatever is done here and there, in whichever order it arrives, the object
// is the same on both sides when all is said, if it has room; and what is noted of the
// far server has its bounds at any moment, whatever that says, or if it says nothing.
func FuzzProxied(f *testing.F) {
	f.Add([]byte{0x00, 0x15, 0x02, 0x0f, 0x0a, 0x0b, 0x03, 0x13, 0x04, 0x07, 0x26}, byte(0))
	f.Add([]byte{0x00, 0x02, 0x10, 0x12, 0x20, 0x22, 0x30, 0x32, 0x40, 0x42, 0x50}, byte(1))
	f.Add([]byte{0x05, 0x15, 0x0c, 0x0b, 0x03, 0x00, 0x0a, 0x0b, 0x0c, 0x03, 0x10, 0x0b}, byte(2))
	f.Add([]byte{0x00, 0x49, 0x59, 0x69, 0x79, 0x89, 0x99, 0x09}, byte(3))
	f.Fuzz(func(t *testing.T, program []byte, how byte) {
		if len(program) > 2000 {
			return
		}
		most := 0
		if how&1 != 0 {
			most = 5
		}
		m := newProxyModel(sharedobject.Limits{Slots: most}, how&4 != 0)
		odd := how&2 != 0
		if err := m.run(program, most, odd); err != nil {
			t.Fatal(err)
		}
		if most == 0 && !odd && !m.silent {
			if err := m.same(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
