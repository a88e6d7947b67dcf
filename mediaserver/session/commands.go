package session

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// command runs one command message. An error ends the connection; what a
// client may get wrong without harm is answered instead.
func (s *Session) command(cmd *rtmp.Command) error {
	if cmd.Name == "connect" {
		return s.connect(cmd)
	}
	if run, ok := connectionCommands[cmd.Name]; ok {
		return s.builtIn(cmd, run)
	}
	if run, ok := streamCommands[cmd.Name]; ok {
		ns := s.netStream(cmd.StreamID)
		if ns == nil {
			return s.noRoom(cmd)
		}
		return run(ns, cmd)
	}
	return s.method(cmd)
}

// connectionCommands may come on any message stream.
var connectionCommands map[string]func(*Session, *rtmp.Command) error

// streamCommands come on a NetStream. Each of them is answered there, whatever
// is wrong with it: PROTOCOL.md §11.
var streamCommands map[string]func(*netStream, *rtmp.Command) error

func init() {
	connectionCommands = map[string]func(*Session, *rtmp.Command) error{
		"createStream":    (*Session).createStream,
		"deleteStream":    (*Session).deleteStream,
		"releaseStream":   (*Session).releaseStream,
		"FCPublish":       (*Session).fcPublish,
		"FCUnpublish":     (*Session).fcUnpublish,
		"FCSubscribe":     (*Session).fcSubscribe,
		"FCUnsubscribe":   (*Session).answerNothing,
		"getStreamLength": (*Session).getStreamLength,
		"_checkbw":        (*Session).checkBandwidth,
		"checkBandwidth":  (*Session).checkBandwidth,
		"_result":         (*Session).answered,
		"_error":          (*Session).answered,
		"onStatus":        (*Session).answerNothing,
	}
	streamCommands = map[string]func(*netStream, *rtmp.Command) error{
		"publish":         (*netStream).publish,
		"play":            (*netStream).play,
		"play2":           (*netStream).play2,
		"pause":           (*netStream).pause,
		"pauseRaw":        (*netStream).pause,
		"seek":            (*netStream).seek,
		"receiveAudio":    (*netStream).receiveAudio,
		"receiveVideo":    (*netStream).receiveVideo,
		"receiveVideoFPS": (*netStream).receiveVideo,
		"closeStream":     (*netStream).closeStream,
	}
}

// answered takes the client's answer to a call of ours.
func (s *Session) answered(cmd *rtmp.Command) error {
	s.answerSize = int64(cmd.Size)
	s.calls.Answer(cmd)
	return nil
}

// answer sends the _result of a call; a client waits for none of transaction 0.
func (s *Session) answer(cmd *rtmp.Command, values ...amf.Value) error {
	if cmd.Transaction == 0 {
		return nil
	}
	if len(values) == 0 {
		values = []amf.Value{amf.Undefined{}}
	}
	return s.conn.SendCommand(0, "_result", cmd.Transaction, nil, values...)
}

func (s *Session) answerNothing(cmd *rtmp.Command) error { return s.answer(cmd) }

// netStream is the NetStream of an id. One that createStream has not made is made
// now: some encoders write message stream 1 whatever createStream said, or never
// ask. It returns nil when the connection has as many as it may.
func (s *Session) netStream(id uint32) *netStream {
	ns, ok := s.streams[id]
	if !ok && len(s.streams) < maxNetStreams {
		s.log.Debug("stream that was not created", "id", id)
		ns = newNetStream(s, id)
		s.streams[id] = ns
	}
	return ns
}

// noRoom answers a command that came on one NetStream too many.
func (s *Session) noRoom(cmd *rtmp.Command) error {
	code, name := codePlayFailed, ""
	switch cmd.Name {
	case "publish":
		code = codePublishBadName
	case "seek":
		code = codeSeekFailed
	}
	if raw, ok := text(cmd.Args, 0); ok {
		name = Printable(withoutQuery(raw))
	}
	return newNetStream(s, cmd.StreamID).fail(code, name,
		"Stream %d was not created, and this connection has %d streams already: delete some first.", cmd.StreamID, len(s.streams))
}

// failCall sends the _error of a call.
func (s *Session) failCall(cmd *rtmp.Command, description string) error {
	s.log.Debug("call failed", "command", Printable(cmd.Name), "reason", description)
	return s.failedCall(cmd, description)
}

func (s *Session) createStream(cmd *rtmp.Command) error {
	if len(s.streams) >= maxNetStreams {
		return s.failCall(cmd, fmt.Sprintf("This connection has %d streams already: delete some first.", len(s.streams)))
	}
	id := uint32(1) // the smallest id that is free, as FMS hands them out
	for s.streams[id] != nil {
		id++
	}
	s.streams[id] = newNetStream(s, id)
	return s.answer(cmd, float64(id))
}

// deleteStream has no answer but the end of what the stream did [SPEC §7.2.2.3],
// unless its caller waits for one.
func (s *Session) deleteStream(cmd *rtmp.Command) error {
	id, ok := number(cmd.Args, 0)
	if !ok || id < 0 || id > math.MaxUint32 {
		const why = "deleteStream needs the number of a stream."
		if cmd.Transaction == 0 {
			return s.conn.Send(rtmp.Status(cmd.StreamID, "error", callFailed, why))
		}
		return s.failCall(cmd, why)
	}
	ns, ok := s.streams[uint32(id)]
	if !ok {
		ns = newNetStream(s, uint32(id)) // it does nothing already
	}
	delete(s.streams, ns.id)
	if err := ns.close(); err != nil {
		return err
	}
	return s.answer(cmd)
}

// releaseStream is what encoders send in case an earlier attempt of theirs
// hangs. There is nothing to do: a silent publisher's name can be taken.
func (s *Session) releaseStream(cmd *rtmp.Command) error { return s.answer(cmd) }

func (s *Session) fcPublish(cmd *rtmp.Command) error {
	name, _ := text(cmd.Args, 0)
	if err := s.conn.SendCommand(0, "onFCPublish", 0, nil, amf.NewObject(
		"level", "status", "code", "NetStream.Publish.Start", "description", cut(withoutQuery(name), maxSaid))); err != nil {
		return err
	}
	return s.answer(cmd)
}

// fcUnpublish ends the publication of that name, whichever stream has it.
func (s *Session) fcUnpublish(cmd *rtmp.Command) error {
	raw, _ := text(cmd.Args, 0)
	name := strings.Trim(withoutQuery(raw), "/") // as publish takes it
	if err := s.conn.SendCommand(0, "onFCUnpublish", 0, nil, amf.NewObject(
		"level", "status", "code", "NetStream.Unpublish.Success", "description", cut(name, maxSaid))); err != nil {
		return err
	}
	for _, ns := range s.streams {
		if ns.publishing != nil && ns.name == name {
			ns.end(true)
		}
	}
	return s.answer(cmd)
}

// fcSubscribe is sent by players of content delivery networks, which wait for
// the answer before they play.
func (s *Session) fcSubscribe(cmd *rtmp.Command) error {
	name, _ := text(cmd.Args, 0)
	if err := s.conn.SendCommand(0, "onFCSubscribe", 0, nil, amf.NewObject(
		"level", "status", "code", "NetStream.Play.Start", "description", cut(withoutQuery(name), maxSaid))); err != nil {
		return err
	}
	return s.answer(cmd)
}

// getStreamLength answers in seconds; 0 for a name that is not recorded, as
// Stream.length did.
func (s *Session) getStreamLength(cmd *rtmp.Command) error {
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return s.failCall(cmd, "getStreamLength needs the name of a stream.")
	}
	name, query, err := parseName(raw)
	if err != nil {
		s.log.Info("getStreamLength refused", "stream", Printable(raw), "reason", err.Error())
		return s.answer(cmd, 0.0) // nothing is recorded under what is no name
	}
	answer, err := inquire(s, func(answer func(LengthAnswer)) {
		s.inst.Length(LengthRequest{s.client, name, s.credentials(query)}, answer)
	}, func(LengthAnswer) {})
	switch why := answer.Refusal; {
	case errors.Is(err, errPending):
		return s.failCall(cmd, "The length is not known: "+s.noAnswer().Reason+".")
	case err != nil:
		return nil // the client has gone
	case why == nil:
		return s.answer(cmd, answer.Length.Seconds())
	case why.Code == RefusedNotFound, why.Code == RefusedBadName:
		return s.answer(cmd, 0.0)
	case mayNotPlay(why) != "":
		s.log.Warn("getStreamLength refused", "stream", name, "reason", why.Error())
		err := s.failCall(cmd, mayNotPlay(why)+".")
		s.guessed(why)
		return err
	case why.Code == RefusedDamaged: // the file's fault, as often as it is asked for
		s.log.Warn("getStreamLength", "stream", name, "reason", why, "err", why.Cause)
		return s.failCall(cmd, "The recorded stream cannot be read.")
	default:
		s.log.Error("getStreamLength", "stream", name, "reason", why, "err", why.Cause)
		return s.failCall(cmd, "The recorded stream cannot be read.")
	}
}

func text(args []amf.Value, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	v, ok := args[i].(string)
	return v, ok
}

func number(args []amf.Value, i int) (float64, bool) {
	if i >= len(args) {
		return 0, false
	}
	switch v := args[i].(type) {
	case float64:
		return v, v == v // not NaN
	case int32: // AMF3
		return float64(v), true
	}
	return 0, false
}

func withoutQuery(name string) string {
	name, _ = splitQuery(name)
	return name
}

// Printable makes a client's own word fit for a log line, or for an answer in
// which it is one of several: keys are masked, and it has 64 characters at most.
func Printable(s string) string { return logs.Clean(s, 64) }
