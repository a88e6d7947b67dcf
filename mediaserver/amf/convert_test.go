package amf

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// behindMarker is a value as AMF3 in an AMF0 message.
func behindMarker(t testing.TB, v Value) []byte {
	t.Helper()
	b, err := Append3([]byte{markAMF3}, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every value that came behind the marker goes out as AMF0 says it, and what
// AMF0 cannot say as it came.
func TestToAMF0(t *testing.T) {
	for _, c := range cases {
		word, err := Append(nil, "onMetaData")
		if err != nil {
			t.Fatal(err)
		}
		want, err := AppendAll(word[:len(word):len(word)], c.value)
		if err != nil {
			t.Fatal(err)
		}
		in := append(word[:len(word):len(word)], behindMarker(t, c.value)...)
		if got, err := ToAMF0(in); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v; want %x", c.name, got, err, want)
		}
		if got, err := ToAMF0(want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s, as AMF0: %x, %v; want it unchanged", c.name, got, err)
		}
	}
}

// One that has the marker's byte, and no marker, is not even copied.
func TestToAMF0LeavesAMF0Alone(t *testing.T) {
	for _, v := range []Value{"a", 17.0, "\x11", NewObject("\x11", NewArray(NewECMAArray("a", "\x11\x11")))} {
		b, err := Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ToAMF0(b); err != nil || &got[0] != &b[0] {
			t.Errorf("%v: %x, %v", v, got, err)
		}
	}
}

func TestToAMF0Refuses(t *testing.T) {
	// An object of a thousand names, and seventy of its kind.
	var e encoder
	e.bytes(markAMF3, mark3Array)
	e.u29(71<<1 | 1)
	e.bytes(1, mark3Object)
	e.u29(1000<<4 | 3)
	e.string3("")
	for range 1000 {
		e.string3(strings.Repeat("n", 60))
	}
	nulls := bytes.Repeat([]byte{mark3Null}, 1000)
	e.bytes(nulls...)
	for range 70 {
		e.bytes(mark3Object, 1)
		e.bytes(nulls...)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"a class of its own form": {[]byte{markAMF3, mark3Object, 0x07, 3, 'C'}, ErrInvalid},
		"half a value":            {[]byte{markAMF3, mark3Double, 0}, ErrTruncated},
		"what grows too much":     {e.b, ErrInvalid},
	} {
		if got, err := ToAMF0(c.b); !errors.Is(err, c.want) || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(got), err, c.want)
		}
	}
}

// FuzzToAMF0 looks for messages that do not come out as one that is left alone,
// and for some that grow.
func FuzzToAMF0(f *testing.F) {
	for _, c := range cases {
		f.Add(behindMarker(f, c.value))
		if b, err := Append(nil, c.value); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := ToAMF0(b)
		if err != nil {
			return
		}
		if len(out) > len(b) && len(out) > maxGrowth*len(b)+freeGrowth {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
		before, err := DecodeAll(b)
		if err != nil && !bytes.Equal(out, b) {
			t.Fatal(err)
		}
		again, err := ToAMF0(out)
		if errors.Is(err, ErrTooMany) {
			return // text that was said once is written out now
		}
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x, and then %x, %v", out, again, err)
		}
		if after, err := DecodeAll(out); len(after) != len(before) {
			t.Fatalf("%d values became %d, %v", len(before), len(after), err)
		}
	})
}
