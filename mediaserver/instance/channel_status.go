package instance

// What the server's own streams are told: see session's PROTOCOL.md §9 and §14.
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

// tell tells of a status, if anybody wants to know.
func tell(told func(StreamStatus), s StreamStatus) {
	if told != nil {
		told(s)
	}
}

// say and fail tell of an item of a channel.
func (c *channel) say(code, description, details string) {
	tell(c.told, StreamStatus{c.name, levelStatus, code, description, details})
}

func (c *channel) fail(code, description, details string) {
	tell(c.told, StreamStatus{c.name, levelError, code, description, details})
}
