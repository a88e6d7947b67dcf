package logs

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// secrets are words with a key in them, and what is shown of them.
var secrets = []struct{ word, shown string }{
	{"", ""},
	{"cam", "cam"},
	{"cam?key=SECRET", "cam?key=***"},
	{"cam?x=1&key=SECRET&y=2", "cam?x=1&key=***&y=2"},
	{"cam?key=SECRET&key=SECRET", "cam?key=***&key=***"},
	{"cam;key=SECRET", "cam;key=***"},
	{"cam?key=SECRET;x=SECRET", "cam?key=***"}, // a semicolon may be part of it
	{"cam?key=SEC RET", "cam?key=***"},
	{`cam?key=SEC"RET`, "cam?key=***"},
	{"cam%3Fkey=SECRET", "cam%3Fkey=***"},
	{"cam%3fkey%3dSECRET", "cam%3fkey%3d***"},
	{"cam%253Fkey%253DSECRET", "cam%253Fkey%253D***"},
	{"cam?%6bey=SECRET", "cam?%6bey=***"},
	{"cam?%256Bey=SECRET&a", "cam?%256Bey=***&a"},
	{"cam?KEY=SECRET", "cam?KEY=***"},
	{"cam?streamKey=SECRET", "cam?streamKey=***"},
	{"cam/key=SECRET", "cam/key=***"},
	{"key=SECRET", "key=***"},
	{"cam?key=a%26SECRET", "cam?key=***"},
	{"cam?key=", "cam?key="},
	{"cam?key=&x=1", "cam?key=&x=1"},
	{"LNX 9,0,124,2 key=SECRET", "LNX 9,0,124,2 key=***"},
	{"monkey business", "monkey business"},
	{"cam?k%", "cam?k%"},
	{"%", "%"},
	{"%2525252525252525252525", "%2525252525252525252525"},
	{"кey=x, ключ key=SECRET", "кey=x, ключ key=***"},
}

func TestKeysAreMasked(t *testing.T) {
	t.Parallel()
	for _, c := range secrets {
		if got := Clean(c.word, MaxValue); got != c.shown {
			t.Errorf("%q is shown as %q, want %q", c.word, got, c.shown)
		}
	}
}

func TestLongWordsAreCut(t *testing.T) {
	for _, c := range []struct {
		word  string
		most  int
		shown string
	}{
		{"abcde", 5, "abcde"},
		{"abcdef", 5, "abcd…"},
		{"äöüßé", 5, "äöüßé"},
		{"äöüßéa", 5, "äöüß…"},
		{"\xff\xfe\xfd\xfc", 3, "\xff\xfe…"},
		{"key=" + strings.Repeat("x", 1000), 8, "key=***"},
		{strings.Repeat("x", 30) + "key=SECRET", 8, "xxxxxxx…"},
		{"key=" + strings.Repeat("x", 10) + "&and=more", 12, "key=***&and…"},
	} {
		if got := Clean(c.word, c.most); got != c.shown {
			t.Errorf("%q is cut to %q, want %q", c.word, got, c.shown)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Clean("cam", MaxValue) }); n != 0 {
		t.Errorf("a short word costs %v allocations", n)
	}
}

// What the server would take for a key is never shown, and nothing else of a
// short word is lost.
func FuzzMask(f *testing.F) {
	for _, c := range secrets {
		f.Add(c.word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		shown := mask(word)
		_, raw, _ := strings.Cut(shown, "?")
		query, _ := url.ParseQuery(raw)
		for _, key := range query["key"] {
			if key != "" && key != masked {
				t.Errorf("%q is shown as %q, with the key %q", word, shown, key)
			}
		}
		if again := mask(shown); again != shown {
			t.Errorf("%q, masked again: %q", shown, again)
		}
		if !strings.Contains(strings.ToLower(word), "key") && !strings.Contains(word, "%") && shown != word {
			t.Errorf("%q is shown as %q", word, shown)
		}
		if got := Clean(word, 20); utf8.RuneCountInString(got) > 20 {
			t.Errorf("%q is cut to %q", word, got)
		}
	})
}

// Whatever a stranger says makes one line, of a bounded length, that says nothing
// else than it is: JSON is JSON.
func FuzzLine(f *testing.F) {
	for _, c := range secrets {
		f.Add(c.word, true)
	}
	f.Add("a\x1b[2J\u009b2J\u202egnp.exe\u2066\n\ufeff\U000e0041\xff level=ERROR", true)
	f.Add("a\" msg=\"forged\"\r\n{}", false)
	f.Fuzz(func(t *testing.T, word string, asJSON bool) {
		w := &Log{opts: Options{Level: slog.LevelInfo, JSON: asJSON}}
		h := &handler{log: w, scopes: make([]scope, 1)}
		r := slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, "said", 0)
		r.AddAttrs(slog.String("word", word), slog.Any("err", errors.New(word)), slog.Any("list", []string{word, word}))
		line := string(h.format(r))
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || len(line) > 1024+18*MaxValue {
			t.Fatalf("%d bytes: %q", len(line), line)
		}
		for _, c := range strings.TrimSuffix(line, "\n") {
			if !unicode.IsPrint(c) && c != utf8.RuneError {
				t.Errorf("%q has %U", line, c)
			}
		}
		if asJSON && !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	})
}
