package playback

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

func asks(track uint8) tracks.Takes {
	t := tracks.Oldest()
	t.Track, t.Asked = track, true
	return t
}

// sized is a track of a message of many: of HEVC, with a body of n bytes.
func sized(id byte, n int) (b []byte, body []byte) {
	body = bytes.Repeat([]byte{id + 1, 2, 3}, n/3+1)[:n]
	return slices.Concat([]byte("hvc1"), []byte{id, byte(n >> 16), byte(n >> 8), byte(n)}, body), body
}

// trackHeaders are those of three tracks of HEVC.
var trackHeaders = flv.Tag{Type: flv.TypeVideo, Data: []byte("\x96\x10hvc1\x00\x00\x00\x01c\x01\x00\x00\x01c\x02\x00\x00\x01c")}

// Of a message that is too large to be read at once, the track that is asked for
// is sent, wherever it lies in it.
func TestTrackOfALargeMessage(t *testing.T) {
	for name, sizes := range map[string][3]int{
		"all are large": {300000, 400001, 200000}, "the first is": {500000, 10, 20}, "one of nothing": {300000, 0, 3},
		"the last is": {10, 20, 700000}, "a chunk and a byte": {65536, 65537, 65535},
	} {
		t.Run(name, func(t *testing.T) {
			message, bodies := []byte{0x96, 0x23}, [3][]byte{}
			for id, n := range sizes {
				var b []byte
				b, bodies[id] = sized(byte(id), n)
				message = append(message, b...)
			}
			one := slices.Concat([]byte{0x96, 0x03}, []byte("hvc1"), []byte{1}, bodies[1]) // alone, behind it
			f := newFilm(t, []flv.Tag{trackHeaders, {Type: flv.TypeVideo, Data: message}, {Type: flv.TypeAudio, Data: sound}, {Type: flv.TypeVideo, Timestamp: 40, Data: one}})
			for id := range sizes {
				want := [][]byte{[]byte("\x90hvc1c"), slices.Concat([]byte("\x93hvc1"), bodies[id]), sound}
				if id == 1 {
					want = append(want, slices.Concat([]byte("\x93hvc1"), bodies[1]))
				}
				if got := watched(t, f, asks(uint8(id)), 0); !slices.EqualFunc(got, want, bytes.Equal) {
					t.Errorf("track %d: %d messages, of %d and more bytes; want %d", id, len(got), len(got[0]), len(want))
				}
			}
		})
	}
}

// watched is what a slow client is sent of a film: pictures and sound.
func watched(t *testing.T, f *film, takes tracks.Takes, from time.Duration) (got [][]byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		conn := newSlow()
		end := make(chan Result, 1)
		pb := Open(f.open(), conn, Options{StreamID: 7, Takes: takes, OnEnd: func(_ *Playback, r Result) { end <- r }})
		defer pb.Close()
		pb.Run(from)
		conn.drainUntil(t, end, nil)
		whole, begun := messages(t, conn.wire)
		if len(begun) > 0 {
			t.Errorf("not whole: %v", begun)
		}
		for _, m := range whole {
			if m.kind == flv.TypeVideo || m.kind == flv.TypeAudio {
				got = append(got, m.payload)
			}
		}
	})
	return got
}

// The index has the keyframes of track 0. Who is sent another track begins with
// one of its own, and a single picture is one.
func TestSeekToAKeyframeOfTheTrack(t *testing.T) {
	tags := []flv.Tag{trackHeaders}
	for i := range media.Timestamp(100) { // 4 s: keyframes of track 0 every second, of track 1 half a second later
		for track := range byte(2) {
			mark := byte(0xa6)
			if (i+media.Timestamp(track)*13)%25 == 0 {
				mark = 0x96
			}
			tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: slices.Concat([]byte{mark, 3}, []byte("hvc1"), []byte{track, byte(i)})})
		}
	}
	f := newFilm(t, tags)
	for track, want := range map[uint8]byte{0: 50, 1: 62} {
		got := watched(t, f, asks(track), 2200*time.Millisecond)
		first := slices.Concat([]byte("\x93hvc1"), []byte{want})
		if got = got[1:]; !bytes.Equal(got[0], first) || len(got) != int(100-want) { // behind the header
			t.Errorf("track %d: %d pictures from %x on, want %d from %x on", track, len(got), got[0], 100-want, first)
		}
	}
}
