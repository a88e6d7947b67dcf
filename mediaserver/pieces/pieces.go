package pieces

import (
	"container/list"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// Size is how many bytes a piece has, but for the last one of a file.
	Size = 256 << 10
	// heldFor is how long a piece is kept for those who have waited for it and have not
	// read it yet.
	heldFor = 5 * time.Second
	// ownMemory is how much a cache has that nobody has given any.
	ownMemory = 16 * Size
)

// Config of a cache.
type Config struct {
	// Folder is where pieces lie, which has none but this process's; "": nowhere.
	Folder string
	// Max is how many bytes they take there.
	Max int64
	// MinFree is how many bytes are left to others on that disk.
	MinFree int64
	// Memory pays for pieces that are in memory. It is for nothing else, and has a MiB at
	// least; nil: it has four.
	Memory *budget.Budget
	Log    *slog.Logger // nil: none
}

// Source is where the pieces of a file come from. All methods may be called from any
// goroutine.
type Source interface {
	// Fetch has a piece come: size bytes at offset n * Size. It does not wait, and calls
	// done once, from another goroutine and with no lock held. urgent is a piece that
	// somebody waits for.
	Fetch(n int64, size int, urgent bool, done func([]byte, error))
}

// Cache keeps pieces. All methods may be called from any goroutine.
type Cache struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held, but for budgets
	entries map[id]*entry
	memory  *pieceList // those in memory that are here
	disk    *pieceList // those that are on the disk, and nowhere else
	number  uint64     // of the newest file there
	onDisk  int64      // bytes there, of pieces and of those that are being written
	parked  []*entry   // are to be fetched, once there is memory
	retry   bool       // somebody looks after those
	broken  time.Time  // when the disk did not take a piece; zero: it does
	closed  bool
	writes  chan *entry // to the disk
	runs    sync.WaitGroup

	stats counters
}

type counters struct{ hits, misses, fetched, served, evicted, failed, torn atomic.Uint64 }

// Stats of a cache. Bytes and pieces are counted since the process began, but for OnDisk.
type Stats struct {
	Hits, Misses    uint64 // pieces that were there when somebody came to them, and that were not
	Fetched, Served uint64 // bytes
	Evicted, Failed uint64 // pieces, for others; that the disk did not take
	Torn            uint64 // pieces that were not whole
	OnDisk, Max     int64  // bytes
	WithoutDisk     bool   // it takes nothing
}

// fileID is what a file is known by, and id a piece of it.
type fileID [16]byte

type id struct {
	file fileID
	n    int64
}

// pieceList is of *entry, the one that was used last in front.
type pieceList = list.List

// entry is a piece. All of it is guarded by Cache.mu, but what bytes there are is not changed.
type entry struct {
	id   id
	size int // that it has, or is to have

	state    state
	b        []byte // nil: they are on the disk alone
	paid     int64  // of Config.Memory
	stored   stored // where it is on the disk
	storing  bool   // it is on its way there
	verified bool   // what is there was found whole by this process
	reading  int    // from the disk, now
	in       *pieceList
	at       *list.Element // nil: in none

	from    *File              // whose source fetches it
	urgent  bool               // somebody waits for it
	waiting []func(error)      // are told why it does not come; nil: it is here, or to be asked for again
	held    map[*File]struct{} // who have waited, and not read yet
	until   time.Time          // they have for that
}

type state int

const (
	parked  state = iota // for memory, which it is to be fetched to
	fetched              // it is on its way, from the source or from the disk
	here
	gone // nobody finds it any more
)

// New makes a cache, and finds what an earlier process has left in the folder. It fails
// where the folder cannot be used.
func New(cfg Config) (*Cache, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Memory == nil {
		cfg.Memory = budget.New("pieces", ownMemory)
	}
	c := &Cache{cfg: cfg, log: cfg.Log, entries: map[id]*entry{}, memory: list.New(), disk: list.New(), writes: make(chan *entry, 1<<12)}
	if cfg.Folder == "" {
		return c, nil
	}
	if err := c.find(); err != nil {
		return nil, err
	}
	for range writers {
		c.runs.Go(c.write)
	}
	return c, nil
}

// Close ends what the cache does by itself. Readers are closed before.
func (c *Cache) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.writes)
	}
	c.mu.Unlock()
	c.runs.Wait()
}

// Folder is where pieces lie; "": nowhere but in memory.
func (c *Cache) Folder() string { return c.cfg.Folder }

// Stats says how it is.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	s := Stats{OnDisk: c.onDisk, Max: c.cfg.Max, WithoutDisk: c.cfg.Folder != "" && !c.broken.IsZero()}
	c.mu.Unlock()
	n := &c.stats
	s.Hits, s.Misses, s.Fetched, s.Served = n.hits.Load(), n.misses.Load(), n.fetched.Load(), n.served.Load()
	s.Evicted, s.Failed, s.Torn = n.evicted.Load(), n.failed.Load(), n.torn.Load()
	return s
}

func identify(key string) (f fileID) {
	sum := sha256.Sum256([]byte(key))
	copy(f[:], sum[:])
	return f
}
