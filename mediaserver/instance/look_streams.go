package instance

import (
	"context"

	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Uses is what clients do with streams, for those who look.
type Uses struct {
	Publisher map[string]string   // its client, of each name that one publishes
	Recorded  map[string]bool     // names whose publications are written to a file
	Plays     map[string][]string // of clients, the live streams that they play or wait for
}

// Uses tells of some streams and clients. The owner knows it: it is asked, until ctx ends.
func (i *Instance) Uses(ctx context.Context, streams, clients []string) (u Uses, err error) {
	i.reentry.check("Uses")
	return ask(ctx, i, func(o *owner) Uses {
		u := Uses{Publisher: map[string]string{}, Recorded: map[string]bool{}, Plays: map[string][]string{}}
		for _, name := range streams {
			e := o.streams[name]
			if e == nil || e.publication == nil || !e.stream.Live() {
				continue
			}
			u.Publisher[name] = e.publication.client
			u.Recorded[name] = e.publication.record.writes()
		}
		for _, id := range clients {
			if of := o.played[id]; len(of) > 0 {
				for _, one := range of {
					u.Plays[id] = append(u.Plays[id], one.name)
				}
			}
		}
		return u
	})
}

// writes says whether something is recorded now; nil records nothing.
func (t *recordTask) writes() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed && t.recorder != nil && t.stage != stageFailed
}

// Slot is one of a shared object.
type Slot struct {
	Name  string
	Value sharedobject.Value
}

// maxSlotBytes is the largest slot that is looked at, with its name.
const maxSlotBytes = 16 << 10

// Slots are those of a shared object in use, those that were changed last first, as far
// as they go into so many bytes and are not large themselves, with the object's version
// and how many slots there are; ok is false where it is not in use. Where the version is known already there are none.
// The owner is asked, until ctx ends.
func (i *Instance) Slots(ctx context.Context, name string, persistent bool, known uint32, maxSlots, maxBytes int) (of ObjectInfo, slots []Slot, ok bool, err error) {
	i.reentry.check("Slots")
	type found struct {
		ObjectInfo
		slots []Slot
		ok    bool
	}
	f, err := ask(ctx, i, func(o *owner) (f found) {
		obj := o.objects[objectKey{name, persistent}]
		if obj == nil || obj.loading {
			return f
		}
		f.ok = true
		f.ObjectInfo = ObjectInfo{Name: name, Persistent: persistent, Version: obj.Version(), Slots: obj.Len(), Bytes: obj.Bytes(), Users: len(obj.users)}
		if f.Version == known {
			return f
		}
		obj.Newest(func(name string, v sharedobject.Value) bool {
			bytes := len(name) + len(v.Raw)
			if bytes > maxSlotBytes {
				return true // the others are to be seen
			}
			if maxBytes -= bytes; len(f.slots) == maxSlots || maxBytes < 0 {
				return false
			}
			f.slots = append(f.slots, Slot{name, v})
			return true
		})
		return f
	})
	return f.ObjectInfo, f.slots, f.ok, err
}

// ask has the owner answer a question, unless the instance or ctx ends before: then the
// zero value is the answer.
func ask[T any](ctx context.Context, i *Instance, question func(*owner) T) (answer T, err error) {
	answers := make(chan T, 1)
	if !i.post(func(o *owner) { answers <- question(o) }) {
		return answer, nil
	}
	select {
	case answer = <-answers:
		return answer, nil
	case <-i.stopped:
		return answer, nil
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}
