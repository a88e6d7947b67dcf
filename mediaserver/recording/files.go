package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

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
	open      func(r io.ReaderAt, size int64, meter media.Meter) (media.File, error)
}

// formats are all that are known, those of one prefix in the order in which a
// name without an ending takes them.
var formats = []format{
	{"flv:", extension, openFLV},
	{"mp4:", ".mp4", openMP4},
	{"mp4:", ".f4v", openMP4},
	{"mp4:", ".m4v", openMP4},
	{"mp4:", ".mov", openMP4},
	{"mp3:", ".mp3", openMP3},
}

func openFLV(r io.ReaderAt, size int64, m media.Meter) (media.File, error) {
	return flv.OpenMetered(r, size, m)
}

func openMP4(r io.ReaderAt, size int64, m media.Meter) (media.File, error) {
	return mp4.OpenMetered(r, size, m)
}

func openMP3(r io.ReaderAt, size int64, m media.Meter) (media.File, error) {
	return mp3.OpenMetered(r, size, m)
}

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
	memory   int64   // bytes that all this takes, of Options.Indexes
	uses     int     // by what is opened, and by what is kept; guarded by Store.mu
	size     int64
	modified time.Time
	info     fs.FileInfo // which file it was
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
// that is not what its name says, ErrCostly, what keeps the file from being read,
// or the cause of ctx's end: what nobody waits for any more is not read.
func (s *Store) OpenFile(ctx context.Context, name string) (*playback.File, error) {
	o, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	s.playbacks.Add(1)
	return &playback.File{File: o.file, Bytes: o.f, OnMetaData: o.meta, Rate: o.rate, Queue: s.queue, Samples: s.opts.Samples, Release: o.closePlayed}, nil
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
func (s *Store) open(ctx context.Context, name string) (*opened, error) {
	file, info, err := s.newest(ctx, name)
	if err != nil {
		return nil, err
	}
	o, err := s.use(ctx, file, info)
	if isMissing(err) || errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return o, err
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
	if last {
		if s.opened[o.name] == o {
			delete(s.opened, o.name)
		}
		s.dropped(o.indexed)
	}
	s.mu.Unlock()
	if last {
		go s.closePlayed(o.f)
	}
}

// Length is how long the stream of a name plays. It fails as OpenFile does.
func (s *Store) Length(ctx context.Context, name string) (time.Duration, error) {
	o, err := s.open(ctx, name)
	if err != nil {
		return 0, err
	}
	defer o.release()
	return o.file.Duration(), nil
}

// Size is how many bytes the file of a name has. It fails as OpenFile does, but for
// what is in the file: that is not read.
func (s *Store) Size(ctx context.Context, name string) (int64, error) {
	_, info, err := s.newest(ctx, name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Meta is what the file of a name says of itself: onMetaData as it is played, in AMF0.
// It fails as OpenFile does.
func (s *Store) Meta(ctx context.Context, name string) ([]byte, error) {
	o, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.release()
	return o.meta, nil
}
