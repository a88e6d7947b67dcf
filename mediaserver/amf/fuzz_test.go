package amf

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// costOf is what f allocates, in bytes.
func costOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// dear is more than bytes of a length may cost to decode: so much for each
// value, of which each takes a byte at least, and the bytes themselves. The
// rest is room for other goroutines and for an error's text.
func dear(n int) uint64 { return uint64(256*min(n, maxSize/perValue) + 4*n + 64<<10) }

// decodeCheaply decodes, and fails the test when that takes more memory than
// the bytes are worth, or when it gives something back that was not there.
func decodeCheaply(t *testing.T, b []byte, decode func([]byte) (Value, []byte, error)) (v Value, ok bool) {
	t.Helper()
	var rest []byte
	var err error
	// What others in the process allocate meanwhile counts as well: what is really dear
	// is so each time.
	cost := costOf(func() { v, rest, err = decode(b) })
	for range 3 {
		if cost > dear(len(b)) {
			cost = costOf(func() { v, rest, err = decode(b) })
		}
	}
	if cost > dear(len(b)) {
		t.Fatalf("%d bytes cost %d to decode", len(b), cost)
	}
	if err == nil {
		if len(rest) >= len(b) {
			t.Fatalf("a value of no bytes: %#v", v)
		}
		return v, true
	}
	for _, known := range []error{ErrTruncated, ErrInvalid, ErrTooDeep, ErrTooMany} {
		if errors.Is(err, known) {
			return nil, false
		}
	}
	t.Fatalf("error of no kind: %v", err)
	return nil, false
}

// settles says that a value is the same after it was encoded and decoded: the
// encoding of what came back is that of what went out.
func settles(t *testing.T, v Value, appendTo func([]byte, Value) ([]byte, error), decode func([]byte) (Value, []byte, error)) {
	t.Helper()
	first, err := appendTo(nil, v)
	if err != nil {
		return // a name that the other AMF alone can carry, or too many to be referred to
	}
	back, rest, err := decode(first)
	if errors.Is(err, ErrTooMany) {
		return // text and dates that were said once, by reference, are written out now
	}
	if err != nil || len(rest) != 0 {
		t.Fatalf("encodes to %.200x, which does not decode: %v", first, err)
	}
	second, err := appendTo(nil, back)
	if err != nil || string(first) != string(second) {
		t.Fatalf("encodes to\n%.200x, then to\n%.200x, %v", first, second, err)
	}
}

// seeds adds all cases, good and bad. The largest only slow the fuzzer down.
func seeds(f *testing.F, appendTo func([]byte, Value) ([]byte, error)) {
	for _, c := range cases {
		if b, err := appendTo(nil, c.value); err == nil {
			f.Add(b)
		}
		for _, s := range []string{c.amf0, c.amf3, c.amf0 + c.amf0} {
			if b, err := hex.DecodeString(s); err == nil {
				f.Add(b)
			}
		}
	}
	for _, c := range badCases {
		if b, err := hex.DecodeString(strings.TrimSpace(c.hex)); err == nil && len(b) < 4<<10 {
			f.Add(b)
		}
	}
}

// walk looks at all of a value, once, as whoever prints or stores it does, and
// counts what it sees.
func walk(v Value) (n, text int) {
	seen := map[Value]bool{}
	var look func(Value)
	properties := func(list []Property) {
		for _, p := range list {
			text += len(p.Name)
			look(p.Value)
		}
	}
	items := func(list []Value) {
		for _, item := range list {
			look(item)
		}
	}
	look = func(v Value) {
		if reflect.ValueOf(v).Kind() == reflect.Pointer {
			if seen[v] {
				return
			}
			seen[v] = true
		}
		n++
		switch v := v.(type) {
		case string:
			text += len(v)
		case XML:
			text += len(v)
		case XMLDocument:
			text += len(v)
		case *ByteArray:
			text += len(v.Bytes)
		case *Array:
			items(v.Items)
		case *ObjectVector:
			items(v.Items)
		case *ECMAArray:
			properties(v.Properties)
			items(v.Dense)
		case *Object:
			properties(v.Properties)
		case *Dictionary:
			for _, entry := range v.Entries {
				items([]Value{entry.Key, entry.Value})
			}
		}
	}
	look(v)
	return n, text
}

// TestReferencesCount: what is small because it says things once must not
// become endless for who looks at all of it.
func TestReferencesCount(t *testing.T) {
	lists, objects := "\x0a\x00\x00\x00\x3c\x0a\x00\x00\x00\x02\x05\x05", "\x0a\x00\x00\x00\x3c\x03\x00\x00\x09"
	lists3, objects3 := "\x09\x79\x01\x09\x05\x01\x01\x01", "\x09\x79\x01\x0a\x0b\x01\x01"
	for i := range byte(59) {
		ref := string([]byte{7, 0, 1 + i})
		lists += "\x0a\x00\x00\x00\x02" + ref + ref
		objects += "\x03\x00\x01a" + ref + "\x00\x01b" + ref + "\x00\x00\x09"
		ref3 := string([]byte{2 + 2*i})
		lists3 += "\x09\x05\x01\x09" + ref3 + "\x09" + ref3
		objects3 += "\x0a\x01\x03a\x0a" + ref3 + "\x03b\x0a" + ref3 + "\x01"
	}
	text := strings.Repeat("x", 16000)
	texts3 := "\x11\x09\x87\x69\x01\x06\x81\xfa\x01" + text + strings.Repeat("\x06\x00", 499+50000)
	for name, b := range map[string]string{
		"lists": lists, "objects": objects, "AMF3 lists": "\x11" + lists3, "AMF3 objects": "\x11" + objects3,
	} {
		if _, _, err := Decode([]byte(b)); !errors.Is(err, ErrTooMany) {
			t.Errorf("%s that double sixty times: %v", name, err)
		}
	}
	if v, _, err := Decode([]byte(texts3)); err != nil {
		t.Errorf("a text five hundred times: %v", err)
	} else if n, size := walk(v); n != 501 || size != 500*16000 {
		t.Errorf("a text five hundred times: %d values, %d bytes", n, size)
	}
	many := "\x11\x09\x87\xc0\x01\x01\x06\x81\xfa\x01" + text + strings.Repeat("\x06\x00", 50000)
	if _, _, err := Decode([]byte(many)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a text many thousand times: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f, Append)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := decodeCheaply(t, b, Decode)
		if ok {
			settles(t, v, Append, Decode)
		}
		// A message of many, of which the first is the same as one alone.
		all, err := DecodeAll(b)
		if ok != (len(all) > 0) {
			t.Fatalf("Decode finds a value: %v; DecodeAll finds %d", ok, len(all))
		}
		if err == nil && len(all) > 1 {
			settles(t, all, appendMessage, decodeMessage)
		}
	})
}

// The values of a message, as if they were one.
func appendMessage(dst []byte, v Value) ([]byte, error) {
	all, _ := v.([]Value)
	return AppendAll(dst, all...)
}

func decodeMessage(b []byte) (Value, []byte, error) {
	all, err := DecodeAll(b)
	return all, nil, err
}

func FuzzDecode3(f *testing.F) {
	seeds(f, Append3)
	f.Add([]byte("\x07\x09<a/>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, ok := decodeCheaply(t, b, Decode3); ok {
			settles(t, v, Append3, Decode3)
		}
	})
}

// What a stranger may send at most must not cost much more than it weighs.
func TestDecodingIsCheap(t *testing.T) {
	const size = 8 << 20 // rtmp.Config.MaxMessageSize
	for name, b := range map[string]string{
		"nulls":                    strings.Repeat("\x05", size),
		"a list of nulls":          "\x0a\x00\x7f\xff\xf0" + strings.Repeat("\x05", size),
		"a list of empty lists":    "\x0a\x00\x10\x00\x00" + strings.Repeat("\x0a\x00\x00\x00\x00", size/5),
		"an object of names":       "\x03" + strings.Repeat("\x00\x01a\x05", size/4),
		"objects":                  strings.Repeat("\x03\x00\x00\x09", size/4),
		"AMF3 list of nulls":       "\x11\x09\x81\x80\x80\x01\x01" + strings.Repeat("\x01", size),
		"AMF3 sealed names":        "\x11\x0a\x90\x80\x80\x03\x01" + strings.Repeat("\x01", size),
		"AMF3 objects by traits":   "\x11\x09\x81\x80\x80\x01\x01\x0a\x0b\x01\x01" + strings.Repeat("\x0a\x01\x01", size/3),
		"AMF3 vector of objects":   "\x11\x10\x81\x80\x80\x01\x00\x01" + strings.Repeat("\x01", size),
		"AMF3 dictionary of nulls": "\x11\x11\x81\x80\x80\x01\x00" + strings.Repeat("\x01", size),
		"AMF3 nested":              strings.Repeat("\x11\x09\x03\x01", size/4),
	} {
		t.Run(name, func(t *testing.T) {
			if cost := costOf(func() { _, _ = DecodeAll([]byte(b)) }); cost > dear(len(b)) {
				t.Errorf("%d bytes cost %d to decode", len(b), cost)
			} else {
				t.Logf("%d KiB", cost>>10)
			}
		})
	}
}

// nameHeavy is an AMF0 list of an object of many long names, and of so many
// references to it.
func nameHeavy(names, length, references int) []byte {
	b := []byte{markStrictArray}
	b = binary.BigEndian.AppendUint32(b, uint32(references+1))
	b = append(b, markObject)
	for i := range names {
		b = binary.BigEndian.AppendUint16(b, uint16(length))
		b = append(b, fmt.Sprintf("%0*d", length, i)...)
		b = append(b, markNull)
	}
	b = append(b, 0, 0, markObjectEnd)
	for range references {
		b = append(b, markReference, 0, 1)
	}
	return b
}

// Names and short strings are text as any other: what would be much larger
// written out is refused.
func TestNamesCount(t *testing.T) {
	if _, _, err := Decode(nameHeavy(900, 63, 280)); !errors.Is(err, ErrTooMany) {
		t.Errorf("900 names of 63 bytes, 280 times: %v", err)
	}
	if _, _, err := Decode(nameHeavy(900, 63, 10)); err != nil {
		t.Errorf("900 names of 63 bytes, ten times: %v", err)
	}
	// Objects of AMF3 that share their traits say their names once.
	traits := "\x11\x09\x83\x61\x01" + "\x0a\xa6\x63\x01" // a list, an object of 310 sealed names
	for i := range 310 {
		traits += "\x7f" + fmt.Sprintf("%063d", i)
	}
	traits += strings.Repeat("\x01", 310) + strings.Repeat("\x0a\x01"+strings.Repeat("\x01", 310), 239)
	if _, _, err := Decode([]byte(traits)); err != nil {
		t.Errorf("310 names of 63 bytes, 240 objects: %v", err)
	}
	// How long names are counts, not only how many.
	if _, _, err := Decode(nameHeavy(1, 60000, 600)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a name of 60,000 bytes, 600 times: %v", err)
	}
	one := "\x11\x09\x89\x31\x01" + "\x0a\x13\x01" + "\x87\xa9\x41" + strings.Repeat("x", 60000) + "\x01" + strings.Repeat("\x0a\x01\x01", 599)
	if _, _, err := Decode([]byte(one)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a sealed name of 60,000 bytes, 600 objects: %v", err)
	}
	// Short strings of AMF3 that are referred to.
	short := "\x11\x09\x93\x80\x01\x01\x06\x7f" + strings.Repeat("x", 63) + strings.Repeat("\x06\x00", 19<<13-1)
	if _, _, err := Decode([]byte(short)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a string of 63 bytes, %d times: %v", 19<<13, err)
	}
}

// What is decoded within a size is no larger when it is written out again.
func FuzzDecodeWithin(f *testing.F) {
	seeds(f, Append)
	f.Add(nameHeavy(20, 63, 10))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 8 << 10
		all, size, err := DecodeWithin(b, most)
		if err != nil {
			return
		}
		if size > most {
			t.Fatalf("%d bytes, %d were allowed", size, most)
		}
		if out, err := AppendAll(nil, all...); err == nil && len(out) > size {
			t.Fatalf("%d bytes written out, counted as %d", len(out), size)
		}
	})
}
