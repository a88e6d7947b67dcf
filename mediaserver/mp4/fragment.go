package mp4

import (
	"errors"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Flags of a sample [ISO §8.8.3.1], of trun [ISO §8.8.8].
const (
	sampleDepends = 0x01000000
	sampleNonSync = 0x00010000

	trunOffset     = 0x001
	trunFirstFlags = 0x004
	trunDurations  = 0x100
	trunSizes      = 0x200
	trunFlags      = 0x400
	trunCTS        = 0x800
)

// fragment reads the samples of one moof.
type fragment struct {
	w        *window
	m        *movie
	moof     box
	fileSize int64
	end      int64 // of the data of the last track run: where the next begins that does not say
	trafs    int
	cut      bool // a run goes on behind the end of the file
}

// readFragment adds the samples of a moof to their tracks. What the file has no
// bytes for is left out: a recorder that is killed leaves such a tail. cut says
// so.
func (m *movie) readFragment(w *window, moof box, fileSize int64) (cut bool, err error) {
	f := &fragment{w: w, m: m, moof: moof, fileSize: fileSize, end: moof.head}
	err = w.walk(moof.start, moof.end, func(b box) error {
		if b.is("traf") {
			return f.traf(b)
		}
		return nil
	})
	return f.cut, err
}

func (f *fragment) traf(traf box) error {
	var head trackHead
	var t *track
	base, known := int64(0), false
	f.trafs++
	return f.w.walk(traf.start, traf.end, func(b box) error {
		switch {
		case b.is("tfhd") && !known:
			var err error
			if head, err = f.w.readTrackHead(b); err != nil {
				return err
			}
			known = true
			base = f.base(&head)
			f.m.fill(&head)
			t = f.m.track(head.track)
		case b.is("tfdt") && t != nil:
			at, err := f.w.readDecodeTime(b)
			if err != nil {
				return err
			}
			t.next = int64(min(at, 1<<62))
		case b.is("trun"):
			if !known {
				return invalid("%v says samples before it says the track", b)
			}
			return f.trun(t, &head, b, base)
		}
		return nil
	})
}

// base is where the data of a track begins, in the file [ISO §8.8.7].
func (f *fragment) base(head *trackHead) int64 {
	switch {
	case head.flags&headBase != 0:
		f.end = int64(min(head.base, maxOffset))
	case head.flags&headIsMoof != 0 || f.trafs == 1:
		f.end = f.moof.head
	}
	return f.end
}

// fill sets what tfhd does not say to what the track's defaults are.
func (m *movie) fill(head *trackHead) {
	for _, d := range m.defaults {
		if d.track != head.track {
			continue
		}
		if head.flags&headDuration == 0 {
			head.duration = d.duration
		}
		if head.flags&headSize == 0 {
			head.size = d.size
		}
		if head.flags&headMarks == 0 {
			head.marks = d.marks
		}
		return
	}
}

// entrySize is how many bytes a sample takes in a trun with some flags.
func entrySize(flags uint32) (size int64) {
	for _, bit := range []uint32{trunDurations, trunSizes, trunFlags, trunCTS} {
		if flags&bit != 0 {
			size += 4
		}
	}
	return size
}

// trun reads a run of samples. t is nil when the track is not played: its data
// counts all the same.
func (f *fragment) trun(t *track, head *trackHead, b box, base int64) error {
	r := f.w.table(b)
	count := r.u32()
	at := f.end
	if r.flags&trunOffset != 0 {
		at = base + int64(int32(r.u32()))
	}
	first, firstSaid := uint32(0), r.flags&trunFirstFlags != 0
	if firstSaid {
		first = r.u32()
	}
	entry := entrySize(r.flags)
	if r.err == nil && int64(count)*entry > r.left() {
		return invalid("%v says %d samples, and has room for %d", b, count, r.left()/entry)
	}
	if entry == 0 && head.size == 0 {
		if count > 0 && t != nil {
			return invalid("%v says %d samples without a size", b, count)
		}
		count = 0
	}
	if entry == 0 && t == nil {
		f.end = at + int64(count)*int64(head.size)
		f.cut = f.cut || f.end > f.fileSize
		return r.err
	}
	for n := range count {
		duration, size, flags, cts := runEntry(r, head)
		if n == 0 && firstSaid && r.flags&trunFlags == 0 {
			flags = first
		}
		if r.err != nil {
			break
		}
		if at+int64(size) > f.fileSize {
			f.cut = true
			break
		}
		if t != nil {
			if err := t.add(t.next, cts, size, flags&(sampleNonSync|sampleDepends) == 0, at, f.fileSize); err != nil {
				return err
			}
			t.next += int64(duration)
		}
		at += int64(size)
	}
	f.end = at
	return r.err
}

// runEntry reads what a run says of its next sample, and takes from the head of
// its track what the run does not.
func runEntry(r *table, head *trackHead) (duration, size, flags uint32, cts int64) {
	duration, size, flags = head.duration, head.size, head.marks
	if r.flags&trunDurations != 0 {
		duration = r.u32()
	}
	if r.flags&trunSizes != 0 {
		size = r.u32()
	}
	if r.flags&trunFlags != 0 {
		flags = r.u32()
	}
	if r.flags&trunCTS != 0 {
		cts = int64(int32(r.u32()))
	}
	return duration, size, flags, cts
}

// readFragments goes through the boxes from one byte on. A tail that is no box,
// behind fragments that are, is what a recorder leaves that is killed: what was
// written until then is played.
func (m *movie) readFragments(w *window, from, fileSize int64) error {
	var inside error
	err := w.walk(from, fileSize, func(b box) error {
		if !b.is("moof") {
			return nil
		}
		if b.beyond {
			return errStop
		}
		cut, err := m.readFragment(w, b, fileSize)
		if err == nil && cut {
			err = errStop
		} else {
			inside = err
		}
		return err
	})
	if inside == nil && m.total > 0 && errors.Is(err, media.ErrInvalid) {
		return nil
	}
	return err
}
