package witness

import (
	"context"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Sought plays a recorded stream from its beginning, seeks, and returns when the first
// picture after that is, in the recording's time, and whether it is a keyframe.
func Sought(t testing.TB, url, name string, to time.Duration) (at time.Duration, key bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, url, rtmp.Config{}, "seeker")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := nc.CreateStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	type picture struct {
		at  time.Duration
		key bool
	}
	// What comes, comes by one goroutine, in order: the first picture, and the first behind
	// what says that it was sought.
	pictures := make(chan picture, 2)
	want := true
	s.OnStatus(func(info *amf.Object) {
		if code, _ := info.Get("code"); code == "NetStream.Seek.Notify" {
			want = true
		}
	})
	s.OnMedia(func(m *rtmp.Message) error {
		if want && m.Type == rtmp.TypeVideo && !payload.IsVideoHeader(m.Payload) {
			want = false
			pictures <- picture{time.Duration(m.Timestamp) * time.Millisecond, payload.IsKeyframe(m.Payload)}
		}
		return nil
	})
	if err := s.Play(ctx, name, 0); err != nil {
		t.Fatalf("play %s, recorded: %v", name, err)
	}
	next := func() picture {
		t.Helper()
		select {
		case p := <-pictures:
			return p
		case <-ctx.Done():
			t.Fatalf("no picture of %s, recorded", name)
		}
		return picture{}
	}
	if p := next(); p.at > time.Second || !p.key {
		t.Errorf("%s, recorded, begins at %v (a keyframe: %v)", name, p.at, p.key)
	}
	if err := s.Seek(ctx, to); err != nil {
		t.Fatalf("seek in %s: %v", name, err)
	}
	p := next()
	return p.at, p.key
}
