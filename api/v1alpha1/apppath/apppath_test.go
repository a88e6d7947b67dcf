package apppath

import "testing"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		s     string
		want  Path
		whole string
		inURL string
	}{
		{"live", Path{"live", "_definst_"}, "live/_definst_", "live"},
		{"live/", Path{"live", "_definst_"}, "live/_definst_", "live"},
		{"/live/one/", Path{"live", "one"}, "live/one", "live/one"},
		{"live/_definst_", Path{"live", "_definst_"}, "live/_definst_", "live"},
		{"chatRoom/lobby", Path{"chatRoom", "lobby"}, "chatRoom/lobby", "chatRoom/lobby"},
		{"a/up/down", Path{"a", "up/down"}, "a/up/down", "a/up/down"},
		{"a/_definst_/b", Path{"a", "_definst_/b"}, "a/_definst_/b", "a/_definst_/b"},
		{"a//b", Path{"a", "/b"}, "a//b", "a//b"}, // no instance has that name
	} {
		got, ok := Parse(c.s)
		if !ok || got != c.want || got.String() != c.whole || got.InURL() != c.inURL {
			t.Errorf("%q: %+v, %v, %q, %q", c.s, got, ok, got, got.InURL())
		}
		if again, ok := Parse(got.InURL()); !ok || again != got {
			t.Errorf("%q: its URL names %+v", c.s, again)
		}
	}
	for _, s := range []string{"", "/", "///"} {
		if got, ok := Parse(s); ok {
			t.Errorf("%q: %+v, want no application", s, got)
		}
	}
}
