package instance

import "flashpod.dev/flashpod/mediaserver/script"

// What the server's own streams are told: see session's PROTOCOL.md §9 and §15.
const (
	levelStatus = "status"
	levelError  = "error"

	codePublishStart     = "NetStream.Publish.Start"
	codePublishBadName   = "NetStream.Publish.BadName"
	codeUnpublishSuccess = "NetStream.Unpublish.Success"
	codePublishNotify    = "NetStream.Play.PublishNotify"
	codeUnpublishNotify  = "NetStream.Play.UnpublishNotify"
	codePlayReset        = "NetStream.Play.Reset"
	codePlayStart        = "NetStream.Play.Start"
	codePlaySwitch       = "NetStream.Play.Switch"
	codePlayComplete     = "NetStream.Play.Complete"
	codePlayStop         = "NetStream.Play.Stop"
	codePlayFailed       = "NetStream.Play.Failed"
	codePlayNotFound     = "NetStream.Play.StreamNotFound"
	codePlayInvalid      = "NetStream.Play.FileStructureInvalid"
	codeRecordStart      = "NetStream.Record.Start"
	codeRecordStop       = "NetStream.Record.Stop"
	codeRecordFailed     = "NetStream.Record.Failed"
	codeRecordNoAccess   = "NetStream.Record.NoAccess"
	codeRecordExists     = "NetStream.Record.AlreadyExists"
)

// tellOf tells of a stream, if anybody wants to know.
func tellOf(told func(script.StreamStatus), stream, level, code, description, details string) {
	if told != nil {
		told(script.StreamStatus{Stream: stream, Level: level, Code: code, Description: description, Details: details})
	}
}

// say and fail tell of an item of a channel.
func (c *channel) say(code, description, details string) {
	tellOf(c.told, c.name, levelStatus, code, description, details)
}

func (c *channel) fail(code, description, details string) {
	tellOf(c.told, c.name, levelError, code, description, details)
}
