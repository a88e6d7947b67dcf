package mp3

import (
	"io"
	"sort"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// File is the index of a file. It implements media.File. Position.At is the
// offset of a frame, and what of a millisecond it begins later than Time says.
type File struct {
	start, end int64 // of the first frame, and behind the last
	entries    []entry
	gaps       []gap
	first      frame
	bytes      int64           // of all frames
	last       media.Timestamp // of the last frame
	ticks      uint64          // of all frames
	meta       *amf.ECMAArray
}

var _ media.File = (*File)(nil)

// Open is OpenMetered where the index may cost what it does.
func Open(r io.ReaderAt, size int64) (*File, error) { return OpenMetered(r, size, nil) }

// OpenMetered reads all of a file of size bytes, once, and holds 16 bytes for a
// second of it. Errors wrap media.ErrInvalid and say what is wrong with the file,
// or are r's or the meter's.
func OpenMetered(r io.ReaderAt, size int64, meter media.Meter) (*File, error) {
	if size > maxOffset {
		return nil, invalid("%d bytes, more than 1 TiB", size)
	}
	tags, from, err := readID3(r, size)
	if err != nil {
		return nil, err
	}
	old, found, err := readID3v1(r, size)
	if err != nil {
		return nil, err
	}
	end := size
	if found {
		end -= id3v1
	}
	if tags == nil {
		tags = old
	}
	f := &File{}
	if err := f.scan(r, min(from, end), end, &media.Work{Meter: meter}); err != nil {
		return nil, err
	}
	f.describe(tags)
	return f, nil
}

func (f *File) describe(tags *amf.Object) {
	seconds := float64(f.ticks) / ticksPerSecond
	f.meta = amf.NewECMAArray(
		"duration", float64(f.last)/1000,
		"audiocodecid", 2.0,
		"audiosamplerate", float64(f.first.rate),
		"audiochannels", float64(f.first.channels),
		"audiodatarate", float64(f.bytes)*8/1000/seconds,
		"stereo", f.first.channels == 2,
	)
	if tags != nil {
		if title, ok := tags.Get("TIT2"); ok {
			f.meta.Set("title", title)
		}
		f.meta.Set("id3", tags)
	}
}

// Duration implements media.File.
func (f *File) Duration() time.Duration { return f.last.Duration() }

// Memory implements media.File.
func (f *File) Memory() int64 { return 16 * int64(cap(f.entries)+cap(f.gaps)) }

// Meta implements media.File.
func (f *File) Meta() *amf.ECMAArray { return f.meta }

// Seek implements media.File. Where playing begins is up to a second before the
// time.
func (f *File) Seek(to media.Timestamp) media.Position {
	i := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].time() > to })
	return f.entries[max(0, i-1)].position()
}

// SeekAfter implements media.File.
func (f *File) SeekAfter(from media.Timestamp) (media.Position, bool) {
	i := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].time() >= from })
	if i == len(f.entries) {
		return media.Position{}, false
	}
	return f.entries[i].position(), true
}

// Headers implements media.File: MP3 has none.
func (f *File) Headers(io.ReaderAt, media.Position) ([]media.Frame, error) { return nil, nil }

// fractionBits hold the ticks of a millisecond in a position.
const fractionBits = 14

func (e entry) time() media.Timestamp { return media.Timestamp(e.ticks / ticksPerMilli) }

func (e entry) position() media.Position {
	return media.Position{Time: e.time(), At: e.at<<fractionBits | int64(e.ticks%ticksPerMilli)}
}

func entryAt(p media.Position) entry {
	return entry{uint64(p.Time)*ticksPerMilli + uint64(p.At&(1<<fractionBits-1)), p.At >> fractionBits}
}

// skip goes over a gap, if one begins here.
func (f *File) skip(at int64) int64 {
	i := sort.Search(len(f.gaps), func(i int) bool { return f.gaps[i].from >= at })
	if i < len(f.gaps) && f.gaps[i].from == at {
		return f.gaps[i].to
	}
	return at
}

// Read implements media.File. It is one read of the file.
func (f *File) Read(r io.ReaderAt, at media.Position, b *media.Batch) (media.Position, error) {
	b.Reset()
	e := entryAt(at)
	e.at = f.skip(e.at)
	if e.at < f.start || e.at >= f.end {
		return at, io.EOF
	}
	b.Grow(maxFrame)
	buf := b.Buf[:min(int64(len(b.Buf)), f.end-e.at)]
	if err := media.ReadFull(r, buf, e.at); err != nil {
		return at, err
	}
	// Frames point into the heads: they must not move while they are made.
	if need := len(b.Buf)/minFrame + 1; cap(b.Heads) < need {
		b.Heads = make([]byte, 0, need)
	}
	for from := e.at; ; {
		p := buf[e.at-from:]
		g, ok := parseHeader(p)
		if !ok || g.size > len(p) {
			break
		}
		n := len(b.Heads)
		b.Heads = append(b.Heads, g.head())
		b.Frames = append(b.Frames, media.Frame{
			Type: media.TypeAudio,
			Time: e.time(),
			At:   e.position().At,
			Head: b.Heads[n : n+1 : n+1],
			Data: p[:g.size:g.size],
		})
		e.ticks += g.ticks()
		e.at += int64(g.size)
		next := f.skip(e.at)
		if next-from >= int64(len(buf)) {
			e.at = next
			break
		}
		e.at = next
	}
	if len(b.Frames) == 0 {
		return at, invalid("no frame begins at byte %d any more: it was changed while it was played", e.at)
	}
	return e.position(), nil
}
