package hls

import (
	"errors"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// defaultPart is how long a part is at most, where no rule says it, and that of
	// recordings.
	defaultPart = 500 * time.Millisecond
	// latePart is how much later a part ends that no picture has ended: sound may run
	// ahead of the pictures.
	latePart = 500 * time.Millisecond

	// shortest is what a bit rate is reckoned of at least.
	shortest = 425 * time.Millisecond

	// maxTracks bounds the tracks of a kind that are looked at, and maxPart the bytes
	// of a part: it is cut where more come.
	maxTracks = 16
	maxPart   = 16 << 20
	// frameSize is about what a frame takes besides its bytes.
	frameSize = 64
)

// minPart is how long a part is at least that is to be so long at most, but for the last
// one of a segment (RFC 8216bis §4.4.4.9: 85 %). Pictures may be as far apart as the
// difference.
func minPart(target time.Duration) time.Duration { return target * 85 / 100 }

// errNothing says that a stream has nothing to watch.
var errNothing = errors.New("it has neither pictures nor sound")

// part is one fragment of a variant, or several that are one part.
type part struct {
	data   []byte
	length time.Duration
	key    bool // it begins with a keyframe, or is sound
}

// initSegment is how a variant begins, and what playlists say of it.
type initSegment struct {
	name          string // of its file, but for the variant's
	data          []byte
	codecs        []string
	width, height int
	hears         bool  // there is sound, and of it
	sound         uint8 // the track
	channels      int
	left          string // what of the stream no variant has, and why; "": nothing
}

// sink is told what a segmenter has made. Variants have the numbers of their video
// tracks; that of sound alone is audioOnly. Sound of other tracks than the one that goes
// with the pictures is a rendition of its own: see rendition.
type sink interface {
	// begin says that a segment begins. Those of all variants begin at once.
	begin(cut stream.Cut)
	// part adds parts to the segment that has begun last, by variant, and says how the
	// segment's variants begin.
	part(parts map[int]*part, inits map[int]*initSegment)
	// end ends the segment, which is so long.
	end(length time.Duration)
}

// segmenter makes parts of messages. What it makes of a segment follows from the
// messages between two cuts alone.
type segmenter struct {
	sink     sink
	part     time.Duration // how long parts are at most
	pictures payload.Pictures
	video    []*feed // by their numbers
	audio    []*feed

	running bool // there has been a cut
	opened  bool // the segment's tracks are known, and so is
	inits   map[int]*initSegment
	cut     stream.Cut
	last    media.Timestamp // of the newest message
	ms      int64           // the same, not modulo 2^32
	begun   int64           // of the segment, ms
	partAt  int64           // of the part, ms
	number  uint32          // of the part in its segment
	refused error           // why a track is left out
	left    string          // which are, and why, in words
}

// message takes the next message of a stream, which may be a cut. It fails where no
// track can be taken.
func (s *segmenter) message(m *rtmp.Message, cut *stream.Cut) error {
	switch m.Type {
	case rtmp.TypeVideo, rtmp.TypeAudio:
	default:
		return nil
	}
	var p payload.Payload
	var ok bool
	if m.Type == rtmp.TypeVideo {
		p, ok = payload.ParseVideo(m.Payload)
	} else {
		p, ok = payload.ParseAudio(m.Payload)
	}
	if !ok {
		return nil
	}
	begins, leads := payload.NoBeginning, false
	if p.Video() {
		begins = s.pictures.Next(&p, m.Timestamp)
	}
	switch p.Kind {
	case payload.SequenceStart:
		s.header(&p)
		return nil
	case payload.Frames:
	default:
		return nil
	}
	s.tick(m.Timestamp)
	if cut != nil {
		if err := s.cutHere(cut); err != nil {
			return err
		}
	}
	if !s.running {
		return nil
	}
	if cut == nil {
		if p.Video() && len(s.video) > 0 {
			leads = p.TrackSet().Has(s.video[0].id)
		}
		if err := s.mayEndPart(leads || len(s.video) == 0); err != nil {
			return err
		}
	}
	s.frames(&p, begins == payload.Keyframe)
	return nil
}

// tick moves the clock on.
func (s *segmenter) tick(at media.Timestamp) {
	if !s.running {
		s.ms = int64(at)
	} else {
		s.ms += at.Sub(s.last).Milliseconds()
	}
	s.last = at
}

// header keeps sequence headers.
func (s *segmenter) header(p *payload.Payload) {
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		if f := s.feed(p.Video(), t); f != nil {
			f.config, f.configOf = slices.Clone(t.Body), t.Codec
		}
	}
}

// feed finds a track, or makes room for it; nil: there are too many.
func (s *segmenter) feed(video bool, t payload.Track) *feed {
	list := &s.audio
	if video {
		list = &s.video
	}
	at, found := slices.BinarySearchFunc(*list, t.ID, func(f *feed, id uint8) int { return int(f.id) - int(id) })
	if found {
		f := (*list)[at]
		f.newest = t.Codec
		if f.codec != t.Codec && f.track == nil {
			f.clear()
			f.first, f.came = nil, false
			f.turn(t.Codec)
		}
		return f
	}
	if len(*list) == maxTracks {
		return nil
	}
	f := &feed{video: video, id: t.ID, codec: t.Codec, newest: t.Codec}
	*list = slices.Insert(*list, at, f)
	return f
}

// frames hands each track its frame.
func (s *segmenter) frames(p *payload.Payload, key bool) {
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		f := s.feed(p.Video(), t)
		if f == nil || f.codec != t.Codec { // another codec's are the next epoch's
			continue
		}
		n := frame{ms: s.ms, nano: p.Nano, data: t.Body}
		if p.Video() {
			const markedKey = 1
			n.offset, n.data = p.Picture(t)
			n.key = p.Frame == markedKey
			if f == s.video[0] {
				n.key = key
			}
		}
		f.put(&n)
	}
}

// all goes through the tracks that are made something of.
func (s *segmenter) all(do func(*feed)) {
	for _, f := range s.video {
		do(f)
	}
	for _, f := range s.audio {
		do(f)
	}
}

// cutHere ends the segment, and begins the next one.
func (s *segmenter) cutHere(cut *stream.Cut) error {
	goesOn := s.running && cut.Epoch == s.cut.Epoch && cut.Number == s.cut.Number+1
	if s.running && goesOn {
		if err := s.open(); err != nil {
			return err
		}
		s.settleAt(s.ms)
		if err := s.endSegment(s.ms); err != nil {
			return err
		}
	} else if err := s.finish(); err != nil {
		return err
	}
	if !goesOn {
		s.ms = int64(cut.Time)
		s.all(func(f *feed) { f.anew(); f.clock.restart() })
		s.forgetSilent()
	}
	for _, f := range s.audio {
		f.clock.begin()
	}
	s.running, s.opened, s.inits, s.cut, s.number = true, false, nil, *cut, 0
	s.begun, s.partAt = s.ms, s.ms
	s.sink.begin(*cut)
	return nil
}

// forgetSilent drops tracks without a header: that they were there before says
// nothing of what comes.
func (s *segmenter) forgetSilent() {
	silent := func(f *feed) bool { return f.config == nil }
	s.video, s.audio = slices.DeleteFunc(s.video, silent), slices.DeleteFunc(s.audio, silent)
}

// settleAt ends the pictures of all video tracks where a segment ends, ms. That of a
// track whose keyframe has come before the default track's is the next segment's.
func (s *segmenter) settleAt(ms int64) {
	const near = 10 // ms
	end := frame{ms: ms}
	for _, f := range s.video {
		if f.held != nil && f.held.key && f.held.ms >= ms-near {
			continue
		}
		f.settle(end.units())
	}
}

// endSegment ends the last part, and the segment.
func (s *segmenter) endSegment(end int64) error {
	end = max(end, s.begun+1)
	if err := s.endPart(end); err != nil {
		return err
	}
	s.sink.end(time.Duration(end-s.begun) * time.Millisecond)
	return nil
}

// mayEndPart ends the part where the next frame begins another. That of the track that
// leads ends it in time.
func (s *segmenter) mayEndPart(leads bool) error {
	length := time.Duration(s.ms-s.partAt) * time.Millisecond
	size := 0
	s.all(func(f *feed) { size += f.size + frameSize*(len(f.raw)+len(f.run)) })
	switch {
	case size > maxPart:
	case leads:
		if length < minPart(s.part) {
			return nil
		}
	case length < s.part+latePart:
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	if leads && len(s.video) > 0 {
		end := frame{ms: s.ms}
		s.video[0].settle(end.units())
	}
	return s.endPart(s.ms)
}

// endPart makes a part of what has come.
func (s *segmenter) endPart(end int64) error {
	if err := s.open(); err != nil {
		return err
	}
	length := time.Duration(max(end-s.partAt, 1)) * time.Millisecond
	s.partAt = end
	parts := map[int]*part{}
	sound := s.sound()
	var heard fmp4.Run
	if sound != nil {
		heard = sound.take(2)
	}
	number := uint32(s.cut.Number)<<8 + s.number
	for _, f := range s.video {
		if f.track == nil {
			continue
		}
		runs := []fmp4.Run{f.take(1), heard}
		parts[int(f.id)] = s.makePart(number, length, runs)
	}
	if len(parts) == 0 && sound != nil {
		heard.Track = 1
		parts[audioOnly] = s.makePart(number, length, []fmp4.Run{heard})
	}
	for _, f := range s.audio {
		if f.track != nil && f != sound {
			parts[rendition(f.id)] = s.makePart(number, length, []fmp4.Run{f.take(1)})
		}
	}
	s.all((*feed).clear) // what is no variant's
	s.sink.part(parts, s.inits)
	s.number++
	return nil
}

func (s *segmenter) makePart(number uint32, length time.Duration, runs []fmp4.Run) *part {
	p := &part{length: length, key: true}
	if len(runs[0].Samples) > 0 {
		p.key = runs[0].Samples[0].Key
	}
	p.data = fmp4.AppendFragment(make([]byte, 0, fmp4.FragmentSize(runs)), number, runs)
	return p
}

// finish ends the last segment: nothing more comes.
func (s *segmenter) finish() error {
	if !s.running {
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	end := s.begun
	s.all(func(f *feed) {
		if f.track != nil {
			f.settleLast()
			end = max(end, int64(f.clock.end*1000/uint64(f.track.Timescale)))
		}
	})
	s.running = false
	return s.endSegment(end)
}
