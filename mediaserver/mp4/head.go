package mp4

import "encoding/binary"

// trackHead is what tfhd says of a track's samples in a fragment
// [ISO §8.8.7], and trex for all of them [ISO §8.8.3].
type trackHead struct {
	flags                 uint32
	track                 uint32
	base                  uint64 // where its data begins, if it says so
	duration, size, marks uint32 // of a sample that does not say them
}

// Flags of tfhd.
const (
	headBase     = 0x000001
	headEntry    = 0x000002
	headDuration = 0x000008
	headSize     = 0x000010
	headMarks    = 0x000020
	headIsMoof   = 0x020000
)

// smallBox is how much of a box is read that says a few numbers.
const smallBox = 64

func (w *window) readTrackHead(b box) (h trackHead, err error) {
	p, err := w.front(b, smallBox)
	if err != nil {
		return h, err
	}
	f := fields{p: p}
	h.flags = f.u32() & 0xffffff
	h.track = f.u32()
	if h.flags&headBase != 0 {
		h.base = f.u64()
	}
	if h.flags&headEntry != 0 {
		f.u32()
	}
	for _, one := range []struct {
		flag uint32
		to   *uint32
	}{{headDuration, &h.duration}, {headSize, &h.size}, {headMarks, &h.marks}} {
		if h.flags&one.flag != 0 {
			*one.to = f.u32()
		}
	}
	if f.short {
		return h, invalid("%v ends too early", b)
	}
	return h, nil
}

func (w *window) readTrackDefaults(b box) (h trackHead, err error) {
	p, err := w.front(b, smallBox)
	if err != nil {
		return h, err
	}
	f := fields{p: p}
	f.u32() // version and flags
	h.track = f.u32()
	f.u32() // index of the sample entry
	h.duration, h.size, h.marks = f.u32(), f.u32(), f.u32()
	if f.short {
		return h, invalid("%v ends too early", b)
	}
	return h, nil
}

// readDecodeTime reads tfdt [ISO §8.8.12].
func (w *window) readDecodeTime(b box) (uint64, error) {
	p, err := w.front(b, smallBox)
	if err != nil {
		return 0, err
	}
	f := fields{p: p}
	at := uint64(0)
	if f.u32()>>24 == 1 {
		at = f.u64()
	} else {
		at = uint64(f.u32())
	}
	if f.short {
		return 0, invalid("%v ends too early", b)
	}
	return at, nil
}

// fields takes numbers from the front of a box.
type fields struct {
	p     []byte
	short bool // one was not there
}

func (f *fields) u32() uint32 {
	if len(f.p) < 4 {
		f.short, f.p = true, nil
		return 0
	}
	v := binary.BigEndian.Uint32(f.p)
	f.p = f.p[4:]
	return v
}

func (f *fields) u64() uint64 {
	high := f.u32()
	return uint64(high)<<32 | uint64(f.u32())
}
