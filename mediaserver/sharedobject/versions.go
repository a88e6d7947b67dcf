package sharedobject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"
	"time"
)

// What a client has been told of a persistent object it may come back with, years
// later: "I have seen version 7". So no version of one name means two things, also
// where a file was removed or lost, or where a server was killed before it had
// written what it had told. Versions have 32 bits, and clients may compare them
// with their signs.
//
// A store knows the highest version that any of its objects has told (high). A new
// object begins above it. On the disk, in .versions, there is a ceiling that none
// goes beyond before a higher one is written: a server that finds that the one
// before was killed begins above that ceiling, and what files say below it may be
// behind what was told (lost): such an object goes on above it, too, and clients
// get all of it. Where .versions itself is lost, the clock is left: new objects
// never begin below the seconds since 2020, which is more than most objects change.
//
// The file, numbers big endian:
//
//	"Flashpod versions 1\n"
//	ceiling     32 bits
//	lost        32 bits: files that say no more than that may be behind
//	ended       8 bits: 1 when the server has written all that it had told
//	checksum    32 bits: CRC-32C of all before
const (
	versionsFile  = ".versions"
	versionsMagic = "Flashpod versions 1\n"
	versionsSize  = len(versionsMagic) + 4 + 4 + 1 + 4

	// reserve is how far the ceiling is above what was told when it is written: a
	// kill costs so many versions, and the disk has the time of half as many changes
	// to take the next. 32 bits are enough for 65536 kills.
	reserve = 1 << 16
	// raiseAgain is when a ceiling is written again after that has failed.
	raiseAgain = 2 * time.Second
)

var since2020 = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// clockVersion is where the first object begins.
func clockVersion(now time.Time) uint32 {
	// A clock that is wrong by decades takes no more than half of all versions.
	return uint32(min(max(now.Sub(since2020)/time.Second, 1), 1<<31))
}

// versions are those of a store's objects.
type versions struct {
	writes chan struct{} // of capacity one: who writes the file

	mu      sync.Mutex // nothing else is taken while it is held
	high    uint32     // nobody was told a higher one
	ceiling uint32     // on the disk
	lost    uint32
	ended   bool
	raising bool
	failed  time.Time // when the last raise did; zero: it did not
}

// begin takes over from the server before.
func (v *versions) begin(root *os.Root, now time.Time) error {
	ceiling, lost, ended, err := readVersions(root)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.high = max(ceiling, clockVersion(now))
	switch {
	case err != nil: // there was no server before, or nobody knows
		v.lost = v.high
	case !ended:
		v.lost = ceiling
	default:
		v.lost = lost
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// next is a version that nobody was told before.
func (v *versions) next() uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bump(1)
	return v.high
}

// bump goes so far on, as far as 32 bits go: versions never begin anew. The caller
// holds mu.
func (v *versions) bump(by uint32) { v.high += min(by, math.MaxUint32-v.high) }

// above is a version that nobody was told before of an object whose file says one;
// false: what it says is all that was told.
func (v *versions) above(version uint32) (next uint32, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case version > v.high: // .versions is of another folder, or was lost
		// So do others, then: what was told of those that are loaded next is not known
		// either.
		v.high = version
		v.bump(reserve)
		v.lost = v.high
	case version > v.lost:
		return 0, false
	}
	v.bump(1)
	return v.high, true
}

// told notes a version; true: raise is to be called.
func (v *versions) told(version uint32, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.high = max(v.high, version)
	if v.raising || !v.ended && v.ceiling-v.high >= reserve/2 && v.ceiling >= v.high || now.Sub(v.failed) < raiseAgain {
		return false
	}
	v.raising = true
	return true
}

// write writes a ceiling: one that is far enough away, or that of a server that
// ends and tells nobody anything any more.
func (v *versions) write(root *os.Root, ends bool, now time.Time) error {
	v.writes <- struct{}{}
	defer func() { <-v.writes }()
	v.mu.Lock()
	ceiling, lost := v.high+min(reserve, math.MaxUint32-v.high), v.lost
	if ends {
		ceiling = v.high
	}
	v.mu.Unlock()
	err := writeVersions(root, ceiling, lost, ends)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raising, v.failed = false, time.Time{}
	if err != nil {
		v.failed = now
		return fmt.Errorf("versions: %w", err)
	}
	v.ceiling, v.ended = ceiling, ends
	return nil
}

func readVersions(root *os.Root) (ceiling, lost uint32, ended bool, err error) {
	f, err := root.OpenFile(versionsFile, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe waits for nobody
	if err != nil {
		return 0, 0, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(versionsSize)+1))
	if err != nil {
		return 0, 0, false, err
	}
	end := versionsSize - crc32.Size
	if len(b) != versionsSize || string(b[:len(versionsMagic)]) != versionsMagic || checksum(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return 0, 0, false, fmt.Errorf("%s %w", versionsFile, ErrDamaged)
	}
	b = b[len(versionsMagic):]
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8] == 1, nil
}

func writeVersions(root *os.Root, ceiling, lost uint32, ended bool) error {
	b := append(make([]byte, 0, versionsSize), versionsMagic...)
	b = binary.BigEndian.AppendUint32(b, ceiling)
	b = binary.BigEndian.AppendUint32(b, lost)
	if ended {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.BigEndian.AppendUint32(b, checksum(b))
	err := replaceVersions(root, b)
	if err == nil || overwriteVersions(root, b) == nil {
		return nil
	}
	return err
}

// tempVersions is where the file is written first.
const tempVersions = versionsFile + tempSuffix

func replaceVersions(root *os.Root, b []byte) error {
	if err := write(root, tempVersions, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		_ = root.Remove(tempVersions)
		return err
	}
	if err := root.Rename(tempVersions, versionsFile); err != nil {
		return err
	}
	return syncFolder(root, ".")
}

// overwriteVersions writes the file where it stands, where there is no room for
// another: a disk that is full takes as many bytes as were there. They are in one
// block, and the checksum says whether all were written.
func overwriteVersions(root *os.Root, b []byte) error {
	f, err := root.OpenFile(versionsFile, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
