package session

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// allFrames is the frame rate of a client that has not asked for less.
const allFrames = -1

func (ns *netStream) receiveAudio(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 {
		if want, ok := cmd.Args[0].(bool); ok {
			ns.audio = want
			return ns.receive(want)
		}
		if want, ok := number(cmd.Args, 0); ok {
			ns.audio = want != 0
			return ns.receive(ns.audio)
		}
	}
	return ns.status("error", codePlayFailed, "receiveAudio needs true or false.", ns.name)
}

// receiveVideo takes a flag or, as receiveVideoFPS, a number of frames a
// second; 0 is none, and a negative one all of them.
func (ns *netStream) receiveVideo(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 {
		if want, ok := cmd.Args[0].(bool); ok {
			ns.video, ns.fps = want, allFrames
			return ns.receive(want)
		}
		if fps, ok := number(cmd.Args, 0); ok {
			ns.video, ns.fps = fps != 0, fps
			return ns.receive(fps != 0)
		}
	}
	return ns.status("error", codePlayFailed, "receiveVideo needs true, false or a number of frames a second.", ns.name)
}

// receive tells a client that wants more to expect it [SPEC §7.2.2.4].
func (ns *netStream) receive(tell bool) error {
	if ns.player == nil && ns.playback == nil {
		return nil
	}
	if tell {
		err := ns.session.conn.Send(
			ns.statusMessage("status", codeSeekNotify, fmt.Sprintf("Seeking %d (stream ID: %d).", ns.reached(), ns.id), ns.name),
			ns.statusMessage("status", codePlayStart, "Started playing "+ns.name+".", ns.name))
		if err != nil {
			return err
		}
	}
	ns.choose()
	return nil
}

// choose passes on to what plays now what the client wants of it.
func (ns *netStream) choose() {
	if ns.player != nil {
		ns.player.Receive(ns.audio, ns.video)
		if ns.video {
			ns.player.FrameRate(ns.fps)
		}
		return
	}
	ns.playback.SetReceive(ns.audio, ns.video)
	ns.playback.SetFrameRate(ns.fps)
}
