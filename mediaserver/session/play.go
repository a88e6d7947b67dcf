package session

import (
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
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
	data   bool          // data messages only, all at once
}

// entrance is how an item comes after what was before.
type entrance int

const (
	resetting    entrance = iota // it replaces everything: Play.Reset
	joining                      // there was nothing
	following                    // the playlist goes on: Play.Switch
	transferring                 // play2: TransitionComplete
)

// newItem takes the name, start and length of play and play2. The error is for
// the client.
func newItem(raw string, start, length float64) (item, error) {
	name, _, err := parseName(raw)
	if err != nil {
		return item{}, err
	}
	it := item{name: name, length: -1}
	switch {
	case start >= 0:
		it.from, it.start = recordedOnly, milliseconds(start)
	case start == -1 || start == -1000:
		it.from = liveOnly
	}
	if length >= 0 {
		it.length = milliseconds(length)
	}
	return it, nil
}

// play(name, start, len, reset). start and len are milliseconds on the wire,
// although [SPEC §7.2.2.1] says seconds; -1 and -2 come as such from Flash
// Player and as -1000 and -2000 from librtmp.
func (ns *netStream) play(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 && cmd.Args[0] == false {
		return ns.stop()
	}
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return ns.status("error", codePlayFailed, "play needs the name of a stream.", "")
	}
	start, length := -2.0, -1.0
	if v, ok := number(cmd.Args, 1); ok {
		start = v
	}
	if v, ok := number(cmd.Args, 2); ok {
		length = v
	}
	it, err := newItem(raw, start, length)
	if err != nil {
		return ns.status("error", codePlayFailed, "Cannot play: "+err.Error()+".", withoutQuery(raw))
	}
	reset := true
	if len(cmd.Args) > 3 {
		switch v := cmd.Args[3].(type) {
		case bool:
			reset = v
		case float64: // 2 and 3: as 0 and 1, for data alone
			reset, it.data = v == 1 || v == 3, v == 2 || v == 3
		}
	}
	if reset {
		ns.end(true)
		return ns.start(it, resetting)
	}
	ns.leavePublishing()
	return ns.enqueue(it)
}

// stop ends everything: play(false), and play2 to stop.
func (ns *netStream) stop() error {
	name := ns.name
	ns.end(true)
	return ns.status("status", codePlayStop, "Stopped playing "+name+".", name)
}

// start plays an item: live or recorded, as it asks and as there is. One that
// is not there gives its turn to the playlist's next.
func (ns *netStream) start(it item, how entrance) error {
	s := ns.session
	if it.from == liveOnly || it.from == liveOrRecorded && s.inst.Live(it.name) {
		return ns.startLive(it, how)
	}
	recorded, err := ns.open(it, playback.Options{Continue: ns.continues, From: ns.timeline})
	missing := errors.Is(err, recording.ErrNotFound) || errors.Is(err, recording.ErrBadName)
	switch {
	case missing && it.from == liveOrRecorded:
		// Somebody may publish it later.
		return ns.startLive(it, how)
	case missing && len(ns.playlist) > 0:
		s.log.Info("left out of a playlist", "stream", it.name, "reason", "not recorded")
		return ns.next(how)
	case err != nil:
		return ns.orNext(how, ns.refuse(it.name, err))
	}
	ns.name, ns.playback = it.name, recorded
	ns.choose()
	s.log.Info("playing", "stream", it.name, "recorded", true, "start", it.start)
	if err := ns.announce(true, how); err != nil {
		return err
	}
	if ns.paused {
		ns.playback.Stand(it.start)
		return nil
	}
	ns.run(it.start)
	return nil
}

// orNext lets the playlist go on behind an item that was refused, or ends it;
// told is the error of telling so.
func (ns *netStream) orNext(how entrance, told error) error {
	switch {
	case told != nil:
		return told
	case len(ns.playlist) > 0:
		return ns.next(how)
	case how == following:
		return ns.session.conn.Send(
			ns.statusMessage("status", codePlayStop, "Stopped playing "+ns.name+".", ns.name),
			rtmp.UserControl(rtmp.EventStreamEOF, ns.id))
	}
	return nil
}

// open prepares to play a recorded item.
func (ns *netStream) open(it item, opts playback.Options) (*playback.Playback, error) {
	file, err := ns.session.inst.Store().OpenFile(it.name)
	if err != nil {
		return nil, err
	}
	opts.StreamID, opts.Length, opts.Buffer, opts.DataOnly, opts.OnEnd = ns.id, it.length, ns.buffer, it.data, ns.onEnd
	return playback.Open(file, ns.session.conn, opts), nil
}

// refuse tells a client why a recorded stream does not play.
func (ns *netStream) refuse(name string, err error) error {
	log := ns.session.log
	switch {
	case errors.Is(err, recording.ErrNotFound), errors.Is(err, recording.ErrBadName):
		log.Info("play refused", "stream", name, "reason", "not recorded")
		return ns.status("error", codePlayNotFound, "Failed to play "+name+"; stream not found.", name)
	case errors.Is(err, media.ErrInvalid):
		log.Warn("play refused", "stream", name, "err", err)
		return ns.status("error", codePlayInvalid, "Failed to play "+name+": the file is damaged, or of a kind that cannot be played.", name)
	}
	log.Error("play", "stream", name, "err", err)
	return ns.status("error", codePlayFailed, "Failed to play "+name+": the file cannot be read.", name)
}

func (ns *netStream) startLive(it item, how entrance) error {
	s := ns.session
	live, giveBack, err := s.inst.Stream(it.name)
	if err != nil {
		s.log.Warn("play refused", "stream", it.name, "err", err)
		return ns.orNext(how, ns.status("error", codePlayFailed, "Failed to play "+it.name+": "+err.Error()+".", it.name))
	}
	s.log.Info("playing", "stream", it.name, "recorded", false)
	ns.name = it.name
	if err := ns.announce(false, how); err != nil {
		giveBack()
		return err
	}
	ns.holds = append(ns.holds, hold{live, giveBack})
	opts := stream.PlayOptions{
		Continue: ns.continues, From: ns.timeline,
		NoAudio: !ns.audio, NoVideo: !ns.video, FrameRate: max(ns.fps, 0), Paused: ns.paused,
	}
	if it.length >= 0 || len(ns.playlist) > 0 {
		opts.Until = ns.until(it.length)
	}
	ns.endless = opts.Until == nil
	ns.player = live.PlayWith(s.conn, ns.id, opts)
	return nil
}

// until is the end of a live item: after a length, or with the publication.
func (ns *netStream) until(length time.Duration) *stream.Until {
	ns.lives++
	live := ns.lives
	return &stream.Until{
		Length:      length,
		Publication: length < 0,
		OnEnd:       func(last uint32) { go ns.onLiveEnd(live, last, length) },
	}
}

// announce sends what comes before the first picture: reference §2.5.3 and
// §2.5.4. Flash's seek bars need StreamIsRecorded first.
func (ns *netStream) announce(recorded bool, how entrance) error {
	var ms []*rtmp.Message
	switch how {
	case following:
		ms = append(ms, ns.playStatus(codePlaySwitch, ns.name))
	case transferring:
		ms = append(ms, ns.playStatus(codeTransitionComplete, ns.name))
	}
	if recorded {
		ms = append(ms, rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id))
	}
	ms = append(ms, rtmp.UserControl(rtmp.EventStreamBegin, ns.id))
	if how == resetting {
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

// playStatus is an onPlayStatus: unlike onStatus, it has its place among the
// media.
func (ns *netStream) playStatus(code, details string, more ...any) *rtmp.Message {
	return ns.data("onPlayStatus", amf.NewObject(append([]any{"level", "status", "code", code, "details", details}, more...)...))
}

// data makes a data message of values that AMF can express.
func (ns *netStream) data(values ...amf.Value) *rtmp.Message {
	m, err := rtmp.NewData(ns.id, ns.reached(), values...)
	if err != nil {
		panic(fmt.Sprintf("session: data message of constant shape: %v", err))
	}
	return m
}

// reached is the latest timestamp of what plays or has played, in ms.
func (ns *netStream) reached() uint32 {
	switch {
	case ns.playback != nil:
		return ns.playback.Reached()
	case ns.player != nil:
		return ns.player.Reached()
	}
	return ns.timeline
}

// milliseconds saturates at a year, which no stream reaches.
func milliseconds(ms float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(min(ms, float64(year/time.Millisecond)) * float64(time.Millisecond))
}
