package httpmp4

import (
	"errors"
	"fmt"
	"math"

	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// track is what tracks are told apart by. Another codec is another track: a table's
// samples are of one.
type track struct {
	video bool
	id    uint8
	codec payload.FourCC
}

// String is what people are told of a track.
func (t track) String() string {
	kind := "sound"
	if t.video {
		kind = "pictures"
	}
	return fmt.Sprintf("%s of track %d, %s", kind, t.id, fmp4.CodecName(t.video, t.codec))
}

const (
	// maxEntries bounds the descriptions of a track that differ from one another.
	maxEntries = 64
	// maxTries is how many frames are looked at for what a track is, of a codec that
	// says it in its frames.
	maxTries = 64
)

// lane is a track on its way into a table.
type lane struct {
	track
	config []byte                 // of its newest sequence header; nil: none has come
	known  map[string]*fmp4.Track // by configuration
	entry  *fmp4.Track            // of what comes; nil: it is not known
	tried  int                    // how often that was not found out
	came   bool                   // a frame has
	err    error                  // why samples are left out
	units  int64                  // a second

	table   *fmp4.Table
	held    fmp4.Spot // a sample whose successor has not come: how long it lasts is not known
	holds   bool      // there is one
	at      int64     // when that is decoded, in units
	samples int64     // how long it says it is; 0: it does not
	length  int64     // how long the one before it was

	// start is when the first sample is decoded, first when something is shown first,
	// and end when nothing more is, in units.
	start, first, end int64
}

// header takes the body of a sequence header.
func (l *lane) header(config []byte) {
	l.config = config
	l.entry = l.known[string(config)]
	l.tried = 0
}

// wants says whether a frame is needed to find out what the track is.
func (l *lane) wants() bool {
	return l.entry == nil && l.tried < maxTries && (l.config != nil || !fmp4.NeedsHeader(l.codec))
}

// describe finds out what the track is, from the front of a frame.
func (l *lane) describe(front []byte) {
	t, err := fmp4.NewTrack(l.video, l.codec, l.config, front)
	switch {
	case err == nil && len(l.known) == maxEntries:
		l.tried, l.err = maxTries, fmt.Errorf("it is described in more than %d ways", maxEntries)
		return
	case err != nil:
		l.tried++
		if l.err = err; l.config != nil || errors.Is(err, fmp4.ErrCodec) {
			l.tried = maxTries // no frame says more
		}
		return
	}
	if l.known == nil {
		l.known = map[string]*fmp4.Track{}
	}
	l.entry, l.known[string(l.config)] = t, t
	if l.units == 0 {
		l.units = int64(t.Timescale)
	}
}

// sample is one picture or sound.
type sample struct {
	ms     int64  // when it is decoded
	nano   int64  // and how much later, ns
	offset int32  // from then to when it is shown, ms
	front  []byte // its first bytes: how long sound is, is said there
	at     int64  // of its first byte in the file
	size   uint32
	key    bool
}

// put takes the next sample of a track that is known.
func (l *lane) put(n *sample) {
	const second, milli = 1e9, 1000
	at := n.ms/milli*l.units + (n.ms%milli*1e6+n.nano)*l.units/second
	if !l.holds {
		l.table = &fmp4.Table{}
		l.at, l.start, l.first = at, at, math.MaxInt64
	} else {
		l.settle(at)
	}
	offset := int64(n.offset) * l.units / milli
	if off := at - l.at; l.video && off > -l.units && off < l.units {
		offset += off // shown when it says, though it is decoded at another time
	}
	l.holds, l.held = true, fmp4.Spot{Track: l.entry, At: n.at, Size: n.size, Offset: int32(offset), Key: n.key}
	l.samples = 0
	if !l.video {
		l.samples = int64(l.entry.Samples(n.front)) * l.units / int64(l.entry.Timescale)
	}
}

// settle lets the last sample last until a time. Timestamps are whole milliseconds, and
// often a little off; how long a frame of sound is, is exact. It may run ahead by two
// frames, and fall behind by half of one, until that is believed less than they are.
func (l *lane) settle(until int64) {
	if off := until - l.at - l.samples; l.samples > 0 && off <= max(l.samples/2, l.units/500) && off >= -2*l.samples {
		until = l.at + l.samples
	}
	// Where times do not go on, a sample lasts a moment.
	l.length = max(1, min(until-l.at, math.MaxUint32))
	l.add()
}

// finish puts the last sample into the table: it lasts as long as it says, or as the one
// before it.
func (l *lane) finish() {
	if !l.holds {
		return
	}
	l.length = max(1, l.length)
	if l.samples > 0 {
		l.length = l.samples
	}
	l.add()
	l.holds = false
}

func (l *lane) add() {
	l.held.Duration = uint32(l.length)
	l.table.Add(&l.held)
	shown := l.at + int64(l.held.Offset)
	l.first, l.end = min(l.first, shown), max(l.end, shown+l.length)
	l.at += l.length
}
