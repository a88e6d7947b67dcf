package session_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// binder is a publication that takes as long to end as the test wants.
type binder struct {
	*paper
	ended chan func(error) // of Close
}

func newBinder() *binder { return &binder{newPaper(), make(chan func(error), 10)} }

// Close implements session.Publication.
func (b *binder) Close(_ session.Ending, ended func(error)) { b.ended <- ended }

// halfClosed is a connection whose other end hears nothing of a half-close.
type halfClosed struct{ net.Conn }

func (halfClosed) CloseWrite() error { return nil }

// clocked runs a test with a visitor who is connected, on a clock that waits for
// nobody.
func clocked(t *testing.T, test func(*testing.T, *visitor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := newDesk()
		served := make(chan struct{})
		go func() { defer close(served); session.New(halfClosed{near}, d, session.Config{}).Serve() }()
		conn := rtmp.NewClientConn(far, rtmp.Config{})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		v := &visitor{client: hear(t, conn, servertest.Word), desk: d, served: served}
		v.connect()
		d.letIn(t)
		v.hello()
		test(t, v)
		conn.Close()
		<-served
	})
}

// records publishes cam, recorded.
func (v *visitor) records(p session.Publication) session.PublishRequest {
	v.t.Helper()
	v.on(1, "publish", "cam", "record")
	asked := taken(v.t, v.desk.publishes)
	asked.answer(session.PublishAnswer{Publication: p, Recorded: true})
	v.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	return asked.request
}

// What is not written when a publication ends is not said to be, and what comes of
// it later is not told to whoever publishes there next.
func TestRecordingThatIsNotFinishedInTime(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, v *visitor) {
		slow := newBinder()
		first := v.records(slow)
		began := time.Now()
		v.on(1, "publish", false)
		v.told("onStatus NetStream.Unpublish.Success", "cam is now unpublished, and its recording not finished yet.")
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("told after %v", took)
		}
		next := newBinder()
		v.records(next)
		first.RecordingBegan()
		first.RecordingEnded(&session.Refusal{Code: session.RefusedFailed, Reason: "the file could not be mended"})
		(<-slow.ended)(net.ErrClosed)
		synctest.Wait()
		if v.Heard() > 0 {
			w, _ := v.next()
			t.Errorf("the next publication hears %q of the one before", w)
		}
		v.on(1, "publish", false)
		(<-next.ended)(nil)
		v.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	})
}

// An end that fails without a word of why is no end of a recording.
func TestRecordingWhoseInstanceIsLost(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	p := newBinder()
	v.records(p)
	v.on(1, "publish", false)
	taken(t, p.ended)(net.ErrClosed)
	v.told("onStatus NetStream.Record.Failed", "Recording ended: it could not be finished.")
	v.expect("onStatus NetStream.Unpublish.Success")
}

// News of a recording that come all at once are told one by one, as they came.
func TestNewsOfARecordingAtOnce(t *testing.T) {
	t.Parallel()
	news := []string{
		"onStatus NetStream.Record.Failed", "Recording ended: the disk has not answered.",
		"onStatus NetStream.Record.Start", "Recording cam.",
		"onStatus NetStream.Record.Failed", "Recording ended: the disk is full.",
	}
	bring := func(r session.PublishRequest) {
		r.RecordingEnded(&session.Refusal{Code: session.RefusedFailed, Reason: "the disk has not answered"})
		r.RecordingBegan()
		r.RecordingEnded(&session.Refusal{Code: session.RefusedDiskFull, Reason: "the disk is full"})
	}
	hears := func(v *visitor) {
		t.Helper()
		for i := 0; i < len(news); i += 2 {
			v.told(news[i], news[i+1])
		}
	}
	v := welcome(t, session.Config{})
	p := newBinder()
	v.records(p).RecordingEnded(&session.Refusal{Code: session.RefusedFailed, Reason: "before"})
	v.told("onStatus NetStream.Record.Failed", "Recording ended: before.")
	v.on(1, "publish", false)
	taken(t, p.ended)(nil)
	v.expect("onStatus NetStream.Unpublish.Success")

	// While a turn of the session waits for something else.
	r := v.records(p)
	v.on(2, "play", "film")
	play := taken(t, v.desk.plays)
	bring(r)
	play.answer(session.PlayAnswer{Refusal: &session.Refusal{Code: session.RefusedNotFound}})
	v.expect("onStatus NetStream.Play.StreamNotFound")
	hears(v)

	// And while its publication ends.
	v.on(1, "publish", false)
	taken(t, p.ended)(nil)
	v.expect("onStatus NetStream.Unpublish.Success")
	r = v.records(p)
	v.on(1, "publish", false)
	ended := taken(t, p.ended)
	bring(r)
	ended(nil)
	hears(v)
	v.expect("onStatus NetStream.Unpublish.Success")
}

// A publisher whose way to the instance is lost hears so, and what that has cost when it is
// published again; one that is recorded, that there is a hole. It is no end of anything.
func TestPublisherHearsWhatIsLost(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	p := newBinder()
	r := v.records(p)
	hears := func(code, level, description string) {
		t.Helper()
		info := v.expect("onStatus NetStream." + code)
		if is, _ := info.Get("level"); is != level {
			t.Errorf("%s has the level %v, want %s", code, is, level)
		}
		if is, _ := info.Get("description"); is != description {
			t.Errorf("%s says %q, want %q", code, is, description)
		}
	}
	const lost = "The way to the server of cam is lost: what is sent is not published, nor kept, until it is there again."
	r.Interrupted()
	hears("Publish.InsufficientBW", "warning", lost)
	r.Resumed(session.Gap{Messages: 100, Lasts: 42340 * time.Millisecond})
	hears("Publish.InsufficientBW", "status", "cam is published again: 42.3 s of what was sent are lost.")
	hears("Record.Failed", "warning", "The recording of cam goes on with a hole: 42.3 s of what was sent are lost.")
	r.Interrupted()
	r.Resumed(session.Gap{})
	hears("Publish.InsufficientBW", "warning", lost)
	hears("Publish.InsufficientBW", "status", "cam is published again: what was under way is lost.")
	hears("Record.Failed", "warning", "The recording of cam goes on with a hole: what was under way is lost.")
	v.on(1, "publish", false)
	taken(t, p.ended)(nil)
	hears("Record.Stop", "status", "Stopped recording cam, which lacks what was lost on its way here (42.3 s at least).")
	hears("Unpublish.Success", "status", "cam is now unpublished.")

	// Of one that has ended by itself nothing is said.
	p = newBinder()
	r = v.records(p)
	r.Interrupted()
	r.RecordingEnded(&session.Refusal{Code: session.RefusedFailed, Reason: "the file is gone"})
	r.Resumed(session.Gap{Messages: 1})
	hears("Publish.InsufficientBW", "warning", lost)
	hears("Record.Failed", "error", "Recording ended: the file is gone.")
	hears("Publish.InsufficientBW", "status", "cam is published again: 0.0 s of what was sent are lost.")
	v.on(1, "publish", false)
	taken(t, p.ended)(nil)
	hears("Unpublish.Success", "status", "cam is now unpublished.")
}
