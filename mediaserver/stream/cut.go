package stream

import (
	"sync/atomic"
	"time"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// defaultSegment is Options.Segment where that says nothing, and earlyCut how much
	// less it may be: keyframes that come a little early are a cut each.
	defaultSegment = 2 * time.Second
	earlyCut       = 100 * time.Millisecond
	// anewCut is that where what follows is something else: whose headers change all
	// the time must not be cut all the time.
	anewCut = 500 * time.Millisecond
	// A target lies between a segment and so much more, where a stream without one is
	// cut.
	targetRange = 4 * time.Second
	// Where no keyframe has come, a cut is made this much behind the target: by a
	// picture, else by sound, which often runs ahead. What lies between cuts is no
	// longer than the target, rounded to seconds.
	latePicture = 300 * time.Millisecond
	lateSound   = 450 * time.Millisecond
	// cutJump is how much a timestamp may go back, or forward past all this, until it
	// is another clock's.
	cutJump = 3 * time.Second
	// kindsApart is how far the first frame of a kind may lie behind a cut.
	kindsApart = 10 * time.Second
	// settled is how long behind a cut a first frame of a kind is no surprise.
	settled = 250 * time.Millisecond
)

// Cut is a place in a stream where a segment of it begins, for readers that cut it
// into pieces. Where they are, and their numbers, follow from what was published
// alone, so that all who read it cut it in the same places and call the pieces the
// same.
type Cut struct {
	// Number is one more than that of the cut before. The first one's is the time, in
	// seconds since 1970: a stream that is made anew, by a server that starts again,
	// gives no number twice.
	Number int64
	// Epoch grows where what follows does not go on from what came before: there is
	// another publisher, another clock, or other headers are in force.
	Epoch int64
	// Time is the timestamp of the first packet, and At when it came; within an epoch,
	// one goes on as the other does.
	Time media.Timestamp
	At   time.Time
	// Target is how far cuts are apart at most, in whole seconds, rounded; 0 as long as
	// that is not known. Once it is, it stays.
	Target time.Duration
	// Key says whether decoding may begin here. Where keyframes are far apart it is
	// cut between them.
	Key bool
	// Shift is how much later timestamps are here than where the stream is published,
	// from this cut on; 0 there: see Publisher.Relay.
	Shift media.Timestamp
}

// Made is the cut as it was made where the stream is published.
func (c Cut) Made() Cut {
	c.Time, c.Shift = c.Time-c.Shift, 0
	return c
}

// cutter makes the cuts of a stream. Guarded by Stream.mu.
type cutter struct {
	segment time.Duration // Options.Segment
	newest  Cut           // Number is 0 before the first
	anew    bool          // what comes next does not go on
	first   Cut           // of the epoch
	latest  latest        // of the epoch
	place   *cutPlace     // where readers may begin; nil: at the next one
}

// latest is when the newest frames of sound and of pictures were published; nil: there are
// none. Either may lie seconds behind the other, where an encoder is late with it.
type latest struct{ sound, pictures *media.Timestamp }

// goesBack says whether a frame of a kind is another clock's than those before it. It is
// the newest of its kind then.
func (l *latest) goesBack(video bool, at, cut media.Timestamp) bool {
	of := &l.sound
	if video {
		of = &l.pictures
	}
	least := cut - media.Timestamp(kindsApart.Milliseconds())
	if *of == nil {
		*of = new(media.Timestamp)
	} else {
		least = **of - media.Timestamp(cutJump.Milliseconds())
	}
	**of = at
	return at.Sub(least) < 0
}

// cutPlace is a cut where decoding may begin. It keeps nothing of the log: as a rule,
// the newest keyframe does.
type cutPlace struct {
	seg weak.Pointer[segment]
	i   int32
	cut Cut
}

// cutMark says of a segment's packet that it is a cut. Marks go from the newest back.
type cutMark struct {
	i      int32
	cut    Cut
	before *cutMark
}

// cutAt is the cut that packet i is; ok is false when it is none.
func (s *segment) cutAt(i int32) (cut Cut, ok bool) {
	for m := s.cuts.Load(); m != nil; m = m.before {
		if m.i == i {
			return m.cut, true
		}
	}
	return cut, false
}

func markCut(marks *atomic.Pointer[cutMark], i int32, cut Cut) {
	marks.Store(&cutMark{i, cut, marks.Load()})
}

// next says whether the next frame of the stream, which is published at a time, is a
// cut. key is whether decoding may begin with it.
func (c *cutter) next(video, key bool, at media.Timestamp, now time.Time) (cut Cut, ok bool) {
	if c.newest.Number == 0 {
		if !key {
			return cut, false
		}
		return c.cut(Cut{Number: now.Unix(), Time: at, At: now, Key: true}), true
	}
	length := at.Sub(c.newest.Time)
	enough, longest := c.segment-earlyCut, c.segment.Truncate(time.Second)+targetRange
	most, late := c.newest.Target, lateSound
	if most == 0 {
		most = longest
	}
	if video {
		late = latePicture
	}
	back := c.latest.goesBack(video, at, c.newest.Time)
	if back || length > most+cutJump {
		c.anew = true
	}
	forced := length >= most+late || back
	switch {
	case key && c.anew && (length >= anewCut || length < 0):
	case key && length >= enough:
	case !forced:
		return cut, false
	}
	cut = Cut{Number: c.newest.Number + 1, Epoch: c.newest.Epoch, Time: at, At: c.first.At.Add(at.Sub(c.first.Time)), Target: c.newest.Target, Key: key}
	if cut.Target == 0 && length >= enough {
		cut.Target = min(max(ceiling(length), ceiling(c.segment)), longest)
	}
	if c.anew {
		cut.Epoch, cut.At = cut.Epoch+1, now
	}
	return c.cut(cut), true
}

// ceiling is a time in whole seconds, as playlists have it.
func ceiling(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

func (c *cutter) cut(cut Cut) Cut {
	if c.newest.Number == 0 || c.anew {
		c.first, c.latest = cut, latest{}
	}
	c.newest, c.anew = cut, false
	return cut
}

// renew says that what comes next does not go on from what came before.
func (c *cutter) renew() { c.anew, c.place = true, nil }

// cutBefore has the log cut before a frame of its own, where it is to be. The caller
// holds s.mu.
func (s *Stream) cutBefore(m *rtmp.Message, f *facts) {
	s.log.cut = nil
	if f.relayed {
		s.cutAsTold(m, f.told)
		return
	}
	video := m.Type == rtmp.TypeVideo
	if !f.parsed || f.Kind != payload.Frames {
		return
	}
	if s.unannounced(video) && !s.cuts.isFresh(m.Timestamp) {
		s.cuts.renew()
	}
	if video {
		s.cutsVideo = true
	} else {
		s.cutsAudio = true
	}
	key := f.begins != payload.NoBeginning || !video && !s.hasVideo
	if cut, ok := s.cuts.next(video, key, m.Timestamp, time.Now()); ok {
		kept := cut // it alone is on the heap, and not one for each frame
		s.log.cut = &kept
	}
}

// cutAsTold has the log cut before a frame where it was cut elsewhere. The caller holds
// s.mu.
func (s *Stream) cutAsTold(m *rtmp.Message, told Cut) {
	if told.Number == 0 {
		return
	}
	told.Shift, told.Time = m.Timestamp-told.Time, m.Timestamp
	kept := told
	s.log.cut = &kept
	s.cuts.newest, s.cuts.anew = told, false
}

// isFresh says whether what comes at a time belongs to the beginning of what has been
// cut last, so that it is no surprise.
func (c *cutter) isFresh(at media.Timestamp) bool {
	return c.newest.Number == 0 || at.Sub(c.newest.Time) <= settled
}

// isEarly says whether a header is of tracks that have had none, which begin with what
// has been cut last.
func (s *Stream) isEarly(m *rtmp.Message, f *facts) bool {
	of := f.TrackSet()
	for _, h := range s.headers.list {
		if h.kind == m.Type && h.what == f.Kind && h.tracks.Without(of) != h.tracks {
			return false
		}
	}
	return !s.cuts.anew && s.cuts.isFresh(m.Timestamp)
}

// unannounced says whether a kind comes for the first time, and no header has said
// that it would.
func (s *Stream) unannounced(video bool) bool {
	kind, came := rtmp.TypeAudio, s.cutsAudio
	if video {
		kind, came = rtmp.TypeVideo, s.cutsVideo
	}
	for _, h := range s.headers.list {
		came = came || h.kind == kind
	}
	return !came
}

// keepCut keeps the place of a cut where readers may begin. The caller holds s.mu.
func (s *Stream) keepCut(at position) {
	c := &s.cuts
	if cut := s.log.cut; cut != nil && cut.Key {
		c.place = &cutPlace{weak.Make(at.seg), at.i, *cut}
	}
	s.log.cut = nil
}

// NewCutReader is NewReader for those who cut what they read: it starts at the newest
// cut where decoding may begin; or, where there is none, before it.
func (s *Stream) NewCutReader() *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newReader()
	r.cuts = true
	r.toCut()
	return r
}

// toCut has a fresh reader start at the newest cut where decoding may begin, if that is
// still there. The caller holds s.mu.
func (r *Reader) toCut() {
	s := r.s
	p := s.cuts.place
	if p == nil {
		return
	}
	if seg := p.seg.Value(); seg != nil {
		r.at, r.preamble, r.waiting = position{seg, p.i}, s.storedMessages(&s.line, p.cut.Time), false
		r.read.Store(r.at.published(&s.log))
	}
}

// Cut is where a segment begins with the message that Next has returned; ok is false
// when none does. It is for the caller of Next.
func (r *Reader) Cut() (cut Cut, ok bool) { return r.cut, r.cut.Number != 0 }
