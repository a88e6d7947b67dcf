package script

import (
	"errors"
	"io/fs"
	"path"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// fileProperties are those of class File. Of what is not there, exists is false and the
// others say nothing.
func (w *world) fileProperties() []engine.Property {
	of := func(name string, get func(f *fileObject) (engine.Value, error)) engine.Property {
		return engine.Property{Name: name, Hidden: true, Get: fileMethod(name, func(f *fileObject, _ *engine.Call) (engine.Value, error) { return get(f) })}
	}
	about := func(name string, none engine.Value, get func(i fs.FileInfo) engine.Value) engine.Property {
		return of(name, func(f *fileObject) (engine.Value, error) {
			i, err := beside(w, func() (fs.FileInfo, error) { return w.folder().stat(f.path) })
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return none, nil
			case err != nil:
				return none, err
			}
			return get(i), nil
		})
	}
	may := func(name string, bit fs.FileMode) engine.Property {
		return about(name, engine.Bool(false), func(i fs.FileInfo) engine.Value { return engine.Bool(i.Mode().Perm()&bit != 0) })
	}
	date := func(name string) engine.Property {
		return about(name, engine.Undefined, func(i fs.FileInfo) engine.Value {
			d, err := w.rt.NewDate(float64(i.ModTime().UnixMilli()))
			if err != nil {
				return engine.Undefined
			}
			return d.Value()
		})
	}
	position := of("position", func(f *fileObject) (engine.Value, error) {
		if f.open == nil {
			return engine.Undefined, nil
		}
		return f.move(func(at int64) float64 { return float64(at) })
	})
	position.Set = func(c *engine.Call) error {
		n, err := c.Runtime.ToNumber(c.Arg(0))
		if err != nil {
			return err
		}
		_, err = fileMethod("position", func(f *fileObject, _ *engine.Call) (engine.Value, error) {
			return f.move(func(int64) float64 { return n })
		})(c)
		return err
	}
	return []engine.Property{
		about("exists", engine.Bool(false), func(fs.FileInfo) engine.Value { return engine.Bool(true) }),
		about("isDirectory", engine.Bool(false), func(i fs.FileInfo) engine.Value { return engine.Bool(i.IsDir()) }),
		about("isFile", engine.Bool(false), func(i fs.FileInfo) engine.Value { return engine.Bool(i.Mode().IsRegular()) }),
		about("length", engine.Number(0), func(i fs.FileInfo) engine.Value {
			if i.IsDir() {
				return engine.Number(0)
			}
			return engine.Number(float64(i.Size()))
		}),
		may("canRead", 0o400), may("canWrite", 0o200), may("canAppend", 0o200), may("canReplace", 0o200),
		// When a file was made is not known everywhere: it is when it was changed.
		date("creationTime"), date("lastModified"),
		of("isOpen", func(f *fileObject) (engine.Value, error) { return engine.Bool(f.open != nil), nil }),
		of("mode", func(f *fileObject) (engine.Value, error) { return engine.String(f.mode), nil }),
		of("type", func(f *fileObject) (engine.Value, error) { return engine.String(f.kind), nil }),
		of("name", func(f *fileObject) (engine.Value, error) {
			if f.path == "." {
				return engine.String("/"), nil
			}
			return engine.String(path.Base(f.path)), nil
		}),
		position,
	}
}
