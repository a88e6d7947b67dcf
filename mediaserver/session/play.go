package session

import (
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// source says what play may take.
type source int

const (
	liveOrRecorded source = iota // -2: whichever there is
	liveOnly                     // -1
	recordedOnly                 // 0 and more
)

// item is one call of play.
type item struct {
	name   string
	from   source
	start  time.Duration // of a recorded stream
	length time.Duration // negative: all of it; 0: a single frame
}

// play(name, start, len, reset). start and len are milliseconds on the wire,
// although [SPEC §7.2.2.1] says seconds; -1 and -2 come as such from Flash
// Player and as -1000 and -2000 from librtmp.
func (ns *netStream) play(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 && cmd.Args[0] == false {
		name := ns.name
		ns.end(true)
		return ns.status("status", codePlayStop, "Stopped playing "+name+".", name)
	}
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return ns.status("error", codePlayFailed, "play needs the name of a stream.", "")
	}
	name, _, err := parseName(raw)
	if err != nil {
		return ns.status("error", codePlayFailed, "Cannot play: "+err.Error()+".", withoutQuery(raw))
	}
	it := item{name: name, length: -1}
	if start, ok := number(cmd.Args, 1); ok {
		switch {
		case start >= 0:
			it.from, it.start = recordedOnly, milliseconds(start)
		case start == -1 || start == -1000:
			it.from = liveOnly
		}
	}
	if length, ok := number(cmd.Args, 2); ok && length >= 0 {
		it.length = milliseconds(length)
	}
	reset := true
	if len(cmd.Args) > 3 {
		switch v := cmd.Args[3].(type) {
		case bool:
			reset = v
		case float64: // 2 and 3: as 0 and 1, with data all at once
			reset = v == 1 || v == 3
		}
	}
	if !reset && (ns.player != nil || ns.running) {
		if len(ns.playlist) >= maxPlaylist {
			return ns.status("error", codePlayFailed, fmt.Sprintf("The playlist holds %d streams already.", maxPlaylist), name)
		}
		ns.playlist = append(ns.playlist, it)
		return nil
	}
	ns.end(true)
	return ns.start(it, reset)
}

// start plays an item: live or recorded, as it asks and as there is.
func (ns *netStream) start(it item, reset bool) error {
	ns.name = it.name
	s := ns.session
	if it.from == liveOnly || it.from == liveOrRecorded && s.inst.Live(it.name) {
		return ns.startLive(it, reset)
	}
	playback, err := s.inst.Store().OpenPlayback(it.name, s.conn, recording.PlayOptions{
		StreamID: ns.id,
		Offset:   ns.offset,
		Length:   it.length,
		Buffer:   ns.buffer,
		OnEnd:    ns.onEnd,
	})
	missing := errors.Is(err, recording.ErrNotFound) || errors.Is(err, recording.ErrBadName)
	switch {
	case missing && it.from == liveOrRecorded:
		// Somebody may publish it later.
		return ns.startLive(it, reset)
	case missing:
		s.log.Info("play refused", "stream", it.name, "reason", "not recorded")
		return ns.status("error", codePlayNotFound, "Failed to play "+it.name+"; stream not found.", it.name)
	case err != nil:
		s.log.Error("play", "stream", it.name, "err", err)
		return ns.status("error", codePlayFailed, "Failed to play "+it.name+": the file cannot be read.", it.name)
	}
	ns.playback = playback
	playback.SetReceive(ns.audio, ns.video)
	s.log.Info("playing", "stream", it.name, "recorded", true, "start", it.start)
	if err := ns.announce(true, reset); err != nil {
		return err
	}
	ns.run(it.start)
	return nil
}

func (ns *netStream) startLive(it item, reset bool) error {
	s := ns.session
	live, giveBack, err := s.inst.Stream(it.name)
	if err != nil {
		s.log.Warn("play refused", "stream", it.name, "err", err)
		return ns.status("error", codePlayFailed, "Failed to play "+it.name+": "+err.Error()+".", it.name)
	}
	s.log.Info("playing", "stream", it.name, "recorded", false)
	if err := ns.announce(false, reset); err != nil {
		giveBack()
		return err
	}
	ns.giveBack = giveBack
	ns.player = live.Play(s.conn, ns.id)
	if !ns.audio || !ns.video {
		ns.player.Receive(ns.audio, ns.video)
	}
	return nil
}

// announce sends what comes before the first picture: reference §2.5.3 and
// §2.5.4. Flash's seek bars need StreamIsRecorded first.
func (ns *netStream) announce(recorded, reset bool) error {
	var ms []*rtmp.Message
	if recorded {
		ms = append(ms, rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id))
	}
	ms = append(ms, rtmp.UserControl(rtmp.EventStreamBegin, ns.id))
	if reset {
		ms = append(ms, ns.statusMessage("status", codePlayReset, "Playing and resetting "+ns.name+".", ns.name))
	}
	ms = append(ms, ns.statusMessage("status", codePlayStart, "Started playing "+ns.name+".", ns.name))
	return ns.session.conn.Send(ns.dataStart(ms, recorded)...)
}

// dataStart adds the data messages that introduce media. Live streams go
// without Data.Start, which makes ffmpeg look for a stream of data.
func (ns *netStream) dataStart(ms []*rtmp.Message, recorded bool) []*rtmp.Message {
	access := ns.session.inst.SampleAccess()
	ms = append(ms, ns.data("|RtmpSampleAccess", access.Audio, access.Video))
	if recorded {
		ms = append(ms, ns.data("onStatus", amf.NewObject("code", codeDataStart)))
	}
	return ms
}

// data makes a data message of values that AMF can express.
func (ns *netStream) data(values ...amf.Value) *rtmp.Message {
	m, err := rtmp.NewData(ns.id, ns.reached(), values...)
	if err != nil {
		panic(fmt.Sprintf("session: data message of constant shape: %v", err))
	}
	return m
}

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

func (ns *netStream) receiveAudio(cmd *rtmp.Command) error {
	want, ok := flag(cmd.Args)
	if !ok {
		return ns.status("error", codePlayFailed, "receiveAudio needs true or false.", ns.name)
	}
	return ns.receive(want, ns.video, want)
}

// receiveVideo takes a flag or, as receiveVideoFPS, a number of frames a
// second, of which only none (0) and all is made.
func (ns *netStream) receiveVideo(cmd *rtmp.Command) error {
	want, ok := flag(cmd.Args)
	if !ok {
		return ns.status("error", codePlayFailed, "receiveVideo needs true, false or a number.", ns.name)
	}
	return ns.receive(ns.audio, want, want)
}

// receive tells a client that wants more to expect it [SPEC §7.2.2.4].
func (ns *netStream) receive(audio, video, tell bool) error {
	ns.audio, ns.video = audio, video
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
	if ns.player != nil {
		ns.player.Receive(audio, video)
	} else {
		ns.playback.SetReceive(audio, video)
	}
	return nil
}

// halt stops the pump of a recorded stream; run starts it again.
func (ns *netStream) halt() {
	ns.playback.Halt()
	ns.running = false
}

func (ns *netStream) run(at time.Duration) {
	ns.running = true
	ns.runs = ns.playback.Run(at)
}

// fileTime turns a client's time into the file's: they differ in a playlist.
func (ns *netStream) fileTime(ms float64) time.Duration {
	return max(0, milliseconds(ms)-time.Duration(ns.offset)*time.Millisecond)
}

// reached is the latest timestamp of what is played, in ms.
func (ns *netStream) reached() uint32 {
	if ns.playback != nil {
		return ns.playback.Reached()
	}
	return ns.offset
}

// milliseconds saturates at a year, which no stream reaches.
func milliseconds(ms float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(min(ms, float64(year/time.Millisecond)) * float64(time.Millisecond))
}

func flag(args []amf.Value) (value, ok bool) {
	if len(args) == 0 {
		return false, false
	}
	switch v := args[0].(type) {
	case bool:
		return v, true
	case float64:
		return v != 0, true
	case int32:
		return v != 0, true
	}
	return false, false
}
