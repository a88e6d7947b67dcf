package session

import (
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxPlaylist bounds what play(…, reset=false) queues on one stream.
const maxPlaylist = 256

// play(name, start, len, reset). start and len are milliseconds on the wire,
// although [SPEC §7.2.2.1] says seconds; -1 and -2 come as such from Flash
// Player and as -1000 and -2000 from librtmp.
func (ns *netStream) play(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 && cmd.Args[0] == false {
		return ns.stop()
	}
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return ns.fail(codePlayFailed, "", "play needs the name of a stream.")
	}
	it, reset, err := playCommand(cmd, raw)
	if err != nil {
		return ns.refuseName(raw, err)
	}
	if reset {
		ns.end(true)
		return ns.start(it, resetting)
	}
	ns.leavePublishing()
	waits := ns.active() // the item: its statuses come when its turn does
	if err := ns.enqueue(it); err != nil || !waits {
		return err
	}
	return ns.session.answer(cmd)
}

// refuseName tells a client, and the log, that what it wants to play is no name.
func (ns *netStream) refuseName(raw string, why error) error {
	ns.session.log.Info("play refused", "stream", Printable(raw), "reason", why.Error())
	return ns.fail(codePlayFailed, withoutQuery(raw), "Cannot play: %s.", why.Error())
}

// stop ends everything: play(false), and play2 to stop.
func (ns *netStream) stop() error {
	name := ns.name
	ns.end(true)
	return ns.tell(codePlayStop, name, "Stopped playing %s.", name)
}

// enqueue puts an item at the end of the playlist, which begins when nothing
// plays.
func (ns *netStream) enqueue(it item) error {
	if !ns.active() {
		if ns.playing != nil {
			ns.continueTimeline() // behind what is over: without a reset, no time goes back
		}
		ns.playlist = append(ns.playlist, it)
		return ns.next(joining)
	}
	if err := ns.append(it); err != nil {
		return err
	}
	ns.playing.bound()
	return nil
}

// append puts an item at the end of the playlist, or says that it is full.
func (ns *netStream) append(it item) error {
	if len(ns.playlist) >= maxPlaylist {
		return ns.fail(codePlayFailed, it.name, "The playlist holds %d streams already.", maxPlaylist)
	}
	ns.playlist = append(ns.playlist, it)
	return nil
}

// played is how an item came to its end.
type played struct {
	err      error
	duration time.Duration
	bytes    int64
}

// ended says that what plays is over, in the order of PROTOCOL.md §8, or goes
// on to the next of the playlist: behind an item that could not be played as well.
func (ns *netStream) ended(r played) error {
	s := ns.session
	if r.err != nil && s.closed() {
		return nil // it is the connection's error: Serve tells of it
	}
	var said []*rtmp.Message
	if r.err != nil {
		said = append(said, ns.notPlayed(r.err))
	}
	if len(ns.playlist) > 0 {
		if err := s.conn.Send(said...); err != nil {
			return err
		}
		ns.continueTimeline()
		return ns.next(following)
	}
	if r.err == nil {
		s.log.Info("played to the end", "stream", ns.name)
		said = append(said,
			ns.playStatus(codePlayComplete, ns.name, "duration", r.duration.Seconds(), "bytes", float64(r.bytes)),
			ns.status(codePlayStop, ns.name, "Stopped playing %s.", ns.name))
	}
	return s.conn.Send(append(said, rtmp.UserControl(rtmp.EventStreamEOF, ns.id))...)
}

// notPlayed logs, and tells, why an item has ended before its end.
func (ns *netStream) notPlayed(err error) *rtmp.Message {
	var spared *playback.SparedError
	if errors.As(err, &spared) {
		ns.session.log.Info("nothing is sent", "stream", ns.name, "reason", err.Error())
		return ns.noTrack(ns.name, spared.Spared)
	}
	ns.session.log.Error("playback failed", "stream", ns.name, "err", err)
	return ns.failure(codePlayFailed, ns.name, "Failed to play %s: %s.", ns.name, unreadable(err))
}
