package script

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// Find is the file that an application's script begins with, in the order in which
// Flash Media Server looked; false: the folder has none.
func Find(files fs.FS, application string) (file string, ok bool, err error) {
	name := path.Base(application)
	for _, file := range []string{
		"scripts/main.asc", "main.asc", "scripts/main.js", "main.js",
		"scripts/" + name + ".asc", name + ".asc", "scripts/" + name + ".js", name + ".js",
	} {
		info, err := fs.Stat(files, file)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		case err != nil:
			return "", false, fmt.Errorf("look for the script: %w", err)
		case !info.IsDir():
			return file, true, nil
		}
	}
	return "", false, nil
}

const (
	// maxLoaded is how many bytes of files a script may load, all that is not the same
	// again, and maxFiles how many files of other names; maxLoading is how many may
	// load one another.
	maxLoaded  = 64 << 20
	maxFiles   = 10000
	maxLoading = 32
)

// file is one that was loaded.
type file struct {
	sum    [sha256.Size]byte // of what it held
	source *dialect.Source
}

// loadMain loads the script, if there is one.
func (w *world) loadMain() error {
	file, ok, err := Find(w.host.cfg.Files, w.host.cfg.Application)
	if err != nil || !ok {
		return err
	}
	data, _, err := w.host.read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	_, err = w.run(file, data)
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

// read reads a file of the application's, or of the library's if it has none.
func (h *Host) read(name string) (data []byte, from fs.FS, err error) {
	if !fs.ValidPath(name) {
		return nil, nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	for _, from := range []fs.FS{h.cfg.Files, h.cfg.Library} {
		if from == nil {
			continue
		}
		data, err = readFile(from, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return data, from, err
		}
	}
	return nil, nil, err
}

// readFile reads a file that is no larger than a script may be.
func readFile(from fs.FS, name string) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, dialect.MaxSize+1))
	return data, errors.Join(err, f.Close())
}

var errOutside = errors.New("a path that leaves the folder: name a file below it, with neither .. nor a colon")

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
	return w.host.find(w.here(), asked)
}

func (w *world) exists(asked string) bool {
	_, _, err := w.find(asked)
	return err == nil
}

// find reads what load was asked for: beside the file that loads, from the folder's
// top, then in the library.
func (h *Host) find(from, asked string) (name string, data []byte, err error) {
	clean := strings.TrimPrefix(strings.ReplaceAll(asked, `\`, "/"), "/")
	if clean == "" || strings.Contains(clean, ":") || len(clean) > 1000 {
		return "", nil, errOutside
	}
	for part := range strings.SplitSeq(clean, "/") {
		if part == ".." {
			return "", nil, errOutside
		}
	}
	clean = path.Clean(clean)
	tries := []string{clean}
	if beside := path.Join(path.Dir(from), clean); beside != clean && !strings.HasPrefix(asked, "/") {
		tries = []string{beside, clean}
	}
	for _, name := range tries {
		data, _, err = h.read(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return name, data, err
		}
	}
	return "", nil, fmt.Errorf("there is no such file, neither in the application's folder nor in the library: %w", fs.ErrNotExist)
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
