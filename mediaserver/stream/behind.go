package stream

import "time"

// Behind is how far a loop is behind.
type Behind struct {
	Queue  int           // tasks, streams that have grown and connections that wait for its next turn
	Oldest time.Duration // how long the first of them has waited; 0: none waits
	Turn   time.Duration // how long the turn that runs has taken; 0: none runs
}

// Behind has an entry for each loop. It waits for none of them.
func (f *Fanout) Behind() []Behind {
	now := time.Now()
	all := make([]Behind, 0, len(f.loops))
	for _, l := range f.loops {
		l.mu.Lock()
		b := Behind{Queue: len(l.tasks) + len(l.dirty) + len(l.queued)}
		if b.Queue > 0 {
			b.Oldest = now.Sub(l.waiting)
		}
		if !l.turning.IsZero() {
			b.Turn = now.Sub(l.turning)
		}
		l.mu.Unlock()
		all = append(all, b)
	}
	return all
}

// waits notes since when something waits. The caller holds l.mu, and is about
// to add to one of the lists.
func (l *loop) waits() {
	if len(l.tasks)+len(l.dirty)+len(l.queued) == 0 {
		l.waiting = time.Now()
	}
}
