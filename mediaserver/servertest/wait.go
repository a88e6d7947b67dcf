package servertest

import (
	"runtime"
	"testing"
	"time"
)

// Eventually waits until something is so, and fails the test when it is not
// after [Patience].
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(Patience); !is(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not so: %s\n%s", what, Stacks())
		}
	}
}

// Stacks are those of all goroutines.
func Stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}
