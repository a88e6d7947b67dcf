package playback

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// restless is a connection that has had enough after many turns.
type restless struct {
	oneStream
	turns atomic.Int64
}

const manyTurns = 1000

func (r *restless) HasRoom(func()) bool { return r.turns.Add(1) < manyTurns }

func (*restless) SendLayout(*rtmp.Layout) error { return nil }

// TestTimesThatAreWeeksAway plays files whose next frame is due in weeks, or
// whose last one is all that 32 bits hold.
func TestTimesThatAreWeeksAway(t *testing.T) {
	for _, times := range [][]media.Timestamp{{0, 3 << 30}, {0, 1 << 31}, {1<<32 - 1000, 1<<32 - 1}} {
		var tags []flv.Tag
		for _, at := range times {
			tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: at, Data: key})
		}
		f := newFilm(t, tags)
		synctest.Test(t, func(t *testing.T) {
			conn := &restless{}
			end := make(chan Result, 1)
			pb := Open(f.open(), conn, Options{OnEnd: func(_ *Playback, r Result) { end <- r }})
			defer pb.Close()
			pb.Run(0)
			<-time.After(24 * time.Hour)
			if n := conn.turns.Load(); n >= manyTurns {
				t.Errorf("times %d: %d turns in a day", times, n)
			}
			pb.Run(times[1].Duration())
			select {
			case r := <-end:
				if r.Err != nil {
					t.Errorf("times %d: %v", times, r.Err)
				}
			case <-time.After(time.Minute):
				t.Errorf("times %d: the last frame is not reached", times)
			}
		})
	}
}

// TestPartOfAFileOfMonths plays a second of a file near the end of its clock.
func TestPartOfAFileOfMonths(t *testing.T) {
	var tags []flv.Tag
	for at := media.Timestamp(1<<32 - 60000); at < 1<<32-1000; at += 1000 {
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: at, Data: key})
	}
	f := newFilm(t, tags)
	synctest.Test(t, func(t *testing.T) {
		end := make(chan Result, 1)
		pb := Open(f.open(), &restless{}, Options{Length: 40 * 24 * time.Hour, OnEnd: func(_ *Playback, r Result) { end <- r }})
		defer pb.Close()
		pb.Run(time.Duration(1<<32-30000) * time.Millisecond)
		if r := <-end; r.Duration < 20*time.Second {
			t.Errorf("only %v were played", r.Duration)
		}
	})
}
