package folders

// From returns up to max names of a list, in its order, from the first on that
// before says no to; before says yes to some that come first, and no to all
// others.
func (f *Folder) From(list int, before func(name string) bool, max int) ([]string, error) {
	if f.c == nil {
		return f.scan(list, func(name string) bool { return !before(name) }, max, 1)
	}
	f.index.w.mu.Lock()
	defer f.index.w.mu.Unlock()
	l := &f.c.names[list]
	return l.from(l.search(before), max), nil
}

// Back returns up to max names of a list, the last one first, that before says
// yes to.
func (f *Folder) Back(list int, before func(name string) bool, max int) ([]string, error) {
	if f.c == nil {
		return f.scan(list, before, max, -1)
	}
	f.index.w.mu.Lock()
	defer f.index.w.mu.Unlock()
	l := &f.c.names[list]
	return l.back(l.search(before), max), nil
}

// Has says whether a name is in a list.
func (f *Folder) Has(list int, name string) (bool, error) {
	compare := f.index.lists[list].Compare
	found, err := f.From(list, func(s string) bool { return compare(s, name) < 0 }, 1)
	return len(found) == 1 && found[0] == name, err
}

// scan reads a folder that is too large to be kept, for max of its names that
// are wanted: the first of them, or with order -1 the last.
func (f *Folder) scan(list int, wanted func(string) bool, max, order int) (out []string, err error) {
	d, err := openFolder(f.index.root, f.dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l := f.index.lists[list]
	sorted := names{compare: func(a, b string) int { return order * l.Compare(a, b) }}
	err = each(f.index.root, f.dir, d, func(e dirent) bool {
		if !listed(l, e) || !wanted(e.name) {
			return true
		}
		if sorted.insert(e.name); sorted.n > max {
			part := sorted.parts[len(sorted.parts)-1]
			sorted.remove(part[len(part)-1])
		}
		return true
	})
	return sorted.from(place{}, max), err
}
