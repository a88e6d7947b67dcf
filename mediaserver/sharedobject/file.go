package sharedobject

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The file of a persistent object, .fso, numbers big endian:
//
//	"Flashpod shared object 1\n"
//	flags       8 bits: 1 while the object is in use
//	version     32 bits
//	floor       32 bits: what has happened before that version is forgotten
//	name        text: 16 bits of length, and UTF-8
//	slots       32 bits of count; of each its name (text), the version of its last
//	            change (32 bits), its value and the same in AMF0 alone, each with
//	            32 bits of length; in the order of their changes
//	deleted     32 bits of count; of each its name (text) and version (32 bits)
//	checksum    32 bits: CRC-32C of all before
const fileMagic = "Flashpod shared object 1\n"

const flagInUse = 1

// Errors of files.
var (
	ErrForeign = errors.New("is no shared object of Flashpod's: .fso files of Flash Media Server are not read")
	ErrDamaged = errors.New("is damaged: its checksum is wrong")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot is an object at a moment, as a file has it. It shares its values with
// the object, and is not changed.
type Snapshot struct {
	Name    string
	Version uint32
	// InUse says that what has happened since is lost with the process.
	InUse bool

	floor uint32
	slots []named
	gone  []goneSlot
}

type goneSlot struct {
	name    string
	version uint32
}

// Snapshot is the object now.
func (o *Object) Snapshot(inUse bool) *Snapshot {
	s := &Snapshot{Name: o.Name, Version: o.version, InUse: inUse, floor: o.floor, slots: o.live()}
	for name, deleted := range o.gone {
		s.gone = append(s.gone, goneSlot{name, deleted.version})
	}
	return s
}

// afterCrash is how much the version of an object grows that was in use when its
// server ended: more than clients may have seen and the file has not.
const afterCrash = 1 << 20

// Restore gives a new object what a snapshot has. It returns false when no budget
// pays for that.
func (o *Object) Restore(s *Snapshot) bool {
	if !o.fill(s.slots, s.gone) {
		o.Drop()
		return false
	}
	o.version, o.floor = s.Version, s.floor
	if s.InUse {
		o.version += afterCrash
		o.forgetAll(o.version)
	}
	return true
}

// encode is the file's bytes.
func (s *Snapshot) encode() []byte {
	b := append(make([]byte, 0, 4<<10), fileMagic...)
	flags := byte(0)
	if s.InUse {
		flags = flagInUse
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint32(b, s.Version)
	b = binary.BigEndian.AppendUint32(b, s.floor)
	b = appendText(b, s.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.slots)))
	for _, slot := range s.slots {
		b = appendText(b, slot.name)
		b = binary.BigEndian.AppendUint32(b, slot.version)
		b = appendBytes(b, slot.value.Raw)
		b = appendBytes(b, slot.value.Plain)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.gone)))
	for _, g := range s.gone {
		b = appendText(b, g.name)
		b = binary.BigEndian.AppendUint32(b, g.version)
	}
	return seal(b)
}

// seal appends the checksum.
func seal(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)) }

func appendBytes(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}

// decode reads a file's bytes, which the snapshot's values keep.
func decode(b []byte) (*Snapshot, error) {
	if !bytes.HasPrefix(b, []byte(fileMagic)) {
		return nil, ErrForeign
	}
	end := len(b) - 4
	if end < len(fileMagic) || crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return nil, ErrDamaged
	}
	r := reader{b: b[len(fileMagic):end]}
	s := &Snapshot{InUse: r.take(1)[0]&flagInUse != 0, Version: r.uint32(), floor: r.uint32(), Name: r.text()}
	for n := r.uint32(); n > 0 && !r.short; n-- {
		slot := named{r.text(), &slot{version: r.uint32()}}
		slot.value.Raw = r.data()
		if plain := r.data(); len(plain) > 0 {
			slot.value.Plain = plain
		}
		s.slots = append(s.slots, slot)
	}
	for n := r.uint32(); n > 0 && !r.short; n-- {
		s.gone = append(s.gone, goneSlot{r.text(), r.uint32()})
	}
	if r.short || len(r.b) > 0 {
		return nil, fmt.Errorf("%w, or its lengths", ErrDamaged)
	}
	return s, nil
}

// data takes bytes that have their length before them.
func (r *reader) data() []byte {
	n := r.uint32()
	if r.short || uint64(n) > uint64(len(r.b)) {
		r.short, r.b = true, nil
		return nil
	}
	return r.take(int(n))
}
