package script

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzVariables: what LoadVars.decode is given by a host is read within bounds, and what
// it was read from can be written again.
func FuzzVariables(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "&&&", "=", "a", "a=%", "a=%4", "a=%zz", "a=%f6", "a+b=c+d", "%00=%ff", "\ufeffa=1", "a==b", "__proto__=1", strings.Repeat("a&", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := parseVariables(s)
		if err != nil {
			return
		}
		var b strings.Builder
		size := 0
		for i, v := range all {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escapeVariable(v.name) + "=" + escapeVariable(v.value))
			size += len(v.name) + len(v.value)
		}
		if size > 2*len(s) {
			t.Fatalf("%d bytes became %d", len(s), size)
		}
		again, err := parseVariables(b.String())
		if err != nil || len(again) != len(all) {
			t.Fatalf("%q: %d variables became %d: %v", s, len(all), len(again), err)
		}
		for i := range all {
			if utf8.ValidString(s) && all[i] != again[i] {
				t.Fatalf("%q: %q became %q", s, all[i], again[i])
			}
		}
	})
}
