package stream

import (
	"iter"
	"slices"
	"time"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxReplay is how much of the log is looked through for a branch that begins with
// a player, beside its first picture: more is no GOP that somebody waits for.
const maxReplay = 8 << 20

// branch is a log of its own for an audience, made of what is published once for
// all of its players. It begins where the publication is no longer for them as it
// is, and ends with the publication. Guarded by Stream.mu, as line is.
type branch struct {
	line
	view  tracks.View
	waits bool // for a keyframe: pictures of another track came before
	heads []byte

	spared spared
}

// branches goes through those that there are. The caller holds s.mu.
func (s *Stream) branches() iter.Seq[*branch] {
	return func(yield func(*branch) bool) {
		for _, a := range s.audiences {
			if b := a.branch.Load(); b != nil && !yield(b) {
				return
			}
		}
	}
}

// maxGOP is how much may come of a line from a keyframe on that players still begin
// with.
func (s *Stream) maxGOP(l *line, from position) int64 {
	if l == &s.line {
		return maxGOP
	}
	return maxBranchBytes + from.size()
}

// learn notes a message that is about to be published, and lets branches begin
// for whom it is the first that is not for them as it is. The caller holds s.mu.
func (s *Stream) learn(p *payload.Payload, at media.Timestamp) {
	if !s.seen.Add(p) {
		return
	}
	if p.Kind == payload.Frames && !s.plays {
		s.plays, s.playsFrom = true, at
	}
	var forks []fork
	for _, a := range s.audiences {
		switch b := a.branch.Load(); {
		case b != nil:
			s.choose(b, at)
		case !a.takes.AsPublished(&s.seen):
			first := s.branchOff(a).log.tail
			a.fork, a.forked, s.forked = first, time.Now(), true
			forks = append(forks, fork{a.takes, weak.Make(first)})
		}
	}
	if forks != nil {
		s.log.part(s.log.end.Load(), forks...)
	}
}

// newBranch makes a branch that begins at an offset of the log.
func (s *Stream) newBranch(a *audience, from int64) *branch {
	b := &branch{}
	b.look(a.takes, &s.seen)
	b.log.begin(from, s.log.jumped)
	b.log.setEncodings(s.log.encodings)
	a.branch.Store(b)
	return b
}

// look looks what of a publication is for the branch's players.
func (b *branch) look(takes tracks.Takes, seen *tracks.Seen) {
	b.view = takes.View(seen)
	b.spared.is = b.view.Spares(seen)
}

// branchOff makes a branch that begins here. Until now the audience was sent all
// that was published: what new players need is the same.
func (s *Stream) branchOff(a *audience) *branch {
	b := s.newBranch(a, s.log.end.Load())
	b.hasVideo, b.hasAudio, b.pictures = s.hasVideo, s.hasAudio, s.pictures
	b.headers = headers{slices.Clone(s.headers.list), s.headers.bytes}
	b.key.Store(s.key.Load())
	return b
}

// branchLate makes a branch for the first player of an audience, in the middle of
// a publication: with the headers in force and, where players begin with what is
// there already, with all since the newest keyframe.
func (s *Stream) branchLate(a *audience) {
	from := s.log.head()
	if k := s.key.Load(); k != nil && s.opts.GOPCache && s.log.end.Load()-k.at.offset() <= maxReplay+k.at.size() {
		from = k.at
	}
	b := s.newBranch(a, from.offset())
	for _, h := range s.headers.list {
		for m := range b.made(&rtmp.Message{Type: h.kind, Payload: h.payload}) {
			if p, ok := parse(m); ok && p.IsHeader() {
				b.headers.keep(m.Type, &p, m.Payload)
			}
		}
	}
	s.version++
	at := from
	for n := at.ready(); at.i < n; n = at.ready() {
		k := at.seg.packets[at.i]
		m := at.seg.chunks(k).Message()
		at.i++
		if k.flags&flagNotice != 0 {
			b.log.append(&m, k.flags)
			continue
		}
		s.addTo(b, &m)
	}
	_, video := b.view.Sends(true)
	_, audio := b.view.Sends(false)
	b.hasVideo, b.hasAudio = s.hasVideo && video, s.hasAudio && audio
	s.tellSpared(b, s.newest.Load())
}

// choose looks anew which tracks are sent on a branch. Where it is another one
// than before, its headers go first, and its pictures begin with a keyframe.
func (s *Stream) choose(b *branch, at media.Timestamp) {
	was := b.view
	b.look(was.Takes, &s.seen)
	if !was.Single {
		return
	}
	for _, kind := range []rtmp.MessageType{rtmp.TypeVideo, rtmp.TypeAudio} {
		video := kind == rtmp.TypeVideo
		had, on := was.Sends(video)
		if id, sends := b.view.Sends(video); id == had && sends == on || !sends {
			continue
		}
		b.headers.drop(kind)
		if video {
			b.waits, b.pictures = b.hasVideo, payload.Pictures{}
			b.key.Store(nil)
		}
		for _, h := range s.headers.list {
			if h.kind == kind {
				s.addTo(b, &rtmp.Message{Type: kind, StreamID: 1, Timestamp: at, Payload: h.payload})
			}
		}
	}
}

// addTo appends to a branch what is left of a message for it.
func (s *Stream) addTo(b *branch, m *rtmp.Message) {
	for part := range b.made(m) {
		var f facts
		if part.Type != rtmp.TypeData {
			f = s.judge(&b.line, part.Type, part.Payload)
		}
		if part.Type == rtmp.TypeVideo && b.waits {
			if f.Kind == payload.Frames && f.begins == payload.NoBeginning {
				continue // it needs what was of another track
			}
			b.waits = f.begins == payload.NoBeginning
		}
		s.add(&b.line, &part, &f)
	}
}

// made are the messages that are made of one for the branch's players. Each is
// valid until the next.
func (b *branch) made(m *rtmp.Message) iter.Seq[rtmp.Message] {
	return func(yield func(rtmp.Message) bool) {
		p, ok := parse(*m)
		switch {
		case m.Type == rtmp.TypeData:
			yield(*m)
			return
		case !ok:
			if b.view.JudgeUnreadable(m.Type == rtmp.TypeVideo, m.Payload) == tracks.Whole {
				yield(*m)
			}
			return
		}
		switch b.view.Judge(&p) {
		case tracks.Whole:
			yield(*m)
		case tracks.Apart:
			for parts := b.view.Parts(&p); ; {
				head, body, ok := parts.Next(b.heads[:0])
				if !ok {
					return
				}
				out := *m
				b.heads = append(head, body...)
				if out.Payload = b.heads; !yield(out) {
					return
				}
			}
		}
	}
}

func parse(m rtmp.Message) (p payload.Payload, ok bool) {
	switch m.Type {
	case rtmp.TypeVideo:
		return payload.ParseVideo(m.Payload)
	case rtmp.TypeAudio:
		return payload.ParseAudio(m.Payload)
	}
	return p, false
}

// joinBranches ends the branches: their players go on in the stream's log, behind
// all that they have been sent. The caller holds s.mu.
func (s *Stream) joinBranches() {
	end, some := s.log.end.Load(), false
	for b := range s.branches() {
		end, some = max(end, b.log.end.Load()), true
	}
	if !some {
		return
	}
	s.log.part(end)
	for _, a := range s.audiences {
		if b := a.branch.Load(); b != nil {
			b.log.of.onward.Store(s.log.published.Load() - b.log.published.Load())
			b.log.tail.next.Store(s.log.tail)
			b.key.Store(nil) // players may hold the branch for long
			a.branch.Store(nil)
		}
	}
	s.dropIdle()
}
