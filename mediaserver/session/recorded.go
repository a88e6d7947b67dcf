package session

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/playback"
)

// endGrace is how long after its beginning a stream ends at the earliest. A
// short one is sent at once, and play(…, reset=false) may be on its way: it must
// find the playlist alive.
const endGrace = 200 * time.Millisecond

// recorded is a recorded stream that plays.
type recorded struct {
	ns       *netStream
	playback *playback.Playback
	access   SampleAccess

	running    bool      // it was started, and neither halted nor at its end
	began      time.Time // when
	generation int       // of its runs: an end that comes late is known by it
	change     *change   // what takes its place soon
	way        *way      // on which it comes
	toldWait   int       // the run of which the client was told last that it waits
	sought     int       // the run that the client has sought to
}

// change is a recorded stream that waits for the one that plays to come to its
// keyframe.
type change struct {
	name     string
	playback *playback.Playback
	at       media.Position
	way      *way
}

func (ns *netStream) startRecorded(answer PlayAnswer, it item) *recorded {
	r := &recorded{ns: ns, access: answer.SampleAccess, way: answer.way}
	r.playback = r.open(answer, it, ns.timeline)
	r.receive(ns.wanted)
	if it.resume > 0 {
		r.playback.Stand(it.start) // it begins there, and goes on further behind
	}
	if at := it.start + it.resume; ns.paused {
		r.playback.Stand(at)
	} else {
		r.run(at)
	}
	return r
}

// open prepares to play a file.
func (r *recorded) open(answer PlayAnswer, it item, from timeline) *playback.Playback {
	ns, way := r.ns, answer.way
	var zero media.Timestamp
	if from.continues {
		zero = from.reached
	}
	return playback.Open(answer.File, ns.session.conn, playback.Options{
		StreamID: ns.id, From: zero,
		Length: it.length, Picture: it.picture, DataOnly: it.data, Buffer: ns.buffer,
		Takes: ns.takes(it),
		OnEnd: func(p *playback.Playback, how playback.Result) {
			ns.session.turns.post(func() { r.ended(p, how) })
		},
		OnWait: func(p *playback.Playback, run int) {
			if way.lost.Load() {
				ns.session.turns.post(func() { r.waits(p, run) })
			}
		},
		OnSpared: func(is tracks.Spared) {
			ns.session.turns.post(func() { r.spared(it.name, is) })
		},
	})
}

// ended is the end of a run. Nothing comes of it when the client went on
// meanwhile.
func (r *recorded) ended(p *playback.Playback, how playback.Result) {
	ns := r.ns
	r.notSought(p, how)
	if ns.playing != r || r.playback != p || !r.running || r.generation != how.Run {
		return
	}
	if left := endGrace - time.Since(r.began); left > 0 && how.Err == nil && r.change == nil {
		time.AfterFunc(left, func() { ns.session.turns.post(func() { r.ended(p, how) }) })
		return
	}
	r.running = false
	var err error
	if r.change != nil && how.Err == nil {
		err = r.changeOver(true)
	} else {
		err = ns.ended(played{how.Err, how.Duration, how.Bytes})
	}
	if err != nil {
		ns.session.log.Debug("tell of the end of a playback", "stream", ns.name, "err", err)
	}
}

// spared tells the client what of a file it is not sent.
func (r *recorded) spared(name string, is tracks.Spared) {
	ns := r.ns
	if ns.playing != r {
		return
	}
	if err := ns.session.conn.Send(ns.noTrack(name, is)); err != nil {
		ns.session.log.Debug("tell of what is not sent", "stream", name, "err", err)
	}
}

func (r *recorded) active() bool               { return r.running || r.ns.paused }
func (r *recorded) reached() media.Timestamp   { return r.playback.Reached() }
func (r *recorded) pause() error               { return r.halt() }
func (r *recorded) setBuffer(d time.Duration)  { r.playback.SetBuffer(d) }
func (r *recorded) bound()                     {} // it has an end
func (r *recorded) sampleAccess() SampleAccess { return r.access }

func (r *recorded) receive(w wanted) {
	r.playback.SetReceive(w.audio, w.video)
	r.playback.SetFrameRate(w.fps)
}

// halt lets a change come about at once, because what it waits for will not
// come, and stops sending.
func (r *recorded) halt() error {
	if r.change != nil {
		r.playback.Halt()
		if err := r.changeOver(false); err != nil {
			return err
		}
	}
	r.rest()
	return nil
}

// rest stops sending; run goes on.
func (r *recorded) rest() {
	r.playback.Halt()
	r.running = false
}

func (r *recorded) run(at time.Duration) {
	r.running, r.began = true, time.Now()
	r.generation = r.playback.Run(at)
}

func (r *recorded) resume(at float64) {
	if at >= 0 {
		r.run(r.fileTime(at))
		return
	}
	r.run(r.playback.Position())
}

func (r *recorded) seek(at float64) {
	if r.ns.paused {
		r.sought = r.playback.Snapshot(r.fileTime(at))
		return
	}
	r.run(r.fileTime(at))
	r.sought = r.generation
}

// fileTime turns a client's time in ms into the file's: the client's counts from
// where the item was asked to begin and, in a playlist, goes on from the item
// before.
func (r *recorded) fileTime(ms float64) time.Duration {
	return r.playback.FileTime(milliseconds(ms))
}

func (r *recorded) stop() (last media.Timestamp) {
	r.dropChange()
	r.rest()
	last = r.playback.Reached()
	r.playback.Close()
	return last
}

// goOver plays up to a keyframe of another file, and goes on there; while it is
// paused, at once.
func (r *recorded) goOver(to PlayAnswer, it item, aligned bool, offset float64) (gone bool, err error) {
	if to.File == nil || !aligned {
		return false, nil
	}
	ns := r.ns
	next := r.open(to, it, timeline{})
	if !r.running {
		return true, ns.accepted(it, func() error {
			r.change = &change{name: it.name, playback: next, way: to.way}
			return r.changeOver(false)
		})
	}
	at, ok := r.playback.StopBefore(next, r.fileTime(max(offset, 0)))
	if !ok { // what was to come before this still is
		next.Close()
		return true, ns.fail(codePlayFailed, it.name, "Cannot switch to %s: it has no keyframe after the place that plays.", it.name)
	}
	r.dropChange()
	r.change = &change{it.name, next, at, to.way}
	return true, ns.accepted(it, func() error { return nil })
}

// changeOver is the moment of a change: the old stream was sent up to it. Without
// run, the new one stands there.
func (r *recorded) changeOver(run bool) error {
	ns, c, was := r.ns, r.change, r.playback
	r.change = nil
	done := ns.playStatus(codeTransitionComplete, c.name)
	ns.name, r.playback, r.way = c.name, c.playback, c.way
	r.toldWait, r.sought = 0, 0
	r.playback.SetBuffer(ns.buffer)
	r.receive(ns.wanted)
	err := ns.session.conn.Send(done)
	r.running = run
	r.generation = r.playback.Follow(was, c.at, run)
	was.Close()
	return err
}

// dropChange forgets a change that has not come about.
func (r *recorded) dropChange() {
	if r.change != nil {
		r.change.playback.Close()
		r.change = nil
	}
}
