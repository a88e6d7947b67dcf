package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// What a client library writes that forwards HEVC: no picture has a mark.
const (
	bareStart = "\x80hvc1record"
	bareIDR   = "\x81hvc1\x00\x00\x00\x00\x00\x00\x04\x26\x01\xaf\x09"
	bareCRA   = "\x83hvc1\x00\x00\x00\x04\x2a\x01\xaf\x09"
	bareTrail = "\x83hvc1\x00\x00\x00\x04\x02\x01\xd0\x09"
	aacStart  = "\xaf\x00\x12\x10"
	aac       = "\xaf\x01\x21\x10"
)

// stand is one NetStream of a client's own connection.
func stand(t *testing.T, s *Server) *rtmp.NetStream {
	t.Helper()
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/cam", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stream, err := nc.CreateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// heard is one message of a player's.
type heard struct {
	kind    rtmp.MessageType
	time    media.Timestamp
	payload string
}

func watchPictures(t *testing.T, s *Server, start time.Duration) <-chan heard {
	t.Helper()
	stream := stand(t, s)
	got := make(chan heard, 10000)
	stream.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeData {
			got <- heard{m.Type, m.Timestamp, string(m.Payload)}
		}
		return nil
	})
	if err := stream.Play(t.Context(), "cam", start); err != nil {
		t.Fatal(err)
	}
	return got
}

func hears(t *testing.T, who string, got <-chan heard, want ...heard) {
	t.Helper()
	for i, w := range want {
		select {
		case m := <-got:
			if m != w {
				t.Fatalf("%s: message %d is %d at %d %q, want %d at %d %q", who, i, m.kind, m.time, m.payload, w.kind, w.time, w.payload)
			}
		case <-time.After(servertest.Patience):
			t.Fatalf("%s: message %d does not come: %d at %d %q", who, i, w.kind, w.time, w.payload)
		}
	}
}

func TestPicturesWithoutMarks(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := stand(t, s)
	if err := p.Publish(t.Context(), "cam", "record"); err != nil {
		t.Fatal(err)
	}
	say := func(kind rtmp.MessageType, at media.Timestamp, payload string) heard {
		t.Helper()
		if err := p.Send(t.Context(), &rtmp.Message{Type: kind, Timestamp: at, Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
		return heard{kind, at, payload}
	}
	const a, v = rtmp.TypeAudio, rtmp.TypeVideo
	header := []heard{say(v, 0, bareStart), say(a, 0, aacStart)}
	first := []heard{say(v, 0, bareIDR), say(a, 10, aac), say(v, 40, bareTrail), say(a, 50, aac), say(v, 80, bareTrail)}
	second := []heard{say(v, 1000, bareCRA), say(a, 1010, aac), say(v, 1040, bareTrail)}
	late := append([]heard{{v, 1000, bareStart}, {a, 1000, aacStart}}, second...)
	hears(t, "joined late", watchPictures(t, s, rtmp.PlayLive), late...)
	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	hears(t, "recorded", watchPictures(t, s, 0), append(append(header, first...), second...)...)
	// Time 0 is where it was asked to begin.
	middle := []heard{{v, 0, bareStart}, {a, 0, aacStart}, {v, 0, bareCRA}, {a, 5, aac}, {v, 35, bareTrail}}
	hears(t, "recorded, from the middle", watchPictures(t, s, 1005*time.Millisecond), middle...)
}

// publishBare sends pictures that need others, and sound, a frame of each every
// 20 ms, until ctx ends. begun is closed at the third, and the fourth waits for goOn.
func publishBare(ctx context.Context, p *rtmp.NetStream, begun chan<- struct{}, goOn <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	send := func(kind rtmp.MessageType, at media.Timestamp, payload string) error {
		return p.Send(context.WithoutCancel(ctx), &rtmp.Message{Type: kind, Timestamp: at, Payload: []byte(payload)})
	}
	err := send(rtmp.TypeVideo, 0, bareStart)
	if err == nil {
		err = send(rtmp.TypeAudio, 0, aacStart)
	}
	started := time.Now()
	for at := media.Timestamp(0); err == nil; at += 20 {
		if err = send(rtmp.TypeAudio, at, aac); err == nil {
			err = send(rtmp.TypeVideo, at, bareTrail)
		}
		if at == 40 {
			close(begun)
			select {
			case <-goOn:
			case <-ctx.Done():
				return nil
			}
			started = time.Now().Add(-at.Duration())
		}
		if at.Duration() <= time.Since(started) && ctx.Err() == nil {
			continue // behind its time
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// A stream in which decoding can begin nowhere is heard at once, and seen three
// seconds after it began; so is its recording.
func TestPicturesThatNeedOthers(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := stand(t, s)
	if err := p.Publish(t.Context(), "cam", "record"); err != nil {
		t.Fatal(err)
	}
	const a, v = rtmp.TypeAudio, rtmp.TypeVideo
	ctx, stop := context.WithCancel(t.Context())
	published := make(chan error, 1)
	begun, goOn := make(chan struct{}), make(chan struct{})
	go func() { published <- publishBare(ctx, p, begun, goOn) }()
	<-begun
	got := watchPictures(t, s, rtmp.PlayLive)
	joined(t, s, 1)
	close(goOn)
	headers, sounds, last := 0, 0, media.Timestamp(0)
	next := func() heard {
		select {
		case m := <-got:
			return m
		case <-time.After(servertest.Patience):
			t.Fatalf("nothing came behind %d ms", last)
			return heard{}
		}
	}
	// Sound comes whole, and comes first.
	for m := next(); m.kind == a || strings.HasPrefix(m.payload, "\x80"); m = next() {
		switch {
		case m.payload != aac:
			headers++
		case sounds > 0 && m.time != last+20:
			t.Fatalf("sound at %d behind %d", m.time, last)
		default:
			sounds, last = sounds+1, m.time
		}
	}
	if headers != 2 || sounds == 0 || last < 1500 {
		t.Errorf("%d headers and %d sounds, the last at %d, came before the first picture", headers, sounds, last)
	}
	for m, more := next(), 500; more > 0; m, more = next(), more-1 { // the recording may have begun later
		if want := last + 20; m.kind == a && m.time != want || m.kind == v && m.time != last {
			t.Fatalf("%d at %d behind sound at %d", m.kind, m.time, last)
		}
		last = m.time
	}
	late := watchPictures(t, s, rtmp.PlayLive) // begins with a picture, at most three seconds ago
	for i, want := range []string{bareStart, aacStart, bareTrail} {
		if m := <-late; m.payload != want {
			t.Fatalf("who comes later gets %q as message %d, want %q", m.payload, i, want)
		}
	}
	stop()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	recordedPictures(t, s, 5)
}

// recordedPictures waits until so many play from the recording.
func recordedPictures(t *testing.T, s *Server, want int) {
	t.Helper()
	pictures := 0
	for whole := watchPictures(t, s, 0); pictures < want; {
		select {
		case m := <-whole:
			if m.payload == bareTrail {
				pictures++
			}
		case <-time.After(servertest.Patience):
			t.Fatalf("%d pictures are in the recording", pictures)
		}
	}
}
