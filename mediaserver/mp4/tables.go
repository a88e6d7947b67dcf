package mp4

import "math"

// tables are the boxes that say where the samples of a track are [ISO §8.6,
// §8.7].
type tables struct {
	stts, ctts, stsc, stsz, stco, co64, stss box
}

func (t *tables) add(b box) {
	switch string(b.kind[:]) {
	case "stts":
		t.stts = b
	case "ctts":
		t.ctts = b
	case "stsc":
		t.stsc = b
	case "stsz":
		t.stsz = b
	case "stco":
		t.stco = b
	case "co64":
		t.co64 = b
	case "stss":
		t.stss = b
	}
}

// run is an entry that holds for several samples.
type run struct {
	left  uint32
	value uint32
}

// runs reads a table of how many and what: stts and ctts.
type runs struct {
	t       *table
	entries uint32
	run
}

// maxIdle is how many entries of a table may be for no sample, beside one for
// each sample: real files have none.
const maxIdle = 1024

func newRuns(w *window, b box, samples uint32) runs {
	t := w.table(b)
	r := runs{t: t, entries: t.count(8)}
	if t.err == nil && r.entries > samples+maxIdle {
		t.err = invalid("%v has %d entries for %d samples", b, r.entries, samples)
	}
	return r
}

// next returns the value for the next sample; ok is false behind the last.
func (r *runs) next() (value uint32, ok bool) {
	for r.left == 0 {
		if r.entries == 0 || r.t.err != nil {
			return r.value, false
		}
		r.entries--
		r.left, r.value = r.t.u32(), r.t.u32()
	}
	r.left--
	return r.value, true
}

// readSizes reads how many samples there are, and of what size; 0: each has its
// own, which follow in the table.
func (t *track) readSizes(sizes *table, fileSize int64) (size, count uint32, err error) {
	size = sizes.u32()
	if size == 0 {
		count = sizes.count(4)
	} else if count = sizes.u32(); int64(count)*int64(size) > fileSize {
		return 0, 0, invalid("%v says %d samples of %d bytes, more than the file has", t, count, size)
	}
	if sizes.err == nil && count > maxSamples {
		return 0, 0, invalid("%v says %d samples, and %d are read at most: split the recording", t, count, maxSamples)
	}
	return size, count, sizes.err
}

// index reads the samples that the tables of all tracks say. Those of the first
// are given the room that all of them need, for merge.
func (m *movie) index(w *window, fileSize int64) error {
	all := int64(0)
	for _, t := range m.tracks {
		t.sizes = w.table(t.tables.stsz)
		if t.tables.stsz.end == 0 {
			continue // fragments say it
		}
		var err error
		if t.size, t.count, err = t.readSizes(t.sizes, fileSize); err != nil {
			return err
		}
		if all += int64(t.count); all > maxSamples {
			return invalid("%d samples, and %d are read at most: split the recording", all, maxSamples)
		}
	}
	for i, t := range m.tracks {
		if t.count == 0 {
			continue
		}
		room := int64(t.count)
		if i == 0 {
			room = all
		}
		if err := w.work.Spend(sampleBytes * room); err != nil {
			return err
		}
		t.samples = make([]sample, 0, room)
		if err := t.index(w, fileSize); err != nil {
			return err
		}
	}
	return nil
}

// index reads the samples that the tables of a track say.
func (t *track) index(w *window, fileSize int64) error {
	durations, offsets := newRuns(w, t.tables.stts, t.count), newRuns(w, t.tables.ctts, t.count)
	chunks, err := newChunks(w, t)
	if err != nil {
		return err
	}
	syncs := newSyncs(w, t.tables.stss)
	tables := [...]*table{t.sizes, durations.t, offsets.t, syncs.t}
	for n := uint32(1); n <= t.count; n++ {
		if err := w.work.Steps(1); err != nil {
			return err
		}
		bytes := t.size
		if bytes == 0 {
			bytes = t.sizes.u32()
		}
		at, err := chunks.next(bytes)
		if err != nil {
			return err
		}
		// In version 0 offsets have no sign, and files that need one say so all the same.
		cts, ok := offsets.next()
		if !ok {
			cts = 0
		}
		key := syncs.next(n)
		for _, table := range &tables {
			if table.err != nil {
				return table.err
			}
		}
		if err := t.add(t.next, int64(int32(cts)), bytes, key, at, fileSize); err != nil {
			return err
		}
		// A table that is too short means that its last value goes on.
		d, _ := durations.next()
		t.next += int64(d)
	}
	return durations.t.err
}

// syncs says which samples are keyframes: with no table, all are.
type syncs struct {
	t    *table
	all  bool
	left uint32
	sync uint32 // the next that is one
}

func newSyncs(w *window, b box) syncs {
	s := syncs{t: w.table(b), all: b.end == 0}
	if s.left = s.t.count(4); s.left > 0 {
		s.sync = s.t.u32()
	}
	return s
}

// next says it of sample n; calls are in the order of the samples.
func (s *syncs) next(n uint32) bool {
	for s.left > 0 && s.sync < n {
		if s.left--; s.left > 0 {
			s.sync = s.t.u32()
		}
	}
	return s.all || s.left > 0 && s.sync == n
}

// chunks says where samples are: chunks have offsets, and hold some samples
// each.
type chunks struct {
	track   *track
	offsets *table
	wide    bool
	chunk   uint32 // how many were begun
	count   uint32

	groups    *table
	groupLeft uint32
	nextGroup uint32 // the chunk that it begins with
	per       uint32 // samples a chunk, from nextGroup on
	nextPer   uint32

	left uint32 // samples of this chunk
	at   int64
}

func newChunks(w *window, t *track) (*chunks, error) {
	c := &chunks{track: t, groups: w.table(t.tables.stsc)}
	if c.wide = t.tables.co64.end > 0; c.wide {
		c.offsets = w.table(t.tables.co64)
		c.count = c.offsets.count(8)
	} else {
		c.offsets = w.table(t.tables.stco)
		c.count = c.offsets.count(4)
	}
	if c.groupLeft = c.groups.count(12); c.groups.err == nil && c.groupLeft > c.count+maxIdle {
		return nil, invalid("%v says %d times how many samples its %d chunks have", t, c.groupLeft, c.count)
	}
	if err := c.group(); err != nil {
		return nil, err
	}
	if c.offsets.err == nil && c.count > t.count+maxIdle {
		return nil, invalid("%v has %d chunks for %d samples", t, c.count, t.count)
	}
	if c.nextGroup != 1 {
		return nil, invalid("%v does not say how many samples its first chunk has", t)
	}
	return c, c.offsets.err
}

// group reads the entry that follows.
func (c *chunks) group() error {
	if c.groupLeft == 0 {
		c.nextGroup = math.MaxUint32
		return c.groups.err
	}
	c.groupLeft--
	var description uint32
	c.nextGroup, c.nextPer, description = c.groups.u32(), c.groups.u32(), c.groups.u32()
	if c.groups.err == nil && description > 1 {
		return invalid("%v changes its codec's settings on the way: encode it anew, as with ffmpeg -c:v libx264 -c:a aac", c.track)
	}
	return c.groups.err
}

// next returns where a sample of some bytes is.
func (c *chunks) next(bytes uint32) (int64, error) {
	for c.left == 0 {
		if c.chunk == c.count {
			return 0, invalid("%v has fewer chunks than its samples need", c.track)
		}
		c.chunk++
		for c.chunk >= c.nextGroup {
			c.per = c.nextPer
			if err := c.group(); err != nil {
				return 0, err
			}
		}
		c.left = c.per
		if c.wide {
			c.at = int64(min(c.offsets.u64(), maxOffset))
		} else {
			c.at = int64(c.offsets.u32())
		}
		if c.offsets.err != nil {
			return 0, c.offsets.err
		}
	}
	c.left--
	at := c.at
	c.at += int64(bytes)
	return at, nil
}
