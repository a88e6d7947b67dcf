package mp4

import (
	"bytes"
	"io"
	"sort"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// File is the index of a file. It implements media.File. Position.At is the
// number of a sample, in the order of their times and across tracks.
type File struct {
	samples      []sample
	keys         []uint32 // samples where playing may begin; nil: anywhere
	video, audio *codec   // nil when there is none
	meta         *amf.ECMAArray
}

var _ media.File = (*File)(nil)

// Open is OpenMetered where the index may cost what it does.
func Open(r io.ReaderAt, size int64) (*File, error) { return OpenMetered(r, size, nil) }

// OpenMetered reads what a file of size bytes says of its samples: of the first
// video track and the first audio track that RTMP can carry. It holds 16 bytes a
// sample, and up to 8 Mi samples. Errors wrap media.ErrInvalid and say what is
// wrong with the file, or are r's or the meter's.
func OpenMetered(r io.ReaderAt, size int64, meter media.Meter) (*File, error) {
	if size > maxOffset {
		return nil, invalid("%d bytes, more than 1 TiB", size)
	}
	w := newWindow(r, size, &media.Work{Meter: meter})
	moov, err := findMovie(w, size)
	if err != nil {
		return nil, err
	}
	m, err := readMovie(w, moov)
	if err != nil {
		return nil, err
	}
	if err := m.index(w, size); err != nil {
		return nil, err
	}
	if m.fragmented {
		if err := m.readFragments(w, moov.end, size); err != nil {
			return nil, err
		}
	}
	f := &File{}
	if f.samples, err = merge(m.tracks, w.work); err != nil {
		return nil, err
	}
	for _, t := range m.tracks {
		if len(t.samples) == 0 {
			continue
		}
		if t.codec.video {
			f.video = t.codec
			continue
		}
		f.audio = t.codec
		if err := f.audio.lookAt(r, t.samples[0]); err != nil {
			return nil, err
		}
	}
	f.meta = f.describe(m)
	if f.video != nil {
		if err := f.findKeys(w.work); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// findMovie looks for moov among the boxes of the file, wherever it is.
func findMovie(w *window, size int64) (moov box, err error) {
	first := true
	err = w.walk(0, size, func(b box) error {
		if first && !known(b) {
			return invalid("it does not begin as MP4 does")
		}
		first = false
		if b.is("moov") {
			if b.beyond {
				return invalid("it ends inside moov, at byte %d: it was cut, and has to be copied again", size)
			}
			moov = b
			return errStop
		}
		return nil
	})
	if err == nil && moov.end == 0 {
		err = invalid("no moov: the recording was never finished, or is no MP4")
	}
	return moov, err
}

// known says whether a box is one that files begin with.
func known(b box) bool {
	switch string(b.kind[:]) {
	case "ftyp", "moov", "mdat", "free", "skip", "wide", "pnot", "styp", "sidx", "uuid":
		return true
	}
	return false
}

func (f *File) findKeys(work *media.Work) error {
	n := 0
	for _, s := range f.samples {
		if s.video() && s.key() {
			n++
		}
	}
	if err := work.Spend(4 * int64(n)); err != nil {
		return err
	}
	f.keys = make([]uint32, 0, n)
	for i, s := range f.samples {
		if s.video() && s.key() {
			f.keys = append(f.keys, uint32(i))
		}
	}
	return nil
}

// Duration implements media.File.
func (f *File) Duration() time.Duration { return f.last().Duration() }

// last is the time of the last sample.
func (f *File) last() media.Timestamp { return f.samples[len(f.samples)-1].time }

// Memory implements media.File.
func (f *File) Memory() int64 { return sampleBytes*int64(cap(f.samples)) + 4*int64(cap(f.keys)) }

// Meta implements media.File.
func (f *File) Meta() *amf.ECMAArray { return f.meta }

// Seek implements media.File.
func (f *File) Seek(to media.Timestamp) media.Position {
	at := 0
	if to == 0 {
		return f.position(at)
	}
	if f.video != nil {
		if i := sort.Search(len(f.keys), func(i int) bool { return f.samples[f.keys[i]].time > to }); i > 0 {
			at = int(f.keys[i-1])
		}
	} else if i := sort.Search(len(f.samples), func(i int) bool { return f.samples[i].time > to }); i > 0 {
		at = i - 1
	}
	return f.position(at)
}

// SeekAfter implements media.File.
func (f *File) SeekAfter(from media.Timestamp) (media.Position, bool) {
	at := f.search(from)
	if f.video != nil {
		i := sort.Search(len(f.keys), func(i int) bool { return f.samples[f.keys[i]].time >= from })
		if i == len(f.keys) {
			return media.Position{}, false
		}
		at = int(f.keys[i])
	}
	if at == len(f.samples) {
		return media.Position{}, false
	}
	return f.position(at), true
}

// search returns the first sample at or after a time.
func (f *File) search(from media.Timestamp) int {
	return sort.Search(len(f.samples), func(i int) bool { return f.samples[i].time >= from })
}

// position is the place before a sample.
func (f *File) position(at int) media.Position {
	if at >= len(f.samples) {
		return media.Position{Time: f.last(), At: int64(len(f.samples))}
	}
	return media.Position{Time: f.samples[at].time, At: int64(at)}
}

// Headers implements media.File. They are the same everywhere.
func (f *File) Headers(io.ReaderAt, media.Position) ([]media.Frame, error) {
	var out []media.Frame
	if c := f.video; c != nil && c.config != nil {
		out = append(out, media.Frame{Type: media.TypeVideo, Head: bytes.Clone(c.start), Data: bytes.Clone(c.config)})
	}
	if c := f.audio; c != nil && c.config != nil {
		out = append(out, media.Frame{Type: media.TypeAudio, Head: bytes.Clone(c.start), Data: bytes.Clone(c.config)})
	}
	return out, nil
}
