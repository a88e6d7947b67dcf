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
	name, err := w.open()
	if err != nil {
		return err
	}
	if name == "" {
		return errNoMain
	}
	data, err := w.read(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	_, err = w.run(name, data)
	return err
}

// open finds where the script's files are, and the one that it begins with; "": there
// is none.
func (w *world) open() (name string, err error) {
	found, ok, err := Find(w.host.cfg.Files, w.host.cfg.Application)
	if err != nil || !ok {
		return "", err
	}
	from, name, err := Unpack(w.host.cfg.Files, found, w.host.cfg.Application)
	if err != nil {
		return "", err
	}
	w.folders = []fs.FS{from}
	if path.Ext(found) == ".far" {
		w.folders = append(w.folders, w.host.cfg.Files)
	}
	if w.host.cfg.Library != nil {
		w.folders = append(w.folders, w.host.cfg.Library)
	}
	return name, nil
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
func (w *world) read(name string) (data []byte, err error) {
	err = fs.ErrNotExist
	if !fs.ValidPath(name) {
		return nil, err
	}
	for _, from := range w.folders {
		if data, err = readFile(from, name); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, err
}

// readFile reads a file, as far as a script may be large and a byte more.
func readFile(from fs.FS, name string) ([]byte, error) {
	return readUpTo(from, name, dialect.MaxSize+1)
}

func readUpTo(from fs.FS, name string, most int64) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
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

// find does so for the file that is under way.
func (w *world) find(asked string) (name string, data []byte, err error) {
	return w.findFrom(w.here(), asked)
}

func (w *world) exists(asked string) bool {
	_, _, err := w.find(asked)
	return err == nil
}

// findFrom reads what load was asked for: beside the file that loads, from the folder's
// top, then in the library.
func (w *world) findFrom(from, asked string) (name string, data []byte, err error) {
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
		data, err = w.read(name)
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
