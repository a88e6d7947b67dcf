package sharedobject

import (
	"encoding/binary"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Parse takes a message apart that a client or a server has sent, of type 19, or
// of type 16 without its first byte. Its values are no larger than so many bytes
// all together, written out (see amf.DecodeWithin), and the message is no larger in
// memory than twice that. What it returns does not alias the payload. Events that
// nobody sends are left out. Errors wrap ErrInvalid or those of amf.
func Parse(payload []byte, most int) (*Message, error) {
	return ParseWithRests(payload, most, nil)
}

// restAfter is how many events are taken apart between two rests.
const restAfter = 256

// ParseWithRests is Parse that calls rest now and then, unless it is nil: there may
// be many events in a short message.
func ParseWithRests(payload []byte, most int, rest func()) (*Message, error) {
	return parse(payload, most, rest, false)
}

// parse is ParseWithRests, also of a message between servers.
func parse(payload []byte, most int, rest func(), between bool) (*Message, error) {
	r := reader{b: payload}
	m := &Message{Name: r.text(), Version: r.uint32()}
	m.Persistent = r.uint32()&flagPersistent != 0
	r.uint32()
	p := parser{values: amf.NewMessage(most), left: 2 * most, events: room(r.b, 2*most), between: between}
	for len(r.b) > 0 && !r.short {
		kind := EventType(r.take(1)[0])
		size := r.uint32()
		if uint64(size) > uint64(len(r.b)) {
			r.short = true
			break
		}
		if err := p.event(kind, r.take(int(size))); err != nil {
			return nil, fmt.Errorf("shared object %.64q: event of type %d: %w", m.Name, kind, err)
		}
		if rest != nil && p.seen%restAfter == 0 {
			rest()
		}
	}
	if r.short {
		return nil, fmt.Errorf("%w: it ends too early", ErrInvalid)
	}
	m.Events = p.events
	return m, nil
}

// room is a place for as many events as a message has, if each of them is about one
// slot, and they may have so many bytes of memory.
func room(b []byte, left int) []Event {
	n := 0
	for most := min(maxEvents, left/perEvent); n < most && len(b) >= eventHead; n++ {
		size := uint64(binary.BigEndian.Uint32(b[1:]))
		if size > uint64(len(b)-eventHead) {
			break
		}
		b = b[eventHead+int(size):]
	}
	if n == 0 {
		return nil
	}
	return make([]Event, 0, n)
}

// parser takes the events of a message apart.
type parser struct {
	values *amf.Message
	events []Event
	seen   int // events of any type
	left   int // bytes of memory that they may have

	between bool // they may be those between servers
}

// event takes the body of an event apart: one about several slots becomes as many.
func (p *parser) event(kind EventType, body []byte) error {
	r := reader{b: body}
	if p.seen++; p.seen > maxEvents {
		return fmt.Errorf("%w: more than %d events", ErrInvalid, maxEvents)
	}
	var err error
	switch kind {
	case Use, Release, Clear, UseSuccess, RequestClear:
		return p.add(Event{Type: kind})
	case RequestChange, Change:
		for len(r.b) > 0 && err == nil && !r.short {
			err = p.slot(kind, &r)
		}
	case Success, Remove, RequestRemove:
		for len(r.b) > 0 && err == nil && !r.short {
			err = p.add(Event{Type: kind, Name: r.text()})
		}
	case Status:
		err = p.add(Event{Type: kind, Name: r.text()})
		r.text() // the level
	case byClient, byOthers, joins, leaves, floor:
		if p.between {
			err = p.add(Event{Type: kind, Name: r.text()})
		}
	case SendMessage:
		var v Value
		if v, err = parseCall(body, p.values); err == nil {
			err = p.add(Event{Type: kind, Value: v})
		}
	}
	if err == nil && r.short {
		err = fmt.Errorf("%w: it ends too early", ErrInvalid)
	}
	return err
}

// slot takes a slot's name and value.
func (p *parser) slot(kind EventType, r *reader) error {
	e := Event{Type: kind, Name: r.text()}
	if r.short {
		return nil
	}
	v, n, err := parseValue(r.b, p.values)
	if err != nil {
		return fmt.Errorf("slot %.64q: %w", e.Name, err)
	}
	r.take(n)
	e.Value = v
	return p.add(e)
}

// add appends an event, unless that is too much: it looks before there is more.
func (p *parser) add(e Event) error {
	p.left -= perEvent + len(e.Name) + e.Value.size()
	if len(p.events) == maxEvents || p.left < 0 {
		return fmt.Errorf("%w: more than %d events, or too much in them", ErrInvalid, maxEvents)
	}
	p.events = append(p.events, e)
	return nil
}

// parseValue takes one value from the front of b, and how many bytes it has.
func parseValue(b []byte, values *amf.Message) (Value, int, error) {
	one, err := values.Decode(b)
	if err != nil {
		return Value{}, 0, err
	}
	raw := append([]byte(nil), b[:one.Bytes]...)
	if !one.Alone {
		// It refers to a value before it, or counts those.
		if raw, err = amf.Append(nil, one.Value); err != nil {
			return Value{}, 0, err
		}
	}
	v, err := newValue(raw, one.AMF3)
	return v, one.Bytes, err
}

// parseCall takes what so.send sends: a handler's name and values.
func parseCall(body []byte, values *amf.Message) (Value, error) {
	var all []amf.Value
	alone, amf3 := true, false
	for rest := body; len(rest) > 0; {
		one, err := values.Decode(rest)
		if err != nil {
			return Value{}, err
		}
		rest = rest[one.Bytes:]
		all = append(all, one.Value)
		alone, amf3 = alone && one.Alone, amf3 || one.AMF3
	}
	if len(all) == 0 {
		return Value{}, fmt.Errorf("%w: send without a handler", ErrInvalid)
	}
	if _, ok := all[0].(string); !ok {
		return Value{}, fmt.Errorf("%w: the handler of a send is of type %T, not a string", ErrInvalid, all[0])
	}
	raw := append([]byte(nil), body...)
	if !alone {
		var err error
		if raw, err = amf.AppendAll(nil, all...); err != nil {
			return Value{}, err
		}
	}
	return newValue(raw, amf3)
}

func newValue(raw []byte, amf3 bool) (Value, error) {
	v := Value{Raw: raw}
	if amf3 {
		plain, err := amf.ToAMF0(raw)
		if err != nil {
			return Value{}, err
		}
		v.Plain = plain
	}
	v.Refers = v.refers()
	return v, nil
}

// reader takes numbers and text from the front of b. Once there is too little it
// is short, and gives nothing any more.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || n > len(r.b) {
		r.short, r.b = true, nil
		return make([]byte, min(n, 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

func (r *reader) text() string {
	n := int(binary.BigEndian.Uint16(r.take(2)))
	if r.short || n > len(r.b) {
		r.short, r.b = true, nil
		return ""
	}
	return string(r.take(n))
}
