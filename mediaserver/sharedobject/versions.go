package sharedobject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"
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
// object begins above it. On the disk, in .versions, there is a ceiling: no object is
// changed to a version above it before a higher one is written, and where that
// cannot be, none is changed (May). What is there can be read all the same: the
// objects that begin meanwhile do so at one version, the first above the ceiling,
// which means what their files have. A server that finds that the one before was
// killed begins above the ceiling, and what files say below it may be behind what
// was told (lost): such an object goes on above it, too, and clients get all of it.
// Where .versions itself is lost, all files are behind, and the clock is left: new
// objects begin above all files, and never below the seconds since 2020, which is
// more than most objects change.
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
	// to take the next. There are enough for 32768 kills.
	reserve = 1 << 16
	// maxVersion is the highest of all: clients may compare versions with their signs.
	maxVersion = 1 << 31
	// raiseAgain is when a ceiling is written again after that has failed.
	raiseAgain = 2 * time.Second
)

var since2020 = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// clockVersion is where the first object begins.
func clockVersion(now time.Time) uint32 {
	// A clock that is wrong by decades takes no more than half of all versions.
	return uint32(min(max(now.Sub(since2020)/time.Second, 1), maxVersion/2))
}

// versions are those of a store's objects.
type versions struct {
	writes chan struct{} // of capacity one: who writes the file

	mu      sync.Mutex // nothing else is taken while it is held
	high    uint32     // nobody was told a higher one
	ceiling uint32     // on the disk, or where this server began before it wrote one
	lost    uint32
	closed  bool // the ceiling is not one of a server that goes on: nothing may change
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
		v.high = max(v.high, highest(root))
		v.lost = v.high
	case !ended:
		v.lost = ceiling
	default:
		v.lost = lost
	}
	v.ceiling, v.closed = v.high, true
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// beginNew is begin where there is no folder yet.
func (v *versions) beginNew(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.high = clockVersion(now)
	v.lost, v.ceiling, v.closed = v.high, v.high, true
}

func (v *versions) usedUp() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.high >= maxVersion
}

// fail notes that a ceiling could not be written.
func (v *versions) fail(err error, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raising, v.failed = false, now
	return fmt.Errorf("versions cannot be written: %w", err)
}

// next is a version that nobody was told before, of any object that has changed.
func (v *versions) next() uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.up()
}

// up is the next version; above the ceiling there is only one. v.mu is held.
func (v *versions) up() uint32 {
	if v.high <= v.ceiling && v.high < maxVersion {
		v.high++
	}
	return v.high
}

// may says whether an object may be changed to a version.
func (v *versions) may(version uint32) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.closed && version <= v.ceiling
}

// above is a version that nobody was told before of an object whose file says one;
// false: what it says is all that was told.
func (v *versions) above(version uint32) (next uint32, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case version > v.high: // .versions is of another folder
		v.high = more(version)
		v.lost = v.high
	case version > v.lost:
		return 0, false
	}
	return v.up(), true
}

// more is a version with the reserve above it.
func more(version uint32) uint32 { return min(version, maxVersion-reserve) + reserve }

// told notes a version; true: raise is to be called.
func (v *versions) told(version uint32, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.high = max(v.high, version)
	if v.raising || !v.closed && (v.ceiling == maxVersion || v.ceiling >= v.high+reserve/2) || now.Sub(v.failed) < raiseAgain {
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
	ceiling, lost := more(v.high), v.lost
	if ends {
		ceiling = v.high
	}
	v.mu.Unlock()
	if !ends && v.usedUp() {
		return v.fail(fmt.Errorf("there are %d, and all are used up: remove %s, and the files of objects", maxVersion, versionsFile), now)
	}
	if err := writeVersions(root, ceiling, lost, ends); err != nil {
		return v.fail(err, now)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raising, v.failed = false, time.Time{}
	v.ceiling, v.closed = ceiling, ends
	return nil
}

func readVersions(root *os.Root) (ceiling, lost uint32, ended bool, err error) {
	f, _, err := openFile(root, versionsFile)
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
	if binary.BigEndian.Uint32(b) > maxVersion {
		return 0, 0, false, fmt.Errorf("%s %w", versionsFile, ErrDamaged)
	}
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8] == 1, nil
}

// highest is a version that no object was told, by what the files say: what was told
// is not far above.
func highest(root *os.Root) (version uint32) {
	head := make([]byte, len(fileMagic)+4)
	_ = fs.WalkDir(root.FS(), ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(d.Name(), extension) {
			return nil // it cannot be read now, and has its say when it can
		}
		f, _, err := openFile(root, at)
		if err != nil {
			return nil
		}
		defer f.Close()
		if _, err := io.ReadFull(f, head); err != nil || string(head[:len(fileMagic)]) != fileMagic {
			return nil
		}
		if says := binary.BigEndian.Uint32(head[len(fileMagic):]); says <= maxVersion {
			version = max(version, more(says))
		}
		return nil
	})
	return version
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
