package stream

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// A reader that is behind goes on at the newest keyframe, and only forward.
func TestReaderSkips(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	next := func(r *Reader, want byte) {
		t.Helper()
		m, err := r.Next(t.Context())
		if err != nil || m.Payload[len(m.Payload)-1] != want {
			t.Fatalf("%x, %v; want %d", m.Payload, err, want)
		}
	}
	r := s.NewReader()
	defer r.Close()
	if r.Skip() {
		t.Error("it skips what is not there")
	}
	for n, kind := range []byte{0x12, 0x22, 0x12, 0x22} { // keyframes of H.263 and what follows
		write(t, p, rtmp.TypeVideo, 0, []byte{kind, byte(n)})
	}
	next(r, 0)
	if !r.Skip() {
		t.Error("it does not skip")
	}
	next(r, 2)
	if r.Skip() {
		t.Error("it goes back")
	}
	next(r, 3)
	write(t, p, rtmp.TypeVideo, 0, []byte{0x12, 4})
	p.Close()
	if r.Skip() {
		next(r, 4)
	}
	if r.Close(); r.Skip() {
		t.Error("it skips when it is closed")
	}
}
