package script

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// maxOpenFiles is how many files a script may have open.
	maxOpenFiles = 32
	// maxFileSize is how large a file may get, and maxWritten by how much all files
	// together may grow in one life of a script; maxMade is how many files and folders it
	// may make more than it removes.
	maxFileSize = 64 << 20
	maxWritten  = 256 << 20
	maxMade     = 10000
	// maxListed is how much of a folder list gives.
	maxListed = 10000
	maxName   = 1024
)

var (
	errNoFolder  = errors.New("this instance has no folder for files")
	errDiskHangs = errors.New("the disk does not answer: an earlier use of a file has not come back")
	errPath      = errors.New(`must be a path below the application's folder, without \, . and .., and with / between names`)
	errTopFolder = errors.New("the application's folder itself stays as it is")
	errFileSize  = fmt.Errorf("a file may have %d bytes", maxFileSize)
	errWritten   = fmt.Errorf("the script has written %d bytes, which is as much as it may", maxWritten)
	errMade      = fmt.Errorf("the script has made %d files and folders, which is as many as it may", maxMade)
	errOpenFiles = fmt.Errorf("%d files are open, which is as many as a script may have: close one", maxOpenFiles)
)

// folder is what File sees of the disk: an application's own folder. Links in it that
// lead out of it lead nowhere. What it has is used by one goroutine at a time: by those
// that beside runs, one after another.
type folder struct {
	path    string
	minFree int64
	root    *os.Root
	written int64
	made    int

	hangs atomic.Bool // a use of the disk has not come back

	mu   sync.Mutex
	open map[*openFile]bool
	over bool
}

// beside runs something that waits for a disk in a goroutine, and waits for it no longer
// than a part of a call's time. What has not come back by then goes on by itself, and
// until it does nothing else is begun, so that what it uses is not used twice, and a
// disk that hangs holds a script up once.
func beside[T any](w *world, f func() (T, error)) (T, error) {
	var none T
	d := w.folder()
	if !d.hangs.CompareAndSwap(false, true) {
		return none, errDiskHangs
	}
	type result struct {
		v   T
		err error
	}
	came := make(chan result, 1)
	go func() {
		v, err := f()
		d.hangs.Store(false)
		came <- result{v, err}
	}()
	w.idle()
	ctx, cancel := context.WithTimeout(w.ctx, w.rt.Limits().Time*3/4)
	defer cancel()
	select {
	case r := <-came:
		return r.v, r.err
	case <-ctx.Done():
		return none, errDiskHangs
	}
}

// folder is the script's, made when it is first asked for.
func (w *world) folder() *folder {
	if w.outward.folder == nil {
		d := &folder{path: w.host.cfg.Folder, minFree: w.host.cfg.MinFree, open: map[*openFile]bool{}}
		w.outward.folder = d
		context.AfterFunc(w.ctx, d.close)
	}
	return w.outward.folder
}

// close closes the files that a script has left open. A disk that hangs holds up a
// goroutine for each, and nobody else.
func (d *folder) close() {
	d.mu.Lock()
	d.over = true
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for f := range open {
		go f.file.Close()
	}
	if d.hangs.CompareAndSwap(false, true) && d.root != nil {
		_ = d.root.Close() // nothing is written by it
	}
}

// top opens the folder. make says that what is not there is made.
func (d *folder) top(make bool) (*os.Root, error) {
	if d.root != nil {
		return d.root, nil
	}
	if d.path == "" {
		return nil, errNoFolder
	}
	if make {
		if err := os.MkdirAll(d.path, 0o755); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(d.path)
	d.root = root
	return root, err
}

// filePath is a script's path as the folder has it: "." is the folder itself.
func filePath(path string) (string, error) {
	if len(path) > maxName || strings.ContainsAny(path, "\\\x00") {
		return "", errPath
	}
	path = strings.Trim(path, "/")
	if path == "" {
		return ".", nil
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return "", errPath
		}
	}
	if path = strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/"); !fs.ValidPath(path) {
		return "", errPath
	}
	return path, nil
}

func (d *folder) stat(path string) (fs.FileInfo, error) {
	root, err := d.top(false)
	if err != nil {
		return nil, err
	}
	return root.Stat(path)
}

// room says whether a file or a folder may be made, and whether it is there already.
func (d *folder) room(root *os.Root, path string) (there bool, err error) {
	_, err = root.Lstat(path)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	case d.made >= maxMade:
		return false, errMade
	}
	return false, nil
}

// grow counts what a file grows by, and looks whether the disk has room for it: others
// write to it, too.
func (d *folder) grow(from, to int64) error {
	switch {
	case to > maxFileSize:
		return errFileSize
	case to-from > maxWritten-d.written:
		return errWritten
	case to <= from:
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; free-(to-from) < d.minFree {
		return fmt.Errorf("the disk is full: %d MiB are left, of which %d MiB are kept free", free>>20, d.minFree>>20)
	}
	d.written += to - from
	return nil
}

func (d *folder) mkdir(path string) (bool, error) {
	root, err := d.top(true)
	if err != nil {
		return false, err
	}
	if _, err := d.room(root, path); err != nil {
		return false, err
	}
	if err := root.Mkdir(path, 0o755); err != nil {
		return false, err
	}
	d.made++
	return true, nil
}

func (d *folder) remove(path string, all bool) (bool, error) {
	root, err := d.top(false)
	if err != nil {
		return false, err
	}
	info, err := root.Lstat(path)
	if err != nil {
		return false, err
	}
	if all {
		return true, root.RemoveAll(path)
	}
	if err := root.Remove(path); err != nil {
		return false, err
	}
	d.made = max(d.made-1, 0)
	if info.Mode().IsRegular() {
		d.written = max(d.written-info.Size(), 0)
	}
	return true, nil
}

func (d *folder) rename(from, to string) (bool, error) {
	root, err := d.top(false)
	if err != nil {
		return false, err
	}
	return true, root.Rename(from, to)
}

// list gives the names in a folder, in order.
func (d *folder) list(path string) ([]string, error) {
	root, err := d.top(false)
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxListed + 1)
	if len(names) > maxListed {
		return nil, fmt.Errorf("more than %d names are in it", maxListed)
	}
	if err != nil && !isEOF(err) {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}
