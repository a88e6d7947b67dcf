package sharedobject

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// costOf is what f allocates, in bytes.
func costOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// message is one about the object "a" that has the body of one event.
func message(kind EventType, body []byte) []byte {
	b := append([]byte("\x00\x01a"), make([]byte, 12)...)
	b = binary.BigEndian.AppendUint32(append(b, byte(kind)), uint32(len(body)))
	return append(b, body...)
}

// Of what claims to be very many things, no more is taken into memory than a few
// times what came.
func TestParseCostsWhatItReads(t *testing.T) {
	const size = 1 << 20
	clears := append([]byte("\x00\x01a"), make([]byte, 12)...)
	for len(clears) < size {
		clears = append(clears, byte(Clear), 0, 0, 0, 0)
	}
	names := bytes.Repeat([]byte("\x01\x00"+strings.Repeat("n", 256)), size/258)
	for name, b := range map[string][]byte{
		"empty names to remove": message(RequestRemove, make([]byte, size)),
		"empty names set":       message(RequestChange, bytes.Repeat([]byte{0, 0, 5}, size/3)),
		"successes":             message(Success, make([]byte, size)),
		"long names":            message(RequestRemove, names),
		"clears":                clears,
		"events of no type":     bytes.ReplaceAll(clears, []byte{byte(Clear), 0, 0, 0, 0}, []byte{99, 0, 0, 0, 0}),
	} {
		if cost := costOf(func() { _, _ = Parse(b, 2*size) }); cost > 8*size {
			t.Errorf("%s: %d KiB for a message of %d", name, cost>>10, len(b)>>10)
		}
	}
	if _, err := Parse(message(RequestRemove, make([]byte, 400)), 1<<10); err == nil {
		t.Error("200 names are taken where 2 KiB may be")
	}
}

// refers is AMF3 of an array of so many references to one text.
func refers(text, times int) []byte {
	u29 := func(b []byte, n int) []byte { return append(b, byte(n>>7|0x80), byte(n&0x7f)) }
	b := u29([]byte{0x11, 9}, times<<1|1)
	b = u29(append(b, 1, 6), text<<1|1)
	b = append(b, strings.Repeat("x", text)...)
	return append(b, bytes.Repeat([]byte{6, 0}, times-1)...)
}

// A value that is small in AMF3 and large in AMF0 counts as what it is at its largest:
// both are kept, and clients of either are told.
func TestLargerFormCounts(t *testing.T) {
	t.Parallel()
	limits := Limits{Slots: 10000, SlotBytes: 64 << 10, Bytes: 1 << 20}
	o := NewObject("a", true, limits, nil)
	for slot := 0; ; slot++ {
		name := fmt.Sprintf("\x00\x04%04d", slot)
		m, err := Parse(message(RequestChange, append([]byte(name), refers(360, 170)...)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if out := o.Apply(m, all); out.Denied > 0 {
			if out.Why != DeniedSize {
				t.Errorf("denied: %s", out.Why)
			}
			break
		}
	}
	plain := 0
	for _, s := range o.live() {
		plain += len(s.value.Plain)
	}
	if plain > limits.Bytes || o.Len() > 20 || o.paid < int64(plain) {
		t.Errorf("%d slots of %d bytes in AMF0, of which %d are paid for", o.Len(), plain, o.paid)
	}
	m, err := Parse(message(RequestChange, append([]byte("\x00\x01b"), refers(400, 170)...)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if out := o.Apply(m, all); out.Why != DeniedSlotSize {
		t.Errorf("a value of %d bytes in AMF0: %q", len(m.Events[0].Value.Plain), out.Why)
	}
	send := append(value(t, "hi").Raw, refers(400, 170)...)
	if m, err = Parse(message(SendMessage, send), 1<<20); err != nil {
		t.Fatal(err)
	}
	if out := o.Apply(m, all); out.Why != DeniedSlotSize {
		t.Errorf("a send of %d bytes in AMF0: %q", len(m.Events[0].Value.Plain), out.Why)
	}
}

// A piece costs what is in it, wherever it stands, and whatever was changed before.
func TestPieceCostsWhatItReturns(t *testing.T) {
	o := NewObject("a", false, Limits{}, nil)
	for range 3 {
		for i := range 10000 {
			o.Set(fmt.Sprint(i), value(t, i))
		}
	}
	whole := 0
	for p := (Piece{Next: o.Begin()}); !p.Last; {
		at := p.Next
		if cost := costOf(func() { p = o.Piece(at, MaxMessage) }); cost > 512<<10 {
			t.Fatalf("a piece of %d events costs %d bytes", len(p.Events), cost)
		}
		if n := size(p.Events); n > MaxMessage {
			t.Fatalf("a piece of %d bytes", n)
		}
		whole += len(p.Events)
	}
	if whole != o.Len() || len(o.log.list) > 2*o.Len()+keptDead {
		t.Errorf("%d slots told of %d, with a log of %d", whole, o.Len(), len(o.log.list))
	}
	if cost := costOf(func() {
		for range 1000 {
			o.Join(o.Begin())
		}
	}); cost > 1<<20 {
		t.Errorf("who comes a thousand times costs %d bytes", cost)
	}
}

// What an object had once costs nothing later: emptying leaves no map that is slow to
// walk, and gives back all that was paid.
func TestClearLeavesNothing(t *testing.T) {
	t.Parallel()
	pays := budget.New("objects", 64<<20)
	o := NewObject("a", false, Limits{}, pays)
	for i := range 10000 {
		o.Set(fmt.Sprint(i), value(t, i))
	}
	for i := range 2000 {
		o.Delete(fmt.Sprint(i))
	}
	slots, gone := reflect.ValueOf(o.slots).Pointer(), reflect.ValueOf(o.gone).Pointer()
	o.Empty()
	if reflect.ValueOf(o.slots).Pointer() == slots || reflect.ValueOf(o.gone).Pointer() == gone || cap(o.log.list) != 0 {
		t.Error("it keeps what it had")
	}
	if used := pays.Used(); used != 0 || o.paid != 0 || o.Len() != 0 || o.Bytes() != 0 {
		t.Errorf("%d bytes are paid for still, %d slots of %d bytes", used, o.Len(), o.Bytes())
	}
	// A slot that comes and goes where nobody pays for the memory of it leaves none.
	for i := range maxGone {
		o.Set(fmt.Sprint(i), value(t, i))
		o.Delete(fmt.Sprint(i))
	}
	o.Set("x", value(t, 1))
	gone = reflect.ValueOf(o.gone).Pointer()
	pays.Owe(pays.Max())
	o.Delete("x")
	if reflect.ValueOf(o.gone).Pointer() == gone || len(o.gone) != 0 {
		t.Errorf("%d deleted slots", len(o.gone))
	}
	pays.Give(pays.Max())
	for i := range 10000 {
		o.Set(fmt.Sprint(i), value(t, i))
	}
	for i := range 9990 {
		o.Delete(fmt.Sprint(i))
	}
	o.Purge(o.Version())
	if n := cap(o.log.list); n > 8*keptDead+80 {
		t.Errorf("a log of %d entries has room for %d", len(o.log.list), n)
	}
	o.Drop()
	if used := pays.Used(); used != 0 {
		t.Errorf("%d bytes are paid for in the end", used)
	}
}

// Values that refer to themselves are told in messages of their own: what they refer
// to is counted from the beginning of a message.
func TestReferencesStandAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, was, late := newBench(nil), &ear{}, &ear{}
		b.join(was, Form{})
		loop := func(id string) Event {
			o := amf.NewObject("id", id)
			o.Set("me", o)
			return set(t, id, o)
		}
		list := amf.NewArray(1)
		b.say(nil, set(t, "first", list), loop("p"), loop("q"), set(t, "twice", amf.NewArray(list, list)), set(t, "last", list))
		b.join(late, Form{})
		b.answer()
		for name, e := range map[string]*ear{"who was there": was, "who comes": late} {
			slots := map[string]amf.Value{}
			for _, u := range e.updates {
				m, err := Parse(u.Payload[1:], 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				tell(slots, m.Events)
			}
			for _, id := range []string{"p", "q"} {
				o, ok := slots[id].(*amf.Object)
				if !ok {
					t.Fatalf("%s: %s is %T", name, id, slots[id])
				}
				got, _ := o.Get("id")
				if me, _ := o.Get("me"); got != id || me != o {
					t.Errorf("%s: %s is %v, and its me another", name, id, got)
				}
			}
			if twice, ok := slots["twice"].(*amf.Array); !ok || len(twice.Items) != 2 || twice.Items[0] != twice.Items[1] {
				t.Errorf("%s: %v", name, slots["twice"])
			}
		}
	})
}
