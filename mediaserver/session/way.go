package session

import (
	"errors"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/playback"
)

// way is how a recorded stream comes from its instance.
type way struct{ lost atomic.Bool }

// interrupted tells a client that the stream waits which it plays, if it does.
func (ns *netStream) interrupted(on *way) {
	r, ok := ns.playing.(*recorded)
	if !ok || r.way != on {
		return
	}
	if run, waits := r.playback.Waits(); waits {
		r.waits(r.playback, run)
	}
}

// waits tells a client, once for each place that it plays from or seeks to, that it waits for
// what is not here, where the way is lost on which it comes: PROTOCOL.md §7.
func (r *recorded) waits(p *playback.Playback, run int) {
	ns := r.ns
	if ns.playing != r || r.playback != p || r.toldWait == run || !r.way.lost.Load() {
		return
	}
	if now, waits := p.Waits(); now != run || !waits {
		return // it goes on
	}
	r.toldWait = run
	ns.session.log.Info("playback waits for the way to its server", "stream", ns.name)
	if err := ns.warn(codePlayInsufficientBW, ns.name, "The way to the server of %s is lost: what is not here is waited for, some seconds.", ns.name); err != nil {
		ns.session.log.Debug("tell of a playback that waits", "stream", ns.name, "err", err)
	}
}

// notSought tells a client that the place is not to be had to which it has sought, if that is
// what has failed.
func (r *recorded) notSought(p *playback.Playback, how playback.Result) {
	ns := r.ns
	if ns.playing != r || r.playback != p || how.Err == nil || how.Run != r.sought || how.Bytes > 0 || ns.session.closed() {
		return
	}
	r.sought = 0
	if err := ns.fail(codeSeekFailed, ns.name, "Cannot seek in %s: %s.", ns.name, unreadable(how.Err)); err != nil {
		ns.session.log.Debug("tell of a seek that failed", "stream", ns.name, "err", err)
	}
}

// unreadable is why bytes of a file have not come, for its client.
func unreadable(err error) string {
	if errors.Is(err, ErrWay) {
		return ErrWay.Error() + ", and was not there again in time"
	}
	return "the file cannot be read"
}
