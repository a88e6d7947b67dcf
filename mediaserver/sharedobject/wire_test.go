package sharedobject

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// unhex reads bytes that are written with spaces between their parts.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func value(t testing.TB, values ...amf.Value) Value {
	t.Helper()
	v, err := NewValue(values...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const head = "0004 63686174 0000000"

// wire are messages about the object "chat", byte by byte, and what they say.
var wire = []struct {
	name, bytes string
	m           Message
}{
	{"Use", head + "0 00000000 00000000 01 00000000", Message{Events: []Event{{Type: Use}}}},
	{"UseSuccess, Clear", head + "1 00000000 00000000 0b 00000000 08 00000000",
		Message{Version: 1, Events: []Event{{Type: UseSuccess}, {Type: Clear}}}},
	{"RequestChange", head + "1 00000000 00000000 03 0000000b 0003666f6f 020003626172",
		Message{Version: 1, Events: []Event{{Type: RequestChange, Name: "foo", Value: Value{Raw: []byte("\x02\x00\x03bar")}}}}},
	{"Success", head + "2 00000000 00000000 05 00000005 0003666f6f", Message{Version: 2, Events: []Event{{Type: Success, Name: "foo"}}}},
	{"Change", head + "2 00000000 00000000 04 0000000b 0003666f6f 020003626172",
		Message{Version: 2, Events: []Event{{Type: Change, Name: "foo", Value: Value{Raw: []byte("\x02\x00\x03bar")}}}}},
	{"RequestRemove", head + "2 00000000 00000000 0a 00000005 0003666f6f", Message{Version: 2, Events: []Event{{Type: RequestRemove, Name: "foo"}}}},
	{"Remove", head + "3 00000000 00000000 09 00000005 0003666f6f", Message{Version: 3, Events: []Event{{Type: Remove, Name: "foo"}}}},
	{"SendMessage", head + "3 00000000 00000000 06 0000000d 0200056f6e4d7367 0200026869",
		Message{Version: 3, Events: []Event{{Type: SendMessage, Value: Value{Raw: []byte("\x02\x00\x05onMsg\x02\x00\x02hi")}}}}},
	{"Status", head + "3 00000000 00000000 07 00000022 0019 5368617265644f626a6563742e4e6f52656164416363657373 0005 6572726f72",
		Message{Version: 3, Events: []Event{{Type: Status, Name: CodeNoReadAccess}}}},
	{"Release, persistent", head + "0 00000002 00000000 02 00000000", Message{Persistent: true, Events: []Event{{Type: Release}}}},
	{"RequestClear", head + "0 00000000 00000000 0e 00000000", Message{Events: []Event{{Type: RequestClear}}}},
}

func TestWire(t *testing.T) {
	t.Parallel()
	for _, c := range wire {
		c.m.Name = "chat"
		b := unhex(t, c.bytes)
		got, err := Parse(b, 1<<20)
		if err != nil || !reflect.DeepEqual(*got, c.m) {
			t.Errorf("%s: parsed as %+v, %v; want %+v", c.name, got, err, c.m)
		}
		if out := c.m.Encode(false); !bytes.Equal(out[1:], b) || out[0] != 0 {
			t.Errorf("%s: encoded as\n%x, want\n00%x", c.name, out, b)
		}
	}
}

// One event may carry many slots; each is an event of its own.
func TestSlotsInOneEvent(t *testing.T) {
	t.Parallel()
	m, err := Parse(unhex(t, head+"1 00000000 00000000"+"03 0000000a 000161 0101 000162 0100"+"0a 00000006 000163 000164"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{Type: RequestChange, Name: "a", Value: Value{Raw: []byte{1, 1}}},
		{Type: RequestChange, Name: "b", Value: Value{Raw: []byte{1, 0}}},
		{Type: RequestRemove, Name: "c"}, {Type: RequestRemove, Name: "d"},
	}
	if !reflect.DeepEqual(m.Events, want) {
		t.Errorf("%+v", m.Events)
	}
}

// A value that refers to one before it in the message stands alone afterwards.
func TestReferenceAcrossSlots(t *testing.T) {
	t.Parallel()
	list := "0a 00000001 0101"
	m, err := Parse(unhex(t, head+"1 00000000 00000000"+
		"03 0000000a 000161"+list+
		"03 00000006 000162 070000"+ // a is b
		"03 00000013 000163 0a 00000002 070000 0a 00000001 0500"), 1<<20)
	if err == nil {
		t.Fatalf("a null of two bytes was taken: %+v", m)
	}
	m, err = Parse(unhex(t, head+"1 00000000 00000000"+
		"03 0000000a 000161"+list+
		"03 00000006 000162 070000"+
		"03 00000011 000163 0a 00000002 070000 0a 00000001 05"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{list, list, "0a 00000002" + list + "0a 00000001 05"} {
		if got := m.Events[i].Value.Raw; !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("slot %d has %x, want %s", i, got, want)
		}
	}
	// What is sent on of them means the same, whichever of them is sent.
	for _, e := range m.Events {
		one := Message{Name: "chat", Events: []Event{{Type: Change, Name: e.Name, Value: e.Value}}}
		again, err := Parse(one.Encode(false)[1:], 1<<20)
		if err != nil || !bytes.Equal(again.Events[0].Value.Raw, e.Value.Raw) {
			t.Errorf("slot %s alone: %v", e.Name, err)
		}
	}
}

// Who does not understand AMF3 gets AMF0, where AMF0 can say it.
func TestFormsOfAValue(t *testing.T) {
	t.Parallel()
	m, err := Parse(unhex(t, head+"1 00000000 00000000 03 0000000a 0001 61 11 06 09 63686174 03 00000006 000162 11 0405"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	a := m.Events[0].Value
	if !bytes.Equal(a.As(true), []byte("\x11\x06\x09chat")) || !bytes.Equal(a.As(false), []byte("\x02\x00\x04chat")) {
		t.Errorf("%x and %x", a.As(true), a.As(false))
	}
	if b := m.Events[1].Value.As(false); !bytes.Equal(b, unhex(t, "00 4014000000000000")) {
		t.Errorf("%x", b)
	}
	if plain, flex := m.Encode(false), m.Encode(true); bytes.Equal(plain, flex) || plain[0] != 0 {
		t.Errorf("%x and %x", plain, flex)
	}
}

// bad are messages that are not taken, and in which error's name.
var bad = []struct {
	name, bytes string
	err         error
}{
	{"nothing", "", ErrInvalid},
	{"a name that ends too early", "0005 63686174", ErrInvalid},
	{"no flags", head + "0", ErrInvalid},
	{"half an event", head + "0 00000000 00000000 01 0000", ErrInvalid},
	{"an event that lies about its length", head + "0 00000000 00000000 03 ffffffff 0003666f6f", ErrInvalid},
	{"a slot that lies about its length", head + "0 00000000 00000000 0a 00000002 ffff", ErrInvalid},
	{"a slot without a value", head + "0 00000000 00000000 03 00000005 0003666f6f", amf.ErrTruncated},
	{"a value of no type", head + "0 00000000 00000000 03 00000006 0003666f6f 55", amf.ErrInvalid},
	{"an array that lies about its length", head + "0 00000000 00000000 03 0000000a 0003666f6f 0affffffff", amf.ErrTruncated},
	{"a reference to nothing", head + "0 00000000 00000000 03 00000008 0003666f6f 070005", amf.ErrInvalid},
	{"a send of nothing", head + "0 00000000 00000000 06 00000000", ErrInvalid},
	{"a send to a number", head + "0 00000000 00000000 06 00000009 004014000000000000", ErrInvalid},
	{"an externalizable object", head + "0 00000000 00000000 03 0000000a 000161 11 0a 07 05 6142 05", amf.ErrInvalid},
	{"a million events", head + "0 00000000 00000000" + strings.Repeat("02 00000000", 10000), ErrInvalid},
	{"too deep", head + "0 00000000 00000000 03 000001f5 0001 61" + strings.Repeat("0a00000001", 99) + "05 05 05", amf.ErrTooDeep},
}

func TestBadMessages(t *testing.T) {
	t.Parallel()
	for _, c := range bad {
		if m, err := Parse(unhex(t, c.bytes), 1<<20); !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v; want %v", c.name, m, err, c.err)
		}
	}
	big := value(t, amf.NewArray(make([]amf.Value, 1000)...))
	m := Message{Name: "chat", Events: []Event{{Type: RequestChange, Name: "a", Value: big}}}
	if _, err := Parse(m.Encode(false)[1:], 10000); !errors.Is(err, amf.ErrTooMany) {
		t.Errorf("a thousand nulls in 10,000 bytes: %v", err)
	}
}

// What is understood is said again in as many bytes, or fewer, and means the same.
func FuzzParse(f *testing.F) {
	for _, c := range wire {
		f.Add(unhex(f, c.bytes))
	}
	for _, c := range bad {
		if b := unhex(f, c.bytes); len(b) < 4<<10 {
			f.Add(b)
		}
	}
	f.Add(unhex(f, head+"1 00000000 00000000 03 0000000a 000161 0a000000010101 03 00000006 000162 070000 03 0000000a 0001 61 11 06 09 63686174"))
	f.Add(message(RequestRemove, make([]byte, 4<<10)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b, 64<<10)
		if err != nil {
			return
		}
		if m.Size() > 128<<10+perMessage+len(m.Name) {
			t.Fatalf("%d bytes are taken where 128 KiB may be", m.Size())
		}
		for _, amf3 := range []bool{true, false} {
			again, err := Parse(m.Encode(amf3)[1:], 1<<24)
			if err != nil {
				t.Fatalf("%+v is encoded as what does not parse: %v", m, err)
			}
			if len(again.Events) != len(m.Events) || again.Name != m.Name || again.Version != m.Version {
				t.Fatalf("%+v is %+v the next time", m, again)
			}
		}
		o := NewObject("x", false, Limits{Slots: 8, SlotBytes: 256, Bytes: 1024}, nil)
		out := o.Apply(m, Access{true, true})
		if o.Len() > 8 || o.Bytes() > 1024 || len(out.Requester) < out.Denied {
			t.Fatalf("%d slots, %d bytes, %+v", o.Len(), o.Bytes(), out)
		}
	})
}

// Who takes a message of many events apart rests now and then, and takes room for them
// once.
func TestParseRests(t *testing.T) {
	t.Parallel()
	m := Message{Name: "a"}
	for range maxEvents / 2 {
		m.Events = append(m.Events, set(t, "x", true), Event{Type: Clear})
	}
	rests := 0
	got, err := ParseWithRests(m.Encode(false)[1:], 1<<20, func() { rests++ })
	if err != nil || len(got.Events) != maxEvents || cap(got.Events) != maxEvents || rests != maxEvents/restAfter {
		t.Errorf("%v; %d events in room for %d, %d rests", err, len(got.Events), cap(got.Events), rests)
	}
}
