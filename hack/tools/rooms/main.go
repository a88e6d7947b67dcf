// Rooms writes the linter's import rules from the ordered list of the house's
// packages, rooms.txt, into .golangci.yml of the current folder; with --check
// it only compares. It fails when a package of the module is not in the list,
// when a line of the list names no package, when an import would go upward, or
// when a package imports one that it may not.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	module = "flashpod.dev/flashpod"
	list   = "hack/tools/rooms/rooms.txt"
	linter = ".golangci.yml"

	begin = "      # Written by \"make generate\" from " + list + ".\n"
	end   = "      # Up to here.\n"
)

//go:embed rooms.txt
var text string

func main() {
	check := slices.Contains(os.Args[1:], "--check")
	if err := run(os.DirFS("."), check); err != nil {
		fmt.Fprintf(os.Stderr, "rooms: %v\n", err)
		os.Exit(1)
	}
}

func run(house fs.FS, check bool) error {
	rooms, err := parse(text)
	if err != nil {
		return err
	}
	built, err := packages(house)
	if err != nil {
		return err
	}
	if err := errors.Join(compare(rooms, built), imports(house, rooms)); err != nil {
		return err
	}
	before, err := fs.ReadFile(house, linter)
	if err != nil {
		return err
	}
	after, err := place(string(before), rules(rooms))
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(before, []byte(after)):
		return nil
	case check:
		return fmt.Errorf("%s is out of date: run \"make generate\" and commit", linter)
	}
	return os.WriteFile(linter, []byte(after), 0o644)
}

// room is a package, by its path in the module.
type room struct {
	name    string
	imports []string // may be
	why     string
}

// parse reads the list. Every room has a reason, and imports only rooms before
// it.
func parse(text string) ([]room, error) {
	var rooms []room
	var names []string
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", list, i+1)
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, " "):
			if len(rooms) == 0 {
				return nil, fmt.Errorf("%s: a reason without a room", where)
			}
			last := &rooms[len(rooms)-1]
			last.why = strings.TrimSpace(last.why + " " + strings.TrimSpace(line))
			continue
		}
		name, imports, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%s: %q is not PACKAGE: WHAT IT MAY IMPORT", where, line)
		}
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: %s stands twice", where, name)
		}
		one := room{name: name, imports: strings.Fields(imports)}
		for _, other := range one.imports {
			if !slices.Contains(names, other) {
				return nil, fmt.Errorf("%s: %s may not import %s, which does not stand before it", where, name, other)
			}
		}
		names, rooms = append(names, name), append(rooms, one)
	}
	for _, one := range rooms {
		if one.why == "" {
			return nil, fmt.Errorf("%s: %s stands there without a reason", list, one.name)
		}
	}
	return rooms, nil
}

// packages finds the packages of the module that are more than tests.
func packages(house fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			dir := path.Dir(name)
			if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !slices.Contains(found, dir) {
				found = append(found, dir)
			}
			return nil
		case name == ".":
			return nil
		case strings.HasPrefix(d.Name(), "."), strings.HasPrefix(d.Name(), "_"), d.Name() == "testdata", name == "bin", name == "data":
			return fs.SkipDir
		}
		if _, err := fs.Stat(house, path.Join(name, "go.mod")); err == nil {
			return fs.SkipDir // another module
		}
		return nil
	})
	return found, err
}

// compare wants all packages in the list, and no others.
func compare(rooms []room, built []string) error {
	var errs []error
	var names []string
	for _, one := range rooms {
		names = append(names, one.name)
		if !slices.Contains(built, one.name) {
			errs = append(errs, fmt.Errorf("%s names %s, which is no package: remove its line", list, one.name))
		}
	}
	for _, name := range built {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("package %s is not in %s: give it a line there, below what it may import and above who may import it, with the reason; then \"make generate\"", name, list))
		}
	}
	return errors.Join(errs...)
}

// imports wants each room to import only what it may. The linter says the same,
// and takes longer.
func imports(house fs.FS, rooms []room) error {
	var errs []error
	for _, one := range rooms {
		files, err := fs.Glob(house, one.name+"/*.go")
		if err != nil {
			return err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := fs.ReadFile(house, name)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, i := range file.Imports {
				other, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/")
				if ours && !slices.Contains(one.imports, other) {
					errs = append(errs, fmt.Errorf("%s imports %s: if it should, the line of %s in %s has to say so; then \"make generate\"", name, other, one.name, list))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// rules are the linter's, one for each room. What ends with $ is meant exactly.
func rules(rooms []room) string {
	var out strings.Builder
	for _, one := range rooms {
		may := "nothing of this module"
		if len(one.imports) > 0 {
			may = "of this module only " + strings.Join(one.imports, ", ")
		}
		fmt.Fprintf(&out, "        %s:\n          list-mode: lax\n", one.name)
		fmt.Fprintf(&out, "          files: [\"${base-path}/%s/*.go\", \"!$test\"]\n", one.name)
		if len(one.imports) > 0 {
			fmt.Fprintf(&out, "          allow:\n")
			for _, other := range one.imports {
				fmt.Fprintf(&out, "            - %s/%s$\n", module, other)
			}
		}
		fmt.Fprintf(&out, "          deny:\n            - pkg: %s\n              desc: \"%s may import %s: see %s\"\n", module, one.name, may, list)
	}
	return out.String()
}

// place puts the rules between their marks.
func place(config, rules string) (string, error) {
	before, rest, ok := strings.Cut(config, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("%s lacks the lines %q and %q, between which the rules are written", linter, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + rules + end + after, nil
}
