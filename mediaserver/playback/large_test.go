package playback

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

// coded is a track of a message of many codecs.
func coded(codec string, id byte, n int) []byte {
	return slices.Concat([]byte(codec), []byte{id, byte(n >> 16), byte(n >> 8), byte(n)}, body(id, n))
}

func body(id byte, n int) []byte { return bytes.Repeat([]byte{id + 1}, n) }

// Of a message of several tracks that is too large to be read at once, players of
// several tracks are sent each that they take, wherever it lies, and none else.
func TestTracksOfALargeMessage(t *testing.T) {
	names := [3]string{"av01", "vp09", "hvc1"}
	for _, modified := range []bool{false, true} {
		begin := []byte{0x96, 0x23}
		if modified { // by a timestamp's nanoseconds
			begin = []byte{0x97, 2, 0, 0, 1, 0x06, 0x23}
		}
		for _, sizes := range [][3]int{{10, 10, 400000}, {400000, 10, 10}, {10, 300000, 200000}, {70000, 70000, 70000}, {10, 10, 1000}, {300000, 0, 1}} {
			header, message := []byte{0x96, 0x20}, slices.Clone(begin)
			for id, n := range sizes {
				header = append(header, coded(names[id], byte(id), 1)...)
				message = append(message, coded(names[id], byte(id), n)...)
			}
			tags := []flv.Tag{{Type: flv.TypeVideo, Data: header}, {Type: flv.TypeVideo, Data: message}, {Type: flv.TypeAudio, Data: sound}}
			f := newFilm(t, tags)
			for took := range 8 {
				var takes []string
				for id := range 3 {
					if took>>id&1 == 1 {
						takes = append(takes, names[id])
					}
				}
				t.Run(fmt.Sprintf("%v, %d modified %v", sizes, took, modified), func(t *testing.T) {
					var want [][]byte
					for _, packet := range []byte{0, 3} {
						if whole := [][]byte{header, message}[packet&1]; took == 7 && (packet == 0 || !modified) {
							want = append(want, whole)
							continue
						}
						for id := range byte(3) {
							if n := sizes[id]; took>>id&1 == 1 {
								if packet == 0 {
									n = 1
								}
								want = append(want, slices.Concat([]byte{0x96, packet}, []byte(names[id]), []byte{id}, body(id, n)))
							}
						}
					}
					got := watched(t, f, tracks.Takes{NoModEx: true, Video: tracks.CodecsOf(takes)}, 0)
					if want = append(want, sound); !slices.EqualFunc(got, want, bytes.Equal) {
						t.Errorf("%d messages, want %d", len(got), len(want))
						for i, b := range got {
							t.Logf("%d: %d bytes, %x", i, len(b), b[:min(len(b), 16)])
						}
					}
				})
			}
		}
	}
}

// A track that has no header shows itself in a frame that is read in part.
func TestTrackThatShowsItselfInALargeFrame(t *testing.T) {
	whole := slices.Concat([]byte{0x96, 0x21}, coded("av01", 0, 300000), coded("vp09", 1, 200000))
	f := newFilm(t, []flv.Tag{{Type: flv.TypeVideo, Data: whole}, {Type: flv.TypeAudio, Data: sound}})
	for id, name := range []string{"av01", "vp09"} {
		want := [][]byte{slices.Concat([]byte{0x91}, []byte(name), body(byte(id), 300000-id*100000)), sound}
		if got := watched(t, f, asks(uint8(id)), 0); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("track %d: %d messages", id, len(got))
		}
	}
}

// Many small tracks of a large message are more than one read, and one write.
func TestManyTracksOfALargeMessage(t *testing.T) {
	message := []byte{0x96, 0x23}
	var want [][]byte
	for id := range 256 {
		n := 2000 + 13*id
		name := "av01"
		if id%5 == 0 {
			name = "hvc1"
		} else {
			want = append(want, slices.Concat([]byte{0x96, 3}, []byte(name), []byte{byte(id)}, body(byte(id), n)))
		}
		message = append(message, coded(name, byte(id), n)...)
	}
	f := newFilm(t, []flv.Tag{{Type: flv.TypeVideo, Data: message}, {Type: flv.TypeVideo, Timestamp: media.Timestamp(40), Data: message}})
	want = append(want, want...)
	if got := watched(t, f, tracks.Takes{Video: tracks.CodecsOf([]string{"av01"})}, 0); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
	// Where the client goes to, it begins with the first of them.
	if got := watched(t, f, tracks.Takes{Video: tracks.CodecsOf([]string{"av01"})}, 40*time.Millisecond); !bytes.Equal(got[0], want[0]) {
		t.Errorf("it begins with %x", got[0][:10])
	}
}
