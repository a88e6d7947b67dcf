package instance

import (
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// saveAgain is when an object is written again after that has failed, and
	// saySaving how often the log is told that it fails.
	saveAgain = 2 * time.Second
	saySaving = 10 * time.Second
	// maxLinger is how long an object that nobody uses stays after it was written.
	maxLinger = 2 * time.Second
	// smallWriters and largeWriters are how many objects are written at once:
	// recordings go first, and small objects do not wait for large ones. lastWriters
	// is for both when the server ends, and nobody is recorded any more.
	smallWriters = 2
	largeWriters = 1
	lastWriters  = 8
	// lateWriters is how many small ones are written at once while one waits for
	// longer than lateAfter: a disk takes many together sooner than one by one.
	lateWriters = 8
	lateAfter   = 300 * time.Millisecond
)

// writers are those that write objects, each in a goroutine, and what waits for
// them. They belong to the owner.
type writers struct {
	most, late, running int
	// waiting are objects by who has made them, in whose turns they are written: none
	// of makers is without any.
	waiting map[*maker][]*object
	makers  []*maker
}

func newWriters() (small, large writers) {
	small = writers{most: smallWriters, late: lateWriters, waiting: map[*maker][]*object{}}
	return small, writers{most: largeWriters, late: largeWriters, waiting: map[*maker][]*object{}}
}

// add has an object wait, behind those of its maker.
func (w *writers) add(obj *object) {
	obj.queued = time.Now()
	if len(w.waiting[obj.by]) == 0 {
		w.makers = append(w.makers, obj.by)
	}
	w.waiting[obj.by] = append(w.waiting[obj.by], obj)
}

// places is how many may be written at once now.
func (w *writers) places() int {
	if len(w.makers) > 0 && time.Since(w.waiting[w.makers[0]][0].queued) > lateAfter {
		return max(w.most, w.late)
	}
	return w.most
}

// take takes the first object of the maker whose turn it is.
func (w *writers) take() *object {
	by := w.makers[0]
	w.makers[0] = nil
	w.makers = w.makers[1:]
	all := w.waiting[by]
	obj := all[0]
	all[0] = nil
	if all = all[1:]; len(all) == 0 {
		delete(w.waiting, by)
	} else {
		w.waiting[by] = all
		w.makers = append(w.makers, by)
	}
	return obj
}

// changedObject has a persistent object written soon.
func (o *owner) changedObject(obj *object) {
	if !obj.key.persistent || o.objectStore == nil {
		return
	}
	if o.objectStore.Told(obj.Latest()) {
		o.raise()
	}
	if obj.foreign {
		return
	}
	obj.dirty = true
	o.measure(obj)
	o.save(obj)
}

// every is how often an object is written that changes all the time.
func (o *owner) every(obj *object) time.Duration {
	if obj.failed {
		return saveAgain
	}
	return sharedobject.Every(obj.FileSize(), o.objectStore.Busy())
}

// save writes an object, so long after its last writing began.
func (o *owner) save(obj *object) {
	if obj.saving || obj.timer != nil {
		return
	}
	if wait := time.Until(obj.began.Add(o.every(obj))); wait > 0 && !o.flushing {
		o.later(obj, wait)
		return
	}
	o.write(obj)
}

// later has an object looked at again.
func (o *owner) later(obj *object, wait time.Duration) {
	inst := o.Instance
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		_ = inst.post(func(o *owner) {
			if obj.timer != timer {
				return // it was written for another reason
			}
			obj.timer = nil
			if obj.dirty {
				o.save(obj)
			} else {
				o.idle(obj)
			}
		})
	})
	obj.timer = timer
}

// write has an object written as soon as a writer has time for it.
func (o *owner) write(obj *object) {
	if obj.saving {
		return
	}
	if obj.timer != nil {
		obj.timer.Stop()
		obj.timer = nil
	}
	if obj.nothing() {
		obj.dirty = false
		o.measure(obj)
		o.idle(obj)
		return
	}
	obj.saving = true
	w := &o.small
	if obj.FileSize() > sharedobject.Small {
		w = &o.large
	}
	w.add(obj)
	o.next(w)
}

// next gives writers that have nothing to do something, beside the owner. What an
// object is then is written, and not what it was when it began to wait.
func (o *owner) next(w *writers) {
	inst := o.Instance
	for len(w.makers) > 0 && w.running < w.places() {
		obj := w.take()
		w.running++
		obj.dirty, obj.began = false, time.Now()
		if obj.Len() == 0 && !obj.used() && !obj.fresh {
			go func() {
				err := inst.objectStore.Remove(obj.key.name)
				_ = inst.post(func(o *owner) { o.saved(w, obj, 0, true, err) })
			}()
			continue
		}
		// What changes meanwhile is in memory twice.
		snapshot, fresh, size, quota := obj.Snapshot(), obj.fresh, obj.FileSize(), o.rules.Load().Objects.quota()
		o.budgets.Objects.Owe(snapshot.Memory)
		go func() {
			err := inst.objectStore.Save(snapshot, fresh, quota)
			inst.budgets.Objects.Give(snapshot.Memory)
			_ = inst.post(func(o *owner) { o.saved(w, obj, size, false, err) })
		}()
	}
}

// saved goes on with an object that was written or removed, or not.
func (o *owner) saved(w *writers, obj *object, size int64, removed bool, err error) {
	w.running--
	obj.saving, obj.failed = false, err != nil
	switch {
	case err != nil:
		obj.dirty = true
		o.saySaving(obj, err)
		if o.flushing {
			o.unwritten = true // there is no more time
			o.forgetObject(obj)
		} else {
			o.save(obj)
		}
	default:
		obj.fresh, obj.onDisk = removed, size
		o.measure(obj)
		if !obj.used() {
			o.idle(obj)
		} else if obj.dirty {
			o.save(obj)
		}
	}
	o.next(w)
	o.flushed()
}

// saySaving tells the log that objects cannot be written, not often.
func (o *owner) saySaving(obj *object, err error) {
	now := time.Now()
	if now.Sub(o.saidSaving) < saySaving {
		return
	}
	o.saidSaving = now
	says := []any{"object", session.Printable(obj.key.name), "err", err}
	var quota *sharedobject.QuotaError
	if errors.As(err, &quota) {
		says = append(says, "reason", limitTotalSize)
	}
	o.log.Error("shared object cannot be written: it goes on in memory", says...)
}

// flush writes all that is not on the disk yet, and calls done then: false says that
// something could not be written.
func (o *owner) flush(done func(all bool)) {
	o.flushing, o.whenFlushed = true, done
	o.small.most, o.large.most = lastWriters, lastWriters
	o.objectStore.Hurry()
	o.passed() // nothing changes any more that would have to wait
	for _, obj := range o.objects {
		switch {
		case obj.loading:
			o.loaded(obj, errAbandoned)
		case obj.key.persistent && !obj.foreign && (obj.dirty || obj.Len() == 0 && !obj.used()):
			o.write(obj)
		}
	}
	o.next(&o.small)
	o.next(&o.large)
	o.flushed()
}

// flushed calls who waits for flush, once nothing is being written.
func (o *owner) flushed() {
	if o.whenFlushed == nil || o.small.running+o.large.running > 0 {
		return
	}
	for _, obj := range o.objects {
		if obj.dirty && obj.key.persistent && !obj.foreign {
			o.write(obj) // it was being written when it changed
		}
	}
	if o.small.running+o.large.running > 0 {
		return
	}
	o.whenFlushed(!o.unwritten)
	o.whenFlushed = nil
}

// writeObjects has all persistent objects written, and waits for that as long as
// a disk may take, or until the instance is abandoned.
func (i *Instance) writeObjects() {
	if i.objectStore == nil {
		return
	}
	done := make(chan struct{})
	ok := i.post(func(o *owner) {
		o.flush(func(all bool) {
			go func() {
				defer close(done)
				if !all {
					return // the log has it
				}
				if err := i.objectStore.End(); err != nil {
					i.log.Error("shared objects are written, and the next server does not know it: clients that come back get all of each", "err", err)
				}
			}()
		})
	})
	if !ok {
		return
	}
	late := time.NewTimer(diskTimeout)
	defer late.Stop()
	select {
	case <-done:
	case <-i.ctx.Done():
	case <-late.C:
		i.log.Error("shared objects are not all written", "err", errDisk)
	}
}
