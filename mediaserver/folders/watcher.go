package folders

import (
	"bytes"
	"container/list"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// maxFolders is how many folders are kept, and watched, at once.
	maxFolders = 4096
	// maxBytes is how much memory they take where no budget says less.
	maxBytes = 256 << 20

	watchFor = syscall.IN_CREATE | syscall.IN_DELETE | syscall.IN_MOVED_FROM | syscall.IN_MOVED_TO |
		syscall.IN_DELETE_SELF | syscall.IN_ONLYDIR
)

// remote are the file systems on which others may change what this kernel hears
// nothing of: NFS, SMB, CIFS, FUSE, 9P, Ceph, Lustre, GFS2, OCFS2, AFS [statfs(2)].
var remote = map[int64]bool{
	0x6969: true, 0x517b: true, 0xfe534d42: true, 0xff534d42: true, 0x65735546: true, 0x01021997: true,
	0x00c36400: true, 0x0bd00bd0: true, 0x01161970: true, 0x7461636f: true, 0x5346414f: true,
}

// Watcher keeps what lies in folders, of all indexes that are made with it. A
// process needs one: the kernel gives a user few.
type Watcher struct {
	budget     *budget.Budget
	fileSystem func(fd int) (kind int64, err error)

	// mu guards all that is kept, of all indexes. It is held for moments; what
	// is called under it are the lists' functions, which look at names alone.
	mu      sync.Mutex
	fd      int // of inotify; -1: there is none
	used    int64
	watched map[int32][]*content
	kept    list.List // of *content; what was asked for last is first
	events  []byte
}

// NewWatcher makes a watcher, which takes the memory for what it keeps from a
// budget; nil: as much as is sensible.
func NewWatcher(memory *budget.Budget) *Watcher {
	w := &Watcher{budget: memory, fileSystem: fileSystem, watched: map[int32][]*content{}, events: make([]byte, 16<<10)}
	var err error
	if w.fd, err = syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK); err != nil {
		w.fd = -1 // there is none left, or none at all: the folders' times will do
	}
	return w
}

// Close forgets everything. What is asked then is read for each question.
func (w *Watcher) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropAll()
	if w.fd >= 0 {
		_ = syscall.Close(w.fd) // nothing was written to it
		w.fd = -1
	}
}

// fileSystem is the kind of the file system that a folder lies on. Where that is
// another machine's, the answer may take as long as that machine does, or never
// come.
func fileSystem(fd int) (kind int64, err error) {
	var st syscall.Statfs_t
	err = syscall.Fstatfs(fd, &st)
	return st.Type & 0xffffffff, err
}

// told says whether the kernel can tell all that happens in a folder that is open.
// It may wait for the disk: nobody holds mu.
func (w *Watcher) told(dir *os.File) bool {
	kind, err := w.fileSystem(int(dir.Fd()))
	return err == nil && !remote[kind]
}

// watch has the kernel tell what happens in a folder that is open, and of which it
// can; false where there is no more room for that. The caller holds mu.
func (w *Watcher) watch(c *content, dir *os.File) bool {
	if w.fd < 0 {
		return false
	}
	wd, err := syscall.InotifyAddWatch(w.fd, fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), watchFor)
	if err != nil {
		return false
	}
	c.wd = int32(wd)
	w.watched[c.wd] = append(w.watched[c.wd], c)
	return true
}

// drain takes in what the kernel has told. The caller holds mu; the read does
// not wait.
func (w *Watcher) drain() {
	for w.fd >= 0 {
		n, err := syscall.Read(w.fd, w.events)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n < syscall.SizeofInotifyEvent {
			return
		}
		for b := w.events[:n]; len(b) >= syscall.SizeofInotifyEvent; {
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			end := min(syscall.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])), len(b))
			name := string(bytes.TrimRight(b[syscall.SizeofInotifyEvent:end], "\x00"))
			b = b[end:]
			w.event(wd, mask, name)
		}
	}
}

func (w *Watcher) event(wd int32, mask uint32, name string) {
	switch {
	case mask&syscall.IN_Q_OVERFLOW != 0:
		w.dropAll() // something was not told
		return
	case mask&(syscall.IN_IGNORED|syscall.IN_DELETE_SELF|syscall.IN_UNMOUNT) != 0:
		for _, c := range append([]*content(nil), w.watched[wd]...) {
			w.drop(c)
		}
		return
	}
	one := change{name, mask&syscall.IN_ISDIR != 0, mask&(syscall.IN_CREATE|syscall.IN_MOVED_TO) != 0}
	for _, c := range append([]*content(nil), w.watched[wd]...) {
		switch {
		case c.building && len(c.pending) == maxPending:
			w.drop(c)
		case c.building:
			c.pending = append(c.pending, one)
		default:
			w.apply(c, one)
		}
	}
}

// apply changes what is kept of a folder. The caller holds mu.
func (w *Watcher) apply(c *content, one change) {
	if c.dropped {
		return // and given back
	}
	for i, l := range c.index.lists {
		if l.Folders != one.folder || !l.Has(one.name) {
			continue
		}
		switch {
		case one.came && c.names[i].insert(one.name):
			if c.bytes += cost(one.name); !w.take(cost(one.name), c) {
				c.bytes -= cost(one.name)
				w.drop(c)
				return
			}
		case !one.came && c.names[i].remove(one.name):
			c.bytes -= cost(one.name)
			w.give(cost(one.name))
		}
	}
}

// cost is about what a name takes in a list, in bytes.
func cost(name string) int64 { return int64(len(name)) + 40 }

// take takes memory, if need be from others than c. The caller holds mu.
func (w *Watcher) take(n int64, c *content) bool {
	for {
		if w.used+n <= maxBytes && w.budget.Take(n) {
			w.used += n
			return true
		}
		oldest := w.kept.Back()
		if oldest != nil && oldest.Value == any(c) {
			oldest = oldest.Prev()
		}
		if oldest == nil {
			return false
		}
		w.drop(oldest.Value.(*content))
	}
}

func (w *Watcher) give(n int64) {
	w.used -= n
	w.budget.Give(n)
}

// keep remembers what was read of a folder. The caller holds mu.
func (w *Watcher) keep(c *content) {
	c.building, c.pending = false, nil
	c.index.kept[c.id] = c
	c.element = w.kept.PushFront(c)
	if w.kept.Len() > maxFolders {
		w.drop(w.kept.Back().Value.(*content))
	}
}

// drop forgets a folder. Who has it in hand may go on to read it. The caller
// holds mu.
func (w *Watcher) drop(c *content) {
	if c.dropped {
		return
	}
	c.dropped = true
	w.give(c.bytes)
	if c.element != nil {
		w.kept.Remove(c.element)
	}
	if c.index.kept[c.id] == c {
		delete(c.index.kept, c.id)
	}
	if c.wd < 0 {
		return
	}
	var others []*content
	for _, other := range w.watched[c.wd] {
		if other != c {
			others = append(others, other)
		}
	}
	if w.watched[c.wd] = others; len(others) == 0 {
		delete(w.watched, c.wd)
		_, _ = syscall.InotifyRmWatch(w.fd, uint32(c.wd)) // it may be gone with its folder
	}
}

// dropAll forgets every folder. The caller holds mu.
func (w *Watcher) dropAll() {
	for e := w.kept.Front(); e != nil; e = w.kept.Front() {
		w.drop(e.Value.(*content))
	}
	for _, all := range w.watched { // what is being read
		for _, c := range append([]*content(nil), all...) {
			w.drop(c)
		}
	}
}
