package session

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// pause(flag, ms), and pauseRaw, which is what Flash Player really sends.
// Reference §2.5.5; librtmp relies on StreamEOF behind Pause.Notify.
func (ns *netStream) pause(cmd *rtmp.Command) error {
	if ns.player == nil && ns.playback == nil {
		return nil
	}
	want := true
	if len(cmd.Args) > 0 {
		want, _ = cmd.Args[0].(bool)
	}
	if want {
		return ns.suspend()
	}
	return ns.resume(cmd)
}

func (ns *netStream) suspend() error {
	ns.paused = true
	if err := ns.hurryChange(); err != nil {
		return err
	}
	if ns.playback != nil {
		ns.halt()
	} else {
		ns.player.Pause(true)
	}
	return ns.session.conn.Send(
		ns.statusMessage("status", codePauseNotify, "Pausing "+ns.name+".", ns.name),
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
	)
}

func (ns *netStream) resume(cmd *rtmp.Command) error {
	was := ns.paused
	ns.paused = false
	var ms []*rtmp.Message
	if ns.playback != nil {
		ms = append(ms, rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id))
	}
	ms = append(ms,
		rtmp.UserControl(rtmp.EventStreamBegin, ns.id),
		ns.statusMessage("status", codeUnpauseNotify, "Unpausing "+ns.name+".", ns.name))
	if err := ns.session.conn.Send(ms...); err != nil || !was {
		return err
	}
	if ns.playback == nil {
		ns.player.Pause(false)
		return nil
	}
	at := ns.playback.Position()
	if ms, ok := number(cmd.Args, 1); ok && ms >= 0 {
		at = ns.fileTime(ms)
	}
	ns.run(at)
	return nil
}

// seek(ms): reference §2.5.6. Of a paused stream, one picture is sent.
func (ns *netStream) seek(cmd *rtmp.Command) error {
	ms, ok := number(cmd.Args, 0)
	switch {
	case ns.playback == nil:
		return ns.status("error", codeSeekFailed, "Cannot seek: "+ns.name+" is not a recorded stream that plays.", ns.name)
	case !ok || ms < 0:
		return ns.status("error", codeSeekFailed, "Cannot seek: seek needs a time in milliseconds.", ns.name)
	}
	if err := ns.hurryChange(); err != nil {
		return err
	}
	ns.halt()
	messages := []*rtmp.Message{
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
		rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id),
		rtmp.UserControl(rtmp.EventStreamBegin, ns.id),
		ns.statusMessage("status", codeSeekNotify, fmt.Sprintf("Seeking %.0f (stream ID: %d).", ms, ns.id), ns.name),
		ns.statusMessage("status", codePlayStart, "Started playing "+ns.name+".", ns.name),
	}
	if err := ns.session.conn.Send(ns.dataStart(messages, true)...); err != nil {
		return err
	}
	at := ns.fileTime(ms)
	if ns.paused {
		ns.playback.Snapshot(at)
		return nil
	}
	ns.run(at)
	return nil
}

// halt stops the pump of a recorded stream; run starts it again.
func (ns *netStream) halt() {
	ns.playback.Halt()
	ns.running = false
}

func (ns *netStream) run(at time.Duration) {
	ns.running, ns.began = true, time.Now()
	ns.runs = ns.playback.Run(at)
}

// fileTime turns a client's time into the file's: they differ in a playlist.
func (ns *netStream) fileTime(ms float64) time.Duration {
	return max(0, milliseconds(ms)-time.Duration(int32(ns.playback.Offset()))*time.Millisecond)
}
