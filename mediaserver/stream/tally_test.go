package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// tallied is a connection that counts what it is told to.
type tallied struct {
	tap
	dropped, waiting rtmp.Tally // guarded by tap.mu
}

func (c *tallied) CountDropped(t rtmp.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped.Audio, c.dropped.Video, c.dropped.Data = c.dropped.Audio+t.Audio, c.dropped.Video+t.Video, c.dropped.Data+t.Data
	c.dropped.AudioBytes, c.dropped.VideoBytes = c.dropped.AudioBytes+t.AudioBytes, c.dropped.VideoBytes+t.VideoBytes
}

func (c *tallied) CountWaiting(t rtmp.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = t
}

func (c *tallied) tallies() (dropped, waiting rtmp.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped, c.waiting
}

// What waits for a player whose socket takes nothing is tallied, and what it is spared
// then, of what it wants.
func TestTallies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFanout(1)
		defer f.Close()
		s, p := publish(t, f, "a")
		conn, mute := &tallied{}, &tallied{}
		players := []*Player{s.Play(conn, 1), s.PlayWith(mute, 1, PlayOptions{NoAudio: true})}
		const seconds = 8
		for i := range seconds * 25 { // a keyframe each two seconds, with a sound each
			at := media.Timestamp(i * 40)
			frame := inter(byte(i))
			if i%50 == 0 {
				frame = key(byte(i))
			}
			write(t, p, rtmp.TypeVideo, at, append(frame, make([]byte, 1000)...))
			write(t, p, rtmp.TypeAudio, at, []byte{0xaf, 1, 2})
			if i%25 == 0 {
				write(t, p, rtmp.TypeData, at, []byte{2, 0, 1, 'x'})
			}
			<-time.After(40 * time.Millisecond)
			if i == 4*25 { // nothing is left out before five seconds
				dropped, waiting := conn.tallies()
				if dropped.Messages() != 0 || waiting.Video < 50 || waiting.Video > 101 || waiting.Audio < 50 || waiting.Data < 2 || waiting.VideoBytes < waiting.Video*1000 {
					t.Errorf("dropped %+v, waiting %+v", dropped, waiting)
				}
			}
		}
		dropped, _ := conn.tallies()
		spared, waiting := mute.tallies()
		if dropped.Video == 0 || dropped.Video%50 > 1 || dropped.Audio < dropped.Video-1 || dropped.Data == 0 || dropped.VideoBytes < dropped.Video*1000 || dropped.AudioBytes == 0 {
			t.Errorf("dropped %+v", dropped)
		}
		if spared.Video != dropped.Video || spared.Audio != 0 || waiting.Audio != 0 || waiting.Video == 0 {
			t.Errorf("without sound, dropped %+v, waiting %+v", spared, waiting)
		}
		conn.open(1 << 30)
		<-time.After(time.Second)
		write(t, p, rtmp.TypeAudio, media.Timestamp(seconds*1000), []byte{0xaf, 1, 2})
		synctest.Wait()
		<-time.After(time.Second)
		if after, waiting := conn.tallies(); waiting != (rtmp.Tally{}) || after != dropped {
			t.Errorf("it has taken all: dropped %+v, waiting %+v", after, waiting)
		}
		for _, player := range players {
			player.Close()
		}
		if _, waiting := mute.tallies(); waiting != (rtmp.Tally{}) {
			t.Errorf("for one that has gone waits %+v", waiting)
		}
	})
}
