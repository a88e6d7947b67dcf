package sharedobject

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An object whose subscribers are at another server is told there once for all of them: a
// carrier brings what happens to a [Replica] there, which tells them. To the object's feed
// a carrier is one subscriber more, that hears others' part of what happens, and of what
// its own clients ask for also theirs.

// Far is a Subscriber that is told by a carrier, if there is one.
type Far interface {
	Subscriber
	// Carrier is who brings what it is to hear, and its number there, which is not 0 and
	// nobody else's; nil: it is told as others are.
	Carrier() (Carrier, uint64)
}

// Carrier brings objects to a server. Carriers are compared. It is called by goroutines of
// feeds, and does not wait.
type Carrier interface {
	// Carry begins to bring an object. has is the version that is there already, of one
	// that persists; 0: nothing is.
	Carry(name string, persistent bool) (c Carried, has uint32)
}

// Carried takes what a Replica is to take.
type Carried interface {
	Subscriber
	// End says that nobody there uses the object any more.
	End()
}

// Events between servers, which are never told a client nor taken from one. Name is bytes.
const (
	byClient EventType = 0x80 + iota // what follows is what a client hears of what it has asked for
	byOthers                         // and what all others hear of that
	joins                            // a client begins, or begins anew, to hear
	leaves                           // a client hears nothing any more
	floor                            // what happened before a version is not known
)

func (t EventType) between() bool { return t >= byClient && t <= floor }

// by is the event byClient: version is that of slots which change, and of which all is
// known when the next begins; 0: that of the message, where what came before may have no
// end. Client 0 is nobody: what follows is what all hear.
func by(client uint64, version uint32) Event {
	b := binary.AppendUvarint(make([]byte, 0, 8), client)
	return Event{Type: byClient, Name: string(binary.AppendUvarint(b, uint64(version)))}
}

func parseBy(name string) (client uint64, version uint32, err error) {
	b := []byte(name)
	client, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, 0, errBetween
	}
	v, m := binary.Uvarint(b[n:])
	if m <= 0 || n+m != len(b) || v > math.MaxUint32 {
		return 0, 0, errBetween
	}
	return client, uint32(v), nil
}

var errBetween = fmt.Errorf("%w: an event between servers", ErrInvalid)

// joining is what joins says.
type joining struct {
	client  uint64
	form    Form
	all     bool   // it is told Clear and all there is
	version uint32 // else: of which it has all
}

func (j joining) event() Event {
	b := binary.BigEndian.AppendUint64(nil, j.client)
	b = binary.BigEndian.AppendUint32(b, j.version)
	flags := byte(0)
	for i, is := range []bool{j.form.Flex, j.form.AMF3, j.all} {
		if is {
			flags |= 1 << i
		}
	}
	return Event{Type: joins, Name: string(append(b, flags))}
}

func parseJoining(name string) (j joining, err error) {
	if len(name) != 13 {
		return j, errBetween
	}
	b := []byte(name)
	has := func(i int) bool { return b[12]>>i&1 == 1 }
	return joining{
		client: binary.BigEndian.Uint64(b), version: binary.BigEndian.Uint32(b[8:]),
		form: Form{Flex: has(0), AMF3: has(1)}, all: has(2),
	}, nil
}

func leaving(client uint64) Event {
	return Event{Type: leaves, Name: string(binary.BigEndian.AppendUint64(nil, client))}
}

func parseLeaving(name string) (client uint64, err error) {
	if len(name) != 8 {
		return 0, errBetween
	}
	return binary.BigEndian.Uint64([]byte(name)), nil
}

func knownSince(version uint32) Event {
	return Event{Type: floor, Name: string(binary.BigEndian.AppendUint32(nil, version))}
}

func parseFloor(name string) (version uint32, err error) {
	if len(name) != 4 {
		return 0, errBetween
	}
	return binary.BigEndian.Uint32([]byte(name)), nil
}

// carrier is how a subscription is told, if not by itself: what it hears is a part of what
// another one hears, and that one's clients count.
type carrier struct {
	of     Carrier
	number uint64
	via    *Subscription // while it has joined

	carries Carried // of the one by which others are told; nil: it is none
	clients int     // who are told by it
}

// by is the one that hears what a subscription asks for.
func (s *Subscription) by() *Subscription {
	if s.via != nil {
		return s.via
	}
	return s
}

// carried is the subscription of a carrier, which begins with the first who is told by it.
func (f *Feed) carried(of Carrier) *Subscription {
	via := f.carriers[of]
	if via != nil {
		return via
	}
	to, has := of.Carry(f.name, f.persistent)
	via = &Subscription{to: to, form: Form{AMF3: true}, feed: f, cursor: Cursor{carried: true, has: has}}
	via.carries = to
	if f.carriers == nil {
		f.carriers = map[Carrier]*Subscription{}
	}
	f.carriers[of] = via
	f.enter(via)
	via.rest()
	return via
}

// joinFar is join for one that a carrier tells.
func (f *Feed) joinFar(s *Subscription, e *entry) {
	if e.form != nil {
		s.form = *e.form
	}
	if !s.joined {
		s.joined, s.via = true, f.carried(s.of)
		s.via.clients++
	}
	j := joining{client: s.number, form: s.form, version: e.piece.Version}
	for i := range e.own {
		j.all = j.all || e.own[i].Type == Clear
	}
	s.via.answer(s, e.piece.told, []Event{j.event()})
}

// leaveFar is leave for one that a carrier tells.
func (f *Feed) leaveFar(s *Subscription) {
	via := s.via
	s.joined, s.via = false, nil
	if via.clients--; via.clients > 0 {
		via.answer(s, 0, []Event{leaving(s.number)})
		return
	}
	delete(f.carriers, s.of)
	f.leave(via)
	via.carries.End()
}

// carriedTo are the events of an entry as a carrier brings them: with the version of what
// changes, and of what one of its own clients has asked for, with what that one hears.
func (e *entry) carriedTo(s *Subscription) []Event {
	if e.sub != nil && e.sub.via == s {
		if e.withOwn == nil {
			e.withOwn = append(e.begins(e.sub.number, len(e.own)+len(e.others)+2), e.own...)
			e.withOwn = append(append(e.withOwn, Event{Type: byOthers}), e.others...)
			e.withOwn = e.ends(e.withOwn)
		}
		return e.withOwn
	}
	if e.marked == nil && len(e.others) > 0 {
		e.marked = e.ends(append(e.begins(0, len(e.others)+1), e.others...))
	}
	return e.marked
}

// begins is what a carrier brings before the events of an entry, with room for so many
// more.
func (e *entry) begins(client uint64, more int) []Event {
	all := make([]Event, 0, more+e.lead())
	if e.floor != nil {
		all = append(all, knownSince(*e.floor))
	}
	return append(all, by(client, max(e.at, e.version)))
}

// lead is how many events begins makes.
func (e *entry) lead() int {
	if e.floor != nil {
		return 2
	}
	return 1
}

// ends is what it brings with them at the end, where the version that they have is not known
// with them: see Outcome.
func (e *entry) ends(all []Event) []Event {
	if e.at > e.version {
		all = append(all, by(0, 0))
	}
	return all
}

// uninvolved is a carrier none of whose clients has asked for anything.
var uninvolved = &Subscription{carrier: carrier{carries: noCarrier{}}}

type noCarrier struct{ Carried }

// brought is what all carriers hear none of whose clients has asked for any of it.
func (b *batch) brought(f *Feed) []*payload {
	if b.carriers == nil {
		b.carriers = b.encode(f, uninvolved, b.eventsFor(uninvolved), true)
	}
	return b.carriers
}

// oweEach has a carrier brought the answers in a batch of which it has heard so many
// events, each to the client that has asked.
func (s *Subscription) oweEach(b *batch, heard int) {
	for i := range b.entries {
		e := &b.entries[i]
		skip := min(heard, len(e.heard(s)))
		heard -= skip
		if e.sub == nil || e.sub.via != s {
			continue
		}
		if own := e.own[min(max(0, skip-e.lead()), len(e.own)):]; len(own) > 0 { // the first say whose they are
			s.answer(e.sub, e.before, append([]Event{by(e.sub.number, 0)}, own...))
		}
	}
}
