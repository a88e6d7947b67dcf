package edge

import (
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who connects waits for a link for a while in all, and not for as long again with each
// that is lost.
func TestConnectWaitsOnce(t *testing.T) {
	t.Parallel()
	e := New(Config{Keys: link.FixedKeys("k"), ConnectWaits: time.Hour})
	defer e.Close()
	u := newUplink(e, place{"app", "one"})
	refused := make(chan session.ConnectAnswer, 1)
	c := &remote{u: u, since: time.Now().Add(-2 * time.Hour), answer: func(a session.ConnectAnswer) { refused <- a }}
	c.uses.c = c
	u.mu.Lock()
	u.clients[c] = struct{}{}
	u.line(c)
	u.mu.Unlock()
	select {
	case a := <-refused:
		if a.Refusal == nil || a.Refusal.Code != session.RefusedNoAnswer {
			t.Errorf("%+v", a)
		}
	case <-time.After(servertest.Patience):
		t.Error("it waits for as long again")
	}
}
