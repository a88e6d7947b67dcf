package http2

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/socket"
)

const (
	headerSize = 9 // of a frame [RFC 9113 §4.1]
	// framePayload is what a DATA frame has at most: with its header as much as a record
	// of TLS, which it then has to itself. A record of its own for the header costs more
	// than to copy the frame does. Clients take 16 KiB [§6.5.2], and browsers no more.
	framePayload = 16<<10 - headerSize
	framesAtOnce = socket.SealAtOnce / (headerSize + framePayload)
	// bytesAtOnce is what they have together, with which and their headers one write is
	// all or nothing.
	bytesAtOnce = framesAtOnce * framePayload
	// apart is where frames begin in a page of memory: to copy to the same place of
	// another page, as TLS then would, takes a processor twice as long, which mistakes
	// what it reads for what it has just written.
	apart = 1 << 10
)

// sheet is DATA frames as they go to TLS, one behind another.
type sheet struct {
	room  [apart + socket.SealAtOnce]byte
	bytes [1][]byte // of room, for a write

	// What they are: the first size bytes of bufs, in a stream of that number.
	id   uint32
	size int
	bufs [][]byte
}

var sheets = sync.Pool{New: func() any { return new(sheet) }}

// lay lays out the next size bytes of from.
func (s *sheet) lay(id uint32, from *pieces, size int) {
	b := s.room[apart:apart]
	for size > 0 {
		n := min(size, framePayload)
		size -= n
		head := header{kind: frameData, size: n, stream: id}.bytes()
		b = from.append(append(b, head[:]...), n)
	}
	s.bytes[0] = b
}

// is says whether these frames are those of size bytes of bufs. Memory is compared.
func (s *sheet) is(id uint32, bufs [][]byte, size int) bool {
	if s.id != id || s.size != size || len(s.bufs) != len(bufs) {
		return false
	}
	for i, b := range bufs {
		if other := s.bufs[i]; len(b) != len(other) || len(b) > 0 && &b[0] != &other[0] {
			return false
		}
	}
	return true
}

// giveBack is for a sheet that nobody needs any more. No memory of a log is held because
// it was written once.
func (s *sheet) giveBack() {
	clear(s.bufs)
	s.bufs = s.bufs[:0]
	sheets.Put(s)
}

// pieces walks over buffers.
type pieces struct {
	bufs [][]byte
	at   int // in the first
}

// append appends the next n bytes, which there are.
func (p *pieces) append(dst []byte, n int) []byte {
	for n > 0 {
		b := p.bufs[0][p.at:]
		if len(b) == 0 {
			p.bufs, p.at = p.bufs[1:], 0
			continue
		}
		b = b[:min(len(b), n)]
		dst = append(dst, b...)
		p.at += len(b)
		n -= len(b)
	}
	return dst
}

// skip leaves out n bytes, which there are.
func (p *pieces) skip(n int) {
	for n > 0 {
		k := min(n, len(p.bufs[0])-p.at)
		if k == 0 {
			p.bufs, p.at = p.bufs[1:], 0
		}
		p.at += k
		n -= k
	}
}

// maxLaid is how many sheets are kept: pages of one site have their streams by few different
// numbers, and while a round goes on, those who are written to later are given more.
const maxLaid = 8

// Laid is frames that were laid out once for all streams that are given the same bytes and
// have the same number, on connections of their own. The zero value has none. One goroutine
// at a time uses it.
type Laid struct {
	kept [maxLaid]*sheet
	next int // the oldest, or where there is none yet
}

// Forget empties it: nothing is kept of what streams were given.
func (l *Laid) Forget() {
	for i, s := range l.kept {
		if s != nil {
			s.giveBack()
			l.kept[i] = nil
		}
	}
	l.next = 0
}

// frames are those of the next size bytes of from, laid out for the caller alone where l is
// nil: then the caller gives them back. Else from is at its beginning.
func (l *Laid) frames(id uint32, from *pieces, size int) *sheet {
	if l == nil {
		s, _ := sheets.Get().(*sheet)
		s.lay(id, from, size)
		return s
	}
	bufs := from.bufs
	for _, s := range l.kept {
		if s != nil && s.is(id, bufs, size) {
			from.skip(size)
			return s
		}
	}
	if old := l.kept[l.next]; old != nil {
		old.giveBack()
	}
	s, _ := sheets.Get().(*sheet)
	s.lay(id, from, size)
	s.id, s.size, s.bufs = id, size, append(s.bufs, bufs...)
	l.kept[l.next], l.next = s, (l.next+1)%maxLaid
	return s
}
