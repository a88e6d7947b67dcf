package playback

import (
	"testing"
	"time"
)

// TestStandSendsNothing stands a playback for a client that pauses.
func TestStandSendsNothing(t *testing.T) {
	f := tenSeconds(t)
	for range 2000 {
		pb, p := play(t, f, Options{})
		pb.Stand(5 * time.Second)
		sent := len(p.list())
		pb.Close()
		if sent > 0 {
			t.Fatalf("%d messages were sent", sent)
		}
		if at := pb.Position(); at != 5*time.Second {
			t.Fatalf("it stands at %v", at)
		}
	}
}

// TestPositionWhileAPictureIsSent asks a playback where it is while it shows a
// paused client where it would be: there, and not at the keyframe before.
func TestPositionWhileAPictureIsSent(t *testing.T) {
	f := tenSeconds(t)
	pb, _ := play(t, f, Options{})
	for range 200 {
		pb.Snapshot(5500 * time.Millisecond)
		if at := pb.Position(); at != 5500*time.Millisecond {
			t.Fatalf("it is at %v", at)
		}
	}
}
