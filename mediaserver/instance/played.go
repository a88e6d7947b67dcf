package instance

import "slices"

// played are the names that a client plays, and how often each. Of thousands of clients each
// plays one: that is why this is no map.
type played []playedName

type playedName struct {
	name string
	uses int
}

// of is how often a name is played.
func (p played) of(name string) int {
	if i := p.index(name); i >= 0 {
		return p[i].uses
	}
	return 0
}

// with is a name played so much more often. It may change p.
func (p played) with(name string, more int) played {
	i := p.index(name)
	if i < 0 {
		p, i = append(p, playedName{name: name}), len(p)
	}
	if p[i].uses += more; p[i].uses <= 0 {
		return slices.Delete(p, i, i+1)
	}
	return p
}

func (p played) index(name string) int {
	return slices.IndexFunc(p, func(one playedName) bool { return one.name == name })
}
