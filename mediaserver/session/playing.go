package session

import (
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// playing is what plays on a NetStream: a live stream (live) or a recorded one
// (recorded). It is used in turns of the session, and tells its NetStream of its
// end in one.
type playing interface {
	// active says whether it has not come to its end, or is paused there.
	active() bool
	// reached is the latest timestamp sent.
	reached() media.Timestamp

	pause() error
	// resume goes on where it was paused or, with at not negative, at a time
	// of the client's in ms.
	resume(at float64)
	receive(wanted)
	setBuffer(time.Duration)
	// bound gives it an end, where it has none, because something is to follow.
	bound()
	// goOver goes over to another stream without a break, where it can: at its
	// next keyframe or, aligned, at one that the client has not passed, of a
	// recorded stream not before an offset in ms. What it does not take is the
	// caller's still.
	goOver(to PlayAnswer, it item, aligned bool, offset float64) (gone bool, err error)
	// stop ends it, and returns the latest timestamp sent. Nothing of it is
	// sent afterwards.
	stop() (last media.Timestamp)
}

// seekable is what can be sought in.
type seekable interface {
	playing
	// halt stops sending, and what is to come about later comes about now.
	halt() error
	// seek goes on at a time of the client's in ms, with a single picture while
	// it is paused.
	seek(at float64)
	sampleAccess() SampleAccess
}

// transition is how an item comes after what was before.
type transition int

const (
	resetting    transition = iota // it replaces everything: Play.Reset
	joining                        // there was nothing
	following                      // the playlist goes on: Play.Switch
	transferring                   // play2: TransitionComplete
)

// ask asks the instance for what an item names: what is there already, without
// nobodyCame. ok is false when the client has gone.
func (ns *netStream) ask(it item, nobodyCame func()) (answer PlayAnswer, ok bool) {
	s := ns.session
	request := PlayRequest{Client: s.client, Name: it.name, From: it.from, MustExist: nobodyCame == nil, Credentials: s.credentials(it.query)}
	request.Lost = func(why *Refusal) { s.turns.post(func() { ns.lost(it.name, why) }) }
	way := &way{}
	request.Interrupted = func() {
		way.lost.Store(true)
		s.turns.post(func() { ns.interrupted(way) })
	}
	request.Resumed = func() { way.lost.Store(false) }
	if !it.bounded() && !it.data { // a picture, a few seconds or cue points are of what there is
		request.NobodyCame = nobodyCame
	}
	answer, err := inquire(s, func(answer func(PlayAnswer)) { s.inst.Play(request, answer) }, PlayAnswer.release)
	if errors.Is(err, errPending) {
		return PlayAnswer{Refusal: s.noAnswer()}, true
	}
	answer.way = way
	return answer, err == nil
}

// release gives back what is not played.
func (a PlayAnswer) release() {
	switch {
	case a.Live != nil:
		a.Release()
	case a.File != nil:
		a.File.Close()
	}
}

// start plays an item: live or recorded, as it asks and as there is. One that
// is not there gives its turn to the playlist's next.
func (ns *netStream) start(it item, how transition) error {
	var waits *live
	answer, ok := ns.ask(it, func() {
		ns.session.turns.post(func() { ns.nobodyCame(waits, it) })
	})
	if !ok {
		return nil
	}
	if why := answer.Refusal; why != nil {
		if len(ns.playlist) > 0 && (why.Code == RefusedNotFound || why.Code == RefusedBadName) {
			ns.session.log.Info("left out of a playlist", "stream", it.name, "reason", string(RefusedNotFound))
			return ns.next(how)
		}
		return ns.orNext(how, ns.refusePlay(it.name, why))
	}
	ns.session.log.Info("playing", "stream", it.name, "recorded", answer.File != nil, "start", it.start)
	ns.name = it.name
	if err := ns.announce(answer, how); err != nil {
		answer.release()
		return err
	}
	if answer.File != nil {
		ns.playing = ns.startRecorded(answer, it)
	} else {
		waits = ns.startLive(answer, it)
		ns.playing = waits
	}
	return nil
}

// nobodyCame plays the recording of a name whose publisher was waited for, if
// there is one.
func (ns *netStream) nobodyCame(waits *live, it item) {
	s := ns.session
	if waits == nil || ns.playing != waits || waits.over || waits.goal != nil || s.leaving.Load() {
		return // it went on meanwhile
	}
	answer, ok := ns.ask(it, nil)
	if !ok || answer.File == nil {
		answer.release() // it is live after all, or there is nothing but to wait
		return
	}
	s.log.Info("publisher did not come back: playing its recording", "stream", it.name)
	ns.stopPlaying()
	if err := ns.announce(answer, joining); err != nil {
		answer.release()
		s.log.Debug("tell of a recording", "stream", it.name, "err", err)
		return
	}
	ns.playing = ns.startRecorded(answer, it)
}

// lost ends what was refused since it plays: its status is that which play would have had,
// and the playlist goes on.
func (ns *netStream) lost(name string, why *Refusal) {
	s := ns.session
	if ns.playing == nil || ns.name != name || s.leaving.Load() {
		return // it went on meanwhile
	}
	if l, ok := ns.playing.(*live); ok && l.over {
		return
	}
	ns.continueTimeline()
	if err := ns.orNext(following, ns.refusePlay(name, why)); err != nil {
		s.log.Debug("tell of a stream that was lost", "stream", name, "err", err)
	}
}

// next plays the first item of the playlist.
func (ns *netStream) next(how transition) error {
	it := ns.playlist[0]
	ns.playlist = ns.playlist[1:]
	return ns.start(it, how)
}

// orNext lets the playlist go on behind an item that was refused, or ends it;
// told is the error of telling so.
func (ns *netStream) orNext(how transition, told error) error {
	switch {
	case told != nil:
		return told
	case len(ns.playlist) > 0:
		return ns.next(how)
	case how == following:
		return ns.session.conn.Send(
			ns.status(codePlayStop, ns.name, "Stopped playing %s.", ns.name),
			rtmp.UserControl(rtmp.EventStreamEOF, ns.id))
	}
	return nil
}

// refusePlay tells a client why a stream does not play.
func (ns *netStream) refusePlay(name string, why *Refusal) error {
	log := ns.session.log
	switch why.Code {
	case RefusedNotFound, RefusedBadName:
		log.Info("play refused", "stream", name, "reason", string(RefusedNotFound))
		return ns.fail(codePlayNotFound, name, "Failed to play %s; stream not found.", name)
	case RefusedDamaged:
		log.Warn("play refused", "stream", name, "reason", why, "err", why.Cause)
		return ns.fail(codePlayInvalid, name, "Failed to play %s: the file is damaged, or of a kind that cannot be played.", name)
	case RefusedFailed:
		log.Error("play", "stream", name, "reason", why, "err", why.Cause)
		return ns.fail(codePlayFailed, name, "Failed to play %s: the file cannot be read.", name)
	}
	log.Warn("play refused", "stream", name, "reason", why.Error())
	said := why.Error()
	if who := mayNotPlay(why); who != "" {
		said = who
	}
	err := ns.fail(codePlayFailed, name, "Failed to play %s: %s.", name, said)
	ns.session.guessed(why)
	return err
}

// announce sends what comes before the first picture: PROTOCOL.md §4 and §5.
// Flash's seek bars need StreamIsRecorded first.
func (ns *netStream) announce(answer PlayAnswer, how transition) error {
	var ms []*rtmp.Message
	switch how {
	case following:
		ms = append(ms, ns.playStatus(codePlaySwitch, ns.name))
	case transferring:
		ms = append(ms, ns.playStatus(codeTransitionComplete, ns.name))
	}
	isRecorded := answer.File != nil
	if isRecorded {
		ms = append(ms, rtmp.UserControl(rtmp.EventStreamIsRecorded, ns.id))
	}
	ms = append(ms, rtmp.UserControl(rtmp.EventStreamBegin, ns.id))
	if how == resetting {
		ms = append(ms, ns.status(codePlayReset, ns.name, "Playing and resetting %s.", ns.name))
	}
	ms = append(ms, ns.status(codePlayStart, ns.name, "Started playing %s.", ns.name))
	return ns.session.conn.Send(ns.dataStart(ms, answer.SampleAccess, isRecorded)...)
}

// dataStart adds the data messages that introduce media. Live streams go
// without Data.Start, which makes ffmpeg look for a stream of data.
func (ns *netStream) dataStart(ms []*rtmp.Message, access SampleAccess, isRecorded bool) []*rtmp.Message {
	ms = append(ms, ns.data("|RtmpSampleAccess", access.Audio, access.Video))
	if isRecorded {
		ms = append(ms, ns.data("onStatus", amf.NewObject("code", string(codeDataStart))))
	}
	return ms
}

// playStatus is an onPlayStatus: unlike onStatus, it has its place among the
// media.
func (ns *netStream) playStatus(c code, details string, more ...any) *rtmp.Message {
	return ns.data("onPlayStatus", amf.NewObject(append([]any{"level", "status", "code", string(c), "details", details}, more...)...))
}

// data makes a data message of values that AMF can express.
func (ns *netStream) data(values ...amf.Value) *rtmp.Message {
	at := ns.timeline.reached
	if ns.playing != nil {
		at = ns.playing.reached()
	}
	m, err := rtmp.NewData(ns.id, at, values...)
	if err != nil {
		panic(fmt.Sprintf("session: data message of constant shape: %v", err))
	}
	return m
}
