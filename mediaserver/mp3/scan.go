package mp3

import (
	"fmt"
	"io"
	"math"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// entryEvery is how dense the index is: 16 bytes a second.
	entryEvery = ticksPerSecond
	// maxGarbage is how much between two frames is skipped. What is longer is
	// the end of the file, or no MP3.
	maxGarbage = 1 << 20
	maxGaps    = 4096
	maxOffset  = 1 << 40 // a position has 40 bits for it
	windowSize = 64 << 10
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", media.ErrInvalid, fmt.Sprintf(format, args...))
}

// entry is a place where playing may begin.
type entry struct {
	ticks uint64
	at    int64
}

// gap is a part of the file between two frames that is none.
type gap struct{ from, to int64 }

// scanner reads a file once from front to back.
type scanner struct {
	r    io.ReaderAt
	end  int64
	buf  []byte
	from int64
	work *media.Work
	err  error // of r or work, sticky
}

// peek returns up to n bytes at an offset; fewer at the end, none after an
// error.
func (s *scanner) peek(at int64, n int) []byte {
	n = int(min(int64(n), s.end-at))
	if n <= 0 || s.err != nil {
		return nil
	}
	if at < s.from || at+int64(n) > s.from+int64(len(s.buf)) {
		// A search looks a frame ahead and comes back.
		s.from = max(0, at-2*maxFrame)
		s.buf = s.buf[:min(windowSize, s.end-s.from)]
		if s.err = media.ReadFull(s.r, s.buf, s.from); s.err != nil {
			return nil
		}
	}
	return s.buf[at-s.from : at-s.from+int64(n)]
}

// steps counts work.
func (s *scanner) steps(n int) {
	if err := s.work.Steps(n); s.err == nil {
		s.err = err
	}
}

// frame returns the frame at an offset, if one that is whole begins there.
func (s *scanner) frame(at int64) (frame, bool) {
	f, ok := parseHeader(s.peek(at, headerSize))
	return f, ok && at+int64(f.size) <= s.end
}

// find returns the next offset that a frame begins at, and tags do not cover.
// A header alone is too easily found: another like it must follow, or the end.
func (s *scanner) find(at int64) (int64, bool) {
	for limit := at + maxGarbage; at < s.end && at <= limit && s.err == nil; {
		s.steps(1)
		if n := id3Size(s.peek(at, id3Header)); n > 0 {
			// Pictures in tags are long, and no garbage.
			at += n
			limit = at + maxGarbage
			continue
		}
		if f, ok := s.frame(at); ok {
			next := at + int64(f.size)
			if next == s.end {
				return at, true
			}
			if g, ok := parseHeader(s.peek(next, headerSize)); ok && g.follows(f) {
				return at, true
			}
			if id3Size(s.peek(next, id3Header)) > 0 {
				return at, true
			}
		}
		at++
	}
	return 0, false
}

// scan makes the index of all frames before end.
func (f *File) scan(r io.ReaderAt, from, end int64, work *media.Work) error {
	s := &scanner{r: r, end: end, buf: make([]byte, 0, windowSize), work: work}
	at, ok := s.find(from)
	if s.err != nil {
		return s.err
	}
	if !ok {
		return invalid("no frame of MPEG layer III in the first %d bytes behind its tags: it is no MP3", min(end-from, maxGarbage))
	}
	first, _ := s.frame(at)
	if first.describes(s.peek(at, maxFrame)) {
		at += int64(first.size)
	}
	f.start = at
	var ticks, last uint64
	for s.err == nil {
		s.steps(1)
		g, ok := s.frame(at)
		if !ok {
			next, ok := s.find(at)
			if !ok {
				break
			}
			if len(f.gaps) == maxGaps {
				return invalid("damaged in more than %d places, the last at byte %d", maxGaps, at)
			}
			f.gaps = append(f.gaps, gap{at, next})
			at = next
			continue
		}
		if n := len(f.entries); n == 0 || ticks >= f.entries[n-1].ticks+entryEvery {
			f.entries = append(f.entries, entry{ticks, at})
			if s.err = work.SpendAll(f.Memory()); s.err != nil {
				break
			}
		}
		if len(f.entries) == 1 && f.bytes == 0 {
			f.first = g
		}
		last = ticks
		ticks += g.ticks()
		at += int64(g.size)
		f.bytes += int64(g.size)
		f.end = at
	}
	if s.err != nil {
		return s.err
	}
	if len(f.entries) == 0 {
		return invalid("a header, and no sound behind it")
	}
	if ticks/ticksPerMilli > math.MaxUint32 {
		return invalid("it lasts longer than 49 days")
	}
	f.last, f.ticks = media.Timestamp(last/ticksPerMilli), ticks
	return nil
}
