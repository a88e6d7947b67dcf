package session

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

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
	asked := property(options, "transition", "reset")
	if asked == "stop" {
		return ns.stop()
	}
	raw := property(options, "streamName", "")
	it, err := newItem(raw, property(options, "start", -2.0), property(options, "len", -1.0))
	if err != nil {
		return ns.refuseName(raw, err)
	}
	ns.leavePublishing()
	old := withoutQuery(property(options, "oldStreamName", ""))
	switch asked {
	case "reset", "":
		ns.end(true)
		return ns.start(it, resetting)
	case "resume":
		return ns.playResume(it, property(options, "offset", -1.0))
	case "append":
		return ns.accepted(it, func() error { return ns.enqueue(it) })
	case "appendAndWait":
		return ns.accepted(it, func() error { return ns.appendAndWait(it) })
	case "swap", "switch":
		return ns.replace(it, old, asked == "switch", property(options, "offset", -1.0))
	}
	return ns.fail(codePlayFailed, it.name,
		"Cannot play: there is no transition %.32q, only append, appendAndWait, reset, resume, stop, swap and switch.", asked)
}

// accepted says that a transition will come about, and begins it.
func (ns *netStream) accepted(it item, then func() error) error {
	if err := ns.session.conn.Send(rtmp.Status(ns.id, "status", string(codeTransition), "Transitioning to "+it.name+".",
		"details", it.name, "reason", "NetStream.Transition.Success", "clientid", ns.session.client.ID)); err != nil {
		return err
	}
	return then()
}

// appendAndWait queues an item without playing: that begins with append.
func (ns *netStream) appendAndWait(it item) error {
	if ns.active() {
		return ns.enqueue(it)
	}
	return ns.append(it)
}

// playResume goes on where an earlier connection was lost: nothing is reset, and
// timestamps are those that they would have been there. The offset is one of
// them.
func (ns *netStream) playResume(it item, offset float64) error {
	if offset >= 0 && it.from != LiveOnly {
		it.resume = milliseconds(offset)
	}
	return ns.accepted(it, func() error {
		ns.stopPlaying()
		ns.timeline = timeline{}
		return ns.start(it, transferring)
	})
}

// replace puts an item in the place of another: of one that waits in the
// playlist, or of what plays now.
func (ns *netStream) replace(it item, old string, aligned bool, offset float64) error {
	if !ns.active() {
		return ns.accepted(it, func() error { return ns.transfer(it) })
	}
	if old != "" && old != ns.name {
		for i, waits := range ns.playlist {
			if waits.name == old {
				ns.playlist[i] = it
				return ns.accepted(it, func() error { return nil })
			}
		}
		return ns.fail(codePlayFailed, it.name, "Cannot replace %s: it neither plays nor waits in the playlist.", Printable(old))
	}
	answer, ok := ns.ask(it, nil)
	switch {
	case !ok:
		return nil // the client has gone
	case answer.Refusal != nil:
		return ns.refusePlay(it.name, answer.Refusal)
	}
	if gone, err := ns.playing.goOver(answer, it, aligned, offset); gone {
		return err
	}
	answer.release() // it is asked for again, in case it changes until then
	return ns.accepted(it, func() error { return ns.transfer(it) })
}

// transfer ends what plays and begins an item, with timestamps that follow.
func (ns *netStream) transfer(it item) error {
	ns.continueTimeline()
	return ns.start(it, transferring)
}
