package script

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// defineFile makes File known: files and folders below the application's own. Its
// methods do what they do at once; what fails is reported, as application.onStatus
// hears, and is false, or undefined for what reads.
func defineFile(w *world) error {
	return w.announceValue("File", func() (engine.Value, error) {
		if w.outward.file == nil {
			class, err := w.rt.Define(w.fileClass())
			if err != nil {
				return engine.Undefined, err
			}
			w.outward.file = class
		}
		return w.outward.file.Constructor().Value(), nil
	})
}

// fileObject is an object of class File.
type fileObject struct {
	w    *world
	name string // as the script gave it
	path string // below the folder
	open *openFile
	mode string
	kind string // text, utf8 or binary
}

func (w *world) fileClass() engine.Class {
	return engine.Class{
		Name: "File", Length: 1,
		New: func(c *engine.Call) (any, error) {
			name, err := c.Runtime.ToString(c.Arg(0))
			if err != nil {
				return nil, err
			}
			p, err := filePath(name)
			if err != nil {
				return nil, fmt.Errorf("new File(%q): %w", name, err)
			}
			return &fileObject{w: w, name: name, path: p}, nil
		},
		Gone: func(host any) {
			if f := host.(*fileObject); f.open != nil {
				go func() { _, _ = f.open.close() }() // what was written was told then
			}
		},
		Methods: []engine.Method{
			{Name: "open", Length: 2, Func: fileMethod("open", (*fileObject).openFile)},
			{Name: "close", Func: fileMethod("close", (*fileObject).closeFile)},
			{Name: "flush", Func: fileMethod("flush", func(f *fileObject, _ *engine.Call) (engine.Value, error) { return engine.Bool(f.open != nil), nil })},
			{Name: "read", Length: 1, Func: fileMethod("read", (*fileObject).readCharacters)},
			{Name: "readln", Func: fileMethod("readln", (*fileObject).readLine)},
			{Name: "readAll", Func: fileMethod("readAll", (*fileObject).readAll)},
			{Name: "readByte", Func: fileMethod("readByte", (*fileObject).readByte)},
			{Name: "write", Length: 1, Func: fileMethod("write", func(f *fileObject, c *engine.Call) (engine.Value, error) { return f.writeAll(c, c.Args, "") })},
			{Name: "writeln", Length: 1, Func: fileMethod("writeln", (*fileObject).writeLine)},
			{Name: "writeAll", Length: 1, Func: fileMethod("writeAll", (*fileObject).writeArray)},
			{Name: "writeByte", Length: 1, Func: fileMethod("writeByte", (*fileObject).writeByte)},
			{Name: "seek", Length: 1, Func: fileMethod("seek", (*fileObject).seek)},
			{Name: "eof", Func: fileMethod("eof", (*fileObject).eof)},
			{Name: "list", Length: 1, Func: fileMethod("list", (*fileObject).list)},
			{Name: "mkdir", Length: 1, Func: fileMethod("mkdir", (*fileObject).mkdir)},
			{Name: "remove", Length: 1, Func: fileMethod("remove", (*fileObject).remove)},
			{Name: "renameTo", Length: 1, Func: fileMethod("renameTo", (*fileObject).renameTo)},
			{Name: "copyTo", Length: 1, Func: fileMethod("copyTo", (*fileObject).copyTo)},
			{Name: "toString", Func: func(c *engine.Call) (engine.Value, error) { return engine.String(c.Self.(*fileObject).name), nil }},
		},
		Properties: w.fileProperties(),
	}
}

// fileMethod reports what goes wrong in a method, with the file and the script's place.
func fileMethod(name string, f func(*fileObject, *engine.Call) (engine.Value, error)) engine.Func {
	return func(c *engine.Call) (engine.Value, error) {
		self := c.Self.(*fileObject)
		v, err := f(self, c)
		var thrown *engine.Error
		if err == nil || errors.As(err, &thrown) { // what a script's own function threw is the script's
			return v, err
		}
		at := self.w.where()
		if at != "" {
			at = " at " + at
		}
		self.w.report(fmt.Errorf("File.%s(%q)%s: %w", name, self.name, at, plainError(err)))
		return v, nil
	}
}

// plainError is what the system says, without the name, which the file has.
func plainError(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

// yes has something done beside that says whether it did.
func (f *fileObject) yes(do func() (bool, error)) (engine.Value, error) {
	ok, err := beside(f.w, do)
	return engine.Bool(ok && err == nil), err
}

var (
	errClosed = errors.New("the file is not open")
	errMode   = errors.New(`the type must be "text", "utf8" or "binary", and the mode of "read", "write", "readWrite", "append", "create", with commas between them`)
)

// parseMode reads what open is given: a type and a mode, in that order or the other.
func parseMode(kind, mode string) (m openMode, normal string, err error) {
	isKind := func(s string) bool { return s == "text" || s == "utf8" || s == "binary" }
	if !isKind(kind) && isKind(mode) {
		kind, mode = mode, kind
	}
	if !isKind(kind) {
		return m, "", errMode
	}
	m.binary = kind == "binary"
	for word := range strings.SplitSeq(mode, ",") {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "read":
			m.read = true
		case "write":
			m.write = true
		case "readwrite":
			m.read, m.write = true, true
		case "append":
			m.append = true
		case "create":
			m.create, m.write = true, true
		default:
			return m, "", errMode
		}
	}
	return m, kind, nil
}

func (f *fileObject) openFile(c *engine.Call) (engine.Value, error) {
	no := engine.Bool(false)
	kind, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return no, err
	}
	mode, err := c.Runtime.ToString(c.Arg(1))
	if err != nil {
		return no, err
	}
	m, kind, err := parseMode(kind, mode)
	switch {
	case err != nil:
		return no, err
	case f.open != nil:
		return no, errors.New("the file is open already")
	}
	f.open, err = beside(f.w, func() (*openFile, error) { return f.w.folder().openAt(f.path, m) })
	if err != nil {
		f.open = nil
		return no, err
	}
	f.mode, f.kind = mode, kind
	return engine.Bool(true), nil
}

func (f *fileObject) closeFile(*engine.Call) (engine.Value, error) {
	o := f.open
	if o == nil {
		return engine.Bool(false), nil
	}
	f.open = nil
	return f.yes(o.close)
}

// largest is how many bytes may be read at once: what a value may have, as text that
// may take twice as many.
func (f *fileObject) largest() int { return f.w.rt.Limits().Value/2 - 1024 }

func (f *fileObject) readCharacters(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	if err != nil || f.open == nil {
		return engine.Undefined, errors.Join(err, isOpen(f))
	}
	if c.Arg(0).Kind() == engine.KindUndefined || math.IsNaN(n) {
		n = 1
	}
	s, err := beside(f.w, func() (string, error) { return f.open.readText(int(min(max(n, 0), 1<<30)), f.largest()) })
	if err != nil {
		return engine.Undefined, err
	}
	return engine.String(s), nil
}

func isOpen(f *fileObject) error {
	if f.open == nil {
		return errClosed
	}
	return nil
}

func (f *fileObject) readLine(*engine.Call) (engine.Value, error) {
	if f.open == nil {
		return engine.Undefined, errClosed
	}
	s, err := beside(f.w, func() (string, error) {
		s, _, err := f.open.readLine(f.largest())
		return s, err
	})
	if err != nil {
		return engine.Undefined, err
	}
	return engine.String(s), nil
}

// readAll gives the lines that are left.
func (f *fileObject) readAll(c *engine.Call) (engine.Value, error) {
	if f.open == nil {
		return engine.Undefined, errClosed
	}
	l, err := beside(f.w, func() (*engine.List, error) {
		l := &engine.List{}
		for left := f.largest(); ; {
			s, ok, err := f.open.readLine(left)
			if err != nil {
				return nil, err
			}
			if !ok {
				return l, nil
			}
			if left -= len(s) + 16; left < 0 {
				return nil, fmt.Errorf("more than %d bytes: read it in parts", f.largest())
			}
			l.Items = append(l.Items, engine.Item{Index: l.Length, Value: engine.String(s)})
			l.Length++
		}
	})
	if err != nil {
		return engine.Undefined, err
	}
	return c.Runtime.Import(l)
}

func (f *fileObject) readByte(*engine.Call) (engine.Value, error) {
	if f.open == nil {
		return engine.Undefined, errClosed
	}
	n, err := beside(f.w, func() (int, error) {
		b, err := f.open.bytesAt(1)
		if err != nil || len(b) == 0 {
			return -1, err
		}
		f.open.at++
		return int(b[0]), nil
	})
	return engine.Number(float64(n)), err
}
