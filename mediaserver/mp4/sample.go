package mp4

import (
	"math"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// maxSamples bounds an index to 128 MiB: about 30 hours of picture and
	// sound.
	maxSamples = 8 << 20
	// An RTMP message says its length in 24 bits.
	maxSize = 1<<24 - 1 - maxHead
	// maxOffset is what 40 bits hold: a file of 1 TiB.
	maxOffset = 1 << 40
	maxDelay  = 10000     // ms that decoding is made to begin earlier
	maxOffMs  = 1<<23 - 1 // composition time offset, ms: 24 bits with a sign [FLV §E.4.3.1]
)

const (
	flagVideo = 1 << 24 // in sample.size
	flagKey   = 1 << 25
)

// sampleBytes is what a sample takes in memory.
const sampleBytes = 16

// sample is one entry of the index. There are millions: it has 16 bytes.
type sample struct {
	time media.Timestamp // of decoding
	what uint32          // size in bytes, and flags above it
	spot uint64          // 40 bits of offset in the file, then 24 of composition time offset, ms
}

func makeSample(at media.Timestamp, size uint32, video, key bool, offset int64, cts int64) sample {
	s := sample{time: at, what: size, spot: uint64(offset) << 24}
	if video {
		s.what |= flagVideo
	}
	if key {
		s.what |= flagKey
	}
	cts = max(-maxOffMs, min(cts, maxOffMs))
	s.spot |= uint64(cts) & 0xffffff
	return s
}

func (s sample) size() int     { return int(s.what & 0xffffff) }
func (s sample) video() bool   { return s.what&flagVideo != 0 }
func (s sample) key() bool     { return s.what&flagKey != 0 }
func (s sample) offset() int64 { return int64(s.spot >> 24) }

// cts is when the sample is shown after it is decoded, in ms.
func (s sample) cts() int32 { return int32(uint32(s.spot)<<8) >> 8 }

// millis turns a time of a track into ms, rounded down: each time on its own,
// so that nothing drifts.
func millis(t int64, timescale uint32) int64 {
	scale := int64(timescale)
	whole, rest := t/scale, t%scale
	if rest < 0 {
		whole, rest = whole-1, rest+scale
	}
	return whole*1000 + rest*1000/scale
}

// add puts a sample behind those that a track has. dts and cts are in the
// track's timescale.
func (t *track) add(dts, cts int64, size uint32, key bool, offset, fileSize int64) error {
	if size == 0 {
		return nil // a frame that repeats the one before it
	}
	t.bytes += int64(size)
	switch {
	case size > maxSize:
		return invalid("%v has a sample of %d bytes, and RTMP carries %d at most", t, size, maxSize)
	case t.bytes > fileSize:
		return invalid("%v says more bytes of samples than the file has", t)
	case offset < 0 || offset > fileSize-int64(size):
		return invalid("sample %d of %v is behind the end of the file: it was cut, and has to be copied again", len(t.samples)+1, t)
	case *t.total >= maxSamples:
		return invalid("more than %d samples: split the recording", maxSamples)
	case dts < -math.MaxInt64/4 || dts > math.MaxInt64/4 || dts/int64(t.timescale) > 1<<40:
		return invalid("sample %d of %v is at no time that can be", len(t.samples)+1, t)
	}
	at := millis(dts+t.start, t.timescale)
	cts = millis(dts+t.start+cts, t.timescale) - at
	if len(t.samples) == 0 {
		t.first = at
	}
	at -= t.first
	if at < 0 {
		at = 0
	}
	if at > math.MaxUint32 {
		return invalid("%v lasts longer than 49 days", t)
	}
	// Fragments that say an earlier time than those before them do not go back.
	t.last = max(media.Timestamp(at), t.last)
	t.early = min(t.early, cts)
	if len(t.samples) == cap(t.samples) {
		if err := t.grow(); err != nil {
			return err
		}
	}
	t.samples = append(t.samples, makeSample(t.last, size, t.codec.video, key, offset, cts))
	*t.total++
	return nil
}

// grow makes room for more samples: fragments do not say how many there are.
func (t *track) grow() error {
	had := cap(t.samples)
	room := max(256, had+had/2)
	if err := t.work.Spend(sampleBytes * int64(room)); err != nil {
		return err
	}
	samples, err := media.RoomFor(t.work, t.samples, room)
	if err != nil {
		return err
	}
	t.samples = samples
	return t.work.Spend(-sampleBytes * int64(had))
}

// delay lets decoding begin earlier, so that no picture is shown before it is
// decoded: files may say so to do without an edit list, and players of FLV do
// not expect it.
func (t *track) delay() {
	early := max(t.early, -maxDelay)
	if early == 0 {
		return
	}
	t.first += early
	for i, s := range t.samples {
		t.samples[i] = makeSample(s.time, s.what, false, false, s.offset(), int64(s.cts())-early)
	}
}

// merge brings the samples of all tracks into the order of their times, and
// sets the earliest to 0: with B-frames, decoding begins before the first
// picture is shown, and RTMP has no times below 0.
func merge(tracks []*track, work *media.Work) ([]sample, error) {
	n, zero := 0, int64(math.MaxInt64)
	for _, t := range tracks {
		t.delay()
		n += len(t.samples)
		if len(t.samples) > 0 {
			zero = min(zero, t.first)
		}
	}
	if n == 0 {
		return nil, invalid("no samples: the recording was never finished, or is empty")
	}
	for _, t := range tracks {
		if len(t.samples) > 0 && t.first-zero+int64(t.last) > math.MaxUint32 {
			return nil, invalid("%v ends 49 days behind the beginning", t)
		}
	}
	a := tracks[0]
	if len(tracks) == 1 {
		return a.samples, nil
	}
	b := tracks[1]
	out := a.samples
	if cap(out) < n {
		if err := work.Spend(sampleBytes * int64(n)); err != nil {
			return nil, err
		}
		var err error
		if out, err = media.RoomFor(work, out, n); err != nil {
			return nil, err
		}
	}
	// From behind: the place of one that moves is free by then.
	out = out[:n]
	i, j := len(a.samples)-1, len(b.samples)-1
	for at := n - 1; at >= 0; at-- {
		if err := work.Steps(1); err != nil {
			return nil, err
		}
		if j < 0 || i >= 0 && !before(a, i, b, j) {
			out[at] = out[i]
			out[at].time += media.Timestamp(a.first - zero)
			i--
		} else {
			out[at] = b.samples[j]
			out[at].time += media.Timestamp(b.first - zero)
			j--
		}
	}
	return out, nil
}

// before says whether a sample of a comes before one of b. Of two at one time,
// a's does: a is the picture, and a seek to it must not skip the sound.
func before(a *track, i int, b *track, j int) bool {
	return a.first+int64(a.samples[i].time) <= b.first+int64(b.samples[j].time)
}

func (s sample) kind() uint8 {
	if s.video() {
		return media.TypeVideo
	}
	return media.TypeAudio
}
