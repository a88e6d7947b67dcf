package session

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// defaultBuffer is a client's buffer until it says otherwise: Flash
	// Player's own is 100 ms, and every other player says.
	defaultBuffer = 100 * time.Millisecond
	// maxBuffer bounds what SetBufferLength makes the server send ahead; FMS
	// stops at about an hour as well.
	maxBuffer = time.Hour
)

// netStream is what createStream made: it publishes, plays, or does nothing.
// All of it is used in turns of the session.
type netStream struct {
	session *Session
	id      uint32
	name    string // of what it publishes or plays, or did last

	publishing *publishing // nil: nothing
	playing    playing     // nil: nothing
	playlist   []item      // what plays after that
	timeline   timeline    // of what plays next

	paused bool
	buffer time.Duration
	wanted wanted
}

// timeline says where the timestamps of what plays next begin.
type timeline struct {
	continues bool            // at reached; else a live stream's are its own, and a recorded one's begin at 0
	reached   media.Timestamp // the latest of what was played before
}

func newNetStream(s *Session, id uint32) *netStream {
	return &netStream{session: s, id: id, buffer: defaultBuffer, wanted: everything}
}

// end stops whatever the stream does. With tell, a publisher hears of it.
func (ns *netStream) end(tell bool) {
	if ns.publishing != nil {
		ns.unpublish(tell)
	}
	ns.playlist = nil
	ns.stopPlaying()
	ns.timeline, ns.paused = timeline{}, false
}

// leavePublishing ends a publication before the stream plays: it does one thing
// at a time.
func (ns *netStream) leavePublishing() {
	if ns.publishing != nil {
		ns.end(true)
	}
}

// stopPlaying ends what plays now. Nothing of it is sent afterwards.
func (ns *netStream) stopPlaying() {
	if ns.playing != nil {
		ns.playing.stop()
		ns.playing = nil
	}
}

// continueTimeline ends what plays, or has played, so that what comes next has
// timestamps that follow.
func (ns *netStream) continueTimeline() {
	if ns.playing != nil {
		ns.timeline.reached = ns.playing.stop()
		ns.playing = nil
	}
	ns.timeline.continues = true
}

// closeStream stops the stream and keeps its id.
func (ns *netStream) closeStream(cmd *rtmp.Command) error {
	if err := ns.close(); err != nil {
		return err
	}
	return ns.session.answer(cmd)
}

// close stops the stream at its client's wish, and says that it is over: to a
// publisher by the statuses of its end.
func (ns *netStream) close() error {
	published := ns.publishing != nil
	ns.end(true)
	if published {
		return nil
	}
	return ns.session.conn.Send(rtmp.UserControl(rtmp.EventStreamEOF, ns.id))
}

// setBuffer sets the client's buffer, in ms: SetBufferLength. It usually comes
// before play.
func (ns *netStream) setBuffer(ms uint32) {
	ns.buffer = min(time.Duration(ms)*time.Millisecond, maxBuffer)
	if ns.playing != nil {
		ns.playing.setBuffer(ns.buffer)
	}
}

// active says whether something plays, if only for a pause.
func (ns *netStream) active() bool { return ns.playing != nil && ns.playing.active() }
