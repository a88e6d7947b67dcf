package session

import (
	"fmt"
	"math"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// change is a recorded stream that waits for the one that plays to come to its
// keyframe.
type change struct {
	it       item
	playback *playback.Playback
	at       media.Position
}

// play2({streamName, oldStreamName, start, len, offset, transition}): ActionScript
// 3.0 Language Reference, NetStreamPlayTransitions.
func (ns *netStream) play2(cmd *rtmp.Command) error {
	options := &amf.Object{}
	if len(cmd.Args) > 0 {
		switch o := cmd.Args[0].(type) {
		case *amf.Object:
			options = o
		case *amf.ECMAArray:
			options = &amf.Object{Properties: o.Properties}
		}
	}
	transition := property(options, "transition", "reset")
	if transition == "stop" {
		return ns.stop()
	}
	raw := property(options, "streamName", "")
	it, err := newItem(raw, property(options, "start", -2.0), property(options, "len", -1.0))
	if err != nil {
		return ns.status("error", codePlayFailed, "Cannot play: "+err.Error()+".", withoutQuery(raw))
	}
	ns.leavePublishing()
	old := withoutQuery(property(options, "oldStreamName", ""))
	switch transition {
	case "reset", "":
		ns.end(true)
		return ns.start(it, resetting)
	case "resume":
		return ns.playResume(it, property(options, "offset", -1.0))
	case "append":
		return ns.accepted(it, func() error { return ns.enqueue(it) })
	case "appendAndWait":
		return ns.accepted(it, func() error { return ns.await(it) })
	case "swap", "switch":
		return ns.replace(it, old, transition == "switch", property(options, "offset", -1.0))
	}
	return ns.status("error", codePlayFailed, fmt.Sprintf(
		"Cannot play: there is no transition %.32q, only append, appendAndWait, reset, resume, stop, swap and switch.", transition), it.name)
}

// accepted says that a transition will come about, and begins it.
func (ns *netStream) accepted(it item, then func() error) error {
	if err := ns.session.conn.Send(rtmp.Status(ns.id, "status", codeTransition, "Transitioning to "+it.name+".",
		"details", it.name, "reason", "NetStream.Transition.Success", "clientid", ns.session.id)); err != nil {
		return err
	}
	return then()
}

// await queues an item without playing: that begins with append.
func (ns *netStream) await(it item) error {
	if ns.plays() {
		return ns.enqueue(it)
	}
	if len(ns.playlist) >= maxPlaylist {
		return ns.status("error", codePlayFailed, fmt.Sprintf("The playlist holds %d streams already.", maxPlaylist), it.name)
	}
	ns.playlist = append(ns.playlist, it)
	return nil
}

// playResume goes on where an earlier connection was lost: nothing is reset, and
// timestamps are the stream's own.
func (ns *netStream) playResume(it item, offset float64) error {
	if offset >= 0 && it.from != liveOnly {
		it.start = milliseconds(offset)
	}
	return ns.accepted(it, func() error {
		ns.stopPlaying()
		ns.continues, ns.timeline = false, 0
		return ns.start(it, transferring)
	})
}

// replace puts an item in the place of another: of one that waits in the
// playlist, or of what plays now.
func (ns *netStream) replace(it item, old string, aligned bool, offset float64) error {
	if !ns.plays() {
		return ns.accepted(it, func() error { return ns.transfer(it) })
	}
	if old != "" && old != ns.name {
		for i, waits := range ns.playlist {
			if waits.name == old {
				ns.playlist[i] = it
				return ns.accepted(it, func() error { return nil })
			}
		}
		return ns.status("error", codePlayFailed, "Cannot replace "+printable(old)+": it neither plays nor waits in the playlist.", it.name)
	}
	s := ns.session
	live := it.from == liveOnly || it.from == liveOrRecorded && s.inst.Live(it.name)
	if live && ns.player != nil {
		return ns.switchLive(it)
	}
	if live {
		return ns.accepted(it, func() error { return ns.transfer(it) })
	}
	next, err := ns.open(it, playback.Options{})
	if err != nil {
		return ns.refuse(it.name, err)
	}
	switch {
	case ns.playback == nil || !aligned:
		next.Close()
		return ns.accepted(it, func() error { return ns.transfer(it) })
	case !ns.running: // paused: the new one stands where the old one does
		return ns.accepted(it, func() error {
			ns.change = &change{it: it, playback: next}
			return ns.changeOver(false)
		})
	}
	at, ok := ns.playback.StopBefore(next, uint32(min(ns.fileTime(max(offset, 0)).Milliseconds(), math.MaxUint32)))
	if !ok { // what was to come before this still is
		next.Close()
		return ns.status("error", codePlayFailed, "Cannot switch to "+it.name+": it has no keyframe after the place that plays.", it.name)
	}
	ns.dropChange()
	ns.change = &change{it, next, at}
	return ns.accepted(it, func() error { return nil })
}

// transfer ends what plays and begins an item, with timestamps that follow.
func (ns *netStream) transfer(it item) error {
	ns.goOn()
	return ns.start(it, transferring)
}

// changeOver is the moment of a change: the old stream was sent up to it. Without
// run, the new one stands there.
func (ns *netStream) changeOver(run bool) error {
	c, was := ns.change, ns.playback
	ns.change = nil
	done := ns.playStatus(codeTransitionComplete, c.it.name)
	ns.name, ns.playback = c.it.name, c.playback
	ns.playback.SetBuffer(ns.buffer)
	ns.choose()
	err := ns.session.conn.Send(done)
	ns.running = run
	ns.runs = ns.playback.Follow(was, c.at, run)
	was.Close()
	return err
}

// hurryChange lets a change come about at once, because what it waits for will
// not come: the client pauses or seeks.
func (ns *netStream) hurryChange() error {
	if ns.change == nil {
		return nil
	}
	ns.playback.Halt()
	return ns.changeOver(false)
}

// dropChange forgets a change that has not come about.
func (ns *netStream) dropChange() {
	if ns.change != nil {
		ns.change.playback.Close()
		ns.change = nil
	}
}

// switchLive goes over to another live stream, at its next keyframe.
func (ns *netStream) switchLive(it item) error {
	live, giveBack, err := ns.session.inst.Stream(it.name)
	if err != nil {
		return ns.status("error", codePlayFailed, "Failed to play "+it.name+": "+err.Error()+".", it.name)
	}
	ns.holds = append(ns.holds, hold{live, giveBack})
	return ns.accepted(it, func() error {
		player := ns.player
		player.Switch(live, stream.SwitchOptions{
			Notice:   []*rtmp.Message{ns.playStatus(codeTransitionComplete, it.name)},
			OnSwitch: func() { go ns.onSwitch(player, live) },
		})
		// What was asked for before is called off, unless it has come about.
		ns.goal = live
		ns.keep(player.Playing(), live)
		return nil
	})
}

// onSwitch is called when a live stream has taken another's place.
func (ns *netStream) onSwitch(player *stream.Player, live *stream.Stream) {
	s := ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.player != player || player.Playing() != live {
		return // it went on meanwhile
	}
	ns.name = live.Name()
	ns.keep(live, ns.goal)
}

// property returns a value of an object that is of the same type as what it is
// without.
func property[T any](o *amf.Object, name string, without T) T {
	if v, ok := o.Get(name); ok {
		if t, ok := v.(T); ok {
			return t
		}
	}
	return without
}
