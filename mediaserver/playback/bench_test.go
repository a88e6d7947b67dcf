package playback

import (
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// bottomless is a connection that takes everything at once.
type bottomless struct {
	oneStream
	bytes atomic.Int64
}

func (*bottomless) HasRoom(func()) bool { return true }

func (b *bottomless) SendLayout(l *rtmp.Layout) error {
	b.bytes.Add(int64(l.Size()))
	return nil
}

// plainFilm is ten thousand pictures of AVC, of 10 kB each.
func plainFilm(t testing.TB) *film {
	var tags []flv.Tag
	frame := append([]byte{0x27, 1, 0, 0, 0}, make([]byte, 10<<10)...)
	key := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 10<<10)...)
	for i := range media.Timestamp(10000) {
		data := frame
		if i%25 == 0 {
			data = key
		}
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: data})
	}
	return newFilm(t, tags)
}

// who are players, by what they take.
var who = map[string]tracks.Takes{"takes all": {}, "announces nothing": tracks.Oldest()}

// BenchmarkPlay plays a file of 100 MB as fast as turns go, again and again.
func BenchmarkPlay(b *testing.B) {
	f := plainFilm(b)
	for name, takes := range who {
		b.Run(name, func(b *testing.B) {
			end, conn := make(chan Result, 1), &bottomless{}
			pb := Open(f.open(), conn, Options{Takes: takes, Buffer: time.Hour, OnEnd: func(_ *Playback, r Result) { end <- r }})
			defer pb.Close()
			b.SetBytes(int64(len(f.bytes)))
			b.ReportAllocs()
			for b.Loop() {
				pb.Run(0)
				if r := <-end; r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

// A plain file costs a player that announces nothing no allocation a frame.
func TestPlainFileIsSentAsItIs(t *testing.T) {
	f := plainFilm(t)
	for name, takes := range who {
		end := make(chan Result, 1)
		pb := Open(f.open(), &bottomless{}, Options{Takes: takes, Buffer: time.Hour, OnEnd: func(_ *Playback, r Result) { end <- r }})
		n := testing.AllocsPerRun(1, func() {
			pb.Run(0)
			if r := <-end; r.Err != nil {
				t.Error(r.Err)
			}
		})
		pb.Close()
		if n > 3000 {
			t.Errorf("who %s: %v allocations for 10000 frames", name, n)
		}
	}
}
