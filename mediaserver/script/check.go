package script

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// Remark is something about a place in an application's script.
type Remark struct {
	File string
	// Line and Column count from 1; 0: the file as a whole, or the line, is meant.
	Line, Column int
	What         string
}

// String gives the remark as compilers do.
func (r Remark) String() string {
	switch {
	case r.Line == 0:
		return fmt.Sprintf("%s: %s", r.File, r.What)
	case r.Column == 0:
		return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.What)
	}
	return fmt.Sprintf("%s:%d:%d: %s", r.File, r.Line, r.Column, r.What)
}

func (r Remark) compare(o Remark) int {
	return cmp.Or(strings.Compare(r.File, o.File), cmp.Compare(r.Line, o.Line), cmp.Compare(r.Column, o.Column), strings.Compare(r.What, o.What))
}

// Checked is what an application's script asks for.
type Checked struct {
	Main  string   // the file that it begins with; "": there is none
	Files []string // those that were looked into: Main, and what it loads
	// Lacking is what it uses that is not here, and what keeps a file from being
	// loaded; Different what old servers had in another way, and is emulated.
	Lacking, Different []Remark
}

// Check looks into an application's script without running it: the file that it begins
// with, and those that they load. library may be nil.
func Check(application string, files, library fs.FS) (*Checked, error) {
	c := &checker{
		host:  &Host{cfg: Config{Application: application, Name: "_definst_", Files: files, Library: library, Instance: nobody{}}},
		found: &Checked{}, seen: map[string]bool{}, defined: map[string]bool{},
	}
	c.host.cfg.fill()
	c.host.log = c.host.cfg.Log
	var err error
	if c.folders, c.found.Main, _, err = openFolders(&c.host.cfg); err != nil {
		c.lacks(".", 0, 0, err.Error())
		return c.found, nil
	}
	if c.world, err = newWorld(c.host); err != nil {
		return nil, err
	}
	defer c.world.rt.Close()
	defer c.world.cancel()
	err = c.world.rt.Scope(func() error {
		if err := c.world.furnish(); err != nil {
			return fmt.Errorf("set up the script: %w", err)
		}
		return c.all()
	})
	for _, all := range []*[]Remark{&c.found.Lacking, &c.found.Different} {
		slices.SortFunc(*all, Remark.compare)
		*all = slices.Compact(*all)
	}
	return c.found, err
}

// nobody is an instance that is asked for nothing but to tell of its streams: it has
// none.
type nobody struct{ Instance }

// OpenStreams implements Instance.
func (nobody) OpenStreams(func(StreamStatus)) {}

// checker looks into one application.
type checker struct {
	host    *Host
	folders folders
	world   *world
	found   *Checked
	seen    map[string]bool // files
	uses    []place
	defined map[string]bool // names that the application gives something itself
}

// place is a use in a file.
type place struct {
	file string
	dialect.Use
}

// all looks into the files, one after another.
func (c *checker) all() error {
	if c.found.Main == "" {
		c.lacks(".", 0, 0, c.noMain())
		return nil
	}
	c.seen[c.found.Main] = true
	for waiting := []string{c.found.Main}; len(waiting) > 0; waiting = waiting[1:] {
		if len(c.found.Files) == maxFiles {
			c.lacks(waiting[0], 0, 0, fmt.Sprintf("%d files were looked into already, which is the most that a script may load", maxFiles))
			break
		}
		c.found.Files = append(c.found.Files, waiting[0])
		data, err := c.folders.read(waiting[0])
		if err != nil {
			return fmt.Errorf("read %s: %w", waiting[0], err)
		}
		waiting = append(waiting, c.file(waiting[0], data)...)
		if err := c.world.rt.Err(); err != nil {
			return err
		}
	}
	return c.names()
}

func (c *checker) noMain() string {
	for _, old := range []string{"main.ase", path.Base(c.host.cfg.Application) + ".ase"} {
		if _, err := fs.Stat(c.host.cfg.Files, old); err == nil {
			return old + " is compiled: put the script's sources (main.asc) beside it"
		}
	}
	return "there is no main.asc, nor any other file that an application's script begins with: every client would be accepted"
}

func (c *checker) lacks(file string, line, column int, what string) {
	c.found.Lacking = append(c.found.Lacking, Remark{file, line, column, what})
}

// file looks into one file, and returns those that it loads and were not seen yet.
func (c *checker) file(name string, data []byte) (loads []string) {
	source, err := dialect.Rewrite(name, data)
	var refused *dialect.Refusal
	if errors.As(err, &refused) {
		c.lacks(name, refused.Line, refused.Column, refused.What)
	}
	for _, f := range source.Findings {
		if f.Action != dialect.Refused {
			c.found.Different = append(c.found.Different, Remark{name, f.Line, f.Column, fmt.Sprintf("%s (%s)", f.What, f.Action)})
		}
	}
	if err == nil {
		var wrong *engine.Error
		if err := c.world.rt.Check(engine.Source{Name: name, Text: source.Text}); errors.As(err, &wrong) {
			c.lacks(name, wrong.Line, 0, wrong.Message)
		} else if err != nil {
			c.lacks(name, 0, 0, err.Error())
		}
	}
	uses, declared := dialect.Uses(name, data)
	for _, u := range uses {
		c.uses = append(c.uses, place{name, u})
		if u.Set {
			c.defined[u.Name] = true
		}
	}
	for _, name := range declared {
		c.defined[name] = true
	}
	for _, l := range source.Loads {
		loads = append(loads, c.load(name, l)...)
	}
	return loads
}

// load finds a file that another loads.
func (c *checker) load(from string, l dialect.Load) []string {
	if l.Path == "" {
		c.found.Different = append(c.found.Different, Remark{from, l.Line, l.Column, "load of a name that is computed: it is not followed"})
		return nil
	}
	name, _, err := c.folders.find(from, l.Path)
	provided := c.world.provided[strings.ToLower(path.Base(l.Path))]
	switch {
	case err != nil && provided != nil:
		if err := provided(); err != nil { // what it defines is there from now on
			c.lacks(from, l.Line, l.Column, fmt.Sprintf("load %s: %v", l.Path, err))
		}
		return nil
	case err != nil:
		c.lacks(from, l.Line, l.Column, fmt.Sprintf("load %s: %v", l.Path, err))
		return nil
	case c.seen[name]:
		return nil
	}
	c.seen[name] = true
	return []string{name}
}

// names looks for what Flash Media Server had and is not here.
func (c *checker) names() error {
	missing, err := c.missing()
	if err != nil {
		return err
	}
	for _, u := range c.uses {
		if u.Set || c.defined[u.Name] {
			continue // what the script gives itself
		}
		switch {
		case !u.Member && missing.globals[u.Name]:
			c.lacks(u.file, u.Line, u.Column, u.Name+" of Flash Media Server is not here")
		case u.Member && u.Object != "" && missing.of[u.Object][u.Name]:
			c.lacks(u.file, u.Line, u.Column, u.Object+"."+u.Name+" of Flash Media Server is not here")
		case u.Member && missing.members[u.Name] != "":
			c.lacks(u.file, u.Line, u.Column, fmt.Sprintf("%s.%s of Flash Media Server is not here", missing.members[u.Name], u.Name))
		}
	}
	return nil
}

// absent is what Flash Media Server had and this runtime has not.
type absent struct {
	globals map[string]bool
	of      map[string]map[string]bool // properties of objects that are global
	members map[string]string          // methods of instances, with their class
}

// missing holds the runtime to what Flash Media Server had.
func (c *checker) missing() (*absent, error) {
	a := &absent{globals: map[string]bool{}, of: map[string]map[string]bool{}, members: map[string]string{}}
	has := map[string]bool{} // members that some class has
	for _, name := range slices.Sorted(maps.Keys(fmsClasses)) {
		class := fmsClasses[name]
		v, err := c.world.global.Get(name)
		if err != nil {
			return nil, err
		}
		object := v.Object()
		if object == nil || leftOut[name] {
			a.globals[name] = true
			continue
		}
		of := map[string]bool{}
		for _, member := range class.own {
			is, err := object.Has(member)
			if err != nil {
				return nil, err
			}
			of[member] = !is
		}
		a.of[name] = of
		proto, err := object.Get("prototype")
		if err != nil {
			return nil, err
		}
		for _, member := range class.methods {
			is := false
			if proto.Object() != nil {
				if is, err = proto.Object().Has(member); err != nil {
					return nil, err
				}
			}
			if is {
				has[member] = true
			} else if a.members[member] == "" {
				a.members[member] = name
			}
		}
	}
	for member := range has {
		delete(a.members, member)
	}
	for name, class := range fmsClasses {
		if !a.globals[name] {
			continue
		}
		for _, member := range class.distinct {
			a.members[member] = name
		}
	}
	return a, nil
}
