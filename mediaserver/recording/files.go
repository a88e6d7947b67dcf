package recording

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/playback"
)

// format is a kind of file that can be played.
type format struct {
	prefix    string // of the names that it plays by
	extension string // of its files
	open      func(r io.ReaderAt, size int64) (media.File, error)
}

// formats are all that are known, those of one prefix in the order in which a
// name without an ending takes them.
var formats = []format{
	{"flv:", extension, func(r io.ReaderAt, size int64) (media.File, error) { return flv.Open(r, size) }},
	{"mp4:", ".mp4", openMP4},
	{"mp4:", ".f4v", openMP4},
	{"mp4:", ".m4v", openMP4},
	{"mp4:", ".mov", openMP4},
	{"mp3:", ".mp3", func(r io.ReaderAt, size int64) (media.File, error) { return mp3.Open(r, size) }},
}

func openMP4(r io.ReaderAt, size int64) (media.File, error) { return mp4.Open(r, size) }

// extensionOf is the ending that a name with a prefix stands for first; without
// one, that of a recording.
func extensionOf(prefix string) string {
	for _, f := range formats {
		if f.prefix == prefix {
			return f.extension
		}
	}
	return extension
}

// formatOf returns the format of a file, nil when it is of none.
func formatOf(file string) *format {
	for i, f := range formats {
		if strings.HasSuffix(file, f.extension) {
			return &formats[i]
		}
	}
	return nil
}

// indexed is what is known of a file, with what tells whether it is still the
// same.
type indexed struct {
	file     media.File
	meta     []byte  // onMetaData as it is sent
	rate     float64 // bytes a millisecond, on the average
	memory   int64   // bytes that all this takes
	size     int64
	modified time.Time
}

func (x *indexed) describes(info fs.FileInfo) bool {
	return x.size == info.Size() && x.modified.Equal(info.ModTime())
}

// opened is a file that is read, by any number of playbacks at once.
type opened struct {
	*indexed
	f     *os.File
	store *Store
	name  string
	uses  int // guarded by Store.mu
}

// OpenFile opens the file that a name plays, for one playback, whose Close gives
// it back. It fails with ErrNotFound, ErrBadName, media.ErrInvalid for a file
// that is not what its name says, or what keeps the file from being read.
func (s *Store) OpenFile(name string) (*playback.File, error) {
	o, err := s.open(name)
	if err != nil {
		return nil, err
	}
	s.playbacks.Add(1)
	return &playback.File{File: o.file, Bytes: o.f, OnMetaData: o.meta, Rate: o.rate, Queue: s.queue, Release: o.closePlayed}, nil
}

// closePlayed releases what OpenFile opened.
func (o *opened) closePlayed() {
	o.store.playbacks.Add(-1)
	o.release()
}

// Playbacks is how many recorded streams are being played, paused ones
// included.
func (s *Store) Playbacks() int { return int(s.playbacks.Load()) }

// Behind is how far the playbacks are behind. It waits for none of them.
func (s *Store) Behind() playback.Behind { return s.queue.Behind() }

// open opens the file that a name plays. The caller releases it.
func (s *Store) open(name string) (*opened, error) {
	file, info, err := s.newest(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if o, ok := s.opened[file]; ok && o.describes(info) {
		o.uses++
		s.mu.Unlock()
		return o, nil
	}
	s.mu.Unlock()
	f, err := s.openPlayed(file)
	if isMissing(err) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	x, err := s.index(file, f)
	if err != nil {
		s.closePlayed(f)
		return nil, fmt.Errorf("read recording %s: %w", file, err)
	}
	o := &opened{indexed: x, f: f, store: s, name: file, uses: 1}
	s.mu.Lock()
	s.opened[file] = o // in place of one whose players see the file as it was
	s.mu.Unlock()
	return o, nil
}

// openPlayed opens a file for players, if there may be one more; closePlayed closes
// it.
func (s *Store) openPlayed(file string) (*os.File, error) {
	if !s.opts.Played.Take(1) {
		return nil, ErrTooMany
	}
	f, err := s.openRegular(file)
	if err != nil {
		s.opts.Played.Give(1)
	}
	return f, err
}

func (s *Store) closePlayed(f *os.File) {
	_ = f.Close() // it was only read
	s.opts.Played.Give(1)
}

// release gives the file back. The last one has it closed, and does not wait for
// that: a disk that hangs may take its time there, too.
func (o *opened) release() {
	s := o.store
	s.mu.Lock()
	o.uses--
	last := o.uses == 0
	if last && s.opened[o.name] == o {
		delete(s.opened, o.name)
	}
	s.mu.Unlock()
	if last {
		go s.closePlayed(o.f)
	}
}

// index returns what is known of a file, from memory when it has not changed.
func (s *Store) index(file string, f *os.File) (*indexed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	x, ok := s.indexes[file]
	s.mu.Unlock()
	if ok && x.describes(info) {
		return x, nil
	}
	if x, err = newIndexed(file, f, info); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepIndex(file, x)
	return x, nil
}

// keepIndex remembers what is known of a file, as far as there is memory for it.
// The caller holds mu.
func (s *Store) keepIndex(file string, x *indexed) {
	const maxIndexes = 1000
	s.dropIndex(file)
	if x.memory > s.opts.IndexMemory {
		return
	}
	if len(s.indexes) >= maxIndexes || s.indexBytes+x.memory > s.opts.IndexMemory {
		clear(s.indexes) // better than none, and simpler than the best
		s.indexBytes = 0
	}
	s.indexes[file] = x
	s.indexBytes += x.memory
}

// dropIndex forgets what is known of a file. The caller holds mu.
func (s *Store) dropIndex(file string) {
	if x, ok := s.indexes[file]; ok {
		delete(s.indexes, file)
		s.indexBytes -= x.memory
	}
}

// maxMeta is how much a file may say of itself, in bytes: every player gets it.
const maxMeta = 1 << 20

func newIndexed(file string, f *os.File, info fs.FileInfo) (*indexed, error) {
	m, err := formatOf(file).open(f, info.Size())
	if err != nil {
		return nil, err
	}
	x := &indexed{file: m, size: info.Size(), modified: info.ModTime()}
	x.rate = float64(info.Size()) / float64(max(m.Duration().Milliseconds(), 1))
	meta := m.Meta()
	if meta == nil {
		meta = durationOf(m)
	}
	if x.meta, err = onMetaData(meta); err == nil && len(x.meta) > maxMeta {
		x.meta, err = onMetaData(durationOf(m))
	}
	if err != nil {
		return nil, err
	}
	x.memory = m.Memory() + int64(cap(x.meta))
	return x, nil
}

func durationOf(m media.File) *amf.ECMAArray {
	return amf.NewECMAArray("duration", float64(m.Duration().Milliseconds())/1000)
}

func onMetaData(meta *amf.ECMAArray) ([]byte, error) {
	b, err := amf.Append(nil, "onMetaData")
	if err != nil {
		return nil, err
	}
	return amf.Append(b, meta)
}

// Length is how long the stream of a name plays. It fails with ErrNotFound,
// ErrBadName, or what keeps the file from being read.
func (s *Store) Length(name string) (time.Duration, error) {
	o, err := s.open(name)
	if err != nil {
		return 0, err
	}
	defer o.release()
	return o.file.Duration(), nil
}
