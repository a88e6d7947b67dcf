package hls

import (
	"bytes"
	"errors"

	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// feed is one track of a publication on its way into fragments.
type feed struct {
	video bool
	id    uint8
	codec payload.FourCC

	newest   payload.FourCC // its newest message's, which the next epoch has
	config   []byte         // of its newest sequence header; nil: none has come
	configOf payload.FourCC
	first    []byte // the first frame of this epoch, of a codec that describes itself
	came     bool   // a frame has, in this epoch
	track    *fmp4.Track
	clock    clock
	held     *frame // a picture whose successor has not come: how long it lasts is not known
	length   uint32 // how long the last picture was, in units of its timescale

	raw  []frame // before the track is known
	time uint64  // of the first sample of the run, in the track's units
	run  []fmp4.Sample
	size int // bytes of raw and run
}

// frame is one picture or sound.
type frame struct {
	ms     int64  // when it is decoded
	nano   uint32 // and how much later, ns
	offset int32  // from then to when it is shown, ms
	key    bool
	data   []byte
}

// anew forgets what does not go on.
func (f *feed) anew() {
	f.first, f.came, f.track, f.held, f.length = nil, false, nil, nil, 0
	f.clear()
	f.turn(f.newest)
}

// turn has the track be of another codec from now on.
func (f *feed) turn(codec payload.FourCC) {
	f.codec = codec
	if f.configOf != codec {
		f.config = nil
	}
}

func (f *feed) clear() { f.raw, f.run, f.size = nil, nil, 0 }

// describe finds out what the track is, as soon as that can be known. It fails as
// fmp4.NewTrack does; nil, and no track, means that it cannot be known yet.
func (f *feed) describe() error {
	if f.track != nil || f.config == nil && (fmp4.NeedsHeader(f.codec) || !f.came) {
		return nil
	}
	if !f.came && describesItself(f.codec) {
		return nil
	}
	if f.codec == payload.MP3 && !f.video {
		return errMP3
	}
	t, err := fmp4.NewTrack(f.video, f.codec, f.config, f.first)
	if err != nil {
		return err
	}
	f.track = t
	raw := f.raw
	f.raw = nil
	for i := range raw {
		f.size -= len(raw[i].data)
		f.put(&raw[i])
	}
	return nil
}

// errMP3 says why sound in MP3 is left out, though fragmented MP4 does hold it: hls.js and
// Chromium's own player fail where a playlist has it.
var errMP3 = errors.New("MP3: browsers play nothing of a playlist that has it, pictures neither; play it as FLV, or a recording as MP4")

// describesItself says whether a codec's frames are needed to know a track.
func describesItself(codec payload.FourCC) bool {
	switch codec {
	case payload.VP9, payload.AC3, payload.EAC3:
		return true
	}
	return false
}

// put takes the next frame.
func (f *feed) put(n *frame) {
	if len(n.data) == 0 {
		return
	}
	if !f.came {
		f.came = true
		f.first = bytes.Clone(n.data[:min(len(n.data), payload.LookAhead)])
	}
	switch {
	case f.track == nil:
		f.size += len(n.data)
		f.raw = append(f.raw, *n)
	case f.video:
		f.settle(n.units())
		f.held = n
	default:
		samples := uint32(f.track.Samples(n.data))
		at := f.clock.sound(n.units1000(), samples, f.track.Timescale)
		if len(f.run) == 0 {
			f.time = at
		} else if last := &f.run[len(f.run)-1]; f.clock.late > 0 {
			last.Duration += f.clock.late
		}
		f.append(fmp4.Sample{Duration: max(samples, 1), Key: true, Data: n.data})
	}
}

func (f *feed) append(s fmp4.Sample) {
	f.run = append(f.run, s)
	f.size += len(s.Data)
}

const nanosPerMilli = 1e6

// units is when a picture is decoded, in units of fmp4.VideoTimescale.
func (n *frame) units() uint64 {
	const perMilli = fmp4.VideoTimescale / 1000
	return uint64(max(n.ms, 0))*perMilli + uint64(n.nano)*perMilli/nanosPerMilli
}

// units1000 is when sound begins, in ns.
func (n *frame) units1000() uint64 { return uint64(max(n.ms, 0))*nanosPerMilli + uint64(n.nano) }

// maxLength is the longest that a picture lasts, in units: a minute.
const maxLength = 60 * fmp4.VideoTimescale

// settle lets a picture last until a time, and puts it into the run. Where times do
// not go on, it lasts a moment.
func (f *feed) settle(until uint64) {
	n := f.held
	if n == nil {
		return
	}
	f.held = nil
	at := max(n.units(), f.clock.end)
	f.length = 1
	if until > at {
		f.length = uint32(min(until-at, maxLength))
	}
	if len(f.run) == 0 {
		f.time = at
	}
	f.clock.end = at + uint64(f.length)
	f.append(fmp4.Sample{Duration: f.length, Offset: n.offset * (fmp4.VideoTimescale / 1000), Key: n.key, Data: n.data})
}

// settleLast is settle for the last picture of all: it lasts as long as the one before.
func (f *feed) settleLast() {
	if f.held != nil {
		f.settle(max(f.held.units(), f.clock.end) + uint64(max(f.length, 1)))
	}
}

// take is the run as it is, which begins anew.
func (f *feed) take(track int) fmp4.Run {
	r := fmp4.Run{Track: track, Time: f.time, Samples: f.run}
	f.run, f.size = nil, 0
	return r
}

// clock gives frames their times in a track's own units. Timestamps are whole
// milliseconds, and often a little off; how long a frame of sound is, is exact.
type clock struct {
	end  uint64 // of the last frame
	runs bool   // end is known
	late uint32 // how much longer the frame before the last one must be
}

// begin lets times follow timestamps again: a segment's are those of its own
// timestamps, whatever came before it.
func (c *clock) begin() { c.runs = false }

// restart is for another epoch.
func (c *clock) restart() { *c = clock{} }

// sound is when a frame of so many samples begins that is to begin at ns.
func (c *clock) sound(ns uint64, samples, rate uint32) uint64 {
	const second = 1e9
	at := ns/second*uint64(rate) + ns%second*uint64(rate)/second
	// Half a frame: it is never before the one that came before it.
	tolerance := max(uint64(samples)/2, uint64(rate)/500)
	c.late = 0
	switch {
	case !c.runs:
		c.runs = true
	case at > c.end+tolerance:
		c.late = uint32(min(at-c.end, uint64(rate)*60))
	default:
		at = c.end
	}
	c.end = at + uint64(max(samples, 1))
	return at
}
