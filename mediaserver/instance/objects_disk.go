package instance

import (
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// maxLoads is how many objects are read at once: each takes memory before it is
// known whether it can be had.
const maxLoads = 4

// stored is what is known of a persistent object's file. It belongs to the owner.
type stored struct {
	loading bool
	waiters
	atGate waits
	fresh  bool      // there is no file, and a place is kept for one
	dirty  bool      // the file has less than the object
	saving bool      // it is being written, or waits for that
	failed bool      // the last writing has
	began  time.Time // when that did
	queued time.Time // when it last began to wait for a writer
	// timer is of the next writing, or of the end of loading; nil: none is due.
	timer *time.Timer
	// onDisk is how much the file has, about, and grown how much more the object
	// has.
	onDisk, grown int64
}

// load reads an object's file, beside the owner, into an object of its own: whoever
// comes too late with it has nothing to do with this one any more.
func (o *owner) load(obj *object, address string) {
	obj.loading = true
	inst, rules, turn := o.Instance, o.rules.Load().Objects, o.budgets.Turns.For(address)
	into := sharedobject.NewObject(obj.key.name, true, rules.limits(), obj.by.budget(o))
	ok := o.objectDisk.do(func() {
		fresh, err := inst.objectStore.Load(into, rules.quota(), turn)
		if !inst.post(func(o *owner) { o.read(obj, into, fresh, err) }) {
			inst.unread(into, fresh)
		}
	})
	if !ok {
		_ = inst.post(func(o *owner) { o.loaded(obj, errDisk) })
		return
	}
	obj.timer = time.AfterFunc(diskTimeout, func() {
		_ = inst.post(func(o *owner) { o.loaded(obj, errDisk) })
	})
}

// unread gives back what an object has that was read, and is not needed.
func (i *Instance) unread(into *sharedobject.Object, fresh bool) {
	into.Drop()
	if fresh {
		i.objectStore.Forgo()
	}
}

// read takes an object that was read, unless the disk has answered too late.
func (o *owner) read(obj *object, into *sharedobject.Object, fresh bool, err error) {
	if !obj.loading {
		o.unread(into, fresh)
		return
	}
	if err == nil {
		obj.Object, obj.fresh = into, fresh
		if !fresh {
			obj.onDisk = obj.FileSize()
		} else if why := o.keep(obj); why != "" {
			err = refusedLoad(why)
		}
	}
	o.loaded(obj, err)
}

// refusedLoad is a load that a limit is in the way of.
type refusedLoad string

// Error implements error.
func (r refusedLoad) Error() string { return string(r) }

// loaded goes on with what waits for an object that was read.
func (o *owner) loaded(obj *object, err error) {
	if !obj.loading {
		return
	}
	obj.loading = false
	if obj.timer != nil {
		obj.timer.Stop()
		obj.timer = nil
	}
	o.sayUnread()
	if err != nil {
		why, known := loadFailure(err)
		if !known {
			o.log.Error("shared object cannot be read", "address", obj.address, "object", session.Printable(obj.key.name), "err", err)
		}
		all := obj.list
		obj.list = nil
		o.forgetObject(obj)
		o.turnAway(all, why)
		return
	}
	obj.admitting = true
	o.admit(obj)
}

// loadFailure is why an object cannot be used, without the names of files; known: a
// limit says so, and whoever is refused is told of in the log anyway.
func loadFailure(err error) (why string, known bool) {
	var quota *sharedobject.QuotaError
	var refused refusedLoad
	switch {
	case errors.As(err, &refused):
		return string(refused), true
	case errors.As(err, &quota) && quota.Bytes:
		return limitTotalSize, true
	case errors.As(err, &quota):
		return limitObjects, true
	case errors.Is(err, sharedobject.ErrNoBudget):
		return string(sharedobject.DeniedBudget), true
	}
	return "its file cannot be read", false
}

// settled says whether a persistent object that nobody uses may be forgotten: its
// file has all of it, or is gone with its last slot. Else that is seen to. It stays
// for as long as it would not be written again, so that a client that comes and goes
// has it written no more often than one that stays.
func (o *owner) settled(obj *object) bool {
	switch {
	case !obj.key.persistent || o.objectStore == nil:
		return true
	case obj.loading || obj.admitting || obj.saving || len(obj.atGate.waitingOf) > 0 || obj.timer != nil:
		return false
	case obj.foreign:
		return true
	case obj.dirty && !obj.nothing(), obj.Len() == 0 && !obj.fresh:
		o.save(obj)
		return false
	}
	if wait := time.Until(obj.began.Add(min(o.every(obj), maxLinger))); wait > 0 && !o.flushing {
		o.later(obj, wait)
		return false
	}
	return true
}

// dropObjects gives back all that objects have, when the instance has ended.
func (o *owner) dropObjects() {
	o.turnAway(o.gate.takeAll(), string(session.RefusedStopping))
	for _, obj := range o.objects {
		o.forgetObject(obj)
	}
	for name := range o.makers.files {
		o.unkeep(name)
	}
}

// nothing says whether there is nothing to be kept: no slot, and no file.
func (obj *object) nothing() bool { return obj.fresh && obj.Len() == 0 }

// unkept gives back what a persistent object that is forgotten has of the files.
func (o *owner) unkept(obj *object) {
	if obj.timer != nil {
		obj.timer.Stop()
		obj.timer = nil
	}
	o.unsaved -= obj.grown
	obj.grown = 0
	if obj.fresh {
		o.unkeep(obj.key.name)
		o.objectStore.Forgo()
		obj.fresh = false
	}
}
