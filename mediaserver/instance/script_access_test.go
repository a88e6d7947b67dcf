package instance

import "testing"

func TestWhatAListAllows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list, name string
		want       bool
	}{
		{"/", "anything", true},
		{"/", "../x", true}, // as without a list: who opens files looks at names
		{"", "anything", false},
		{" ", "anything", false},
		{"/;", "a", true},
		{"public", "public", true},
		{"public", "public/a/b", true},
		{"/public/", "public/a", true},
		{"/public", "/public/a", true},
		{"public", "publicity", false},
		{"public", "a/public", false},
		{"a;b/c", "b/c/d", true},
		{"a;b/c", "b", false},
		{"a; b", "b", true},
		{"Public", "public", false},
		{"public", "public/../private", false},
		{"public", "./public//a", true},
		{"films", "mp4:films/a.mp4", true},
		{"films", "mp4:other/a.mp4", false},
		{"films", "other:films/a", false},
	} {
		if got := allows(c.list, c.name); got != c.want {
			t.Errorf("%q allows %q: %t", c.list, c.name, got)
		}
	}
}

// What is allowed is so in whichever way a name is written that means the same, and
// nothing outside of what is listed ever is.
func FuzzAllows(f *testing.F) {
	f.Add("public;/films", "public/a")
	f.Add("/", "x")
	f.Add(";;a/./b", "mp4:a/b/../c")
	f.Fuzz(func(t *testing.T, list, name string) {
		if !allows("/", name) || allows("", name) {
			t.Fatalf("%q", name)
		}
		if got := allows(list, name); got != allows("/x/y/z;"+list, "/"+name) && withoutType(name) == name && withoutType("/"+name) == "/"+name && len(segments(list)) > 0 {
			t.Errorf("%q allows %q: %t", list, name, got)
		}
	})
}
