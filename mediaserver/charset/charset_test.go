package charset

import (
	"testing"
	"unicode/utf8"
)

// cases feed decode, encode and fuzz.
var cases = []struct {
	name, bytes, text string
}{
	{"utf-8", "gr\xc3\xbc\xc3\x9fe", "grüße"},
	{"ISO-8859-1", "gr\xfc\xdfe \x93", "grüße \u0093"},
	{"us-ascii", "abc", "abc"},
	{"Windows-1252", "\x93gr\xfc\xdfe\x94 \x80 \x81", "“grüße” € \u0081"},
	{"utf-16", "g\x00\xfc\x00\x3d\xd8\x00\xde", "gü😀"},
	{"unicodeFFFE", "\x00g\x00\xfc\xd8\x3d\xde\x00", "gü😀"},
}

func TestSets(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		s, ok := Named(c.name)
		if got := s.Decode([]byte(c.bytes)); !ok || got != c.text {
			t.Errorf("%s: %q, want %q", c.name, got, c.text)
		}
		if got := string(s.Encode(c.text)); got != c.bytes {
			t.Errorf("%s: %q, want %q", c.name, got, c.bytes)
		}
	}
	if _, ok := Named("koi8-r"); ok {
		t.Error("koi8-r is known")
	}
	for s, want := range map[Set]string{Latin1: "a?b?", Windows1252: "a\x80b?"} {
		if got := string(s.Encode("a€b\u2028")); got != want {
			t.Errorf("%d: %q, want %q", s, got, want)
		}
	}
	if got := string(Windows1252.Encode("\u0093\u0081")); got != "?\x81" {
		t.Errorf("control characters are %q", got)
	}
	if got := UTF16LE.Decode([]byte("a\x00b")); got != "a" {
		t.Errorf("an odd byte makes %q", got)
	}
}

func TestMarked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Set{"\xef\xbb\xbfrest": UTF8, "\xff\xferest": UTF16LE, "\xfe\xffrest": UTF16BE} {
		if s, rest, ok := Marked([]byte(text)); s != want || string(rest) != "rest" || !ok {
			t.Errorf("%q: %d %q %v", text, s, rest, ok)
		}
	}
	for _, text := range []string{"", "\xef", "\xef\xbb", "rest"} {
		if s, rest, ok := Marked([]byte(text)); s != UTF8 || string(rest) != text || ok {
			t.Errorf("%q: %d %q %v", text, s, rest, ok)
		}
	}
}

// FuzzSets decodes what it has encoded, and is given anything.
func FuzzSets(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, rest, _ := Marked(b)
		for s := UTF8; s <= UTF16BE; s++ {
			text := s.Decode(rest)
			if s == UTF8 {
				continue
			}
			if !utf8.ValidString(text) {
				t.Errorf("%d: %q", s, text)
			}
			if again := s.Decode(s.Encode(text)); again != text {
				t.Errorf("%d: %q, and again %q", s, text, again)
			}
		}
	})
}
