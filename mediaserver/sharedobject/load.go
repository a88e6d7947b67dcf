package sharedobject

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// ErrNoBudget says that nothing pays for what a file has.
var ErrNoBudget = errors.New(string(DeniedBudget))

// load reads a file of so many bytes into an object that has nothing yet, and
// returns the name that it says. What it takes of memory is paid for before it is
// read; a slot's value has bytes of its own. With an error the object is dropped.
// turn is the one in which files are taken apart, and has none while they are
// read; nil: there is no need of one.
func (o *Object) load(r io.Reader, size int64, turn *budget.Turn) (name string, err error) {
	defer func() {
		if err != nil {
			o.Drop()
		}
	}()
	switch {
	case size < int64(len(fileMagic)):
		return "", ErrForeign
	case !o.pay(int(size)):
		return "", ErrNoBudget
	}
	turn.Begin(nil)
	defer turn.End()
	l := loading{o: o, left: size, reserved: size, r: bufio.NewReaderSize(&outOfTurn{r, turn}, 64<<10)}
	if string(l.take(len(fileMagic))) != fileMagic {
		if l.err != nil {
			return "", l.err
		}
		return "", ErrForeign
	}
	l.left -= crc32.Size
	o.version, o.floor = l.uint32(), l.uint32()
	name = l.text()
	slots, deleted := int64(l.uint32()), int64(l.uint32())
	if l.err == nil && !l.reserve(slots, deleted) {
		return name, l.err
	}
	for n := slots + deleted; n > 0 && l.err == nil; n-- {
		turn.Rest(nil)
		l.entry()
	}
	o.pay(-int(l.reserved))
	sum := l.sum
	l.left += crc32.Size
	switch said := l.uint32(); {
	case l.err != nil:
		return name, l.err
	case sum != said || l.left != 0 || int64(len(o.slots)) != slots || int64(len(o.gone)) != deleted || o.floor > o.version, o.version > maxVersion:
		return name, ErrDamaged
	}
	return name, nil
}

// outOfTurn reads while the turn is somebody else's.
type outOfTurn struct {
	r    io.Reader
	turn *budget.Turn
}

// Read implements io.Reader.
func (o *outOfTurn) Read(b []byte) (int, error) {
	if o.turn.End() {
		defer o.turn.Begin(nil)
	}
	return o.r.Read(b)
}

// loading is a file that is being read. After an error it gives nothing any more.
type loading struct {
	o        *Object
	r        *bufio.Reader
	left     int64 // bytes of the file
	reserved int64 // of what was paid for, and is not in the object yet
	sum      uint32
	last     uint32 // version
	err      error
}

// reserve pays for what entries take beside their bytes.
func (l *loading) reserve(slots, deleted int64) bool {
	if (slots+deleted)*entrySize > l.left {
		l.err = ErrDamaged
		return false
	}
	costs := slots*perSlot + deleted*perGone
	if !l.o.pay(int(costs)) {
		l.err = ErrNoBudget
		return false
	}
	l.reserved += costs
	return true
}

// entry reads a slot, or one that was deleted.
func (l *loading) entry() {
	before := l.left
	kind := l.take(1)
	version, name := l.uint32(), l.text()
	if l.err != nil {
		return
	}
	_, slot := l.o.slots[name]
	_, gone := l.o.gone[name]
	if slot || gone || name == "" || len(name) > maxSlotName || version < l.last || version > l.o.version || kind[0] > kindAMF3 {
		l.err = ErrDamaged
		return
	}
	l.last = version
	if kind[0] == kindDeleted {
		l.spend(perGone + before - l.left)
		l.restored(l.o.restoreGone(name, version))
		return
	}
	raw := l.take(int(l.uint32()))
	if l.err != nil {
		return
	}
	v, err := newValue(raw, kind[0] == kindAMF3)
	if err != nil || len(raw) == 0 {
		l.err = ErrDamaged
		return
	}
	l.spend(perSlot + before - l.left)
	l.restored(l.o.restore(name, v, version))
}

// spend takes out of the reserve what the object pays for now.
func (l *loading) spend(bytes int64) {
	bytes = min(bytes, l.reserved)
	l.reserved -= bytes
	l.o.pay(-int(bytes))
}

func (l *loading) restored(ok bool) {
	if !ok {
		l.err = ErrNoBudget
	}
}

// take reads bytes, which belong to the caller.
func (l *loading) take(n int) []byte {
	if l.err == nil && int64(n) > l.left {
		l.err = ErrDamaged
	}
	if l.err != nil {
		return make([]byte, 8)[:min(n, 8)]
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(l.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrDamaged
		}
		l.err = err
	}
	l.left -= int64(n)
	l.sum = crc32.Update(l.sum, castagnoli, b)
	return b
}

func (l *loading) uint32() uint32 { return binary.BigEndian.Uint32(l.take(4)) }
func (l *loading) text() string   { return string(l.take(int(binary.BigEndian.Uint16(l.take(2))))) }

// restore puts a slot into an object that is being read; false: nothing pays for
// it.
func (o *Object) restore(name string, v Value, version uint32) bool {
	if !o.pay(perSlot + len(name) + v.size()) {
		return false
	}
	s := &slot{value: v, version: version}
	s.order = o.log.add(name, version, s)
	o.slots[name] = s
	o.bytes += len(name) + v.counts()
	return true
}

// restoreGone does the same with one that was deleted.
func (o *Object) restoreGone(name string, version uint32) bool {
	if !o.pay(perGone + len(name)) {
		return false
	}
	o.gone[name] = &slot{version: version, order: o.log.add(name, version, nil)}
	o.goneLen += len(name)
	return true
}

// goOnAt has an object go on at a version that nobody has been told before: who
// was told another gets all of it.
func (o *Object) goOnAt(version uint32) {
	o.version = version
	o.forgetAll(version)
}
