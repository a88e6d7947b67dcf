package dialect_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
)

// FuzzRewrite reads whatever anybody may have in a folder.
func FuzzRewrite(f *testing.F) {
	for _, r := range examples() {
		f.Add([]byte(r.example))
	}
	f.Add([]byte(oldScript))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := dialect.Rewrite("f.asc", data)
		var refusal *dialect.Refusal
		if err != nil {
			if !errors.As(err, &refusal) || refusal.What == "" || refusal.Line > len(data)+1 {
				t.Fatalf("an error of another kind: %#v", err)
			}
			return
		}
		if !utf8.ValidString(s.Text) || strings.Contains(s.Text, "\x00") {
			t.Fatalf("the engine cannot read %q", s.Text)
		}
		if lines := lineEnds(s, data); strings.Count(s.Text, "\n") != lines {
			t.Fatalf("%d lines became %d:\n%q\n%q", lines, strings.Count(s.Text, "\n"), data, s.Text)
		}
		for _, f := range s.Findings {
			if f.Line < 1 || f.Column < 1 || f.What == "" || f.Action == dialect.Refused {
				t.Fatalf("a finding in a file that is loaded: %v", f)
			}
		}
		for line := 1; line < 4; line++ {
			for column := range 20 {
				if s.Column(line, column) < 0 {
					t.Fatal("a column before the first")
				}
			}
		}
	})
}

// lineEnds counts those of a file as they are in its encoding.
func lineEnds(s *dialect.Source, data []byte) int {
	text := string(data)
	if s.Encoding == "UTF-16" {
		var one strings.Builder
		for i := 2; i+1 < len(data); i += 2 {
			low, high := data[i], data[i+1]
			if data[0] == 0xfe {
				low, high = high, low
			}
			if high == 0 && (low == '\n' || low == '\r') {
				one.WriteByte(low)
			} else {
				one.WriteByte('x')
			}
		}
		text = one.String()
	}
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}
