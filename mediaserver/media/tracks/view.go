package tracks

import "flashpod.dev/flashpod/mediaserver/media/payload"

// View is what players of one Takes are sent of a publication.
type View struct {
	Takes
	video, audio choice // for Single
}

// choice is the track that is sent of a kind.
type choice struct {
	id uint8
	on bool // there is one
}

// View is made anew whenever something new was seen.
func (t Takes) View(s *Seen) View {
	return View{t, t.choose(true, &s.video, &s.audio), t.choose(false, &s.audio, &s.video)}
}

// choose takes track 0, or the one that is asked for. Another is only chosen once
// frames come, because what there is has shown itself by then: the lowest whose
// codec is taken. other is what there is of the other kind.
func (t *Takes) choose(video bool, k, other *kind) choice {
	if c := k.find(t.Track); c != nil && (t.Asked || t.takes(video, c.codec)) {
		return choice{c.id, t.takes(video, c.codec)}
	}
	if !k.playing || t.Asked && other.find(t.Track) == nil {
		return choice{}
	}
	for _, c := range k.tracks {
		if t.takes(video, c.codec) {
			return choice{c.id, true}
		}
	}
	return choice{}
}

func (k *kind) find(id uint8) *track {
	for i := range k.tracks {
		if k.tracks[i].id == id {
			return &k.tracks[i]
		}
	}
	return nil
}

// Sends says which track of a kind is sent to players of a single one; ok is
// false when none is.
func (v *View) Sends(video bool) (id uint8, ok bool) {
	c := v.audio
	if video {
		c = v.video
	}
	return c.id, c.on
}

// Verdict is what becomes of a message.
type Verdict uint8

// The verdicts.
const (
	Nothing Verdict = iota // it is left out
	Whole                  // it is sent as it is
	Apart                  // its parts are sent: see Parts
)

// Judge says what becomes of a message; a payload that could not be parsed is
// none of its business. It was seen before.
func (v *View) Judge(p *payload.Payload) Verdict {
	switch {
	case v.Takes == Takes{}:
		return Whole
	case p.Kind == payload.Command:
		if v.Old && !p.Old() {
			return Nothing
		}
		return Whole
	case p.Multitrack():
		if !v.Single && !v.changes(p) {
			return Whole
		}
		return Apart
	}
	ts := p.Tracks()
	t, _ := ts.Next()
	form, ok := v.form(p, t)
	switch {
	case !ok:
		return Nothing
	case p.Old(), form == payload.Plain && !(v.NoModEx && p.Modified()):
		return Whole
	}
	return Apart
}

// JudgeUnreadable is Judge for a payload that could not be parsed.
func (v *View) JudgeUnreadable(video bool, b []byte) Verdict {
	if v.Single && len(b) > 0 && (video && b[0]&0x80 != 0 || !video && b[0]>>4 == 9) {
		return Nothing // an ExHeader, and whatever it says
	}
	return Whole
}

// changes says whether anything is left out of a message of several tracks.
func (v *View) changes(p *payload.Payload) bool {
	if v.NoModEx && p.Modified() {
		return true
	}
	codecs := v.codecs(p.Video())
	for ts := p.Tracks(); ; {
		t, ok := ts.Next()
		if !ok {
			return false
		}
		if !codecs.Has(t.Codec) {
			return true
		}
	}
}

// form is how a track of a message is sent; ok is false when it is not.
func (v *View) form(p *payload.Payload, t payload.Track) (as payload.Form, ok bool) {
	if v.Single {
		if id, on := v.Sends(p.Video()); !on || id != t.ID {
			return 0, false
		}
	}
	has, hasOld := v.codecs(p.Video()).Has(t.Codec), payload.HasOldForm(t.Codec)
	switch {
	case p.Old() && (has || hasOld):
		return payload.Old, true
	case hasOld && (v.Old || !has) && (v.Single || t.ID == 0):
		return payload.Old, true
	case !has:
		return 0, false
	case v.Single || !p.Multitrack():
		return payload.Plain, true
	}
	return payload.OneTrack, true
}

// Parts goes through what is sent of a message that is sent apart. More messages
// of a track each say the same as one of all.
type Parts struct {
	v  *View
	p  payload.Payload // a copy: what is kept would have to be allocated
	ts payload.Tracks
}

// Parts begins before the first part.
func (v *View) Parts(p *payload.Payload) Parts { return Parts{v, *p, p.Tracks()} }

// Next appends the head of the next part to dst, and returns it with the body,
// which is a piece of the message's. ok is false behind the last one.
func (s *Parts) Next(dst []byte) (head, body []byte, ok bool) {
	for {
		t, more := s.ts.Next()
		if !more {
			return dst, nil, false
		}
		as, taken := s.v.form(&s.p, t)
		if !taken {
			continue
		}
		if head, body, ok := s.p.AppendHead(dst, t, as, !s.v.NoModEx); ok {
			return head, body, true
		}
	}
}

// Places goes through what is sent of a message of size bytes, sent apart, of which
// no more than the front is at hand. read is as payload's Places has it.
func (v *View) Places(p *payload.Payload, front, size int, read func(b []byte, at int) error) Places {
	return Places{v, p, p.Places(front, size, read)}
}

// Places are the parts of a message that is not at hand.
type Places struct {
	v   *View
	p   *payload.Payload
	all payload.Places
}

// Next appends the head of the next part to dst, and returns it with where in the
// message its body lies. ok is false behind the last one.
func (s *Places) Next(dst []byte) (head []byte, at, size int, ok bool, err error) {
	for {
		place, ok, err := s.all.Next(func(t payload.Track) bool {
			_, taken := s.v.form(s.p, t)
			return taken
		})
		if !ok || err != nil {
			return dst, 0, 0, false, err
		}
		as, _ := s.v.form(s.p, place.Track)
		if head, _, ok := s.p.AppendHead(dst, place.Track, as, !s.v.NoModEx); ok {
			return head, place.At, place.Size, true, nil
		}
	}
}

// JudgeLarge is Judge for a message of which no more than the front is at hand,
// and notes in s what is in all of it.
func (t Takes) JudgeLarge(s *Seen, p *payload.Payload, front, size int, read func(b []byte, at int) error) (View, Verdict, error) {
	s.note(p)
	ruledOut, codecs := t.NoModEx && p.Modified(), t.codecs(p.Video())
	all := p.Places(front, size, read)
	_, _, err := all.Next(func(track payload.Track) bool {
		s.addTrack(p, track)
		ruledOut = ruledOut || !codecs.Has(track.Codec)
		return false
	})
	v := t.View(s)
	verdict := v.Judge(p)
	if p.Multitrack() && ruledOut {
		verdict = Apart
	}
	return v, verdict, err
}
