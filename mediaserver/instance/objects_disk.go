package instance

import (
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// saveEvery is how often an object is written that changes all the time. A
	// change is on the disk within a second where that takes half a second at most.
	saveEvery = 500 * time.Millisecond
	// saveAgain is when an object is written again after that has failed, and
	// saySaving how often the log is told that it fails.
	saveAgain = 2 * time.Second
	saySaving = 10 * time.Second
)

// stored is what is known of a persistent object's file. It belongs to the owner.
type stored struct {
	loading bool
	waiting []waiting // for the end of that
	fresh   bool      // there is no file yet
	dirty   bool      // the file has less than the object
	inUse   bool      // the file says that the object is in use
	saving  bool
	began   time.Time   // when the last writing did
	timer   *time.Timer // of the next one, or of the end of loading; nil: none is due
}

// waiting is what waits for an object that is being read.
type waiting struct {
	run  func(*owner)
	fail func(why string)
}

// load reads an object's file, beside the owner.
func (o *owner) load(obj *object) {
	obj.loading = true
	inst, max := o.Instance, o.rules.Load().Objects.Max
	ok := o.objectDisk.do(func() {
		snapshot, err := inst.objectStore.Load(obj.key.name, max)
		_ = inst.post(func(o *owner) { o.loaded(obj, snapshot, err) })
	})
	if !ok {
		_ = inst.post(func(o *owner) { o.loaded(obj, nil, errDisk) })
		return
	}
	obj.timer = time.AfterFunc(diskTimeout, func() {
		_ = inst.post(func(o *owner) { o.loaded(obj, nil, errDisk) })
	})
}

// loaded goes on with what waits for an object that was read.
func (o *owner) loaded(obj *object, snapshot *sharedobject.Snapshot, err error) {
	if !obj.loading {
		return // the disk has answered too late, or in time
	}
	obj.loading = false
	if obj.timer != nil {
		obj.timer.Stop()
		obj.timer = nil
	}
	all := obj.waiting
	obj.waiting = nil
	if err == nil && snapshot != nil && !obj.Restore(snapshot) {
		err = errors.New(string(sharedobject.DeniedBudget))
	}
	if err != nil {
		o.log.Error("shared object cannot be read", "object", session.Printable(obj.key.name), "err", err)
		o.forgetObject(obj)
		for _, one := range all {
			one.fail(loadFailure(err))
		}
		return
	}
	obj.fresh = snapshot == nil
	obj.inUse = snapshot != nil && snapshot.InUse
	for _, one := range all {
		one.run(o)
	}
	o.idle(obj)
}

// loadFailure is why an object cannot be used, without the names of files.
func loadFailure(err error) string {
	if errors.Is(err, sharedobject.ErrFull) {
		return limitObjects
	}
	return "its file cannot be read"
}

// changedObject has a persistent object written soon.
func (o *owner) changedObject(obj *object) {
	if !obj.key.persistent || o.objectStore == nil {
		return
	}
	obj.dirty = true
	o.save(obj, saveEvery)
}

// save writes an object, so long after its last writing began.
func (o *owner) save(obj *object, every time.Duration) {
	if obj.saving || obj.timer != nil {
		return
	}
	if wait := every - time.Since(obj.began); wait > 0 && !o.flushing {
		inst := o.Instance
		obj.timer = time.AfterFunc(wait, func() {
			_ = inst.post(func(o *owner) {
				if obj.timer != nil { // else it was written for another reason
					obj.timer = nil
					o.write(obj)
				}
			})
		})
		return
	}
	o.write(obj)
}

// write writes an object now, beside the owner.
func (o *owner) write(obj *object) {
	if obj.saving {
		return
	}
	if obj.timer != nil {
		obj.timer.Stop()
		obj.timer = nil
	}
	inUse := obj.used() && !o.flushing
	snapshot, fresh, inst := obj.Snapshot(inUse), obj.fresh, o.Instance
	obj.saving, obj.dirty, obj.began = true, false, time.Now()
	ok := o.objectDisk.do(func() {
		err := inst.objectStore.Save(snapshot, fresh)
		_ = inst.post(func(o *owner) { o.saved(obj, inUse, err) })
	})
	if !ok {
		_ = inst.post(func(o *owner) { o.saved(obj, inUse, errDisk) })
	}
}

// saved goes on with an object that was written, or not.
func (o *owner) saved(obj *object, inUse bool, err error) {
	obj.saving = false
	if err != nil {
		obj.dirty = true
		if now := time.Now(); now.Sub(o.saidSaving) >= saySaving {
			o.saidSaving = now
			o.log.Error("shared object cannot be written: it goes on in memory", "object", session.Printable(obj.key.name), "err", err)
		}
		if o.flushing {
			o.forgetObject(obj) // there is no more time
		} else {
			o.save(obj, saveAgain)
		}
		o.flushed()
		return
	}
	obj.fresh, obj.inUse = false, inUse
	switch {
	case !obj.used():
		o.idle(obj)
	case obj.dirty:
		o.save(obj, saveEvery)
	}
	o.flushed()
}

// settled says whether a persistent object that nobody uses may be forgotten: its
// file has all of it. Else it is written.
func (o *owner) settled(obj *object) bool {
	if !obj.key.persistent || o.objectStore == nil {
		return true
	}
	if obj.loading || obj.saving {
		return false
	}
	if obj.dirty && obj.timer != nil && time.Since(obj.began) < saveAgain {
		return false // it has just failed, and is tried again
	}
	if obj.dirty || obj.inUse && !obj.fresh {
		o.write(obj)
		return false
	}
	return true
}

// flush writes all that is not on the disk yet, and calls done then.
func (o *owner) flush(done func()) {
	o.flushing, o.whenFlushed = true, done
	for _, obj := range o.objects {
		switch {
		case obj.loading:
			o.loaded(obj, nil, errAbandoned)
		case obj.key.persistent && !obj.saving && (obj.dirty || obj.inUse && !obj.fresh) && o.objectStore != nil:
			o.write(obj)
		}
	}
	o.flushed()
}

// flushed calls who waits for flush, once nothing is being written.
func (o *owner) flushed() {
	if !o.flushing || o.whenFlushed == nil {
		return
	}
	for _, obj := range o.objects {
		if obj.saving {
			return
		}
		if obj.dirty && obj.key.persistent {
			o.write(obj) // it was being written when it changed
			return
		}
	}
	o.whenFlushed()
	o.whenFlushed = nil
}

// writeObjects has all persistent objects written, and waits for that as long as
// a disk may take, or until the instance is abandoned.
func (i *Instance) writeObjects() {
	if i.objectStore == nil {
		return
	}
	done := make(chan struct{})
	if !i.post(func(o *owner) { o.flush(func() { close(done) }) }) {
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
