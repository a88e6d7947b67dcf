package session

import (
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// wanted is what a client wants of what it plays.
type wanted struct {
	audio, video bool
	fps          float64 // pictures a second at most; 0: all
}

// everything is what a client gets that has not asked for less.
var everything = wanted{audio: true, video: true}

func (ns *netStream) receiveAudio(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 {
		if want, ok := cmd.Args[0].(bool); ok {
			ns.wanted.audio = want
			return ns.receive(want)
		}
		if want, ok := number(cmd.Args, 0); ok {
			ns.wanted.audio = want != 0
			return ns.receive(want != 0)
		}
	}
	return ns.fail(codePlayFailed, ns.name, "receiveAudio needs true or false.")
}

// receiveVideo takes a flag or, as receiveVideoFPS, a number of frames a
// second; 0 is none, and a negative one all of them.
func (ns *netStream) receiveVideo(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 {
		if want, ok := cmd.Args[0].(bool); ok {
			ns.wanted.video, ns.wanted.fps = want, 0
			return ns.receive(want)
		}
		if fps, ok := number(cmd.Args, 0); ok {
			ns.wanted.video, ns.wanted.fps = fps != 0, max(fps, 0)
			return ns.receive(fps != 0)
		}
	}
	return ns.fail(codePlayFailed, ns.name, "receiveVideo needs true, false or a number of frames a second.")
}

// receive passes on what the client wants. One that wants more of what plays is
// told to expect it [SPEC §7.2.2.4].
func (ns *netStream) receive(more bool) error {
	if ns.playing == nil {
		return ns.received()
	}
	if !more {
		ns.playing.receive(ns.wanted)
		return ns.received()
	}
	err := ns.session.conn.Send(
		ns.status(codeSeekNotify, ns.name, "Seeking %d (stream ID: %d).", ns.playing.reached(), ns.id),
		ns.status(codePlayStart, ns.name, "Started playing %s.", ns.name))
	if err != nil {
		return err
	}
	ns.playing.receive(ns.wanted)
	return nil
}

// received says that what the client wants is known, where nothing else says so.
func (ns *netStream) received() error {
	return ns.tell(codeReceiveNotify, ns.name, "Sound: %t, pictures: %t.", ns.wanted.audio, ns.wanted.video)
}
