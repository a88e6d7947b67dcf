package pieces

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// On the disk a piece is a file of its own: FOLDER/FILE/PIECE-NUMBER, where FILE is what its
// file is known by, in hex, and NUMBER another for each that is written. In front of its
// bytes there are 24 of a header: magic, and as 32 bits each, big endian, its size, the
// checksum (CRC-32C) of its bytes, and that of what comes before it.

const (
	magic      = "FPPIECE1"
	headerSize = 24
	// writers is how many pieces are written at once.
	writers = 2
	// brokenFor is how long a disk that has not taken a piece is let alone.
	brokenFor = 10 * time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fileSize is how many bytes a piece takes on the disk.
func fileSize(size int) int64 { return int64(headerSize + size) }

// stored is the file that a piece is in.
type stored string

const nowhere stored = ""

func (c *Cache) path(s stored) string { return c.cfg.Folder + "/" + string(s) }

func header(b []byte) (h [headerSize]byte) {
	copy(h[:], magic)
	binary.BigEndian.PutUint32(h[8:], uint32(len(b)))
	binary.BigEndian.PutUint32(h[12:], crc32.Checksum(b, castagnoli))
	binary.BigEndian.PutUint32(h[20:], crc32.Checksum(h[:20], castagnoli))
	return h
}

// store has a piece in memory written to the disk, in the place of others if it must. The
// caller holds mu, and removes those.
func (c *Cache) store(e *entry) (victims []stored) {
	size := fileSize(e.size)
	if c.cfg.Folder == "" || c.closed || size > c.cfg.Max || !c.broken.IsZero() && time.Since(c.broken) < brokenFor {
		return nil
	}
	for c.onDisk+size > c.cfg.Max {
		victim := c.evict()
		if victim == nowhere {
			return victims
		}
		victims = append(victims, victim)
	}
	select {
	case c.writes <- e:
		e.storing = true
		c.onDisk += size
	default: // the disk has enough to do
	}
	return victims
}

// evict forgets the piece on the disk that has not been used for longest and that nobody
// waits for. The caller holds mu, and removes it.
func (c *Cache) evict() stored {
	for at := c.disk.Back(); at != nil; at = at.Prev() {
		if e, _ := at.Value.(*entry); e.state == here && !e.busy() && !e.isHeld() {
			c.stats.evicted.Add(1)
			return c.drop(e)
		}
	}
	return nowhere
}

// write writes pieces until the cache is closed.
func (c *Cache) write() {
	for e := range c.writes {
		c.mu.Lock()
		b := e.b
		c.number++
		to := stored(fmt.Sprintf("%x/%d-%d", e.id.file, e.id.n, c.number))
		c.mu.Unlock()
		err := c.writeFile(to, b)
		c.mu.Lock()
		e.storing = false
		unwanted := nowhere
		switch {
		case err != nil:
			c.onDisk -= fileSize(e.size)
		case e.state == gone:
			c.onDisk -= fileSize(e.size)
			unwanted = to
		default:
			e.stored, e.verified = to, true
			c.giveBack(e)
			c.list(e, c.disk)
		}
		told := c.tell(err)
		c.mu.Unlock()
		told()
		c.remove(unwanted)
		c.unpark()
	}
}

// tell notes whether the disk takes pieces, and returns what is to be said of it. The caller
// holds mu.
func (c *Cache) tell(err error) func() {
	was := c.broken
	switch {
	case err != nil:
		c.stats.failed.Add(1)
		c.broken = time.Now()
		if was.IsZero() {
			return func() {
				c.log.Warn("the cache of recordings takes nothing more: what is not in it comes from the origin each time", "folder", c.cfg.Folder, "err", err)
			}
		}
	case !was.IsZero():
		c.broken = time.Time{}
		return func() { c.log.Info("the cache of recordings takes pieces again", "folder", c.cfg.Folder) }
	}
	return func() {}
}

// errNoRoom says that the disk is to be left to others.
var errNoRoom = errors.New("the disk is nearly full")

// writeFile writes a piece, whole or not at all. Where the disk is full, others make room.
func (c *Cache) writeFile(to stored, b []byte) error {
	err := c.tryWrite(to, b)
	if errors.Is(err, errNoRoom) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		c.mu.Lock()
		victims := []stored{c.evict(), c.evict()}
		c.mu.Unlock()
		c.remove(victims...)
		if victims[0] != nowhere {
			err = c.tryWrite(to, b)
		}
	}
	return err
}

func (c *Cache) tryWrite(to stored, b []byte) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	path := c.path(to)
	temp := path + tempEnding
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(folderOf(path), 0o700); err == nil {
			f, err = os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		}
	}
	if err != nil {
		return err
	}
	h := header(b)
	if _, err = f.Write(h[:]); err == nil {
		_, err = f.Write(b)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the next process removes it otherwise
	}
	return err
}

// hasRoom says whether the disk has enough left for others.
func (c *Cache) hasRoom() error {
	if c.cfg.MinFree <= 0 {
		return nil
	}
	var s unix.Statfs_t
	if err := unix.Statfs(c.cfg.Folder, &s); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", c.cfg.Folder, err)
	}
	free := int64(min(s.Bavail, math.MaxInt64/uint64(s.Bsize))) * s.Bsize
	if free < c.cfg.MinFree {
		return fmt.Errorf("%w: %d bytes are free, of %d that are left to others", errNoRoom, free, c.cfg.MinFree)
	}
	return nil
}

// readStored reads a part of a piece that is on the disk, and whole.
func (c *Cache) readStored(e *entry, b []byte, in int) error {
	f, err := os.Open(c.path(e.stored))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, int64(headerSize+in))
	return err
}

// check finds out whether what is on the disk is the piece.
func (c *Cache) check(e *entry, s stored) error {
	f, err := os.Open(c.path(s))
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, fileSize(e.size))
	if _, err := io.ReadFull(f, b); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	if header(b[headerSize:]) != [headerSize]byte(b) {
		return fmt.Errorf("%s: its checksum is another", s)
	}
	return nil
}

// remove removes pieces from the disk that are forgotten.
func (c *Cache) remove(all ...stored) {
	for _, s := range all {
		if s == nowhere {
			continue
		}
		path := c.path(s)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			c.log.Warn("a piece of a recording stays in the cache's folder", "err", err)
			continue
		}
		_ = os.Remove(folderOf(path)) // which fails while there are others
	}
}
