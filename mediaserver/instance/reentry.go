//go:build !debug

package instance

// reentry finds callers that wait for the owner in one of its own tasks: see the
// build tag debug.
type reentry struct{}

func (*reentry) enter()       {}
func (*reentry) check(string) {}
