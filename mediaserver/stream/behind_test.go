package stream

import "testing"

// A loop that hangs is seen from outside, with what waits for it.
func TestBehind(t *testing.T) {
	f := NewFanout(1)
	t.Cleanup(f.Close)
	running, hang := make(chan struct{}), make(chan struct{})
	f.loops[0].post(func() { close(running); <-hang })
	<-running
	f.loops[0].post(func() {})
	f.loops[0].post(func() {})
	if b := f.Behind()[0]; b.Queue != 2 || b.Oldest <= 0 || b.Turn < b.Oldest {
		t.Errorf("while it hangs: %+v", b)
	}
	close(hang)
	f.loops[0].do(func() {})
	f.loops[0].do(func() {}) // what ran when the first was done is over
	if b := f.Behind()[0]; b.Queue != 0 || b.Oldest != 0 {
		t.Errorf("afterwards: %+v", b)
	}
}
