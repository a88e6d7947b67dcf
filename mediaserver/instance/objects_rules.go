package instance

import "flashpod.dev/flashpod/mediaserver/sharedobject"

// ObjectRules bound the shared objects of an instance; 0: the default, and below
// 0 no limit.
type ObjectRules struct {
	Max       int // objects in use, and persistent ones on the disk
	Slots     int // of an object
	SlotBytes int // of a slot, with its name, and of what one send carries
	Bytes     int // of an object
	// TotalBytes is how many bytes the files of persistent objects may have together.
	TotalBytes int64
}

// The defaults: rooms and lists of users have hundreds of slots, of some hundred
// bytes each.
var defaultObjects = ObjectRules{Max: 10000, Slots: 10000, SlotBytes: 64 << 10, Bytes: 1 << 20, TotalBytes: 1 << 30}

func (r ObjectRules) filled() ObjectRules {
	d := defaultObjects
	return ObjectRules{
		fill(r.Max, d.Max), fill(r.Slots, d.Slots), fill(r.SlotBytes, d.SlotBytes), fill(r.Bytes, d.Bytes),
		fill(r.TotalBytes, d.TotalBytes),
	}
}

// fill is a limit, or what holds where there is none.
func fill[T int | int64](n, by T) T {
	switch {
	case n == 0:
		return by
	case n < 0:
		return 0
	}
	return n
}

func (r ObjectRules) quota() sharedobject.Quota {
	return sharedobject.Quota{Files: r.Max, Bytes: r.TotalBytes}
}

func (r ObjectRules) limits() sharedobject.Limits {
	return sharedobject.Limits{Slots: r.Slots, SlotBytes: r.SlotBytes, Bytes: r.Bytes}
}
