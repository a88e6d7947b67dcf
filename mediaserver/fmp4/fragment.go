package fmp4

import "encoding/binary"

// Sample is one frame of a track.
type Sample struct {
	Duration uint32 // to the next one, in the track's units
	Offset   int32  // from when it is decoded to when it is shown, in the track's units
	Key      bool   // decoding may begin with it; of sound, always
	Data     []byte
}

// Run is what a fragment has of one track: samples one behind another.
type Run struct {
	Track   int    // 1 for the first of the initialization segment
	Time    uint64 // when the first one is decoded, in the track's units
	Samples []Sample
}

const (
	tfhdBaseIsMoof = 0x20000

	trunDataOffset = 0x1
	trunDuration   = 0x100
	trunSize       = 0x200
	trunFlags      = 0x400
	trunOffset     = 0x800

	sampleKey    = 2 << 24         // depends on no other
	sampleNotKey = 1<<24 | 1<<16   // depends on others, and is no sync sample
	sampleBytes  = 4 + 4 + 4 + 4   // of a sample's row
	runBytes     = 8*5 + 12 + 4*10 // of a run's boxes, and more
)

// FragmentSize is about how many bytes AppendFragment appends, and never fewer.
func FragmentSize(runs []Run) int {
	n := 64
	for _, r := range runs {
		n += runBytes
		for i := range r.Samples {
			n += sampleBytes + len(r.Samples[i].Data)
		}
	}
	return n
}

// AppendFragment appends a movie fragment [ISO §8.8] and its media. Runs without
// samples are left out.
func AppendFragment(dst []byte, number uint32, runs []Run) []byte {
	w := boxes{dst}
	moof := w.begin("moof")
	at := w.beginFull("mfhd", 0, 0)
	w.u32(number)
	w.end(at)
	var offsets [8]int // of the places that say where a run's media are
	places := offsets[:0]
	for i := range runs {
		if len(runs[i].Samples) > 0 {
			places = append(places, w.run(&runs[i]))
		}
	}
	w.end(moof)
	mdat := w.begin("mdat")
	for i := range runs {
		if len(runs[i].Samples) == 0 {
			continue
		}
		binary.BigEndian.PutUint32(w.b[places[0]:], uint32(len(w.b)-moof))
		places = places[1:]
		for j := range runs[i].Samples {
			w.b = append(w.b, runs[i].Samples[j].Data...)
		}
	}
	w.end(mdat)
	return w.b
}

// run writes traf, and returns the place of its data offset.
func (w *boxes) run(r *Run) (place int) {
	traf := w.begin("traf")
	at := w.beginFull("tfhd", 0, tfhdBaseIsMoof)
	w.u32(uint32(r.Track))
	w.end(at)
	at = w.beginFull("tfdt", 1, 0)
	w.u64(r.Time)
	w.end(at)
	at = w.beginFull("trun", 1, trunDataOffset|trunDuration|trunSize|trunFlags|trunOffset)
	w.u32(uint32(len(r.Samples)))
	place = len(w.b)
	w.u32(0)
	for i := range r.Samples {
		s := &r.Samples[i]
		w.u32(s.Duration)
		w.u32(uint32(len(s.Data)))
		if s.Key {
			w.u32(sampleKey)
		} else {
			w.u32(sampleNotKey)
		}
		w.u32(uint32(s.Offset))
	}
	w.end(at)
	w.end(traf)
	return place
}
