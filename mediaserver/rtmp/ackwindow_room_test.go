package rtmp

import (
	"testing"
	"time"
)

// A peer asks for a window when far more than twice its size is under way: there
// is no room, however often the window has grown, until it acknowledges.
func TestNoRoomBehindAWindowThatCameLate(t *testing.T) {
	c := &Conn{}
	c.cfg.WriteTimeout = time.Hour
	w := &c.window
	w.limit.Store(1000)
	w.widest.Store(1 << 20)
	c.sent.Store(75000)
	for range 3 {
		long := time.Now().Add(-2 * windowPatience)
		w.since, w.widened = long, long
		if n, err := c.room(); n != 0 || err != nil {
			t.Fatalf("room for %d bytes, %v", n, err)
		}
	}
	if w.limit.Load() <= 1000 {
		t.Error("the window does not grow: this test says nothing")
	}
}
