package session

import (
	"slices"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
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
// All of it is used with session.mu held, except what media needs of
// publication.
type netStream struct {
	session *Session
	id      uint32
	name    string // of what it publishes or plays

	publication *instance.Publication
	records     bool         // as its publisher asked
	failed      *atomic.Bool // that recording has ended already, and said why
	idle        *idleWatch   // of it

	player  *stream.Player // of a live stream
	holds   []hold         // streams that are kept for it: its own, and its goal
	goal    *stream.Stream // what play2 asked for last
	endless bool           // nothing ends it but the client
	over    bool           // it came to its end

	playback *playback.Playback // of a recorded one
	running  bool               // it was started, and neither halted nor at its end
	began    time.Time          // when
	change   *change            // what takes its place soon

	runs      int    // number of the run of the playback: an end that comes late is known by it
	lives     int    // the same for a live stream: it counts whenever one begins to have an end, or goes
	continues bool   // timestamps follow those of what was played before
	timeline  uint32 // ms, where that ended

	playlist []item

	paused       bool
	buffer       time.Duration
	audio, video bool
	fps          float64 // pictures a second that the client wants; negative: all
}

func newNetStream(s *Session, id uint32) *netStream {
	return &netStream{session: s, id: id, buffer: defaultBuffer, audio: true, video: true, fps: allFrames}
}

// end stops whatever the stream does. With tell, a publisher hears of it.
func (ns *netStream) end(tell bool) {
	if ns.publication != nil {
		ns.endPublication(tell)
	}
	ns.playlist = nil
	ns.stopPlaying()
	ns.continues, ns.timeline, ns.paused = false, 0, false
}

// leavePublishing ends a publication before the stream plays: it does one thing
// at a time.
func (ns *netStream) leavePublishing() {
	if ns.publication != nil {
		ns.end(true)
	}
}

// stopPlaying ends what plays now. Nothing of it is sent afterwards.
func (ns *netStream) stopPlaying() {
	if ns.player != nil {
		ns.player.Close()
		ns.keep()
		ns.lives++
		ns.player, ns.goal, ns.over = nil, nil, false
	}
	ns.dropChange()
	if ns.playback != nil {
		ns.playback.Close()
		ns.playback, ns.running = nil, false
	}
}

// hold is a live stream that a player needs.
type hold struct {
	live     *stream.Stream
	giveBack func()
}

// keep gives back the streams that are held but for those that are named here,
// each of which is held once.
func (ns *netStream) keep(wanted ...*stream.Stream) {
	var kept []hold
	for _, h := range ns.holds {
		if !slices.Contains(wanted, h.live) || slices.ContainsFunc(kept, func(k hold) bool { return k.live == h.live }) {
			h.giveBack()
			continue
		}
		kept = append(kept, h)
	}
	ns.holds = kept
}

// closeStream stops the stream and keeps its id.
func (ns *netStream) closeStream(*rtmp.Command) error {
	ns.end(true)
	return nil
}

// setBuffer takes the client's SetBufferLength, in ms. It usually comes before
// play.
func (ns *netStream) setBuffer(ms uint32) {
	ns.buffer = min(time.Duration(ms)*time.Millisecond, maxBuffer)
	if ns.playback != nil {
		ns.playback.SetBuffer(ns.buffer)
	}
}
