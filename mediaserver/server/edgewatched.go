package server

import (
	"maps"
	"sync"
)

// watched counts those who watch by HTTP at an edge.
type watched struct {
	mu   sync.Mutex // nothing else is taken while it is held
	now  map[*webViewer]struct{}
	all  uint64
	sent uint64 // bytes, to those who have gone
}

func (w *watched) comes(one *webViewer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		w.now = map[*webViewer]struct{}{}
	}
	w.now[one] = struct{}{}
	w.all++
}

func (w *watched) goes(one *webViewer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.now, one)
	w.sent += one.sent.Load()
}

// ways are how many watch by HTTP now, by way.
func (w *watched) ways() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]int{}
	for one := range maps.Keys(w.now) {
		all[one.Way]++
	}
	return all
}

// total is how many have watched.
func (w *watched) total() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// bytes is what they were sent.
func (w *watched) bytes() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.sent
	for one := range maps.Keys(w.now) {
		n += one.sent.Load()
	}
	return n
}
