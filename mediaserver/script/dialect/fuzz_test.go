package dialect_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
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

// FuzzLoad looks for what Rewrite lets through and the engine then does not
// read. What the engine itself finds, with its line and when the file is
// loaded, is left to it.
func FuzzLoad(f *testing.F) {
	for _, r := range examples() {
		f.Add(r.example)
	}
	f.Add(oldScript)
	for _, unit := range []string{"(", "[", "{a:", "function(){return ", "!", "new ", "a?b:", "if(a)"} {
		f.Add("a=" + strings.Repeat(unit, 100))
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 {
			return
		}
		s, err := dialect.Rewrite("f.asc", []byte(source))
		if err != nil {
			return
		}
		m := newRuntime(t)
		defer m.Close()
		if err := m.Check(engine.Source{Name: "f.asc", Text: s.Text}); err != nil && !left(err.Error()) {
			t.Errorf("%v:\n%q\n%q", err, source, s.Text)
		}
	})
}

// left tells whether the parser leaves it to the engine to refuse this: what
// stands in regular expressions, labels, and targets that are none.
func left(message string) bool {
	for _, part := range []string{
		"nothing to repeat", "invalid group", "invalid class range", "invalid regular expression flags", "extraneous characters at the end",
		"label not found", "duplicate label name", "break must be inside", "continue must be inside", "invalid number of arguments for getter",
		"invalid assignment left-hand side", "invalid destructuring target", "invalid increment/decrement operand", "invalid for in/of left hand-side",
		"unexpected end", "expecting ')'", "expecting ']'", "expecting '>'", "expecting '}'", "invalid repetition count", "invalid escape sequence in regular expression",
		"unexpected character", "stack overflow", "back reference out of range", "invalid capture", "group name", "out of range",
	} {
		if strings.Contains(message, part) {
			return true
		}
	}
	return false
}
