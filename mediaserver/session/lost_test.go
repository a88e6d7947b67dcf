package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// silent is a publication whose publisher has said nothing for so long.
type silent struct {
	*binder
	since time.Duration
}

// LastWrite implements session.Publication.
func (s silent) LastWrite() time.Time { return time.Now().Add(-s.since) }

// A publisher that has lost its name hears so at once, whatever its recording waits
// for. One that speaks has two seconds to go, and one whose network may be away a
// minute.
func TestHowLongAPublisherThatLostItsNameMayStay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ silence, grace time.Duration }{
		"it speaks":     {20 * time.Millisecond, 2 * time.Second},
		"it is silent":  {3 * time.Second, time.Minute},
		"for very long": {time.Hour, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clocked(t, func(t *testing.T, v *visitor) {
				p := silent{newBinder(), c.silence}
				r := v.records(p)
				began := time.Now()
				r.TakenOver(&session.Refusal{Code: session.RefusedTaken, Reason: "Another publisher has taken over cam"})
				v.told("onStatus NetStream.Publish.BadName", "Another publisher has taken over cam.")
				if took := time.Since(began); took > 0 {
					t.Errorf("told after %v", took)
				}
				for gone := false; !gone; { // it does not mind
					select {
					case <-time.After(20 * time.Millisecond):
						gone = v.conn.Send(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Payload: []byte{0xaf, 1, 0}}) != nil
					case <-v.conn.Closed():
						gone = true
					}
				}
				if took := time.Since(began); took < c.grace || took > c.grace+time.Second {
					t.Errorf("it stayed for %v, want %v", took, c.grace)
				}
				(<-p.ended)(nil)
				synctest.Wait()
			})
		})
	}
}

// A client that publishes something else keeps its connection, and hears of its name before
// its recording is finished.
func TestPublisherThatLostOneOfItsNames(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	p, other := newBinder(), newBinder()
	r := v.records(p)
	v.on(2, "publish", "other", "live")
	taken(t, v.desk.publishes).answer(session.PublishAnswer{Publication: other})
	v.expect("event 0", "onStatus NetStream.Publish.Start")
	r.TakenOver(&session.Refusal{Code: session.RefusedTaken, Reason: "Another publisher has taken over cam"})
	v.expect("onStatus NetStream.Publish.BadName")
	taken(t, p.ended)(nil)
	v.on(2, "publish", false)
	taken(t, other.ended)(nil)
	v.expect("onStatus NetStream.Unpublish.Success")
}
