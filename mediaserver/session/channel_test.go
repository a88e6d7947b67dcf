package session_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// tune makes a recording of sound, a frame every 100 ms.
func tune(t *testing.T, h *house, name string, frames int) {
	t.Helper()
	var tags []flv.Tag
	for n := range frames {
		tags = append(tags, flv.Tag{Type: flv.TypeAudio, Timestamp: media.Timestamp(n * 100), Data: []byte{0xaf, 1, 0}})
	}
	servertest.WriteFLV(t, filepath.Join(h.folders[0], name+".flv"), tags...)
}

// sounds are the times of the sound up to a word.
func (c *netStreams) sounds(last string) (all []int) {
	c.t.Helper()
	for w := c.next(); w != last; w = c.next() {
		var at int
		if n, _ := fmt.Sscanf(w, "1 audio %d", &at); n == 1 {
			all = append(all, at)
		}
	}
	return all
}

// A channel of the server's is a live stream for everybody: whoever waits for it hears
// it begin, whoever joins later comes into the middle, both cross from one item to the
// next with times that go on, and what was recorded of it plays as any recording.
func TestChannelIsJoinedAndRecorded(t *testing.T) { everyWay(t, testChannelIsJoinedAndRecorded) }

func testChannelIsJoinedAndRecorded(t *testing.T, w way) {
	h, _ := run(t, w, open)
	tune(t, h, "one", 5)
	tune(t, h, "two", 25)
	first, late := connectStreams(t, h, 1), connectStreams(t, h, 1)
	first.plays(1, "tv")
	joined(t, h, 1)
	i := h.instances[0]
	codes := make(chan string, 100)
	i.OpenStreams(func(s script.StreamStatus) { codes <- strings.TrimPrefix(s.Code, "NetStream.") + " " + s.Details })
	i.RecordStream("tv", script.StreamRecord{Mode: script.RecordNew})
	i.PlayStream("tv", script.StreamItem{Name: "one", From: script.RecordedOnly}, true)
	i.PlayStream("tv", script.StreamItem{Name: "two", From: script.RecordedOnly}, false)
	first.expect("1 Play.PublishNotify", "1 audio 0")
	late.plays(1, "tv")
	said := func(last string) {
		for code := range codes {
			if code == last {
				return
			}
		}
	}
	said("Play.Stop two")
	i.StopRecord("tv")
	const end = "1 Play.UnpublishNotify"
	var want []int
	for n := 1; n < 30; n++ {
		want = append(want, 100*n)
	}
	if got := first.sounds(end); !slices.Equal(got, want) {
		t.Errorf("who was first hears %v", got)
	}
	if got := late.sounds(end); len(got) == 0 || !slices.Equal(got, want[len(want)-len(got):]) {
		t.Errorf("who came later hears %v", got)
	}
	said("Unpublish.Success tv")
	if err := i.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	viewer := connectStreams(t, h, 1)
	viewer.on(1, "play", "tv", 0.0)
	if got := viewer.sounds("1 Play.Stop"); !slices.Equal(got, append([]int{0}, want...)) {
		t.Errorf("the recording has %v", got)
	}
}

// A client that publishes what the server plays on has to go, and hears why; until the
// server's stream has ended no client has the name.
func TestChannelTakesTheNameOfAClient(t *testing.T) { everyWay(t, testChannelTakesTheNameOfAClient) }

func testChannelTakesTheNameOfAClient(t *testing.T, w way) {
	h, _ := run(t, w, open)
	tune(t, h, "one", 50)
	p, v, other := connectStreams(t, h, 1), connectStreams(t, h, 1), connectStreams(t, h, 1)
	p.on(1, "publish", "tv")
	p.expect("1 Publish.Start")
	v.plays(1, "tv")
	joined(t, h, 1)
	i := h.instances[0]
	i.PlayStream("tv", script.StreamItem{Name: "one"}, true)
	p.expect("1 Publish.BadName")
	if w := v.next(); !strings.HasPrefix(w, "1 audio ") {
		t.Errorf("a viewer hears %q", w)
	}
	other.on(1, "publish", "tv")
	other.expect("1 Publish.BadName")
	i.SendStream("tv", []byte{2, 0, 2, 'h', 'i'})
	i.StopStream("tv")
	heard := v.sounds("1 [hi]")
	v.sounds("1 Play.UnpublishNotify")
	if len(heard) > 49 {
		t.Errorf("the whole item was played: %v", heard)
	}
	other.on(1, "publish", "tv")
	other.expect("1 Publish.Start")
}
