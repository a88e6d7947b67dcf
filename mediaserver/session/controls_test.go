package session

import "testing"

// TestNamesThatDoSomethingToReaders refuses what a terminal or a line of text
// would obey, and takes every other script. What misleads who reads it is no name
// for a publisher; a file that is called so plays.
func TestNamesThatDoSomethingToReaders(t *testing.T) {
	for name, is := range map[string]struct{ plays, publishes bool }{
		"a\x00b": {}, "a\x1bb": {}, "a\x7fb": {}, "a\xffb": {},
		"a\u0080b": {plays: true}, "a\u0085b": {plays: true}, "a\u009bb": {plays: true}, "a\u061cb": {plays: true}, "\u200ea": {plays: true},
		"a\u202egpj.flv": {plays: true}, "\u2066a\u2069": {plays: true}, "a\u2028b": {plays: true}, "a\u2029b": {plays: true},
		"cam": {true, true}, "a b": {true, true}, "ü": {true, true}, "каме́ра": {true, true}, "カメラ": {true, true},
		"می\u200cخواهم": {true, true}, "a\u00a0b": {true, true}, "😀": {true, true}, "a/b.c": {true, true},
	} {
		if got, _, err := parseName(name + "?key=k"); (err == nil) != is.plays || err == nil && got != name {
			t.Errorf("who plays %q has %q, %v", name, got, err)
		}
		if got, _, err := parseNewName(name + "?key=k"); (err == nil) != is.publishes || err == nil && got != name {
			t.Errorf("who publishes %q has %q, %v", name, got, err)
		}
	}
}
