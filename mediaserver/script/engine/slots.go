package engine

import (
	lib "modernc.org/libquickjs"
)

// slots are what the script's objects refer to in Go. The engine keeps a number in the object, never an address of Go's.
type slots struct {
	all   []slot
	free  []int
	ended []func() // what classes want to be told about objects that are no more
	r     *Runtime
}

type slot struct {
	function *function // of a function
	class    *class    // of an object of a class
	host     any
}

// add returns the number of a slot, which is never 0.
func (s *slots) add(one slot) uintptr {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		s.all[i] = one
		return uintptr(i + 1)
	}
	s.all = append(s.all, one)
	return uintptr(len(s.all))
}

func (s *slots) at(number uintptr) *slot {
	if number == 0 || number > uintptr(len(s.all)) {
		return nil
	}
	return &s.all[number-1]
}

// remove is called by the engine while it frees memory: it must not ask anything of it.
func (s *slots) remove(number uintptr) {
	one := s.at(number)
	if one == nil {
		return
	}
	if one.class != nil && one.class.Gone != nil {
		gone, host := one.class.Gone, one.host
		s.ended = append(s.ended, func() { gone(host) })
	}
	if one.class != nil && one.class.Freed != nil {
		one.class.Freed(one.host)
	}
	*one = slot{}
	s.free = append(s.free, int(number-1))
}

// finish tells classes what objects are no more.
func (s *slots) finish() {
	for len(s.ended) > 0 {
		ended := s.ended
		s.ended = nil
		for _, f := range ended {
			f()
		}
	}
}

// of is what an object of a class refers to, or nil for others.
func (s *slots) of(v jsv) *slot {
	if s.r == nil || !isObject(v) {
		return nil
	}
	o := ptr[lib.TJSObject](pointer(v))
	if id := uint32(o.Fclass_id); id != s.r.classes.plain && id != s.r.classes.exotic {
		return nil
	}
	return s.at(o.Fu.Fopaque)
}
