package folders

import "sort"

// names is a sorted list that is changed in the middle at the cost of a part of
// it.
type names struct {
	compare func(a, b string) int
	parts   [][]string // none is empty
	n       int
}

const maxPart = 512

// newNames makes a list of names that are sorted, each once.
func newNames(compare func(a, b string) int, sorted []string) names {
	l := names{compare: compare, n: len(sorted)}
	for len(sorted) > 0 {
		k := min(len(sorted), maxPart/2)
		l.parts = append(l.parts, append(make([]string, 0, maxPart), sorted[:k]...))
		sorted = sorted[k:]
	}
	return l
}

// place is the place of a name: part and index within.
type place struct{ part, at int }

// search returns the place of the first name that before says no to.
func (l *names) search(before func(string) bool) place {
	p := sort.Search(len(l.parts), func(i int) bool { return !before(l.parts[i][len(l.parts[i])-1]) })
	if p == len(l.parts) {
		return place{p, 0}
	}
	part := l.parts[p]
	return place{p, sort.Search(len(part), func(i int) bool { return !before(part[i]) })}
}

func (l *names) find(name string) (place, bool) {
	p := l.search(func(s string) bool { return l.compare(s, name) < 0 })
	return p, p.part < len(l.parts) && l.parts[p.part][p.at] == name
}

// insert is false when the name is there already.
func (l *names) insert(name string) bool {
	p, there := l.find(name)
	if there {
		return false
	}
	l.n++
	if p.part == len(l.parts) { // behind all others
		if p.part == 0 {
			l.parts = [][]string{{name}}
			return true
		}
		p = place{p.part - 1, len(l.parts[p.part-1])}
	}
	part := append(l.parts[p.part], "")
	copy(part[p.at+1:], part[p.at:])
	part[p.at] = name
	l.parts[p.part] = part
	if len(part) > maxPart {
		half := append(make([]string, 0, maxPart), part[maxPart/2:]...)
		clear(part[maxPart/2:])
		l.parts = append(l.parts, nil)
		copy(l.parts[p.part+2:], l.parts[p.part+1:])
		l.parts[p.part], l.parts[p.part+1] = part[:maxPart/2], half
	}
	return true
}

// remove is false when the name is not there.
func (l *names) remove(name string) bool {
	p, there := l.find(name)
	if !there {
		return false
	}
	l.n--
	part := l.parts[p.part]
	copy(part[p.at:], part[p.at+1:])
	part[len(part)-1] = ""
	if l.parts[p.part] = part[:len(part)-1]; len(part) == 1 {
		l.parts = append(l.parts[:p.part], l.parts[p.part+1:]...)
	}
	return true
}

// from returns up to max names from a place on.
func (l *names) from(p place, max int) (out []string) {
	for ; p.part < len(l.parts) && len(out) < max; p = (place{p.part + 1, 0}) {
		part := l.parts[p.part][p.at:]
		out = append(out, part[:min(len(part), max-len(out))]...)
	}
	return out
}

// back returns up to max names before a place, the last one first.
func (l *names) back(p place, max int) (out []string) {
	for len(out) < max {
		if p.at == 0 {
			if p.part == 0 {
				break
			}
			p = place{p.part - 1, len(l.parts[p.part-1])}
		}
		p.at--
		out = append(out, l.parts[p.part][p.at])
	}
	return out
}
