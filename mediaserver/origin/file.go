package origin

import (
	"fmt"
	"io/fs"
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/playback"
)

// file is a recorded file that an edge reads. It is closed once nobody reads.
type file struct {
	of *playback.File

	mu      sync.Mutex // nothing else is taken while it is held
	reading int
	closing bool
}

func newFile(of *playback.File) *file { return &file{of: of} }

// body is what an edge needs to know of the file to read it.
func (f *file) body() *link.FileBody {
	b := &link.FileBody{OnMetaData: f.of.OnMetaData, Rate: f.of.Rate}
	if of, ok := f.of.Bytes.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := of.Stat(); err == nil {
			b.Size = info.Size()
			b.Key = fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
		}
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
		f.of.Close()
	}
	return n, err
}

func (f *file) close() {
	f.mu.Lock()
	f.closing = true
	idle := f.reading == 0
	f.mu.Unlock()
	if idle {
		f.of.Close()
	}
}
