package mp4

import (
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// maxPieces is how many reads one batch takes: picture and sound lie in
	// chunks of their own, often of a second, and a batch may end in the next.
	maxPieces = 8
	// maxGap is what is read and thrown away rather than read around.
	maxGap = 4 << 10 // bytes
)

// piece is a part of the file that is read at once.
type piece struct {
	from, to int64 // bytes of the file
	at       int   // where it lies in the buffer
}

// pieces are the reads of a batch.
type pieces struct {
	list  [maxPieces]piece
	n     int
	bytes int
}

// add makes room for a sample among the pieces; false: it takes more than room
// bytes, or one piece too many.
func (p *pieces) add(from, to int64, room int) bool {
	for i := range p.list[:p.n] {
		q := &p.list[i]
		if from < q.from || from > q.to+maxGap {
			continue
		}
		more := int(max(0, to-q.to))
		if p.bytes+more > room {
			return false
		}
		q.to += int64(more)
		p.bytes += more
		return true
	}
	if p.n == maxPieces || p.bytes+int(to-from) > room {
		return false
	}
	p.list[p.n] = piece{from: from, to: to}
	p.n++
	p.bytes += int(to - from)
	return true
}

// read fills the buffer.
func (p *pieces) read(r io.ReaderAt, buf []byte) error {
	at := 0
	for i := range p.list[:p.n] {
		q := &p.list[i]
		q.at = at
		n := int(q.to - q.from)
		if err := media.ReadFull(r, buf[at:at+n], q.from); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// data finds a sample in the buffer.
func (p *pieces) data(buf []byte, from, to int64) []byte {
	for _, q := range p.list[:p.n] {
		if from >= q.from && to <= q.to {
			at := q.at + int(from-q.from)
			end := at + int(to-from)
			return buf[at:end:end]
		}
	}
	return nil // not reached: add made room for it
}

// Read implements media.File.
func (f *File) Read(r io.ReaderAt, at media.Position, b *media.Batch) (media.Position, error) {
	b.Reset()
	first := int(at.At)
	if first < 0 || first >= len(f.samples) {
		return at, io.EOF
	}
	if b.Parted(f.samples[first].size()) {
		return f.readPart(r, first, b)
	}
	b.Grow(f.samples[first].size())
	var p pieces
	end := first
	// All samples of a file may lie at the same byte.
	for ; end < min(len(f.samples), first+media.MaxFrames); end++ {
		s := f.samples[end]
		if !p.add(s.offset(), s.offset()+int64(s.size()), len(b.Buf)) {
			break
		}
	}
	if err := p.read(r, b.Buf); err != nil {
		return at, err
	}
	// Frames point into the heads: they must not move while they are made.
	if need := (end - first) * maxHead; cap(b.Heads) < need {
		b.Heads = make([]byte, 0, need)
	}
	for i, s := range f.samples[first:end] {
		from := len(b.Heads)
		b.Heads = f.codecOf(s).appendHead(b.Heads, s)
		b.Frames = append(b.Frames, media.Frame{
			Type: s.kind(),
			Time: s.time,
			At:   int64(first + i),
			Head: b.Heads[from:len(b.Heads):len(b.Heads)],
			Data: p.data(b.Buf, s.offset(), s.offset()+int64(s.size())),
		})
	}
	return f.position(end), nil
}

// readPart reads the beginning of a sample, as much as fits into the buffer.
func (f *File) readPart(r io.ReaderAt, n int, b *media.Batch) (media.Position, error) {
	s := f.samples[n]
	data := b.Buf[:min(len(b.Buf), s.size())]
	if err := media.ReadFull(r, data, s.offset()); err != nil {
		return f.position(n), err
	}
	b.Heads = f.codecOf(s).appendHead(b.Heads, s)
	b.Frames = append(b.Frames, media.Frame{
		Type: s.kind(),
		Time: s.time,
		At:   int64(n),
		Head: b.Heads[:len(b.Heads):len(b.Heads)],
		Data: data,
		More: s.size() - len(data),
		From: s.offset() + int64(len(data)),
	})
	return f.position(n + 1), nil
}

func (f *File) codecOf(s sample) *codec {
	if s.video() {
		return f.video
	}
	return f.audio
}
