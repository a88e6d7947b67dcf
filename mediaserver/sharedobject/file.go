package sharedobject

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
)

// The file of a persistent object, .fso, numbers big endian:
//
//	"Flashpod shared object 1\n"
//	version     32 bits
//	floor       32 bits: what has happened before that version is forgotten
//	name        text: 16 bits of length, and UTF-8
//	slots       32 bits: how many there are
//	deleted     32 bits: how many deleted slots are remembered
//	entries     as many as both together, in the order of their changes:
//	            8 bits of kind: 0 deleted, 1 a slot, 2 a slot with parts of AMF3;
//	            the version of the change (32 bits), the slot's name (text), and of
//	            a slot its value as it came, with 32 bits of length
//	checksum    32 bits: CRC-32C of all before
//
// What a value with AMF3 is in AMF0 is not stored, but made when it is read.
const fileMagic = "Flashpod shared object 1\n"

const (
	kindDeleted = 0
	kindSlot    = 1
	kindAMF3    = 2

	// headSize is what a file has beside the object's name and entries, and
	// entrySize what an entry has beside its name and value.
	headSize  = len(fileMagic) + 4 + 4 + 2 + 4 + 4 + 4
	entrySize = 1 + 4 + 2
	valueHead = 4
)

// Errors of files.
var (
	ErrForeign = errors.New("is no shared object of Flashpod's: .fso files of Flash Media Server are not read; " +
		"move the file away or delete it, and the object begins empty (values come over while the old server runs: flashpod shared-object get from there, and set here)")
	ErrDamaged = errors.New("is damaged: its checksum is wrong, or what it says; put a copy in its place, or move it away or delete it, and the object begins empty")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot is an object at a moment, as a file has it. It shares its values with
// the object, and is not changed.
type Snapshot struct {
	Name    string
	Version uint32
	// Memory is what it may hold that the object does not any more: all of it.
	Memory int64

	floor   uint32
	slots   int
	changes []change // none is dead
}

// perChange is what one costs in a snapshot.
const perChange = 64

// Snapshot is the object now.
func (o *Object) Snapshot() *Snapshot {
	s := &Snapshot{Name: o.Name, Version: o.version, floor: o.floor, slots: len(o.slots)}
	s.changes = make([]change, 0, len(o.log.list)-o.log.dead)
	for i := range o.log.list {
		if one := &o.log.list[i]; !one.dead {
			s.changes = append(s.changes, *one)
		}
	}
	s.Memory = o.paid + int64(len(s.changes)*perChange)
	return s
}

// Latest is the version of the last change, which clients may be told.
func (o *Object) Latest() uint32 { return o.version }

// FileSize is how long the object's file would be, about: it is no longer than that.
func (o *Object) FileSize() int64 {
	return int64(headSize + len(o.Name) + o.bytes + len(o.slots)*(entrySize+valueHead) + o.goneLen + len(o.gone)*entrySize)
}

// Size is how long the file is.
func (s *Snapshot) Size() int64 {
	size := int64(headSize + len(s.Name))
	for i := range s.changes {
		c := &s.changes[i]
		size += int64(entrySize + len(c.name))
		if c.slot != nil {
			size += int64(valueHead + len(c.slot.value.Raw))
		}
	}
	return size
}

// writeTo writes the file's bytes.
func (s *Snapshot) writeTo(w io.Writer) error {
	sum := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	b := make([]byte, 0, headSize+maxName)
	b = append(b, fileMagic...)
	b = binary.BigEndian.AppendUint32(b, s.Version)
	b = binary.BigEndian.AppendUint32(b, s.floor)
	b = appendText(b, s.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(s.slots))
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.changes)-s.slots))
	_, _ = out.Write(b) // its errors come back from Flush
	for i := range s.changes {
		c := &s.changes[i]
		b = append(b[:0], c.kind())
		b = binary.BigEndian.AppendUint32(b, c.version)
		b = appendText(b, c.name)
		if c.slot == nil {
			_, _ = out.Write(b)
			continue
		}
		raw := c.slot.value.Raw
		_, _ = out.Write(binary.BigEndian.AppendUint32(b, uint32(min(len(raw), math.MaxUint32))))
		_, _ = out.Write(raw)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

func (c *change) kind() byte {
	switch {
	case c.slot == nil:
		return kindDeleted
	case c.slot.value.Plain != nil:
		return kindAMF3
	}
	return kindSlot
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
