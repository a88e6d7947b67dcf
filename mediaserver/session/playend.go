package session

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// onEnd is called by a playback's pump when the stream has been sent. What
// follows needs the session, which may wait for this very pump: so it is done
// in a goroutine of its own, and dropped when the client went on meanwhile.
func (ns *netStream) onEnd(r recording.Result) {
	run := ns.runs.Load()
	go func() {
		s := ns.session
		s.mu.Lock()
		defer s.mu.Unlock()
		if ns.playback == nil || !ns.running || ns.runs.Load() != run {
			return
		}
		ns.running = false
		if err := ns.ended(r); err != nil {
			s.log.Debug("tell of the end of a playback", "stream", ns.name, "err", err)
		}
	}()
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
		ns.stopPlaying()
		ns.offset = ns.reached
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
