package pieces

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const tempEnding = ".part"

func folderOf(path string) string { return filepath.Dir(path) }

// ErrUsed says that another process has the folder.
var ErrUsed = errors.New("another flashpod keeps its cache there")

// Lock makes a folder, and takes it for this process alone. It fails with ErrUsed, or where
// nothing can be written there. The lock goes with the process, however it ends.
func Lock(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrUsed
		}
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return func() {
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // a child may have the file as well
		_ = f.Close()
	}, nil
}

// found is a piece that an earlier process has left.
type found struct {
	e *entry
	s stored
	n uint64 // the number of its file
	t time.Time
}

// find reads what is in the folder: names and sizes. What is in the pieces is looked at when
// somebody wants them. Files of others are let alone.
func (c *Cache) find() error {
	folders, err := os.ReadDir(c.cfg.Folder)
	if err != nil {
		return err
	}
	var all []found
	var unwanted []stored
	for _, d := range folders {
		raw, err := hex.DecodeString(d.Name())
		if err != nil || len(raw) != len(fileID{}) || !d.IsDir() {
			continue
		}
		inside, err := os.ReadDir(filepath.Join(c.cfg.Folder, d.Name()))
		if err != nil {
			return err
		}
		for _, one := range inside {
			s := stored(d.Name() + "/" + one.Name())
			f, ours := pieceOf(fileID(raw), s, one)
			switch {
			case ours && f.e == nil:
				unwanted = append(unwanted, s)
			case ours:
				all = append(all, f)
			}
			c.number = max(c.number, f.n)
		}
	}
	// The newest of those that are of one piece is the one.
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(a.t.Compare(b.t), cmp.Compare(a.n, b.n)) })
	for _, f := range all {
		if was := c.entries[f.e.id]; was != nil {
			unwanted = append(unwanted, c.drop(was))
		}
		f.e.state, f.e.stored = here, f.s
		c.entries[f.e.id] = f.e
		c.list(f.e, c.disk)
		c.onDisk += fileSize(f.e.size)
	}
	for c.onDisk > c.cfg.Max {
		unwanted = append(unwanted, c.evict())
	}
	c.remove(unwanted...)
	c.log.Info("the cache of recordings", "folder", c.cfg.Folder, "pieces", len(c.entries), "bytes", c.onDisk, "max", c.cfg.Max)
	return nil
}

// pieceOf is the piece that a file is, and whether it is one of ours; without an entry, it
// was not written to its end.
func pieceOf(of fileID, s stored, d os.DirEntry) (f found, ours bool) {
	name, temp := strings.CutSuffix(d.Name(), tempEnding)
	piece, number, _ := strings.Cut(name, "-")
	n, err1 := strconv.ParseInt(piece, 10, 64)
	numbered, err2 := strconv.ParseUint(number, 10, 64)
	if err1 != nil || err2 != nil || n < 0 || !d.Type().IsRegular() {
		return f, false
	}
	f.s, f.n = s, numbered
	info, err := d.Info()
	if temp || err != nil || info.Size() <= headerSize || info.Size() > fileSize(Size) {
		return f, true
	}
	f.t = info.ModTime()
	f.e = &entry{id: id{of, n}, size: int(info.Size() - headerSize)}
	return f, true
}
