package session_test

import (
	"errors"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/session"
)

// told checks the status that comes next, and what it says.
func (c *client) told(status, description string) {
	c.t.Helper()
	info := c.expect(status)
	if said, _ := info.Get("description"); said != description {
		c.t.Errorf("%s says %q, want %q", status, said, description)
	}
}

// errSecret is a cause, which no client is told.
var errSecret = errors.New("open /secret: input/output error")

const limitReached = "limit reached: spec.limits.maxStreams is 1"

// What an instance refuses a client is told in the words of Flash Media Server,
// where it has any.
func TestRefusedConnects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why          session.Refusal
		status, says string
		isCounted    string
	}{
		{why: session.Refusal{Code: session.RefusedNoApplication}, status: "InvalidApp",
			says: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (app) is not defined.", isCounted: "no such application"},
		{why: session.Refusal{Code: session.RefusedNoInstance}, status: "Rejected",
			says: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Instance (_definst_) of application (app) is not served here.", isCounted: "no such instance"},
		{why: session.Refusal{Code: session.RefusedLimit, Reason: "limit reached: spec.limits.maxConnections is 1", Limit: "spec.limits.maxConnections"}, status: "Failed",
			says: "[ Server.Reject ] : Resource limit violation: limit reached: spec.limits.maxConnections is 1.", isCounted: "instance is full"},
		{why: session.Refusal{Code: session.RefusedStopping}, status: "AppShutdown", says: "The instance is stopping.", isCounted: "instance is stopping"},
		{why: session.Refusal{Code: session.RefusedFailed, Cause: errSecret}, status: "Failed", says: "failed.", isCounted: "failed"},
	} {
		t.Run(string(c.why.Code), func(t *testing.T) {
			t.Parallel()
			v := come(t, session.Config{})
			v.connect()
			taken(t, v.desk.connects).answer(session.ConnectAnswer{Refusal: &c.why})
			v.told("_error NetConnection.Connect."+c.status, c.says)
			v.expect("close []", "end")
			v.conn.Close()
			v.over()
			if counted := taken(t, v.refused); counted != c.isCounted || len(v.refused) > 0 {
				t.Errorf("counted as %q, and %d more", counted, len(v.refused))
			}
			if len(v.desk.left) > 0 {
				t.Error("a client leaves that was not let in")
			}
		})
	}
}

func TestRefusedPublications(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, c := range []struct {
		why  session.Refusal
		says string
	}{
		{session.Refusal{Code: session.RefusedNoKeyGiven}, "Publishing here needs a key, and no key was given: append ?key=KEY to the stream name."},
		{session.Refusal{Code: session.RefusedWrongKey}, "Wrong publish key: check what follows ?key= in the stream name."},
		{session.Refusal{Code: session.RefusedKeyReplaced}, "This publish key was replaced and is no longer valid: use the new one."},
		{session.Refusal{Code: session.RefusedNoKey}, "Publishing here needs a key, and the server has none yet: nobody can publish until whoever runs it gives it one."},
		{session.Refusal{Code: session.RefusedTaken}, "cam is already published."},
		{session.Refusal{Code: session.RefusedLimit, Reason: "stream cam: " + limitReached, Limit: "spec.limits.maxStreams"}, "Cannot publish: stream cam: " + limitReached + "."},
		{session.Refusal{Code: session.RefusedStopping}, "Cannot publish: instance is stopping."},
		{session.Refusal{Code: session.RefusedFailed, Cause: errSecret}, "Cannot publish: failed."},
	} {
		v.on(1, "publish", "cam?key=k", "live")
		taken(t, v.desk.publishes).answer(session.PublishAnswer{Refusal: &c.why})
		v.told("onStatus NetStream.Publish.BadName", c.says)
	}
	if len(v.desk.refusals) > 0 {
		t.Error("the instance is told of its own refusals")
	}
}

// What cannot be understood the instance is not asked, but told of.
func TestPublicationsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, c := range []struct {
		args []amf.Value
		says string
	}{
		{nil, "publish needs the name of a stream."},
		{[]amf.Value{7.0}, "publish needs the name of a stream."},
		{[]amf.Value{"?key=k"}, "Cannot publish: stream name is empty."},
		{[]amf.Value{"a\x00b"}, "Cannot publish: stream name has control characters."},
		{[]amf.Value{"cam", "loud"}, `Cannot publish as "loud": use live, record, append or appendWithGap.`},
	} {
		v.on(1, "publish", c.args...)
		v.told("onStatus NetStream.Publish.BadName", c.says)
		if why := taken(t, v.desk.refusals); why.Code != session.RefusedBadRequest {
			t.Errorf("%q is counted as %q", c.args, why.Code)
		}
	}
	if len(v.desk.publishes) > 0 {
		t.Error("the instance is asked")
	}
}

func TestRefusedRecordings(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, c := range []struct {
		why          session.Refusal
		status, says string
	}{
		{session.Refusal{Code: session.RefusedRecordingOff, Reason: "recording is off: spec.recording.mode is Off"}, "NoAccess", "recording is off: spec.recording.mode is Off."},
		{session.Refusal{Code: session.RefusedBadName, Reason: `"a:b" is no name of a file`}, "NoAccess", `"a:b" is no name of a file.`},
		{session.Refusal{Code: session.RefusedReadOnly, Reason: "read-only file system"}, "NoAccess", "read-only file system."},
		{session.Refusal{Code: session.RefusedFileBusy, Reason: "the file is in use"}, "NoAccess", "the file is in use."},
		{session.Refusal{Code: session.RefusedDiskFull, Reason: "the disk is full"}, "Failed", "the disk is full."},
		{session.Refusal{Code: session.RefusedFailed, Reason: "input/output error", Cause: errSecret}, "Failed", "input/output error."},
	} {
		for _, how := range []string{"at its beginning", "on its way"} {
			v.on(1, "publish", "cam", "record")
			asked, p := taken(t, v.desk.publishes), newPaper()
			if how == "at its beginning" {
				asked.answer(session.PublishAnswer{Publication: p, NotRecorded: &c.why})
				v.expect("event 0", "onStatus NetStream.Publish.Start")
				v.told("onStatus NetStream.Record."+c.status, "Not recorded: "+c.says)
			} else {
				asked.answer(session.PublishAnswer{Publication: p, Recorded: true})
				v.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
				asked.request.RecordingEnded(&c.why)
				v.told("onStatus NetStream.Record.Failed", "Recording ended: "+c.says)
			}
			v.on(1, "publish", false)
			v.expect("onStatus NetStream.Unpublish.Success") // and no Record.Stop
			taken(t, p.closed)
		}
	}
}

func TestRefusedPlays(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, c := range []struct {
		why          session.Refusal
		status, says string
	}{
		{session.Refusal{Code: session.RefusedNotFound}, "StreamNotFound", "Failed to play cam; stream not found."},
		{session.Refusal{Code: session.RefusedBadName}, "StreamNotFound", "Failed to play cam; stream not found."},
		{session.Refusal{Code: session.RefusedDamaged, Cause: errSecret}, "FileStructureInvalid", "Failed to play cam: the file is damaged, or of a kind that cannot be played."},
		{session.Refusal{Code: session.RefusedFailed, Cause: errSecret}, "Failed", "Failed to play cam: the file cannot be read."},
		{session.Refusal{Code: session.RefusedLimit, Reason: "stream cam: " + limitReached, Limit: "spec.limits.maxStreams"}, "Failed", "Failed to play cam: stream cam: " + limitReached + "."},
		{session.Refusal{Code: session.RefusedStopping}, "Failed", "Failed to play cam: instance is stopping."},
	} {
		v.on(1, "play", "cam", 0.0)
		taken(t, v.desk.plays).answer(session.PlayAnswer{Refusal: &c.why})
		v.told("onStatus NetStream.Play."+c.status, c.says)
	}
}

func TestRefusedLengths(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, code := range []session.RefusalCode{session.RefusedNotFound, session.RefusedBadName} {
		v.send("getStreamLength", 3, nil, "cam")
		taken(t, v.desk.lengths).answer(session.LengthAnswer{Refusal: &session.Refusal{Code: code}})
		v.expect("_result [0]")
	}
	for _, code := range []session.RefusalCode{session.RefusedFailed, session.RefusedDamaged} {
		v.send("getStreamLength", 3, nil, "cam")
		taken(t, v.desk.lengths).answer(session.LengthAnswer{Refusal: &session.Refusal{Code: code, Cause: errSecret}})
		v.told("_error NetConnection.Call.Failed", "The recorded stream cannot be read.")
	}
}
