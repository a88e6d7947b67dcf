package session

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxPlaylist bounds what play(…, reset=false) queues on one stream.
const maxPlaylist = 256

// endGrace is how long after its beginning a stream ends at the earliest. A
// short one is sent at once, and play(…, reset=false) may be on its way: it must
// find the playlist alive.
const endGrace = 200 * time.Millisecond

// plays says whether something plays, if only for a pause.
func (ns *netStream) plays() bool {
	return ns.player != nil && !ns.over || ns.playback != nil && (ns.running || ns.paused)
}

// enqueue puts an item at the end of the playlist, which begins when nothing
// plays.
func (ns *netStream) enqueue(it item) error {
	if !ns.plays() {
		if ns.playback != nil || ns.player != nil {
			ns.goOn() // behind what is over: without a reset, no time goes back
		}
		ns.playlist = append(ns.playlist, it)
		return ns.next(joining)
	}
	if len(ns.playlist) >= maxPlaylist {
		return ns.status("error", codePlayFailed, fmt.Sprintf("The playlist holds %d streams already.", maxPlaylist), it.name)
	}
	ns.playlist = append(ns.playlist, it)
	if ns.player != nil && ns.endless {
		// It would go on for ever: now it ends with its publication.
		ns.endless = false
		ns.player.Until(*ns.until(-1))
	}
	return nil
}

// next plays the first item of the playlist.
func (ns *netStream) next(how entrance) error {
	it := ns.playlist[0]
	ns.playlist = ns.playlist[1:]
	return ns.start(it, how)
}

// onEnd is called by a playback when the stream has been sent. It is dropped
// when the client went on meanwhile.
func (ns *netStream) onEnd(p *playback.Playback, r playback.Result) {
	s := ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.playback != p || !ns.running || ns.runs != r.Run {
		return
	}
	if left := endGrace - time.Since(ns.began); left > 0 && r.Err == nil && ns.change == nil {
		time.AfterFunc(left, func() { ns.onEnd(p, r) })
		return
	}
	ns.running = false
	if err := ns.ended(r); err != nil {
		s.log.Debug("tell of the end of a playback", "stream", ns.name, "err", err)
	}
}

// onLiveEnd is the same for a live stream that was to end.
func (ns *netStream) onLiveEnd(live int, last uint32, length time.Duration) {
	s := ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.player == nil || ns.lives != live {
		return
	}
	ns.over, ns.timeline = true, last
	if err := ns.ended(playback.Result{Duration: max(length, 0)}); err != nil {
		s.log.Debug("tell of the end of a live stream", "stream", ns.name, "err", err)
	}
}

// ended says that a stream is over, in the order of reference §2.5.7, or goes
// on: to what play2 asked for, or to the next of the playlist.
func (ns *netStream) ended(r playback.Result) error {
	s := ns.session
	switch {
	case r.Err != nil && s.closed():
		return nil // it is the connection's error: Serve tells of it
	case r.Err != nil:
		s.log.Error("playback failed", "stream", ns.name, "err", r.Err)
		return s.conn.Send(
			ns.statusMessage("error", codePlayFailed, "Failed to play "+ns.name+": the file cannot be read.", ns.name),
			rtmp.UserControl(rtmp.EventStreamEOF, ns.id))
	case ns.change != nil:
		return ns.changeOver(true)
	case len(ns.playlist) > 0:
		ns.goOn()
		return ns.next(following)
	}
	s.log.Info("played to the end", "stream", ns.name)
	return s.conn.Send(
		ns.playStatus(codePlayComplete, ns.name, "duration", r.Duration.Seconds(), "bytes", float64(r.Bytes)),
		ns.statusMessage("status", codePlayStop, "Stopped playing "+ns.name+".", ns.name),
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
	)
}

// goOn ends what plays, or has played, so that what comes next has timestamps
// that follow.
func (ns *netStream) goOn() {
	if ns.playback != nil {
		ns.halt() // nothing is sent any more
		ns.timeline = ns.playback.Reached()
	}
	player := ns.player
	ns.stopPlaying()
	if player != nil {
		ns.timeline = player.Reached()
	}
	ns.continues = true
}
