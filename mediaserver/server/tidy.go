package server

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// tidyEvery is how often it is looked whether a flood is over.
	tidyEvery = 2 * time.Second
	// manyCycles of garbage collection between two looks are a flood, or a load of
	// which memory is left over when it goes.
	manyCycles = 4
)

// tidy has garbage collected when a flood is over. The runtime collects when the
// heap has grown by half; what strangers have left behind stays for minutes when
// nobody allocates much any more, as a server of live streams does not.
type tidy struct {
	cycles uint64 // of garbage collection, at the last look
	busy   bool   // there were many since it was tidied
}

// look is told how often garbage was collected, and says whether it is to be now:
// once, when it was many times, and then not for as long as from one look to the
// next.
func (t *tidy) look(cycles uint64) bool {
	since := cycles - t.cycles
	t.cycles = cycles
	switch {
	case since >= manyCycles:
		t.busy = true
	case since == 0 && t.busy:
		t.busy = false
		return true
	}
	return false
}

// run looks until ctx ends.
func (t *tidy) run(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	cycles := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	t.cycles = cycles()
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if t.look(cycles()) {
			runtime.GC()
			t.cycles = cycles()
		}
	}
}
