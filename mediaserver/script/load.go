package script

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

const (
	// maxLoaded is how many bytes of files a script may load, all that is not the same
	// again, and maxFiles how many files of other names; maxLoading is how many may
	// load one another.
	maxLoaded  = 32 << 20
	maxFiles   = 10000
	maxLoading = 32
)

// file is one that was loaded.
type file struct {
	sum    [sha256.Size]byte // of what it held
	source *dialect.Source
}

// errNoMain: nobody is let in by a script that is not there.
var errNoMain = errors.New("the application's folder has no main.asc, nor any other file that a script begins with")

// loadMain loads the script.
func (w *world) loadMain() error {
	in, main, ok, err := openFolders(&w.host.cfg)
	if err == nil && !ok {
		err = errNoMain
	}
	if err != nil {
		return err
	}
	w.folders = in
	data, err := in.read(main)
	if err != nil {
		return fmt.Errorf("read %s: %w", main, err)
	}
	_, err = w.run(main, data)
	return err
}

// run makes a file the engine's, and runs it.
func (w *world) run(name string, data []byte) (engine.Value, error) {
	source, err := w.rewrite(name, data)
	if err != nil {
		return engine.Undefined, err
	}
	w.loading++
	defer func() { w.loading-- }()
	return w.rt.Load(engine.Source{Name: name, Text: source.Text})
}

// rewrite is what the engine reads of a file. One that was loaded before and is the same
// costs nothing more: scripts load what says how they are to behave again and again.
func (w *world) rewrite(name string, data []byte) (*dialect.Source, error) {
	f, sum := w.loaded[name], sha256.Sum256(data)
	if f.source != nil && f.sum == sum {
		return f.source, nil
	}
	if f.source == nil && len(w.loaded) >= maxFiles || w.bytes+len(data) > maxLoaded {
		return nil, fmt.Errorf("load %s: %d files of %d bytes were loaded already: at most %d of %d, until the script is loaded anew",
			name, len(w.loaded), w.bytes, maxFiles, maxLoaded)
	}
	source, err := dialect.Rewrite(name, data)
	if err != nil {
		return nil, err
	}
	w.bytes += len(data)
	w.loaded[name] = file{sum, source}
	w.scripts.Add(source)
	return source, nil
}

// load is the function of that name: it runs a file at once.
func (w *world) load(c *engine.Call) (engine.Value, error) {
	asked := c.Arg(0).Text()
	if f, ok := w.provided[strings.ToLower(path.Base(asked))]; ok && !w.exists(asked) {
		return engine.Undefined, f()
	}
	if w.loading >= maxLoading {
		return engine.Undefined, fmt.Errorf("load %s: %d files load one another", asked, maxLoading)
	}
	name, data, err := w.find(asked)
	if err != nil {
		return engine.Undefined, fmt.Errorf("load %s: %w", asked, err)
	}
	return w.run(name, data)
}

// find reads what load was asked for in the file that is under way.
func (w *world) find(asked string) (name string, data []byte, err error) {
	return w.folders.find(w.here(), asked)
}

func (w *world) exists(asked string) bool {
	_, _, err := w.find(asked)
	return err == nil
}

// here is the file of the code that is under way; "" if it is in none.
func (w *world) here() string {
	for _, p := range w.rt.Here() {
		if w.loaded[p.File].source != nil {
			return p.File
		}
	}
	return ""
}
