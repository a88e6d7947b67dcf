//go:build debug

package instance

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
)

// reentry finds callers that wait for the owner in one of its own tasks, which
// would wait for ever: the process panics instead.
type reentry struct{ owner atomic.Pointer[string] }

// enter makes the calling goroutine the owner.
func (r *reentry) enter() {
	id := goroutine()
	r.owner.Store(&id)
}

// check panics in the owner's goroutine; what is the method that waits.
func (r *reentry) check(what string) {
	if id := r.owner.Load(); id != nil && *id == goroutine() {
		panic(fmt.Sprintf("instance: %s called by the owner, which it waits for", what))
	}
}

// goroutine is what the runtime calls the goroutine that runs: the number in
// the first line of its stack.
func goroutine() string {
	b := make([]byte, 64)
	b = bytes.TrimPrefix(b[:runtime.Stack(b, false)], []byte("goroutine "))
	id, _, _ := bytes.Cut(b, []byte(" "))
	return string(id)
}
