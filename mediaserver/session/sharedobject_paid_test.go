package session_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Small messages about objects are paid for while they are under way, and where
// nothing is left for that, each is waited for.
func TestSharedObjectMessagesArePaidFor(t *testing.T) {
	t.Parallel()
	pays := budget.For(1<<30, 1<<16, slog.New(slog.DiscardHandler))
	h, _ := runWith(t, here, session.Config{Budgets: pays}, open)
	var heard [16]atomic.Int64
	c := who(t, h, &heard)
	c.tells("chat", uses())
	eventually(t, "it uses the object", func() bool { return heard[sharedobject.UseSuccess].Load() == 1 })
	// busy keeps the instance from doing anything.
	busy := func() (goOn func()) {
		begun, over := make(chan struct{}), make(chan struct{})
		h.instances[0].WithSharedObject("busy", false, func(instance.SharedObject) { close(begun); <-over }, nil)
		<-begun
		return func() { close(over) }
	}
	const messages, bytes = 10, 3000
	goOn := busy()
	for range messages {
		c.tells("chat", puts(t, "a", strings.Repeat("x", bytes)))
	}
	eventually(t, "all are paid for", func() bool { return pays.Strangers.Used() >= messages*bytes })
	goOn()
	eventually(t, "all are answered", func() bool { return heard[sharedobject.Success].Load() == messages })
	eventually(t, "it is given back", func() bool { return pays.Strangers.Used() == 0 })

	full := pays.Strangers.Max()
	pays.Strangers.Owe(full)
	for n := range int64(3) {
		c.tells("chat", puts(t, "a", n))
	}
	eventually(t, "all are answered", func() bool { return heard[sharedobject.Success].Load() == messages+3 })
	pays.Strangers.Give(full)
}
