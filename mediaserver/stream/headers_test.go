package stream

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// tracked is what a publisher of several tracks sends before its frames.
var tracked = []struct {
	kind    rtmp.MessageType
	payload string
}{
	{rtmp.TypeAudio, "\x90Opushead 0"},
	{rtmp.TypeVideo, "\xd4hvc1colour 0"},
	{rtmp.TypeAudio, "\x94Opusplaces 0"},
	{rtmp.TypeVideo, "\x90hvc1head 0"},
	{rtmp.TypeVideo, "\x96\x20av01\x01\x00\x00\x06head 1vp09\x02\x00\x00\x06head 2"},
	{rtmp.TypeAudio, "\x95\x00fLaC\x01head 1"},
	{rtmp.TypeVideo, "\x96\x04av01\x01colour 1"},
	{rtmp.TypeVideo, "\x97\x02\x00\x00\x01\x06\x00vp09\x02head 2 again"},
	{rtmp.TypeVideo, "\x90hvc1head 0"}, // nothing new
}

func TestJoinersGetTheHeadersOfEveryTrack(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	for _, h := range tracked {
		write(t, p, h.kind, 0, []byte(h.payload))
	}
	version := s.version
	write(t, p, rtmp.TypeVideo, 0, []byte("\x96\x04av01\x01colour 1"))
	if s.version != version {
		t.Error("a header that came before throws the cached preamble away")
	}
	frames := []string{
		"\x91hvc1key 0", "\x96\x01av01\x01key 1", "\xa1hvc1inter 0",
		"\x97\x02\x00\x00\x01\x01hvc1key 0 too", "\x96\x01av01\x01key 1 too", "\x96\x01vp09\x02key 2", "\x99hvc1unknown", "\x97\x09",
	}
	for i, f := range frames {
		write(t, p, rtmp.TypeVideo, media.Timestamp(i), []byte(f))
	}
	var want []string
	for _, i := range []int{3, 4, 7, 1, 6, 0, 5, 2} {
		want = append(want, fmt.Sprintf("%d at 3: %q", tracked[i].kind, tracked[i].payload))
	}
	for i := 3; i < len(frames); i++ {
		want = append(want, fmt.Sprintf("%d at %d: %q", rtmp.TypeVideo, i, frames[i]))
	}
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	r := s.NewReader()
	defer r.Close()
	for _, w := range want {
		if m := <-c.got; fmt.Sprintf("%d at %d: %q", m.Type, m.Timestamp, m.Payload) != w {
			t.Fatalf("player got %d at %d: %q, want %s", m.Type, m.Timestamp, m.Payload, w)
		}
		m, err := r.Next(context.Background())
		if err != nil || fmt.Sprintf("%d at %d: %q", m.Type, m.Timestamp, m.Payload) != w {
			t.Fatalf("reader got %d at %d: %q, %v; want %s", m.Type, m.Timestamp, m.Payload, err, w)
		}
	}
	// The next publication begins without them, and with tracks of its own.
	p.Close()
	p, _ = s.Publish()
	write(t, p, rtmp.TypeVideo, 9, []byte("\x96\x01av01\x05key"))
	late := dial(t)
	second := s.Play(late.conn, 1)
	defer second.Close()
	if m := <-late.got; string(m.Payload) != "\x96\x01av01\x05key" {
		t.Errorf("the next publication's players get %q first", m.Payload)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	for i := range 2000 {
		write(t, p, rtmp.TypeVideo, 0, append([]byte{0x96, 0, 'a', 'v', '0', '1', byte(i)}, fmt.Sprint(i)...))
	}
	if n := len(s.headers.list); n != 256 {
		t.Errorf("%d headers are kept of 256 tracks", n)
	}
	big := append([]byte("\x90fLaC"), bytes.Repeat([]byte{1}, maxHeaderBytes)...)
	write(t, p, rtmp.TypeAudio, 0, []byte("\x90fLaChead"))
	write(t, p, rtmp.TypeAudio, 0, big)
	if n := len(s.headers.list); n != 256 || s.headers.bytes > maxHeaderBytes {
		t.Errorf("%d headers of %d bytes, after one that is too long", n, s.headers.bytes)
	}
	total := 0
	for _, h := range s.headers.list {
		total += len(h.payload)
	}
	if total != s.headers.bytes {
		t.Errorf("%d bytes are counted, %d are there", s.headers.bytes, total)
	}
}
