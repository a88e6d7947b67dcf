//go:build debug

package instance

import "testing"

// Who would wait for the owner in the owner's own turn is told so, in a build
// for those who look for it.
func TestReentryPanics(t *testing.T) {
	i, _ := newInstance(t, nil)
	said := make(chan any, 1)
	i.post(func(*owner) {
		defer func() { said <- recover() }()
		i.Close()
	})
	if <-said == nil {
		t.Error("nothing panicked")
	}
}
