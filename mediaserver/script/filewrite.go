package script

import (
	"path"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// writeAll writes values as texts, and what is to follow them.
func (f *fileObject) writeAll(c *engine.Call, values []engine.Value, end string) (engine.Value, error) {
	if f.open == nil {
		return engine.Bool(false), errClosed
	}
	text := ""
	for _, v := range values {
		s, err := c.Runtime.ToString(v)
		if err != nil {
			return engine.Undefined, err
		}
		if text += s; len(text) > maxFileSize {
			return engine.Bool(false), errFileSize
		}
	}
	text += end
	return f.yes(func() (bool, error) { return f.open.put(text) })
}

func (f *fileObject) writeLine(c *engine.Call) (engine.Value, error) {
	return f.writeAll(c, c.Args, "\n")
}

// writeArray writes each element of an array as a line.
func (f *fileObject) writeArray(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	if o == nil || o.Class() != "Array" {
		return f.writeLine(c)
	}
	n, err := o.Get("length")
	if err != nil {
		return engine.Undefined, err
	}
	limit := c.Runtime.Limits().Length
	for i := range uint32(min(n.Number(), float64(limit))) {
		v, err := o.Index(i)
		if err != nil {
			return engine.Undefined, err
		}
		if ok, err := f.writeAll(c, []engine.Value{v}, "\n"); err != nil || !ok.Bool() {
			return ok, err
		}
	}
	return engine.Bool(true), nil
}

func (f *fileObject) writeByte(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if f.open == nil {
		return engine.Bool(false), errClosed
	}
	return f.yes(func() (bool, error) { return f.open.putBytes([]byte{byte(int64(n))}) })
}

// seek goes on by so many bytes, or back, and says where that is.
func (f *fileObject) seek(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	return f.move(func(at int64) float64 { return float64(at) + n })
}

// move sets the place where the file is read and written, inside of it.
func (f *fileObject) move(to func(at int64) float64) (engine.Value, error) {
	if f.open == nil {
		return engine.Undefined, errClosed
	}
	at, err := beside(f.w, func() (int64, error) {
		size, err := f.open.size()
		if err != nil {
			return 0, err
		}
		if at := to(f.open.at); at == at { // NaN leaves it where it is
			f.open.at = int64(min(max(at, 0), float64(size)))
		}
		return f.open.at, nil
	})
	return engine.Number(float64(at)), err
}

func (f *fileObject) eof(*engine.Call) (engine.Value, error) {
	if f.open == nil {
		return engine.Bool(true), errClosed
	}
	return f.yes(func() (bool, error) {
		size, err := f.open.size()
		return f.open.at >= size, err
	})
}

// list gives the files in a folder, each a File: all, or those whose names a function or
// a regular expression takes.
func (f *fileObject) list(c *engine.Call) (engine.Value, error) {
	names, err := beside(f.w, func() ([]string, error) { return f.w.folder().list(f.path) })
	if err != nil {
		return engine.Undefined, err
	}
	array, err := c.Runtime.NewArray()
	if err != nil {
		return engine.Undefined, err
	}
	for _, name := range names {
		takes, err := takesName(c.Arg(0).Object(), name)
		if err != nil {
			return engine.Undefined, err
		}
		if !takes {
			continue
		}
		err = c.Runtime.Scope(func() error {
			p, err := filePath(path.Join(f.path, name))
			if err != nil {
				return nil // a name that a script could not have given
			}
			o, err := f.w.outward.file.New(&fileObject{w: f.w, name: "/" + p, path: p})
			if err != nil {
				return err
			}
			_, err = callMethod(array, "push", o.Value())
			return err
		})
		if err != nil {
			return engine.Undefined, err
		}
	}
	return array.Value(), nil
}

func takesName(filter *engine.Object, name string) (bool, error) {
	if filter == nil {
		return true, nil
	}
	if !filter.IsFunction() {
		v, err := callMethod(filter, "test", engine.String(name))
		return v.Truth(), err
	}
	v, err := filter.Call(engine.Undefined, engine.String(name))
	return v.Truth(), err
}

func callMethod(o *engine.Object, name string, args ...engine.Value) (engine.Value, error) {
	f, err := o.Get(name)
	if err != nil {
		return engine.Undefined, err
	}
	if f.Object() == nil {
		return engine.Undefined, engine.TypeError("%s is no function", name)
	}
	return f.Object().Call(o.Value(), args...)
}

// other is a path that a method is given.
func (f *fileObject) other(c *engine.Call) (name, p string, err error) {
	if name, err = c.Runtime.ToString(c.Arg(0)); err != nil {
		return "", "", err
	}
	if p, err = filePath(name); err == nil && p == "." {
		err = errTopFolder
	}
	return name, p, err
}

// mkdir makes a folder, by its path from the application's.
func (f *fileObject) mkdir(c *engine.Call) (engine.Value, error) {
	_, p, err := f.other(c)
	if err != nil {
		return engine.Bool(false), err
	}
	return f.yes(func() (bool, error) { return f.w.folder().mkdir(p) })
}

// remove removes a file or a folder, which must be empty unless its argument is true.
func (f *fileObject) remove(c *engine.Call) (engine.Value, error) {
	if f.path == "." {
		return engine.Bool(false), errTopFolder
	}
	if f.open != nil {
		if _, err := f.closeFile(c); err != nil {
			return engine.Bool(false), err
		}
	}
	all := c.Arg(0).Truth()
	return f.yes(func() (bool, error) { return f.w.folder().remove(f.path, all) })
}

func (f *fileObject) renameTo(c *engine.Call) (engine.Value, error) {
	name, p, err := f.other(c)
	if err == nil && f.path == "." {
		err = errTopFolder
	}
	if err != nil {
		return engine.Bool(false), err
	}
	v, err := f.yes(func() (bool, error) { return f.w.folder().rename(f.path, p) })
	if err == nil {
		f.name, f.path = name, p
	}
	return v, err
}

func (f *fileObject) copyTo(c *engine.Call) (engine.Value, error) {
	_, p, err := f.other(c)
	if err != nil {
		return engine.Bool(false), err
	}
	return f.yes(func() (bool, error) { return f.w.folder().copy(f.path, p) })
}
