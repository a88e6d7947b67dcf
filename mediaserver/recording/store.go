package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// Errors that callers decide on.
var (
	// ErrNotFound says that no stream of that name is recorded.
	ErrNotFound = errors.New("stream is not recorded")
	// ErrBadName says that a name cannot be that of a file.
	ErrBadName = errors.New("not a name for a recorded stream")
	// ErrBusy says that the stream is being recorded already.
	ErrBusy = errors.New("stream is being recorded already")
	// ErrDiskFull says that a recording ended to leave the last bit of space
	// to those that are played and finished.
	ErrDiskFull = errors.New("disk is full")
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("recordings are closed")
)

const (
	extension = ".flv"
	// partial ends the names of recordings that have nothing in them yet.
	partial = ".part"
	// dated is the time in the name of a recording of mode All.
	dated = "20060102T150405Z"
)

// Options of a store. The zero value works.
type Options struct {
	Now func() time.Time // default time.Now
	// SyncEvery is how much recorded time a power cut may cost; default 1 s.
	SyncEvery time.Duration
	// MinFree is how many bytes recordings leave free on the disk; default
	// 64 MiB.
	MinFree int64
}

// Store is the folder with an instance's recorded streams. All methods may be
// called from any goroutine.
type Store struct {
	root *os.Root
	log  *slog.Logger
	opts Options

	mu        sync.Mutex
	closed    bool
	recording map[string]*Recorder // by file
	indexes   map[string]indexed   // by file
}

// indexed is an index with what tells whether the file is still the same.
type indexed struct {
	index    *flv.Index
	size     int64
	modified time.Time
}

// Open opens a folder, made when missing, and mends the files whose writer
// died. Close closes it.
func Open(dir string, log *slog.Logger, opts Options) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.SyncEvery == 0 {
		opts.SyncEvery = time.Second
	}
	if opts.MinFree == 0 {
		opts.MinFree = 64 << 20
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root, log: log, opts: opts, recording: map[string]*Recorder{}, indexes: map[string]indexed{}}
	if err := s.mend(); err != nil {
		root.Close()
		return nil, fmt.Errorf("mend recordings: %w", err)
	}
	return s, nil
}

// mend looks through the folder for what a killed process left. A file that
// cannot be mended is told of and left alone.
func (s *Store) mend() error {
	return fs.WalkDir(s.root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case strings.HasSuffix(file, extension+partial):
			return s.root.Remove(file)
		case !strings.HasSuffix(file, extension):
			return nil
		}
		if err := s.mendFile(file); err != nil {
			s.log.Error("recording cannot be mended", "file", file, "err", err)
		}
		return nil
	})
}

func (s *Store) mendFile(file string) error {
	f, err := s.root.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	cut, mended, err := flv.Repair(f, info.Size())
	if mended && err == nil {
		s.log.Info("recording mended after its server ended", "file", file, "bytes", info.Size()-cut, "cut", cut)
	}
	return err
}

// Close ends recordings that still run and closes the folder. Playbacks that
// run keep their files.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	var running []*Recorder
	for _, r := range s.recording {
		running = append(running, r)
	}
	s.mu.Unlock()
	var errs []error
	for _, r := range running {
		errs = append(errs, r.Stop())
	}
	return errors.Join(append(errs, s.root.Close())...)
}

const maxName = 200 // bytes; with a date and an ending, file systems take 255

// fileOf turns the name of a stream into the path of its file, without the
// ending. Names cannot leave the folder: os.Root sees to that as well.
func fileOf(name string) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("%w: %.64q %s", ErrBadName, name, why) }
	clean := strings.TrimSuffix(strings.TrimPrefix(name, "flv:"), extension)
	switch {
	case clean == "":
		return bad("is empty")
	case strings.ContainsFunc(clean, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' || r == '\\' || r == ':' }):
		return bad("has characters that are not for files")
	case !fs.ValidPath(clean):
		return bad("is no plain path")
	}
	for part := range strings.SplitSeq(clean, "/") {
		if len(part) > maxName {
			return bad("is longer than 200 bytes")
		}
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return bad("begins or ends with a dot or a space")
		}
	}
	return clean, nil
}

// newest returns the file that playing a name takes.
func (s *Store) newest(name string) (file string, info fs.FileInfo, err error) {
	base, err := fileOf(name)
	if err != nil {
		return "", nil, err
	}
	if i, err := s.root.Stat(base + extension); err == nil && i.Mode().IsRegular() {
		file, info = base+extension, i
	}
	entries, err := fs.ReadDir(s.root.FS(), path.Dir(base))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	var newest take
	for _, e := range entries {
		t, ok := takeOf(e.Name(), path.Base(base))
		if !ok {
			continue
		}
		i, err := e.Info()
		if err != nil || !i.Mode().IsRegular() {
			continue
		}
		// Files of one instant differ in their names only.
		if info == nil || i.ModTime().After(info.ModTime()) || i.ModTime().Equal(info.ModTime()) && newest.before(t) {
			file, info, newest = path.Join(path.Dir(base), e.Name()), i, t
		}
	}
	if info == nil {
		return "", nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return file, info, nil
}

// take tells recordings of mode All of one stream apart: when it began, and
// which of those that began in the same second it is.
type take struct {
	began time.Time
	n     int
}

func (t take) before(u take) bool {
	return t.began.Before(u.began) || t.began.Equal(u.began) && t.n < u.n
}

// takeOf reads the name of a file; ok is false when it is no recording of mode
// All of that stream.
func takeOf(file, stream string) (t take, ok bool) {
	rest, ok := strings.CutPrefix(file, stream+"-")
	if !ok {
		return t, false
	}
	if rest, ok = strings.CutSuffix(rest, extension); !ok {
		return t, false
	}
	stamp, number, several := strings.Cut(rest, "-")
	var err error
	if t.began, err = time.Parse(dated, stamp); err != nil {
		return t, false
	}
	t.n = 1
	if several {
		if t.n, err = strconv.Atoi(number); err != nil {
			return t, false
		}
	}
	return t, true
}

// open opens the file that a name plays, with its index.
func (s *Store) open(name string) (*os.File, *flv.Index, error) {
	file, _, err := s.newest(name)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if err != nil {
		return nil, nil, err
	}
	x, err := s.index(file, f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("read recording %s: %w", file, err)
	}
	return f, x, nil
}

// index returns a file's index, from memory when the file has not changed.
func (s *Store) index(file string, f *os.File) (*flv.Index, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	have, ok := s.indexes[file]
	s.mu.Unlock()
	if ok && have.size == info.Size() && have.modified.Equal(info.ModTime()) {
		return have.index, nil
	}
	x, err := flv.Scan(f, info.Size())
	if err != nil {
		return nil, err
	}
	const most = 1000
	s.mu.Lock()
	if len(s.indexes) >= most {
		clear(s.indexes) // better than none, and simpler than the best
	}
	s.indexes[file] = indexed{x, info.Size(), info.ModTime()}
	s.mu.Unlock()
	return x, nil
}

// Length is how long the stream of a name plays. It fails with ErrNotFound,
// ErrBadName, or what keeps the file from being read.
func (s *Store) Length(name string) (time.Duration, error) {
	f, x, err := s.open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return time.Duration(x.Duration) * time.Millisecond, nil
}
