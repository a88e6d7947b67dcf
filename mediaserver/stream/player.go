package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Player is a cursor that a fan-out loop moves along a stream, onto one
// NetStream of one connection. Two methods never run at once, of all players of
// a connection. They wait for the loop, and so none of them is called in it.
type Player struct {
	// Held by the loop. What a round looks at lies side by side: of thousands of
	// players nothing is in the processor's cache.
	conn     *attachedConn
	at       position  // none while it is paused, and at its end
	preamble []byte    // goes before the packet at the position; shared, immutable
	rewriter *rewriter // what it wants beyond the log's bytes; nil: nothing
	audience *audience // those who take what it takes; nil: it takes everything
	paused   bool
	over     bool // it has come to its end: see Until
	audio    bool
	video    bool
	closed   bool
	s        *Stream // Switch changes it, group and audience
	form     form

	group  *group
	begins media.Timestamp // of the preamble's sequence headers
	joined int64           // offset in the log where it began
	told   time.Time       // when it was last told that it is too slow
	last   media.Timestamp // what it had reached when it was closed
}

// PlayOptions are how a player begins. The zero value is a player that takes
// the stream as it is.
type PlayOptions struct {
	// Continue makes the timestamps begin at From, whatever the
	// stream's own are: a live item of a playlist goes on where the last item
	// ended. Data that comes before the first picture or sound has From too.
	Continue bool
	From     media.Timestamp
	// What is not sent from the beginning: see Receive, FrameRate and Pause.
	NoAudio, NoVideo bool
	// Encoding is how packets look on the connection; nil: as RTMP has them.
	Encoding  Encoding
	FrameRate float64 // pictures a second; 0: all
	Paused    bool
	// Until is how the player comes to an end by itself; nil: it does not.
	Until *Until
	// Takes is which tracks and codecs are sent.
	Takes tracks.Takes
}

// Play starts to send the stream to message stream id on the connection, whose
// client was told so (NetStream.Play.Start) and has been sent SetChunkSize
// before. The connection's socket belongs to a fan-out loop until its last
// player is closed.
func (s *Stream) Play(conn Conn, id uint32) *Player {
	return s.PlayWith(conn, id, PlayOptions{})
}

// PlayWith is Play with options.
func (s *Stream) PlayWith(conn Conn, id uint32, opts PlayOptions) *Player {
	p := &Player{s: s, form: form{opts.Encoding, id}, audio: !opts.NoAudio, video: !opts.NoVideo, paused: opts.Paused}
	p.conn = s.fanout.attach(conn)
	l, crowded := p.conn.loop, false
	l.do(func() {
		s.mu.Lock()
		published := s.publisher != nil
		var wait bool
		p.audience, crowded = s.enter(p.conn, opts.Takes)
		p.at, p.preamble, p.begins, wait = s.join(s.lineOf(p.audience))
		p.preamble = s.withSpared(p.audience, p.at, p.preamble)
		p.joined = p.offset()
		p.group = s.groupOf(l)
		s.useEncoding(opts.Encoding)
		s.mu.Unlock()
		switch {
		case p.paused:
			p.leavePlace()
		case wait && p.video:
			p.waitForPicture()
		}
		s.players.Add(1)
		p.group.players = append(p.group.players, p)
		p.conn.players = append(p.conn.players, p)
		if opts.Continue {
			p.rewrite().state.begin(opts.From)
		}
		if opts.FrameRate > 0 {
			p.rewrite().state.rate.Max = opts.FrameRate
		}
		if opts.Until != nil {
			p.setUntil(*opts.Until)
			if opts.Until.Published && !published {
				p.finish()
			}
		}
		l.write(p.conn)
	})
	if crowded {
		s.tellCrowded(opts.Takes)
	}
	return p
}

// Close stops sending. Nothing is sent for this player after it returned. A
// second Close does nothing.
func (p *Player) Close() {
	var f *Fanout // nil: it is closed already
	p.conn.loop.do(func() {
		if p.closed {
			return
		}
		f = p.s.fanout
		p.last, p.closed = p.reachedSoFar(), true
		p.stopRewriter()
		p.leavePlace() // a timer may remember the player
		p.conn.players = remove(p.conn.players, p)
		if len(p.conn.players) == 0 {
			p.conn.nothingWaits()
		}
		p.leave()
	})
	if f != nil {
		f.detach(p.conn)
	}
}

// leave takes the player out of its stream. It runs in the loop.
func (p *Player) leave() {
	p.group.leave(p)
	p.s.players.Add(-1)
	p.s.mu.Lock()
	p.s.leaveEncoding(p.form.encoding)
	p.s.exit(p.audience)
	p.s.mu.Unlock()
}

// ready is position.ready for the player.
func (p *Player) ready(at *position) int32 { return at.readyFor(p.audience) }

// line is where what the player is sent comes from now.
func (p *Player) line() *line { return p.s.lineOf(p.audience) }

// Reached is the latest timestamp sent, and the last one after Close.
func (p *Player) Reached() (last media.Timestamp) {
	p.conn.loop.do(func() { last = p.reachedSoFar() })
	return last
}

func (p *Player) reachedSoFar() media.Timestamp {
	switch {
	case p.closed:
		return p.last
	case p.rewrites():
		return p.rewriter.state.last
	}
	return p.reached()
}

// Pause stops and resumes. What is published in between is not sent; after it
// sound goes on at once, and pictures at a keyframe. A Switch that has not come
// about does so at once.
func (p *Player) Pause(paused bool) {
	p.conn.loop.do(func() {
		if p.paused == paused || p.over {
			return
		}
		p.paused = paused
		if p.rewriter != nil && p.rewriter.next != nil {
			p.rewriter.next.ready = false // the place is another now
		}
		if !paused {
			p.resync()
			return
		}
		p.leavePlace()
		p.conn.loop.write(p.conn)
	})
}

// Receive chooses what is sent of the stream. Sequence headers and data always
// are; video comes back with a keyframe.
func (p *Player) Receive(audio, video bool) {
	p.conn.loop.do(func() {
		back := video && !p.video
		p.audio, p.video = audio, video
		if back && !p.paused && !p.over {
			p.waitForPicture()
		}
	})
}

// resync makes the player go on at the head of its stream. It runs in the loop.
func (p *Player) resync() {
	s := p.s
	s.mu.Lock()
	l := p.line()
	p.begins = s.newest.Load()
	p.at, p.preamble = l.log.head(), s.chunkStored(l, p.begins)
	if s.publisher == nil && s.unpublishNotice.seg != nil {
		p.at = s.unpublishNotice // it left while the player did not listen
	}
	hasVideo := l.hasVideo
	s.mu.Unlock()
	if hasVideo && p.video {
		p.waitForPicture()
	}
}

// waitForPicture leaves pictures out up to the next keyframe. Sound and data go
// on. It runs in the loop.
func (p *Player) waitForPicture() { p.rewrite().state.rate.Broken = true }

// leavePlace lets go of the log. It runs in the loop.
func (p *Player) leavePlace() { p.at, p.preamble = position{}, nil }

// offset is how much of the log lies before the player.
func (p *Player) offset() int64 {
	if p.at.seg == nil {
		return p.line().log.end.Load()
	}
	p.ready(&p.at) // the same place, in whatever log goes on there
	return p.at.offset()
}

// startAt puts the player before a keyframe of its stream. It runs in the loop.
func (p *Player) startAt(k *keyframe) {
	p.s.mu.Lock()
	p.preamble = p.s.preambleAt(p.line(), k)
	p.s.mu.Unlock()
	p.at, p.begins = k.at, k.time
}

// keepUp moves a player that is too far behind to a newer keyframe. It runs in
// the loop.
func (p *Player) keepUp(now time.Time) {
	n := p.ready(&p.at)
	if p.at.i == n {
		if p.lost() {
			p.resync()
			p.tellSlow(now)
		}
		return
	}
	l := p.line()
	behind, held := l.log.behind(p.at), p.s.held(l, p.at)
	if !p.conn.lags && behind <= held {
		return // nearly everybody, nearly always
	}
	p.conn.tellWaiting(now)
	if !p.conn.slow(now, behind, held, p.at.seg.came(p.at.i)) {
		return
	}
	k := l.key.Load()
	if p.line() != l {
		return // what it takes is another log now, and there is another turn
	}
	was := p.at
	switch {
	case k != nil && k.at.offset() > p.at.offset():
		p.startAt(k)
	case behind > held:
		p.resync()
	default:
		return
	}
	p.leftOut(was)
	p.tellSlow(now)
}

// lost says that what comes next was kept for as long as for anybody, and is gone.
func (p *Player) lost() bool {
	if p.audience == nil {
		return false
	}
	next := p.at.seg.next.Load()
	return next != nil && p.audience.behind(p.at.seg, next) == nil
}

// tellSlow tells the client, now and then, that something was left out.
func (p *Player) tellSlow(now time.Time) {
	if now.Sub(p.told) <= tellSlowEvery {
		return
	}
	p.told = now
	// The error is the connection's end, which its session hears of as well.
	_ = p.conn.Send(rtmp.Status(p.form.id, "warning", "NetStream.Play.InsufficientBW",
		"The connection is too slow for the stream: some of it was left out.", "details", p.s.name))
}

// plain says whether the player takes the log's bytes as they are.
func (p *Player) plain() bool { return p.form.native() && p.audio && p.video && p.rewriter == nil }

// wants says whether a packet goes to the player.
func (p *Player) wants(k packet) bool {
	if k.flags != 0 && k.flags&flagKey == 0 {
		return true
	}
	switch k.kind {
	case rtmp.TypeAudio:
		return p.audio
	case rtmp.TypeVideo:
		return p.video
	}
	return true
}

func remove(list []*Player, p *Player) []*Player {
	for i := range list {
		if list[i] == p {
			last := len(list) - 1
			list[i], list[last] = list[last], nil
			return list[:last]
		}
	}
	return list
}
