package instance

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// playing is play for a player that can wait. gone gets a word when nobody came.
func playing(t *testing.T, i *Instance, name string) (answer session.PlayAnswer, gone chan struct{}) {
	t.Helper()
	gone = make(chan struct{}, 10)
	return asked(t, func(answer func(session.PlayAnswer)) {
		i.Play(session.PlayRequest{Name: name, NobodyCame: func() { gone <- struct{}{} }}, answer)
	}), gone
}

func closed(t *testing.T, p session.Publication, how session.Ending) {
	t.Helper()
	if err := asked(t, func(ended func(error)) { p.Close(how, ended) }); err != nil {
		t.Fatal(err)
	}
}

// serveOnce serves an instance from a folder as long as a test of it takes.
func serveOnce(t *testing.T, dir string, test func(i *Instance)) {
	t.Helper()
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	i, err := New(Config{Application: "app", Name: "one", Fanout: f, Store: store, Rules: Rules{Recording: RecordAll}})
	if err != nil {
		t.Fatal(err)
	}
	test(i)
	i.Close()
	f.Close()
	if err := store.Close(context.Background()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

// isLive is an answer with the live stream, which is given back.
func isLive(t *testing.T, what string, a session.PlayAnswer) {
	t.Helper()
	if a.Live == nil {
		t.Fatalf("%s: %+v, want the live stream", what, a)
	}
	a.Release()
}

// isRecorded is an answer with the recording, which is closed.
func isRecorded(t *testing.T, what string, a session.PlayAnswer) {
	t.Helper()
	if a.File == nil {
		t.Fatalf("%s: %+v, want the recording", what, a)
	}
	a.File.Close()
}

// A name whose publisher was lost waits for it a minute, and no longer; one whose
// publisher was done does not.
func TestNameWaitsForItsPublisher(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		serveOnce(t, dir, func(i *Instance) {
			p := published(t, i, "main", session.PublishLive)
			sound(t, p)
			closed(t, p, session.EndedAsked)
			a, _ := playing(t, i, "main")
			isRecorded(t, "after the end that its publisher asked for", a)

			p = published(t, i, "main", session.PublishLive)
			sound(t, p)
			closed(t, p, session.EndedLost)
			<-time.After(59 * time.Second)
			a, gone := playing(t, i, "main")
			isRecorded(t, "for who does not wait", play(t, i, "main", session.LiveOrRecorded))
			isRecorded(t, "for who wants the recording", play(t, i, "main", session.RecordedOnly))
			left, leftGone := playing(t, i, "main")
			left.Release()
			<-time.After(2 * time.Second)
			synctest.Wait()
			if len(gone) != 1 || len(leftGone) != 0 {
				t.Errorf("told %d times, and %d of who had left", len(gone), len(leftGone))
			}
			isLive(t, "within a minute", a)
			again, _ := playing(t, i, "main")
			isRecorded(t, "after the minute", again)
		})
		serveOnce(t, dir, func(i *Instance) {
			// It comes back, and is lost again: another minute.
			p := published(t, i, "main", session.PublishLive)
			closed(t, p, session.EndedLost)
			<-time.After(30 * time.Second)
			a, gone := playing(t, i, "main")
			p = published(t, i, "main", session.PublishLive)
			sound(t, p)
			<-time.After(2 * time.Minute)
			isLive(t, "that came back", a)
			closed(t, p, session.EndedLost)
			<-time.After(50 * time.Second)
			if len(gone) != 0 {
				t.Error("a player whose publisher came back is told that it did not")
			}
			a, _ = playing(t, i, "main")
			isLive(t, "lost again", a)
		})
	})
}

// The volume knows of a publisher that was lost, however long the next start
// takes, and no longer than one start waits.
func TestNameWaitsForItsPublisherAfterAStart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		serveOnce(t, dir, func(i *Instance) {
			p := published(t, i, "main", session.PublishLive)
			sound(t, p)
			closed(t, p, session.EndedLost)
		})
		<-time.After(10 * time.Minute)
		serveOnce(t, dir, func(i *Instance) {
			<-time.After(50 * time.Second)
			a, gone := playing(t, i, "main")
			isLive(t, "after a start", a)
			<-time.After(20 * time.Second)
			synctest.Wait()
			if len(gone) != 0 { // it was released
				t.Error("a player that has left is told")
			}
			a, _ = playing(t, i, "main")
			isRecorded(t, "a minute after a start", a)
		})
		serveOnce(t, dir, func(i *Instance) {
			a, _ := playing(t, i, "main")
			isRecorded(t, "which the start before has waited for", a)
			p := published(t, i, "main", session.PublishLive)
			sound(t, p)
			closed(t, p, session.EndedLost)
		})
		serveOnce(t, dir, func(i *Instance) {
			p := published(t, i, "main", session.PublishLive)
			sound(t, p)
			closed(t, p, session.EndedAsked)
			a, _ := playing(t, i, "main")
			isRecorded(t, "that ended well after a start", a)
		})
	})
}

// What players wait for is bounded.
func TestNamesThatWaitAreBounded(t *testing.T) {
	i, _ := newInstance(t, nil)
	for n := range maxAway + 10 {
		p := published(t, i, fmt.Sprint("cam", n), session.PublishLive)
		closed(t, p, session.EndedLost)
	}
	got := asked(t, func(answer func(int)) { i.post(func(o *owner) { answer(len(o.away)) }) })
	if got != maxAway {
		t.Errorf("%d names wait, want %d", got, maxAway)
	}
	i.post(func(o *owner) {
		for _, a := range o.away {
			a.timer.Stop()
		}
	})
}
