package session

import "flashpod.dev/flashpod/mediaserver/rtmp"

// Status codes of NetStream, reference §1.5.
const (
	codePublishStart       = "NetStream.Publish.Start"
	codePublishBadName     = "NetStream.Publish.BadName"
	codeUnpublishSuccess   = "NetStream.Unpublish.Success"
	codePublishIdle        = "NetStream.Publish.Idle"
	codeClearSuccess       = "NetStream.Clear.Success"
	codeClearFailed        = "NetStream.Clear.Failed"
	codeRecordStart        = "NetStream.Record.Start"
	codeRecordStop         = "NetStream.Record.Stop"
	codeRecordFailed       = "NetStream.Record.Failed"
	codeRecordNoAccess     = "NetStream.Record.NoAccess"
	codePlayReset          = "NetStream.Play.Reset"
	codePlayStart          = "NetStream.Play.Start"
	codePlayStop           = "NetStream.Play.Stop"
	codePlayComplete       = "NetStream.Play.Complete"
	codePlayFailed         = "NetStream.Play.Failed"
	codePlayNotFound       = "NetStream.Play.StreamNotFound"
	codePlayInvalid        = "NetStream.Play.FileStructureInvalid"
	codeTransition         = "NetStream.Play.Transition"
	codeTransitionComplete = "NetStream.Play.TransitionComplete"
	codePlaySwitch         = "NetStream.Play.Switch"
	codePauseNotify        = "NetStream.Pause.Notify"
	codeUnpauseNotify      = "NetStream.Unpause.Notify"
	codeSeekNotify         = "NetStream.Seek.Notify"
	codeSeekFailed         = "NetStream.Seek.Failed"
	codeDataStart          = "NetStream.Data.Start"
)

// status sends an onStatus on the stream's own id. It may be called from any
// goroutine.
func (ns *netStream) status(level, code, description, details string) error {
	return ns.session.conn.Send(ns.statusMessage(level, code, description, details))
}

func (ns *netStream) statusMessage(level, code, description, details string) *rtmp.Message {
	return rtmp.Status(ns.id, level, code, description, "details", details, "clientid", ns.session.id)
}
