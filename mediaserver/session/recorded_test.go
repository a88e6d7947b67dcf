package session_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// largePictures are n keyframes of 100 KB, one every so many ms.
func largePictures(n, every media.Timestamp) (tags []flv.Tag) {
	frame := make([]byte, 100<<10)
	copy(frame, []byte{0x17, 1, 0, 0, 0})
	for i := range n {
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * every, Data: frame})
	}
	return tags
}

// TestSeveralRecordedStreamsShareAConnection has two playbacks wait for the
// same full socket, again and again: both come to their end.
func TestSeveralRecordedStreamsShareAConnection(t *testing.T) {
	everyWay(t, testSeveralRecordedStreamsShareAConnection)
}

func testSeveralRecordedStreamsShareAConnection(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shootTags(t, s, "film", largePictures(200, 40)...)

	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan uint32, 2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = conn.Serve(func(m *rtmp.Message) error {
			if word := servertest.Word(m); word == "onStatus NetStream.Play.Stop" {
				ended <- m.StreamID
			}
			return nil
		})
	}()
	defer func() { conn.Close(); <-done }()
	tell(t, conn, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one"))
	for id := range uint32(2) {
		tell(t, conn, "createStream", 2, nil)
		if err := conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, id+1, 3600000)); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint32(2) {
		if err := conn.SendCommand(id+1, "play", 0, nil, "film", 0.0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("a playback never went on")
		}
	}
}

// times are those of the sound that comes on stream 1 before a status.
func (c *netStreams) times(status string) (all []int) {
	c.t.Helper()
	for {
		word := c.next()
		if word == "1 "+status {
			return all
		}
		var at int
		if _, err := fmt.Sscanf(word, "1 audio %d", &at); err == nil {
			all = append(all, at)
		}
	}
}

// TestPlaylistThatGoesOnLater adds to a playlist that has come to its end: time
// goes on where it was.
func TestPlaylistThatGoesOnLater(t *testing.T) { everyWay(t, testPlaylistThatGoesOnLater) }

func testPlaylistThatGoesOnLater(t *testing.T, w way) {
	s, _ := run(t, w, open)
	put(t, s, "x", 1)
	c := connectStreams(t, s, 1)
	if err := c.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, 3600000)); err != nil {
		t.Fatal(err)
	}
	c.on(1, "play", "x", 0.0)
	got := c.times("Play.Stop")
	for range 3 {
		c.on(1, "play", "x", 0.0, -1.0, false)
		got = append(got, c.times("Play.Stop")...)
	}
	if len(got) != 8 || !slices.IsSorted(got) || got[7] < 4000 {
		t.Errorf("times %d of four seconds", got)
	}
	c.on(1, "play", "x", 0.0)
	if got := c.times("Play.Stop"); !slices.Equal(got, []int{0, 1000}) {
		t.Errorf("times %d after a reset", got)
	}
}

// TestRecordedInPlaceOfLive goes from a live stream to a recorded one: time goes
// on.
func TestRecordedInPlaceOfLive(t *testing.T) { everyWay(t, testRecordedInPlaceOfLive) }

func testRecordedInPlaceOfLive(t *testing.T, w way) {
	s, _ := run(t, w, open)
	put(t, s, "x", 1)
	p, c := connectStreams(t, s, 1), connectStreams(t, s, 1)
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	c.plays(1, "cam")
	joined(t, s, 1)
	p.audio(1, 50000)
	c.expect("1 audio 50000")
	c.on(1, "play2", amf.NewObject("streamName", "x", "oldStreamName", "cam", "start", 0.0, "transition", "swap"))
	if got := c.times("Play.Stop"); len(got) != 2 || got[0] < 50000 {
		t.Errorf("times %d after 50000", got)
	}
}

// TestPlayEndsAPublication plays in every way on a stream that publishes: one
// stream does one thing.
func TestPlayEndsAPublication(t *testing.T) { everyWay(t, testPlayEndsAPublication) }

func testPlayEndsAPublication(t *testing.T, w way) {
	s, _ := run(t, w, open)
	put(t, s, "x", 0)
	c := connectStreams(t, s, 1)
	play := []func(){
		func() { c.on(1, "play", "x", 0.0) },
		func() { c.on(1, "play", "x", 0.0, -1.0, false) },
	}
	for _, transition := range []string{"append", "swap", "switch", "resume", "reset"} {
		play = append(play, func() {
			c.on(1, "play2", amf.NewObject("streamName", "x", "start", 0.0, "transition", transition))
		})
	}
	for i, play := range play {
		c.on(1, "publish", "cam")
		c.expect("1 Publish.Start")
		play()
		if got := c.next(); got != "1 Unpublish.Success" {
			t.Fatalf("way %d: got %q", i, got)
		}
		c.times("Play.Stop")
	}
}

// TestViewersWhoLeaveAreNoErrors leaves in the middle of a recorded stream.
func TestViewersWhoLeaveAreNoErrors(t *testing.T) { everyWay(t, testViewersWhoLeaveAreNoErrors) }

func testViewersWhoLeaveAreNoErrors(t *testing.T, w way) {
	var log lines
	s, stop := runWith(t, w, session.Config{Log: log.log(slog.LevelInfo)}, open)
	shootTags(t, s, "film", largePictures(100, 10)...)
	t.Run("viewers", func(t *testing.T) {
		for range 4 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for range 5 {
					c := connectStreams(t, s, 1)
					if err := c.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, 3600000)); err != nil {
						t.Fatal(err)
					}
					c.on(1, "play", "film", 0.0)
					c.expect("1 Play.Reset", "1 Play.Start")
					c.conn.Close()
				}
			})
		}
	})
	stop()
	if strings.Contains(log.String(), "ERROR") {
		t.Error(log.String())
	}
}

// TestSwitchesThatNeverComeAbout asks for one live stream after another, none of
// which anybody publishes: only the last is waited for.
func TestSwitchesThatNeverComeAbout(t *testing.T) { everyWay(t, testSwitchesThatNeverComeAbout) }

func testSwitchesThatNeverComeAbout(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p, c := connectStreams(t, s, 2), connectStreams(t, s, 1)
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	c.plays(1, "cam")
	joined(t, s, 1)
	p.audio(1, 0)
	c.expect("1 audio 0")
	swap := func(name string) {
		c.on(1, "play2", amf.NewObject("streamName", name, "start", -1.0, "transition", "switch"))
		for c.next() != "1 Play.Transition" { // behind what was on its way
		}
	}
	for i := range 40 { // more than it may wait for at once
		swap(fmt.Sprint("never", i))
	}
	swap("late")
	p.on(2, "publish", "late")
	p.expect("2 Publish.Start")
	p.audio(2, 0)
	for c.next() != "1 [onPlayStatus {}]" {
	}
	// It goes back and forth as often as it likes.
	for range 5 {
		for id, name := range []string{"cam", "late"} {
			swap(name)
			p.audio(uint32(id+1), 100)
			for c.next() != "1 [onPlayStatus {}]" {
			}
		}
	}
}

// TestSwitchAtATimeOfThePlaylist gives a switch the client's own time, which in a
// playlist is not the file's.
func TestSwitchAtATimeOfThePlaylist(t *testing.T) { everyWay(t, testSwitchAtATimeOfThePlaylist) }

func testSwitchAtATimeOfThePlaylist(t *testing.T, w way) {
	s, _ := run(t, w, open)
	put(t, s, "x", 20)
	c := connectStreams(t, s, 1)
	change := func(offset float64) {
		c.on(1, "play2", amf.NewObject("streamName", "x", "oldStreamName", "x", "start", 0.0, "transition", "switch", "offset", offset))
	}
	c.on(1, "play", "x", 0.0, 0.0) // one picture: a second of sound
	c.times("Play.Stop")
	c.on(1, "play", "x", 0.0, -1.0, false)
	first := c.times("Play.Start")
	if len(first) > 0 {
		t.Fatalf("times %d before the start", first)
	}
	change(1 << 32)
	for w := c.next(); w != "1 Play.Failed"; w = c.next() {
		if w == "1 Play.Transition" {
			t.Fatal("49 days are taken for none")
		}
	}
}
