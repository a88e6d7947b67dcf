package playback

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// keepBatch is the largest buffer of a worker that is kept.
const keepBatch = 1 << 20

// worker is the memory that a turn works with.
type worker struct {
	batch  *media.Batch
	layout *rtmp.Layout
}

// workers bounds the turns that run at once: processors have enough with far
// fewer, and a slow disk has them all waiting without a thread for each player.
var workers = struct {
	turns chan struct{} // a place for each that runs

	mu   sync.Mutex
	idle []*worker
}{turns: make(chan struct{}, 32)}

// takeWorker waits for a place and takes the worker that was given back last:
// its memory is the likeliest to be in the processor's cache still, and no more
// workers are made than run at once.
func takeWorker() *worker {
	workers.turns <- struct{}{}
	workers.mu.Lock()
	defer workers.mu.Unlock()
	n := len(workers.idle)
	if n == 0 {
		return &worker{batch: media.NewBatch(mostPiece), layout: rtmp.NewLayout()}
	}
	w := workers.idle[n-1]
	workers.idle = workers.idle[:n-1]
	return w
}

func (w *worker) give() {
	w.layout.Reset()
	if cap(w.batch.Buf) > keepBatch {
		w.batch = media.NewBatch(mostPiece)
	}
	workers.mu.Lock()
	workers.idle = append(workers.idle, w)
	workers.mu.Unlock()
	<-workers.turns
}
