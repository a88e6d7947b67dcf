package fmp4

import (
	"encoding/binary"
	"math"
)

// movieTimescale is how many units of time a second of the movie has, beside those of
// its tracks.
const movieTimescale = 1000

// tableTrack writes trak of a table, and returns the place of its chunk offsets, which
// are left open.
func (w *boxes) tableTrack(id uint32, t *Table, enabled, wide bool) (places int) {
	trak := w.begin("trak")
	w.trackHeader(id, t.Track(), t.shown(), enabled)
	w.editList(t)
	mdia := w.begin("mdia")
	w.mediaHeader(t.Track(), t.length)
	minf := w.beginInformation(t.Track())
	stbl := w.begin("stbl")
	stsd := w.beginFull("stsd", 0, 0)
	w.u32(uint32(len(t.entries)))
	for _, e := range t.entries {
		w.sampleEntry(e)
	}
	w.end(stsd)
	w.runs("stts", t.lengths, 0)
	w.composition(t)
	w.sync(t)
	w.chunks(t)
	w.sampleSizes(t)
	places = w.chunkOffsets(len(t.places), wide)
	w.end(stbl)
	w.end(minf)
	w.end(mdia)
	w.end(trak)
	return places
}

// editList writes edts [ISO §8.6.5], where something is to be said.
func (w *boxes) editList(t *Table) {
	e := t.edit
	if e == (edit{}) {
		return
	}
	edts := w.begin("edts")
	elst := w.beginFull("elst", 0, 0)
	const rate = 1 << 16
	if e.empty > 0 {
		w.u32(2)
		w.u32(e.empty)
		w.u32(math.MaxUint32) // -1: nothing is shown
		w.u32(rate)
	} else {
		w.u32(1)
	}
	w.u32(e.length)
	w.u32(uint32(max(0, min(e.from+t.lift(), math.MaxInt32))))
	w.u32(rate)
	w.end(elst)
	w.end(edts)
}

// runs writes a table of runs, whose values are greater by lift.
func (w *boxes) runs(kind string, list []run, lift int64) {
	at := w.beginFull(kind, 0, 0)
	w.u32(uint32(len(list)))
	for _, r := range list {
		w.u32(r.n)
		w.u32(uint32(int64(int32(r.value)) + lift))
	}
	w.end(at)
}

// lift is what all composition offsets are raised by: those below 0 need another version
// of their box, which not all players know.
func (t *Table) lift() int64 { return -int64(min(t.lowest, 0)) }

// composition writes ctts [ISO §8.6.1.3], where a sample is shown at another time than
// that at which it is decoded.
func (w *boxes) composition(t *Table) {
	if len(t.offsets) == 1 && int64(int32(t.offsets[0].value))+t.lift() == 0 {
		return
	}
	w.runs("ctts", t.offsets, t.lift())
}

// sync writes stss [ISO §8.6.2], where decoding cannot begin with any sample.
func (w *boxes) sync(t *Table) {
	if !t.Track().Video || len(t.keys) == len(t.sizes) {
		return
	}
	at := w.beginFull("stss", 0, 0)
	w.u32(uint32(len(t.keys)))
	for _, n := range t.keys {
		w.u32(n)
	}
	w.end(at)
}

// chunks writes stsc [ISO §8.7.4]: each sample is a chunk of its own.
func (w *boxes) chunks(t *Table) {
	at := w.beginFull("stsc", 0, 0)
	w.u32(uint32(len(t.uses)))
	for _, u := range t.uses {
		w.u32(u.n + 1)
		w.u32(1)
		w.u32(u.value + 1)
	}
	w.end(at)
}

// sampleSizes writes stsz [ISO §8.7.3.2].
func (w *boxes) sampleSizes(t *Table) {
	at := w.beginFull("stsz", 0, 0)
	w.u32(0) // they differ
	w.u32(uint32(len(t.sizes)))
	for _, n := range t.sizes {
		w.u32(n)
	}
	w.end(at)
}

// chunkOffsets writes stco or co64 [ISO §8.7.5] with offsets that are 0, and returns
// their place.
func (w *boxes) chunkOffsets(n int, wide bool) (place int) {
	kind, size := "stco", 4
	if wide {
		kind, size = "co64", 8
	}
	at := w.beginFull(kind, 0, 0)
	w.u32(uint32(n))
	place = len(w.b)
	for range n {
		w.zero(size)
	}
	w.end(at)
	return place
}

// fill sets the chunk offsets of a table at a place.
func (w *boxes) fill(place int, t *Table, shift int64, wide bool) {
	b := w.b[place:]
	at := t.begins + shift
	for i, step := range t.places {
		at += int64(step) + t.far[i]
		if wide {
			binary.BigEndian.PutUint64(b, uint64(at))
			b = b[8:]
		} else {
			binary.BigEndian.PutUint32(b, uint32(at))
			b = b[4:]
		}
	}
}
