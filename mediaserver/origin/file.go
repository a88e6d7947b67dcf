package origin

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/playback"
)

// file is a recorded file that an edge reads. It is closed once nobody reads.
type file struct {
	of   *playback.File
	key  string
	size int64
	left func() // it is closed; nil: nobody needs to know

	mu      sync.Mutex // nothing else is taken while it is held
	reading int
	closing bool
}

// known is a file that another server has told the key and the size of.
type known interface {
	Known() (key string, size int64)
}

// newFile finds out what a file is known by.
func (o *Origin) newFile(of *playback.File) *file {
	f := &file{of: of}
	if is, ok := of.Bytes.(known); ok {
		f.key, f.size = is.Known()
		return f
	}
	is, ok := of.Bytes.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return f
	}
	info, err := is.Stat()
	if err != nil {
		return f
	}
	f.size = info.Size()
	f.key = fmt.Sprintf("%d %d", f.size, info.ModTime().UnixNano())
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return f
	}
	file, ours := of.File.(*flv.File)
	if ours && flv.Unfinished(of.Bytes, f.size) {
		// It is still written: it grows, and nothing but its front will be another.
		f.size = file.Size()
		f.key, f.left = o.growing.enter(node{uint64(sys.Dev), sys.Ino}) //nolint:unconvert // its type is the system's
		return f
	}
	f.key = fmt.Sprintf("%s %d %d %d", f.key, sys.Dev, sys.Ino, syscall.TimespecToNsec(sys.Ctim))
	return f
}

// node is a file of this machine, as long as it is open.
type node struct{ device, file uint64 }

// growing are the files that are written while edges read them, each of which has a key for
// so long: it is open meanwhile, so that no other is the same node.
type growing struct {
	mu  sync.Mutex // nothing else is taken while it is held
	all map[node]*grows
}

type grows struct {
	key  string
	uses int
}

// enter is the key of a file, for one that calls left when it is closed.
func (g *growing) enter(n node) (key string, left func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.all[n]
	if one == nil {
		one = &grows{key: "grows " + rand.Text()}
		if g.all == nil {
			g.all = map[node]*grows{}
		}
		g.all[n] = one
	}
	one.uses++
	return one.key, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if one.uses--; one.uses == 0 {
			delete(g.all, n)
		}
	}
}

// body is what an edge needs to know of the file to read it.
func (f *file) body() *link.FileBody {
	_, indexed := f.of.File.(*flv.File)
	return &link.FileBody{Key: f.key, Size: f.size, OnMetaData: f.of.OnMetaData, Rate: f.of.Rate, Indexed: indexed}
}

// index is what is known of an FLV file; nil: it is none, or there is too much.
func (f *file) index() []byte {
	of, ok := f.of.File.(*flv.File)
	if !ok {
		return nil
	}
	b, err := of.AppendIndex(nil)
	if err != nil || len(b) > link.MaxFrame {
		return nil // the edge reads the file
	}
	return b
}

// readAt reads, unless the file is closed.
func (f *file) readAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	if f.closing {
		f.mu.Unlock()
		return 0, fs.ErrClosed
	}
	f.reading++
	f.mu.Unlock()
	n, err := f.of.Bytes.ReadAt(b, at)
	f.mu.Lock()
	f.reading--
	last := f.closing && f.reading == 0
	f.mu.Unlock()
	if last {
		f.end()
	}
	return n, err
}

func (f *file) close() {
	f.mu.Lock()
	f.closing = true
	idle := f.reading == 0
	f.mu.Unlock()
	if idle {
		f.end()
	}
}

func (f *file) end() {
	f.of.Close()
	if f.left != nil {
		f.left()
	}
}
