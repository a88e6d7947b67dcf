package session_test

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
)

// A recording begins after its publisher was told that there is none: it hears so,
// and how it ends, each time.
func TestRecordingThatBeginsLate(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	why := session.Refusal{Code: session.RefusedFailed, Reason: "the disk has not answered"}
	for _, c := range []struct {
		name string
		said session.PublishAnswer
		then bool // RecordingEnded follows
	}{
		{"at its beginning", session.PublishAnswer{NotRecorded: &why}, false},
		{"promised", session.PublishAnswer{Recorded: true}, true},
	} {
		for _, fails := range []bool{false, true} {
			v.on(1, "publish", "cam", "record")
			asked, p := taken(t, v.desk.publishes), newPaper()
			c.said.Publication = p
			asked.answer(c.said)
			v.expect("event 0", "onStatus NetStream.Publish.Start")
			if c.then {
				v.expect("onStatus NetStream.Record.Start")
				asked.request.RecordingEnded(&why)
				v.told("onStatus NetStream.Record.Failed", "Recording ended: the disk has not answered.")
			} else {
				v.told("onStatus NetStream.Record.Failed", "Not recorded: the disk has not answered.")
			}
			asked.request.RecordingBegan()
			if fails { // as soon as that
				asked.request.RecordingEnded(&session.Refusal{Code: session.RefusedDiskFull, Reason: "the disk is full"})
			}
			v.expect("onStatus NetStream.Record.Start")
			if fails {
				v.told("onStatus NetStream.Record.Failed", "Recording ended: the disk is full.")
			}
			v.on(1, "publish", false)
			if !fails {
				v.expect("onStatus NetStream.Record.Stop")
			}
			v.expect("onStatus NetStream.Unpublish.Success")
			taken(t, p.closed)
		}
	}
	// Who published live is recorded by the manifest's wish, and told nothing; nor is
	// one that has ended.
	v.on(1, "publish", "cam", "live")
	asked, p := taken(t, v.desk.publishes), newPaper()
	asked.answer(session.PublishAnswer{Publication: p})
	v.expect("event 0", "onStatus NetStream.Publish.Start")
	asked.request.RecordingBegan()
	v.on(1, "publish", false)
	v.expect("onStatus NetStream.Unpublish.Success")
	asked.request.RecordingBegan()
	v.on(1, "publish", "cam", "live")
	taken(t, v.desk.publishes).answer(session.PublishAnswer{Publication: newPaper()})
	v.expect("event 0", "onStatus NetStream.Publish.Start")
}
