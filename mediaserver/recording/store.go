package recording

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/folders"
	"flashpod.dev/flashpod/mediaserver/playback"
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
	// ErrTooMany says that no more files may be open for players.
	ErrTooMany = errors.New("too many recorded streams are being played")
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("recordings are closed")
)

const (
	extension = ".flv" // of what is recorded
	// partial ends the names of recordings that have nothing in them yet.
	partial = ".part"
	// dated is the time in the name of a recording of mode All.
	dated = "20060102T150405Z"
)

// DefaultMinFree is how many bytes are left free on the disk.
const DefaultMinFree = 64 << 20

// Options of a store. The zero value works.
type Options struct {
	Now func() time.Time // default time.Now
	// SyncEvery is how much recorded time a power cut may cost; default 1 s.
	SyncEvery time.Duration
	// MinFree is how many bytes recordings leave free on the disk; default
	// DefaultMinFree.
	MinFree int64
	// MaxTotalSize is how many bytes all that lies in the folder may take, and
	// MaxFiles how many files and folders there may be; recordings end or do not
	// start with a *QuotaError. 0: no bound.
	MaxTotalSize, MaxFiles int64
	// IndexMemory is how many bytes the indexes may take that are kept for
	// files that are not played; default 64 MiB.
	IndexMemory int64
	// IndexTime is how much of a processor's time the index of a file may take;
	// default 10 s.
	IndexTime time.Duration
	// Workers do the turns of what is played from here, and from all other stores
	// of a server; nil: workers of this store alone do.
	Workers *playback.Workers
	// Turns are of those who read indexes of files, among others; nil: of those in
	// this store alone.
	Turns *budget.Turns
	// Indexes pays for the indexes of files, in bytes, and Samples for what was read
	// of them and is on its way to a player; nil: no bound but the store's own.
	Indexes, Samples *budget.Budget
	// Played counts files that are open for players, as long as they are; nil: any
	// number may be. Recordings do not count.
	Played *budget.Budget
	// Folders keeps what lies in folders, for all stores of a server; nil: one of
	// this store alone does.
	Folders *folders.Watcher
	// Others are the folders of other instances inside this one, as paths with
	// slashes from here. What is in them is theirs: here it has no name.
	Others []string
	// Late opens the folder of an instance that need not be there: nothing is on the
	// disk before something is recorded. Nil: it is made at once.
	Late *Late
}

// Late is how a folder is opened that need not be there. What lies in it is counted
// for MaxTotalSize and MaxFiles when somebody records first.
type Late struct {
	Claims Claims
	Name   string // of the instance
	// Files pays for what is open of the folder, once it is there: two.
	Files *budget.Budget
}

// Store is the folder with an instance's recorded streams. All methods may be
// called from any goroutine.
type Store struct {
	root *root
	log  *slog.Logger
	opts Options

	queue     *playback.Queue // of the playbacks
	playbacks atomic.Int64    // that are open

	// mu is held for moments: no other lock is taken, and no file touched, while it
	// is.
	mu         sync.Mutex
	closed     bool
	recording  map[string]*Recorder // by file; nil for one that is being deleted
	indexes    map[string]*indexed  // by file
	indexBytes int64                // of all of them
	opened     map[string]*opened   // by file
	reading    map[string]*reading  // by file
	refused    map[string]*refusal  // by file
	lengths    map[string]length    // by file, of what was listed
	torn       map[string]*torn     // by file
	toMend     []string             // torn files that were asked for
	menders    int                  // that mend them
	marks      map[string][]*mark   // by the base of the stream's name
	usage      usage

	folders *folders.Index
	watcher *folders.Watcher // of this store alone, or nil
	beside  sync.WaitGroup   // what is done beside all else
	mended  chan struct{}    // closed when what was torn at start is looked after
}

// Open opens a folder, made when missing, however much lies in it. What a server
// before was recording when it ended is mended behind that, and before it is
// played. Close closes the folder.
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
		opts.MinFree = DefaultMinFree
	}
	if opts.IndexMemory == 0 {
		opts.IndexMemory = 64 << 20
	}
	if opts.IndexTime == 0 {
		opts.IndexTime = 10 * time.Second
	}
	if opts.Turns == nil {
		opts.Turns = budget.NewTurns(0)
	}
	if opts.Workers == nil {
		opts.Workers = playback.NewWorkers()
	}
	root, err := openRoot(dir, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{
		root: root, log: log, opts: opts, queue: opts.Workers.NewQueue(), recording: map[string]*Recorder{},
		indexes: map[string]*indexed{}, opened: map[string]*opened{}, reading: map[string]*reading{}, refused: map[string]*refusal{}, lengths: map[string]length{},
		torn: map[string]*torn{}, marks: map[string][]*mark{}, mended: make(chan struct{}),
	}
	if opts.Folders == nil {
		s.watcher = folders.NewWatcher(opts.Indexes)
		opts.Folders = s.watcher
	}
	s.folders = folders.New(root, opts.Folders, lists)
	if err := s.readJournal(); err != nil { // it helps, and nobody is kept out for want of it
		log.Error("journal of recordings cannot be read: what was being recorded is mended when it is played", "err", err)
	}
	torn := slices.Sorted(maps.Keys(s.torn))
	s.beside.Go(func() { s.mendAll(torn) })
	if s.bounded() && opts.Late == nil {
		s.mu.Lock()
		s.startCount()
		s.mu.Unlock()
	}
	return s, nil
}

// Close waits for the recordings that still run, whose sources have ended, or
// until ctx ends, and closes the folder. Playbacks that run keep their files.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var running []*Recorder
	for _, r := range s.recording {
		if r != nil {
			running = append(running, r)
		}
	}
	for _, r := range s.reading {
		r.cancel(ErrClosed)
	}
	s.mu.Unlock()
	errs := make([]error, len(running)+1)
	var all sync.WaitGroup
	for i, r := range running { // at once: a disk that hangs costs its time once
		all.Go(func() { errs[i] = r.Stop(ctx) })
	}
	all.Wait()
	ended := make(chan struct{})
	go func() { s.beside.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done(): // the next start goes on with it
	}
	s.folders.Close()
	if s.watcher != nil {
		s.watcher.Close()
	}
	s.giveBack()
	errs[len(running)] = s.root.Close()
	return errors.Join(errs...)
}

// Busy says whether something is being played, beside so many playbacks that do not
// count, recorded or mended.
func (s *Store) Busy(but int) bool {
	if s.Playbacks() > but {
		return true
	}
	select {
	case <-s.mended:
	default:
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.recording) > 0 || s.menders > 0
}
