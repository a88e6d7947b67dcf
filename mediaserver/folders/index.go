package folders

import (
	"container/list"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// List is one of the sorted lists that are kept of each folder. Its functions
// look at names alone, and are called under a lock.
type List struct {
	Folders bool // of folders; else of all that is none
	Has     func(name string) bool
	Compare func(a, b string) int // 0 for the same name only
}

// Root is where the folders lie that an index knows: an *os.Root, or one that may
// not be there yet (fs.ErrNotExist). Its methods are called from any goroutine.
type Root interface {
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Index knows the folders below a root. Its methods may be called from any
// goroutine, and wait for the disk, when a folder is asked for first.
type Index struct {
	root  Root
	w     *Watcher
	lists []List

	// All guarded by Watcher.mu.
	closed bool
	kept   map[id]*content
	builds map[id]chan struct{} // closed when somebody has read the folder
	large  map[id]time.Time     // when it was found to be too large
}

const (
	maxPending = 64 << 10
	largeFor   = time.Minute
	maxLarge   = 1000
	// A folder that has changed within this time before it was read may change
	// once more without having another time: clocks of file systems tick slowly.
	tick = 2 * time.Second
)

// id tells folders apart, whatever they are called.
type id struct{ dev, ino uint64 }

// content is what was read of a folder. All guarded by Watcher.mu.
type content struct {
	index    *Index
	id       id
	wd       int32     // of its watch; -1: there is none
	modified time.Time // when it was read
	read     time.Time
	names    []names // one for each list
	bytes    int64   // that were taken for it
	element  *list.Element
	building bool
	dropped  bool
	pending  []change // while it is being read
}

// change is a name that has come or gone.
type change struct {
	name         string
	folder, came bool
}

// New makes an index of what is below a root. Close forgets it.
func New(root Root, w *Watcher, lists []List) *Index {
	return &Index{root: root, w: w, lists: lists, kept: map[id]*content{}, builds: map[id]chan struct{}{}, large: map[id]time.Time{}}
}

// Close forgets what is known; what is asked then is read anew.
func (x *Index) Close() {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.closed = true
	for _, c := range x.kept {
		x.w.drop(c)
	}
}

// Folder is what lies in a folder, as it was when it was opened or later.
type Folder struct {
	index *Index
	dir   string
	c     *content // nil: it is too large to be kept
}

// Open looks at a folder, by its path with slashes from the root. It fails with
// fs.ErrNotExist, also for what is no folder, or with the cause of ctx's end while
// somebody else reads the folder.
func (x *Index) Open(ctx context.Context, dir string) (*Folder, error) {
	for {
		info, err := x.root.Stat(dir)
		if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return &Folder{index: x, dir: dir}, nil
		}
		this := id{uint64(st.Dev), st.Ino} //nolint:unconvert // it has another size elsewhere
		f, wait, build := x.look(this, dir, info)
		if wait != nil {
			if err := budget.Await(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		if build != nil {
			f, err = x.build(this, dir, build)
		}
		if f != nil || err != nil {
			return f, err
		}
	}
}

// look returns the folder if it is known as it is now, or else what to wait for,
// or what to close when it is read.
func (x *Index) look(this id, dir string, info fs.FileInfo) (f *Folder, wait, build chan struct{}) {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drain()
	if c := x.kept[this]; c != nil {
		if c.wd >= 0 || c.modified.Equal(info.ModTime()) && c.read.Sub(c.modified) > tick {
			w.kept.MoveToFront(c.element)
			return &Folder{x, dir, c}, nil, nil
		}
		w.drop(c)
	}
	if since, ok := x.large[this]; ok {
		if time.Since(since) < largeFor {
			return &Folder{index: x, dir: dir}, nil, nil
		}
		delete(x.large, this)
	}
	if done, ok := x.builds[this]; ok {
		return nil, done, nil
	}
	done := make(chan struct{})
	x.builds[this] = done
	return nil, nil, done
}

// build reads a folder. It returns nil when that must be begun again, because
// the folder is another by now.
func (x *Index) build(this id, dir string, done chan struct{}) (*Folder, error) {
	w := x.w
	c := &content{index: x, id: this, wd: -1, building: true}
	fits, err := x.read(c, dir)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(x.builds, this)
	close(done)
	w.drain()
	switch {
	case err == nil && fits && x.closed: // it is good for one question
		w.drop(c)
		return &Folder{x, dir, c}, nil
	case err == nil && fits && !c.dropped:
		pending := c.pending
		w.keep(c)
		for _, one := range pending {
			w.apply(c, one)
		}
		return &Folder{x, dir, c}, nil
	case err == nil && !fits:
		if len(x.large) >= maxLarge {
			clear(x.large)
		}
		x.large[this] = time.Now()
		w.drop(c)
		return &Folder{index: x, dir: dir}, nil
	}
	w.drop(c)
	if errors.Is(err, errAnother) {
		err = nil
	}
	return nil, err
}

var errAnother = errors.New("the folder is another by now")

// read lists a folder; fits is false when there is no memory for that.
func (x *Index) read(c *content, dir string) (fits bool, err error) {
	d, err := openFolder(x.root, dir)
	if err != nil {
		return false, err
	}
	defer d.Close()
	info, err := d.Stat()
	if err != nil {
		return false, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || (id{uint64(st.Dev), st.Ino}) != c.id { //nolint:unconvert // as above
		return false, errAnother
	}
	told := x.w.told(d)
	x.w.mu.Lock()
	c.modified, c.read = info.ModTime(), time.Now()
	if told {
		x.w.watch(c, d)
	}
	x.w.mu.Unlock()

	all := make([][]string, len(x.lists))
	fits = true
	err = each(x.root, dir, d, func(e dirent) bool {
		for i, l := range x.lists {
			if fits && listed(l, e) {
				all[i] = append(all[i], e.name)
				fits = x.pay(c, cost(e.name))
			}
		}
		return fits
	})
	if err != nil || !fits {
		return fits, err
	}
	c.names = make([]names, len(x.lists))
	for i, l := range x.lists {
		slices.SortFunc(all[i], l.Compare)
		c.names[i] = newNames(l.Compare, slices.Compact(all[i]))
	}
	return true, nil
}

// pay takes memory for a folder that is being read.
func (x *Index) pay(c *content, n int64) bool {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	if c.dropped {
		return true // it is read again
	}
	if !x.w.take(n, c) {
		return false
	}
	c.bytes += n
	return true
}
