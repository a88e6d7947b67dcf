package playback

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// defaultWorkers is how many turns of an instance's playbacks run at once.
	// Processors have enough with far fewer; what bounds them is a slow disk.
	defaultWorkers = 32
	// keepBatch is the largest buffer of a worker that is kept.
	keepBatch = 1 << 20
)

// Workers do the turns of the playbacks of one instance. However slow its disk
// is, no more turns than workers wait for it; those that are due wait in a queue,
// without a goroutine each, and the playbacks of other instances do not wait at
// all.
type Workers struct {
	mu      sync.Mutex // nothing else is taken while it is held
	free    int        // how many more may work
	idle    []*worker
	waiting []due
}

// worker is the memory that a turn works with.
type worker struct {
	batch  *media.Batch
	layout *rtmp.Layout
}

// due is a playback whose turn has come.
type due struct {
	p     *Playback
	since time.Time
}

// NewWorkers makes n workers; 0 means 32.
func NewWorkers(n int) *Workers {
	if n <= 0 {
		n = defaultWorkers
	}
	return &Workers{free: n}
}

// Behind says how many playbacks wait for their turn, and for how long the first
// of them has.
func (ws *Workers) Behind() (queue int, oldest time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.waiting) > 0 {
		oldest = time.Since(ws.waiting[0].since)
	}
	return len(ws.waiting), oldest
}

// turn has a playback's turn done: by the calling goroutine, with those that
// wait behind it, or by one that works already.
func (ws *Workers) turn(p *Playback) {
	ws.mu.Lock()
	if ws.free == 0 {
		if !p.queued {
			p.queued = true
			ws.waiting = append(ws.waiting, due{p, time.Now()})
		}
		ws.mu.Unlock()
		return
	}
	ws.free--
	w := ws.last()
	ws.mu.Unlock()
	for p != nil {
		p.turn(w)
		w.clear()
		p = ws.next(w)
	}
}

// last is the worker that was idle last: its memory is the likeliest to be in
// the processor's cache still. The caller holds mu.
func (ws *Workers) last() *worker {
	n := len(ws.idle)
	if n == 0 {
		return &worker{batch: media.NewBatch(maxPiece), layout: rtmp.NewLayout()}
	}
	w := ws.idle[n-1]
	ws.idle = ws.idle[:n-1]
	return w
}

// next is the playback that has waited longest; nil: none waits, and the worker
// is idle.
func (ws *Workers) next(w *worker) *Playback {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.waiting) == 0 {
		ws.waiting = nil
		ws.free++
		ws.idle = append(ws.idle, w)
		return nil
	}
	p := ws.waiting[0].p
	ws.waiting[0] = due{}
	ws.waiting = ws.waiting[1:]
	p.queued = false
	return p
}

// clear lets go of what was sent, and of memory that is too large to keep.
func (w *worker) clear() {
	w.layout.Reset()
	if cap(w.batch.Buf) > keepBatch {
		w.batch = media.NewBatch(maxPiece)
	}
}
