package session

import (
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// live is a live stream that plays. Each call of its player waits for a fan-out loop,
// which may be about to write to many: it is made by way of loop.
type live struct {
	ns     *netStream
	player *stream.Player // by way of loop only
	leases []lease        // of the streams that the player needs: its own, and its goal
	goal   *stream.Stream // what play2 asked for last

	endless    bool // nothing ends it but the client
	over       bool // it came to its end
	generation int  // of its ends: one that comes late is known by it
}

// lease is a live stream that is kept for a player.
type lease struct {
	stream  *stream.Stream
	release func()
}

func (ns *netStream) startLive(answer PlayAnswer, it item) *live {
	l := &live{ns: ns, leases: []lease{{answer.Live, answer.Release}}}
	opts := stream.PlayOptions{
		Continue: ns.timeline.continues, From: ns.timeline.reached,
		NoAudio: !ns.wanted.audio, NoVideo: !ns.wanted.video, FrameRate: ns.wanted.fps, Paused: ns.paused,
		Takes: ns.takes(it),
	}
	l.endless = !it.bounded() && len(ns.playlist) == 0
	if !l.endless {
		opts.Until = l.until(it)
	}
	ns.session.turns.rest()
	l.player = answer.Live.PlayWith(ns.session.conn, ns.id, opts)
	return l
}

// loop is the player, for a call that waits for its loop: others have their turns
// meanwhile.
func (l *live) loop() *stream.Player {
	l.ns.session.turns.rest()
	return l.player
}

// until is the end of an item: after a length or a picture, or with the
// publication.
func (l *live) until(it item) *stream.Until {
	l.generation++
	generation := l.generation
	return &stream.Until{
		Length:      it.length,
		OnePicture:  it.picture,
		Publication: !it.bounded(),
		OnEnd: func(last media.Timestamp) {
			l.ns.session.turns.post(func() { l.ended(generation, last, it.length) })
		},
	}
}

// ended is the end of a live stream that was to end. Nothing comes of it when
// the client went on meanwhile.
func (l *live) ended(generation int, last media.Timestamp, length time.Duration) {
	ns := l.ns
	if ns.playing != l || l.generation != generation {
		return
	}
	l.over, ns.timeline.reached = true, last
	if err := ns.ended(played{duration: length}); err != nil {
		ns.session.log.Debug("tell of the end of a live stream", "stream", ns.name, "err", err)
	}
}

func (l *live) active() bool             { return !l.over }
func (l *live) reached() media.Timestamp { return l.loop().Reached() }
func (l *live) pause() error             { l.loop().Pause(true); return nil }
func (l *live) resume(float64)           { l.loop().Pause(false) }
func (l *live) setBuffer(time.Duration)  {} // what is live is sent as it comes

func (l *live) receive(w wanted) {
	l.loop().Receive(w.audio, w.video)
	l.loop().FrameRate(w.fps)
}

// bound lets a player that would go on for ever end with its publication.
func (l *live) bound() {
	if l.endless {
		l.endless = false
		l.loop().Until(*l.until(item{}))
	}
}

func (l *live) stop() (last media.Timestamp) {
	l.loop().Close()
	l.keep()
	return l.loop().Reached()
}

// keep releases the streams but for those that are named here, each of which is
// kept once.
func (l *live) keep(wanted ...*stream.Stream) {
	var kept []lease
	for _, one := range l.leases {
		if !slices.Contains(wanted, one.stream) || slices.ContainsFunc(kept, func(k lease) bool { return k.stream == one.stream }) {
			one.release()
			continue
		}
		kept = append(kept, one)
	}
	l.leases = kept
}

// goOver switches to another live stream, at its next keyframe.
func (l *live) goOver(to PlayAnswer, it item, _ bool, _ float64) (gone bool, err error) {
	if to.Live == nil {
		return false, nil
	}
	l.leases = append(l.leases, lease{to.Live, to.Release})
	ns := l.ns
	return true, ns.accepted(it, func() error {
		l.loop().Switch(to.Live, stream.SwitchOptions{
			Takes:    ns.takes(it),
			Notice:   []*rtmp.Message{ns.playStatus(codeTransitionComplete, it.name)},
			OnSwitch: func() { ns.session.turns.post(func() { l.switched(to.Live) }) },
		})
		// What was asked for before is called off, unless it has come about.
		l.goal = to.Live
		l.keep(l.loop().Playing(), to.Live)
		return nil
	})
}

// switched is the moment when a live stream has taken another's place.
func (l *live) switched(to *stream.Stream) {
	if l.ns.playing != l || l.loop().Playing() != to {
		return // it went on meanwhile
	}
	l.ns.name = to.Name()
	l.keep(to, l.goal)
}
