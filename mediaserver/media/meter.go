package media

// Meter is told what it costs to read the index of a file, by the format that
// reads it: a format knows neither who asks, nor how much memory and time there
// is for that. Its methods are called by one goroutine. An error of theirs ends
// the reading, and is what the format returns.
type Meter interface {
	// Spend says, beforehand, that n bytes more are needed; less, where n is
	// negative. It fails when they are not there.
	Spend(n int64) error
	// Pause is called every fraction of a millisecond. It may rest, and fails when
	// the index is not wanted any more, or has taken too much time.
	Pause() error
}

// pauseEvery is how many steps come before a pause.
const pauseEvery = 4096

// Work counts for a format, so that a Meter is not asked for every frame. The
// zero value works for nobody and has no bound.
type Work struct {
	Meter Meter // nil: memory and time cost nothing
	steps int
	spent int64
}

// Steps counts so many steps of a tenth of a microsecond or less.
func (w *Work) Steps(n int) error {
	if w.steps += n; w.steps < pauseEvery {
		return nil
	}
	w.steps = 0
	if w.Meter == nil {
		return nil
	}
	return w.Meter.Pause()
}

// Spend says that n bytes more are needed; less, where n is negative.
func (w *Work) Spend(n int64) error { return w.SpendAll(w.spent + n) }

// SpendAll says that all that is needed by now is n bytes.
func (w *Work) SpendAll(n int64) error {
	more := n - w.spent
	if more == 0 || w.Meter == nil {
		return nil
	}
	if err := w.Meter.Spend(more); err != nil {
		return err
	}
	w.spent = n
	return nil
}
