package session

import "testing"

// TestNamesThatDoSomethingToReaders refuses what a terminal or a line of text
// would obey, and takes every other script.
func TestNamesThatDoSomethingToReaders(t *testing.T) {
	for _, bad := range []string{"a\x00b", "a\x1bb", "a\x7fb", "a\u0080b", "a\u0085b", "a\u009bb", "a\u061cb", "\u200ea", "a\u202egpj.flv", "\u2066a\u2069", "a\u2028b", "a\u2029b", "a\xffb"} {
		if name, _, err := parseName(bad + "?key=k"); err == nil {
			t.Errorf("%q is %q", bad, name)
		}
	}
	for _, good := range []string{"cam", "a b", "ü", "каме́ра", "カメラ", "می\u200cخواهم", "a\u00a0b", "😀", "a/b.c"} {
		if name, _, err := parseName(good + "?key=k"); err != nil || name != good {
			t.Errorf("%q: %q, %v", good, name, err)
		}
	}
}
