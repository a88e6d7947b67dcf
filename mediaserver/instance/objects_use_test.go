package instance

import (
	"fmt"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Who may not see an object any more, and asks again, uses it no longer.
func TestUseThatIsDeniedEndsTheUse(t *testing.T) {
	t.Parallel()
	var blind atomic.Bool
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{
		ObjectAccess: func(session.Client, string) sharedobject.Access {
			return sharedobject.Access{Read: !blind.Load(), Write: true}
		},
	})
	a := g.connect("a", "192.0.2.1")
	g.say("a", "192.0.2.1", "one", joins)
	a.answered(t, 1, isUsed)
	blind.Store(true)
	g.say("a", "192.0.2.1", "one", joins)
	a.answered(t, 1, fmt.Sprint(sharedobject.Status, " ", sharedobject.CodeNoReadAccess))
	servertest.Eventually(t, "it uses nothing", func() bool { return g.Stats().ObjectUses == 0 })
}

// An object that is locked stays, with what has happened to it.
func TestLockedObjectStays(t *testing.T) {
	t.Parallel()
	i, _ := newInstance(t, nil)
	hold := func(f func(SharedObject)) {
		t.Helper()
		if why := asked(t, func(done func(*session.Refusal)) {
			i.WithSharedObject("a", false, func(s SharedObject) { f(s); done(nil) }, done)
		}); why != nil {
			t.Fatal(why)
		}
	}
	hold(func(s SharedObject) { s.Lock(); _ = s.Set("x", number(t, 1)) })
	hold(func(s SharedObject) {
		if left := s.Unlock(); left != 0 || len(s.Names()) != 1 || s.Version() != 2 {
			t.Errorf("%d locks, slots %q, version %d", left, s.Names(), s.Version())
		}
	})
	servertest.Eventually(t, "it goes once it is not locked", func() bool { return i.Stats().SharedObjects == 0 })
}
