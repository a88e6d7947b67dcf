package fmp4

import "math"

// unity is the matrix of pictures and sound that are neither turned nor moved.
var unity = [9]uint32{1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30}

// AppendInit appends an initialization segment. Tracks have the numbers 1, 2 and so
// on, in their order; the boxes' times are 0, so that the same tracks give the same
// bytes.
func AppendInit(dst []byte, tracks ...*Track) []byte {
	w := boxes{dst}
	at := w.begin("ftyp")
	w.b = append(w.b, "iso6\x00\x00\x00\x00iso6isommp41hlsf"...)
	w.end(at)
	moov := w.begin("moov")
	w.movieHeader(len(tracks), 0)
	for i, t := range tracks {
		w.track(uint32(i+1), t)
	}
	mvex := w.begin("mvex")
	for i := range tracks {
		trex := w.beginFull("trex", 0, 0)
		w.u32(uint32(i + 1))
		w.u32(1) // the first sample entry
		w.zero(12)
		w.end(trex)
	}
	w.end(mvex)
	w.end(moov)
	return w.b
}

func (w *boxes) matrix() {
	for _, v := range unity {
		w.u32(v)
	}
}

// movieHeader writes mvhd [ISO §8.2.2] of a movie of so many ms.
func (w *boxes) movieHeader(tracks int, length uint32) {
	at := w.beginFull("mvhd", 0, 0)
	w.zero(8)
	w.u32(movieTimescale)
	w.u32(length)
	w.u32(1 << 16) // rate
	w.u16(1 << 8)  // volume
	w.zero(10)
	w.matrix()
	w.zero(24)
	w.u32(uint32(tracks + 1))
	w.end(at)
}

// track writes trak [ISO §8.3], whose tables of samples are empty.
func (w *boxes) track(id uint32, t *Track) {
	trak := w.begin("trak")
	w.trackHeader(id, t, 0, true)
	mdia := w.begin("mdia")
	w.mediaHeader(t, 0)
	w.emptyInformation(t)
	w.end(mdia)
	w.end(trak)
}

// trackHeader writes tkhd [ISO §8.3.2] of a track that ends after so many ms. enabled
// says that players take it where they are told nothing.
func (w *boxes) trackHeader(id uint32, t *Track, length uint32, enabled bool) {
	const inMovie, isEnabled = 2, 1
	flags := uint32(inMovie)
	if enabled {
		flags |= isEnabled
	}
	at := w.beginFull("tkhd", 0, flags)
	w.zero(8)
	w.u32(id)
	w.zero(4)
	w.u32(length)
	w.zero(8)
	if t.Video {
		w.zero(8)
	} else {
		w.u16(0)
		w.u16(1)      // one of a group of alternatives
		w.u16(1 << 8) // volume
		w.u16(0)
	}
	w.matrix()
	w.u32(uint32(t.Width) << 16)
	w.u32(uint32(t.Height) << 16)
	w.end(at)
}

// mediaHeader writes mdhd and hdlr [ISO §8.4.2, §8.4.3] of media that last so many of
// the track's units.
func (w *boxes) mediaHeader(t *Track, length uint64) {
	var at int
	if length > math.MaxUint32 {
		at = w.beginFull("mdhd", 1, 0)
		w.zero(16)
		w.u32(t.Timescale)
		w.u64(length)
	} else {
		at = w.beginFull("mdhd", 0, 0)
		w.zero(8)
		w.u32(t.Timescale)
		w.u32(uint32(length))
	}
	w.u16(0x55c4) // language: und
	w.u16(0)
	w.end(at)
	at = w.beginFull("hdlr", 0, 0)
	w.u32(0)
	handler := "soun"
	if t.Video {
		handler = "vide"
	}
	w.b = append(w.b, handler...)
	w.zero(12 + 1)
	w.end(at)
}

// beginInformation starts minf [ISO §8.4.4], which has what tables of samples need.
func (w *boxes) beginInformation(t *Track) (minf int) {
	minf = w.begin("minf")
	if t.Video {
		at := w.beginFull("vmhd", 0, 1)
		w.zero(8)
		w.end(at)
	} else {
		at := w.beginFull("smhd", 0, 0)
		w.zero(4)
		w.end(at)
	}
	dinf := w.begin("dinf")
	dref := w.beginFull("dref", 0, 0)
	w.u32(1)
	w.end(w.beginFull("url ", 0, 1)) // in this file
	w.end(dref)
	w.end(dinf)
	return minf
}

// emptyInformation writes minf whose tables of samples are empty.
func (w *boxes) emptyInformation(t *Track) {
	minf := w.beginInformation(t)
	stbl := w.begin("stbl")
	stsd := w.beginFull("stsd", 0, 0)
	w.u32(1)
	w.sampleEntry(t)
	w.end(stsd)
	for _, kind := range [...]string{"stts", "stsc", "stco"} {
		at := w.beginFull(kind, 0, 0)
		w.u32(0)
		w.end(at)
	}
	at := w.beginFull("stsz", 0, 0)
	w.zero(8)
	w.end(at)
	w.end(stbl)
	w.end(minf)
}

// sampleEntry writes what a decoder is told [ISO §12.1.3, §12.2.3].
func (w *boxes) sampleEntry(t *Track) {
	at := w.begin(t.kind)
	w.zero(6)
	w.u16(1) // data reference
	if t.Video {
		w.zero(16)
		w.u16(uint16(t.Width))
		w.u16(uint16(t.Height))
		w.u32(72 << 16) // pixels an inch
		w.u32(72 << 16)
		w.u32(0)
		w.u16(1) // pictures a sample
		w.zero(32)
		w.u16(24)     // depth
		w.u16(0xffff) // no table of colours
	} else {
		w.zero(8)
		w.u16(uint16(t.Channels))
		w.u16(16)
		w.u32(0)
		rate := t.Timescale << 16
		if t.Timescale > 0xffff { // it has no room: decoders know better
			rate = 0
		}
		w.u32(rate)
	}
	w.b = append(w.b, t.config...)
	w.end(at)
}
