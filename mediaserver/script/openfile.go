package script

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/charset"
)

// openFile is a file that a script has opened. It is used by one goroutine at a time:
// see beside.
type openFile struct {
	d      *folder
	file   *os.File
	at     int64 // where it is read and written
	read   bool
	write  bool
	append bool
	binary bool // a character is a byte
}

// openMode is what File.open was asked for.
type openMode struct {
	read, write, append, create, binary bool
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// openAt opens a file; one that is to be written is made if it is not there.
func (d *folder) openAt(path string, m openMode) (*openFile, error) {
	writes := m.write || m.append || m.create
	root, err := d.top(writes)
	if err != nil {
		return nil, err
	}
	flags, there, emptied := os.O_RDONLY, true, int64(0)
	if writes {
		if there, err = d.room(root, path); err != nil {
			return nil, err
		}
		flags = os.O_RDWR | os.O_CREATE
		if m.create && !m.append {
			flags |= os.O_TRUNC
			emptied = sizeOf(root, path)
		}
	}
	// A pipe would wait for its other end.
	f, err := root.OpenFile(path, flags|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if !there {
		d.made++
	}
	d.written = max(d.written-emptied, 0)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	o := &openFile{d: d, file: f, read: m.read || m.create, write: writes, append: m.append, binary: m.binary}
	if m.append {
		o.at = info.Size()
	}
	return o, d.hold(o)
}

// sizeOf is how large a file is; 0 if there is none.
func sizeOf(root *os.Root, path string) int64 {
	info, err := root.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// hold counts an open file, or closes it.
func (d *folder) hold(o *openFile) error {
	d.mu.Lock()
	over, room := d.over, len(d.open) < maxOpenFiles
	if !over && room {
		d.open[o] = true
	}
	d.mu.Unlock()
	switch {
	case over:
		o.file.Close()
		return fs.ErrClosed
	case !room:
		o.file.Close()
		return errOpenFiles
	}
	return nil
}

func (o *openFile) close() (bool, error) {
	o.d.mu.Lock()
	delete(o.d.open, o)
	o.d.mu.Unlock()
	return true, o.file.Close()
}

func (o *openFile) size() (int64, error) {
	info, err := o.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

var (
	errNotForReading = errors.New("the file is not open for reading")
	errNotForWriting = errors.New("the file is not open for writing")
)

// bytesAt reads at most n bytes where the file is read.
func (o *openFile) bytesAt(n int) ([]byte, error) {
	if !o.read {
		return nil, errNotForReading
	}
	size, err := o.size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, max(min(int64(n), size-o.at), 0))
	got, err := o.file.ReadAt(b, o.at)
	if isEOF(err) {
		err = nil
	}
	return b[:got], err
}

// readText reads so many characters, from at most so many bytes.
func (o *openFile) readText(characters, most int) (string, error) {
	n := min(characters, most)
	if !o.binary {
		n = min(characters, most/utf8.UTFMax) * utf8.UTFMax
	}
	b, err := o.bytesAt(n)
	if err != nil {
		return "", err
	}
	used := len(b)
	if !o.binary {
		for used = 0; characters > 0 && used < len(b); characters-- {
			_, n := utf8.DecodeRune(b[used:])
			used += n
		}
	}
	o.at += int64(used)
	return o.text(b[:used]), nil
}

// text is what bytes stand for: a byte that is no UTF-8 is a character of Latin-1.
func (o *openFile) text(b []byte) string {
	switch {
	case o.binary:
		return charset.Latin1.Decode(b)
	case utf8.Valid(b):
		return string(b)
	}
	out := make([]byte, 0, 2*len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = rune(b[0])
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return string(out)
}

// readLine reads to the next line's end, which it leaves out with a carriage return
// before it; false at the file's end.
func (o *openFile) readLine(most int) (line string, ok bool, err error) {
	var all []byte
	for {
		b, err := o.bytesAt(4096)
		if err != nil {
			return "", false, err
		}
		end := bytes.IndexByte(b, '\n')
		if end >= 0 {
			b = b[:end+1]
		}
		all = append(all, b...)
		o.at += int64(len(b))
		if len(all) > most {
			return "", false, errors.New("a line is too long")
		}
		if end >= 0 || len(b) == 0 {
			break
		}
	}
	return o.text(bytes.TrimSuffix(bytes.TrimSuffix(all, []byte("\n")), []byte("\r"))), len(all) > 0, nil
}

// put writes a text where the file is written, or at its end.
func (o *openFile) put(text string) (bool, error) {
	b := []byte(strings.ToValidUTF8(text, "\ufffd"))
	if o.binary {
		b = b[:0]
		for _, r := range text {
			b = append(b, byte(r))
		}
	}
	return o.putBytes(b)
}

func (o *openFile) putBytes(b []byte) (bool, error) {
	if !o.write {
		return false, errNotForWriting
	}
	size, err := o.size()
	if err != nil {
		return false, err
	}
	if o.append {
		o.at = size
	}
	if err := o.d.grow(size, o.at+int64(len(b))); err != nil {
		return false, err
	}
	n, err := o.file.WriteAt(b, o.at)
	o.at += int64(n)
	return err == nil, err
}

// copy copies a file in the folder.
func (d *folder) copy(from, to string) (bool, error) {
	in, err := d.openAt(from, openMode{read: true})
	if err != nil {
		return false, err
	}
	defer func() { _, _ = in.close() }() // it was read alone
	size, err := in.size()
	if err != nil {
		return false, err
	}
	if err := d.grow(0, size); err != nil {
		return false, err
	}
	if a, err := in.file.Stat(); err == nil {
		if b, err := d.stat(to); err == nil && os.SameFile(a, b) {
			return false, errors.New("a file cannot be copied to itself")
		}
	}
	out, err := d.openAt(to, openMode{create: true})
	if err != nil {
		return false, err
	}
	_, err = io.Copy(out.file, io.LimitReader(in.file, size))
	_, closed := out.close()
	err = errors.Join(err, closed)
	return err == nil, err
}
