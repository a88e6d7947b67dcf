package script

import (
	"io/fs"
	"log/slog"
	"sync"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// Config is what a script is made of. Application, Name, Files and Instance are
// required.
type Config struct {
	Application, Name string // of the instance
	// Files is the application's folder, with main.asc and what it loads; it is read
	// alone. Library, where there is one, is looked in for what is not there.
	Files, Library fs.FS
	// Folder is where File writes: a folder of the application's own on the disk; "":
	// nowhere.
	Folder   string
	Instance Instance
	Limits   engine.Limits
	Log      *slog.Logger
}

// Host is the script of one instance. Its methods may be called from any goroutine,
// and do not wait.
type Host struct {
	cfg Config
	log *slog.Logger

	mu    sync.Mutex // nothing else is taken while it is held
	queue []func(*world)
	wake  chan struct{}
	ended bool
}

// post has f run by the host's goroutine, with the world that there is then.
func (h *Host) post(f func(*world)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.queue = append(h.queue, f)
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return true
}
