package fmp4

import (
	"math"
	"unsafe"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Spot is a sample that lies in a file as it is.
type Spot struct {
	Track    *Track
	At       int64 // where its bytes begin in the file
	Size     uint32
	Duration uint32 // to the next one, in the table's units
	Offset   int32  // from when it is decoded to when it is shown, in the table's units
	Key      bool   // decoding may begin with it; of sound, always
}

// Table says where the samples of a track lie in a file, and when they are decoded and
// shown: what a head is made of. Its units are those of its first sample's Track.
type Table struct {
	entries []*Track
	uses    []run // which entry samples have, from which on: {first, entry}
	sizes   []uint32
	begins  int64         // of the first sample, in the file
	places  []uint32      // of samples, bytes behind the beginning of the one before
	far     map[int]int64 // of those that are further than that
	last    int64         // where the last one begins
	end     int64         // where the last byte of all is, and one more
	lengths []run         // {samples, duration}
	offsets []run         // {samples, offset}
	lowest  int32         // of the offsets, where one is below 0
	keys    []uint32

	length uint64 // of all samples
	edit   edit
}

// edit is the edit list of a track [ISO §8.6.6]. The zero value shows all of it at once.
type edit struct {
	empty, length uint32 // ms: before the track begins, and that are shown
	from          int64  // what is shown first, in the table's units
}

// Show says what is shown of the track, in the table's units from when its first sample
// is decoded, and how many ms behind the beginning of the movie. It is called once, behind
// the last sample; a track that is not told is shown from the beginning, all of it.
func (t *Table) Show(after uint32, from, to int64) {
	if after == 0 && from == 0 && t.lowest >= 0 {
		return
	}
	t.edit = edit{after, millis(uint64(max(to-from, 1)), t.Track().Timescale), from}
}

// run is so many times the same.
type run struct{ n, value uint32 }

// again is what a list of runs is with one value more.
func again(list []run, value uint32) []run {
	if n := len(list); n > 0 && list[n-1].value == value {
		list[n-1].n++
		return list
	}
	return media.Append(list, run{1, value})
}

// Add puts a sample behind those that there are, in the file as well.
func (t *Table) Add(s *Spot) {
	t.enter(s.Track)
	t.place(s.At)
	t.sizes = media.Append(t.sizes, s.Size)
	t.end = max(t.end, s.At+int64(s.Size))
	t.lengths = again(t.lengths, s.Duration)
	t.offsets = again(t.offsets, uint32(s.Offset))
	t.lowest = min(t.lowest, s.Offset)
	if s.Key {
		t.keys = media.Append(t.keys, uint32(len(t.sizes)))
	}
	t.length += uint64(s.Duration)
}

func (t *Table) place(at int64) {
	n := len(t.sizes)
	if n == 0 {
		t.begins, t.last = at, at
	}
	step := at - t.last
	if step < 0 || step > math.MaxUint32 {
		if t.far == nil {
			t.far = map[int]int64{}
		}
		t.far[n], step = step, 0
	}
	t.last = at
	t.places = media.Append(t.places, uint32(step))
}

func (t *Table) enter(track *Track) {
	n := len(t.uses)
	if n > 0 && t.entries[t.uses[n-1].value] == track {
		return
	}
	at := 0
	for at < len(t.entries) && t.entries[at] != track {
		at++
	}
	if at == len(t.entries) {
		t.entries = append(t.entries, track)
	}
	t.uses = media.Append(t.uses, run{uint32(len(t.sizes)), uint32(at)})
}

// Samples is how many there are.
func (t *Table) Samples() int { return len(t.sizes) }

// Duration is how long all samples last, in the table's units.
func (t *Table) Duration() uint64 { return t.length }

// Track is that of the first sample.
func (t *Table) Track() *Track { return t.entries[0] }

// Memory is about how many bytes the table takes.
func (t *Table) Memory() int64 {
	return int64(cap(t.sizes)+cap(t.keys)+cap(t.places))*4 + int64(len(t.far))*32 +
		int64(cap(t.uses)+cap(t.lengths)+cap(t.offsets))*int64(unsafe.Sizeof(run{}))
}

// headSize is about how many bytes the boxes of the table take, and never fewer.
func (t *Table) headSize(wide bool) int {
	n := 1024 + 4*(len(t.sizes)+len(t.keys)+len(t.places)) + 8*(len(t.lengths)+len(t.offsets)) + 12*len(t.uses)
	if wide {
		n += 4 * len(t.places)
	}
	for _, e := range t.entries {
		n += 128 + len(e.config)
	}
	return n
}

// HeadSize is about how many bytes AppendHead appends, and never fewer.
func HeadSize(tables []*Table, from, to int64) int {
	n, wide := 256, isWide(from, to)
	for _, t := range tables {
		n += t.headSize(wide)
	}
	return n
}

// isWide says whether places in a file with so many bytes behind its head may need more
// than 32 bits.
func isWide(from, to int64) bool {
	const most = 1 << 30 // of a head
	return to-from > math.MaxUint32-most
}

// AppendHead appends what goes before the bytes of a file between two places, which all
// samples lie in, so that both are an MP4 file whose media come last: ftyp, moov and the
// header of mdat [ISO §4.3, §8.2.1, §8.1.1]. What lies between samples is passed over by
// players. Tables without samples must not be among them. Its boxes' dates are 0, so that
// the same tables give the same bytes.
func AppendHead(dst []byte, tables []*Table, from, to int64) []byte {
	w := boxes{dst}
	wide := isWide(from, to)
	begun := len(w.b)
	at := w.begin("ftyp")
	w.b = append(w.b, "isom\x00\x00\x02\x00isomiso2iso6mp41"...)
	w.end(at)
	moov := w.begin("moov")
	length := uint32(0)
	for _, t := range tables {
		length = max(length, t.shown())
	}
	w.movieHeader(len(tables), length)
	places := make([]int, len(tables))
	first := map[bool]bool{}
	for i, t := range tables {
		video := t.Track().Video
		places[i] = w.tableTrack(uint32(i+1), t, !first[video], wide)
		first[video] = true
	}
	w.end(moov)
	w.mediaHeaderOf(to - from)
	shift := int64(len(w.b)-begun) - from
	for i, t := range tables {
		w.fill(places[i], t, shift, wide)
	}
	return w.b
}

// mediaHeaderOf writes the header of mdat with so many bytes, which follow.
func (w *boxes) mediaHeaderOf(size int64) {
	const header, large = 8, 16
	if size+header > math.MaxUint32 {
		w.u32(1) // the size is behind the type
		w.b = append(w.b, "mdat"...)
		w.u64(uint64(size) + large)
		return
	}
	w.u32(uint32(size) + header)
	w.b = append(w.b, "mdat"...)
}

// shown is when the track ends, in ms of the movie.
func (t *Table) shown() uint32 {
	if t.edit == (edit{}) {
		return millis(t.length, t.Track().Timescale)
	}
	return clip(uint64(t.edit.empty) + uint64(t.edit.length))
}

// millis is a duration in units, in whole ms that are not shorter.
func millis(units uint64, timescale uint32) uint32 {
	scale := uint64(timescale)
	return clip(units/scale*1000 + (units%scale*1000+scale-1)/scale)
}

func clip(v uint64) uint32 { return uint32(min(v, math.MaxUint32)) }

// Bytes is the piece of the file that all samples lie in.
func (t *Table) Bytes() (from, to int64) { return t.begins, t.end }
