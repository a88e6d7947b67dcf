package instance

import (
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// maxCleared is how many objects on the disk are emptied for one question, and
// clearedAtOnce how many in memory in one turn of the owner.
const (
	maxCleared    = 100000
	clearedAtOnce = 64
)

// ClearSharedObjects implements script.SharedObjects.
func (i *Instance) ClearSharedObjects(match func(name string) bool) {
	i.post(func(o *owner) {
		var keys []objectKey
		for key := range o.objects {
			if match(key.name) {
				keys = append(keys, key)
			}
		}
		o.clearAll(keys)
		if o.objectStore == nil || o.cleaning {
			return
		}
		o.cleaning = o.objectDisk.do(func() {
			names, err := i.objectStore.Find(match, maxCleared)
			if err != nil {
				i.log.Error("shared objects on the disk cannot be emptied", "err", err)
			}
			i.post(func(o *owner) { o.clearFiles(names) })
		})
	})
}

// clearAll empties objects in memory, a portion in a turn.
func (o *owner) clearAll(keys []objectKey) {
	n := min(len(keys), clearedAtOnce)
	for _, key := range keys[:n] {
		if o.objects[key] != nil {
			o.withObject(key, o.empty, func(*session.Refusal) {})
		}
	}
	if keys = keys[n:]; len(keys) > 0 {
		o.post(func(o *owner) { o.clearAll(keys) })
	}
}

func (o *owner) empty(s SharedObject) {
	if err := s.Clear(); err != nil {
		o.log.Warn("shared object cannot be emptied", "err", err)
	}
}

// clearFiles empties objects that nobody uses, one after another: their files go.
func (o *owner) clearFiles(names []string) {
	for len(names) > 0 && o.objects[objectKey{names[0], true}] != nil {
		names = names[1:] // it was emptied when it was asked for
	}
	if len(names) == 0 {
		o.cleaning = false
		return
	}
	next := func() { o.post(func(o *owner) { o.clearFiles(names[1:]) }) }
	o.withObject(objectKey{names[0], true}, func(s SharedObject) {
		o.empty(s)
		next()
	}, func(*session.Refusal) { next() })
}

var _ script.SharedObjects = (*Instance)(nil)
