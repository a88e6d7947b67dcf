package session

import (
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// pause(flag, ms), and pauseRaw, which is what Flash Player really sends.
// PROTOCOL.md §6; librtmp relies on StreamEOF behind Pause.Notify.
func (ns *netStream) pause(cmd *rtmp.Command) error {
	if ns.playing == nil {
		return ns.fail(codePlayFailed, ns.name, "Cannot pause: nothing plays on this stream.")
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
	if err := ns.playing.pause(); err != nil {
		return err
	}
	return ns.session.conn.Send(
		ns.status(codePauseNotify, ns.name, "Pausing %s.", ns.name),
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
	)
}

func (ns *netStream) resume(cmd *rtmp.Command) error {
	was := ns.paused
	ns.paused = false
	var ms []*rtmp.Message
	if _, ok := ns.playing.(seekable); ok {
		ms = append(ms, rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id))
	}
	ms = append(ms,
		rtmp.UserControl(rtmp.EventStreamBegin, ns.id),
		ns.status(codeUnpauseNotify, ns.name, "Unpausing %s.", ns.name))
	if err := ns.session.conn.Send(ms...); err != nil || !was {
		return err
	}
	at := -1.0
	if ms, ok := number(cmd.Args, 1); ok && ms >= 0 {
		at = ms
	}
	ns.playing.resume(at)
	return nil
}

// seek(ms): PROTOCOL.md §7. Of a paused stream, one picture is sent.
func (ns *netStream) seek(cmd *rtmp.Command) error {
	ms, ok := number(cmd.Args, 0)
	film, can := ns.playing.(seekable)
	switch {
	case !can:
		return ns.fail(codeSeekFailed, ns.name, "Cannot seek: %s is not a recorded stream that plays.", ns.name)
	case !ok || ms < 0:
		return ns.fail(codeSeekFailed, ns.name, "Cannot seek: seek needs a time in milliseconds.")
	}
	if err := film.halt(); err != nil {
		return err
	}
	messages := []*rtmp.Message{
		rtmp.UserControl(rtmp.EventStreamEOF, ns.id),
		rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id),
		rtmp.UserControl(rtmp.EventStreamBegin, ns.id),
		ns.status(codeSeekNotify, ns.name, "Seeking %.0f (stream ID: %d).", ms, ns.id),
		ns.status(codePlayStart, ns.name, "Started playing %s.", ns.name),
	}
	if err := ns.session.conn.Send(ns.dataStart(messages, film.sampleAccess(), true)...); err != nil {
		return err
	}
	film.seek(ms)
	return nil
}
