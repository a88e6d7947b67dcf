package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLists(t *testing.T) {
	for name, c := range map[string]struct{ list, fails string }{
		"a reason missing":   {"a:\n", "a stands there without a reason"},
		"upward":             {"a: b\n    why\nb:\n    why\n", ":1: a may not import b, which does not stand before it"},
		"of itself":          {"a: a\n    why\n", "may not import a"},
		"twice":              {"a:\n    why\na:\n    why\n", ":3: a stands twice"},
		"no colon":           {"a b\n", "is not PACKAGE"},
		"reason without one": {"    why\n", "a reason without a room"},
		"good":               {"# what\n\na:\n    why\n    and why\nb: a\n    why\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rooms, err := parse(c.list)
			if c.fails == "" {
				if err != nil || len(rooms) != 2 || rooms[0].why != "why and why" || len(rooms[1].imports) != 1 {
					t.Errorf("%+v, %v", rooms, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v does not say %q", err, c.fails)
			}
		})
	}
}

// A package that is new is found by itself: no other may import it until it is in
// the list.
func TestPackagesThatAreNotInTheList(t *testing.T) {
	file := &fstest.MapFile{}
	built, err := packages(fstest.MapFS{
		"go.mod": file, "a/a.go": file, "a/b/b.go": file, "tests/only_test.go": file, "a/testdata/x.go": file,
		"other/go.mod": file, "other/main.go": file, ".git/x.go": file, "bin/x.go": file,
	})
	if err != nil || strings.Join(built, " ") != "a a/b" {
		t.Fatalf("%v, %v", built, err)
	}
	err = compare([]room{{name: "a"}, {name: "gone"}}, built)
	if err == nil || !strings.Contains(err.Error(), "package a/b is not in "+list) || !strings.Contains(err.Error(), "names gone, which is no package") {
		t.Error(err)
	}
}

func TestRulesAreWrittenBetweenTheirMarks(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	house := os.DirFS(".")
	if err := run(house, true); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(linter)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	old := strings.Replace(string(config), "mediaserver/amf$", "mediaserver/amx$", 1)
	files := fstest.MapFS{linter: {Data: []byte(old)}}
	rooms, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range rooms {
		files[one.name+"/x.go"] = &fstest.MapFile{Data: []byte("package x\n")}
	}
	if err := run(files, true); err == nil || !strings.Contains(err.Error(), "out of date") {
		t.Errorf("rules that are old: %v", err)
	}
	if err := run(files, false); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(linter); err != nil || string(again) != string(config) {
		t.Errorf("not written as they are in the house: %v", err)
	}
	files[linter] = &fstest.MapFile{Data: []byte("linters: {}\n")}
	if err := run(files, false); err == nil || !strings.Contains(err.Error(), "lacks the lines") {
		t.Errorf("no marks: %v", err)
	}
}

// What a package may not import is said at once, with the line to change; tests may
// import what they like.
func TestImportsThatAreNotInTheList(t *testing.T) {
	source := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("package x\n\n" + text)} }
	house := fstest.MapFS{
		"a/a.go":      source(""),
		"b/b.go":      source(`import _ "` + module + `/a"; import _ "fmt"`),
		"b/b_test.go": source(`import _ "` + module + `/c"`),
		"c/c.go":      source(`import _ "` + module + `/a"; import _ "` + module + `/b"`),
	}
	err := imports(house, []room{{name: "a"}, {name: "b", imports: []string{"a"}}, {name: "c", imports: []string{"b"}}})
	if err == nil || !strings.Contains(err.Error(), "c/c.go imports a: ") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}
