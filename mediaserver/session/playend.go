package session

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// onEnd is called by a playback when the stream has been sent. It is dropped
// when the client went on meanwhile.
func (ns *netStream) onEnd(p *recording.Playback, r recording.Result) {
	s := ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.playback != p || !ns.running || ns.runs != r.Run {
		return
	}
	ns.running = false
	if err := ns.ended(r); err != nil {
		s.log.Debug("tell of the end of a playback", "stream", ns.name, "err", err)
	}
}

// ended says that a recorded stream is over, in the order of reference §2.5.7,
// or goes on to the next of the playlist.
func (ns *netStream) ended(r recording.Result) error {
	s := ns.session
	if r.Err != nil {
		s.log.Error("playback failed", "stream", ns.name, "err", r.Err)
		return s.conn.Send(
			ns.statusMessage("error", codePlayFailed, "Failed to play "+ns.name+": the file cannot be read.", ns.name),
			rtmp.UserControl(rtmp.EventStreamEOF, ns.id))
	}
	if len(ns.playlist) > 0 {
		next := ns.playlist[0]
		ns.playlist = ns.playlist[1:]
		ns.offset = ns.reached()
		ns.stopPlaying()
		if err := s.conn.Send(ns.data("onPlayStatus", amf.NewObject("level", "status", "code", codePlaySwitch))); err != nil {
			return err
		}
		return ns.start(next, false)
	}
	s.log.Info("played to the end", "stream", ns.name)
	return s.conn.Send(
		ns.data("onPlayStatus", amf.NewObject(
			"level", "status", "code", codePlayComplete,
			"duration", r.Duration.Seconds(), "bytes", float64(r.Bytes))),
		ns.statusMessage("status", codePlayStop, "Stopped playing "+ns.name+".", ns.name),
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
	)
}
