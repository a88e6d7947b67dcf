package session

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// code is a status code of NetStream: PROTOCOL.md §9.
type code string

const (
	codePublishStart     code = "NetStream.Publish.Start"
	codePublishBadName   code = "NetStream.Publish.BadName"
	codeUnpublishSuccess code = "NetStream.Unpublish.Success"
	codePublishIdle      code = "NetStream.Publish.Idle"
	// codePublishInsufficientBW is ours: what players hear of a way that does not carry what
	// it should (NetStream.Play.InsufficientBW), said to a publisher.
	codePublishInsufficientBW code = "NetStream.Publish.InsufficientBW"
	codeClearSuccess          code = "NetStream.Clear.Success"
	codeClearFailed           code = "NetStream.Clear.Failed"
	codeRecordStart           code = "NetStream.Record.Start"
	codeRecordStop            code = "NetStream.Record.Stop"
	codeRecordFailed          code = "NetStream.Record.Failed"
	codeRecordNoAccess        code = "NetStream.Record.NoAccess"
	codePlayReset             code = "NetStream.Play.Reset"
	codePlayStart             code = "NetStream.Play.Start"
	codePlayInsufficientBW    code = "NetStream.Play.InsufficientBW"
	codePlayStop              code = "NetStream.Play.Stop"
	codePlayComplete          code = "NetStream.Play.Complete"
	codePlayFailed            code = "NetStream.Play.Failed"
	codePlayNotFound          code = "NetStream.Play.StreamNotFound"
	codePlayInvalid           code = "NetStream.Play.FileStructureInvalid"
	codePlayNoTrack           code = "NetStream.Play.NoSupportedTrackFound"
	codeTransition            code = "NetStream.Play.Transition"
	codeTransitionComplete    code = "NetStream.Play.TransitionComplete"
	codePlaySwitch            code = "NetStream.Play.Switch"
	codePauseNotify           code = "NetStream.Pause.Notify"
	codeUnpauseNotify         code = "NetStream.Unpause.Notify"
	codeSeekNotify            code = "NetStream.Seek.Notify"
	codeSeekFailed            code = "NetStream.Seek.Failed"
	codeDataStart             code = "NetStream.Data.Start"
	codeReceiveNotify         code = "NetStream.Receive.Notify"
)

// tell says on the stream's own id how things are with a name: an onStatus of
// level status.
func (ns *netStream) tell(c code, name, format string, args ...any) error {
	return ns.session.conn.Send(ns.status(c, name, format, args...))
}

// fail says what went wrong with a name: an onStatus of level error.
func (ns *netStream) fail(c code, name, format string, args ...any) error {
	return ns.session.conn.Send(ns.failure(c, name, format, args...))
}

// warn says what a name lacks while it goes on: an onStatus of level warning.
func (ns *netStream) warn(c code, name, format string, args ...any) error {
	return ns.session.conn.Send(ns.onStatus("warning", c, name, fmt.Sprintf(format, args...)))
}

// seconds is a time for people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// status and failure make what tell and fail send, for callers that send more
// with it.
func (ns *netStream) status(c code, name, format string, args ...any) *rtmp.Message {
	return ns.onStatus("status", c, name, fmt.Sprintf(format, args...))
}

func (ns *netStream) failure(c code, name, format string, args ...any) *rtmp.Message {
	return ns.onStatus("error", c, name, fmt.Sprintf(format, args...))
}

func (ns *netStream) onStatus(level string, c code, name, description string) *rtmp.Message {
	return rtmp.Status(ns.id, level, string(c), cut(description, 2*maxSaid), "details", cut(name, maxSaid), "clientid", ns.session.client.ID)
}
