package instance

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// goesOn fails the test unless the pictures come in the order of their times, each
// about when it should by them.
func goesOn(t *testing.T, pictures []heard) {
	t.Helper()
	for n := 1; n < len(pictures); n++ {
		was, is := pictures[n-1], pictures[n]
		if is.at < was.at || is.at-was.at > 2*frameEvery {
			t.Errorf("%s has time %v, and %s behind it %v", was.what, was.at, is.what, is.at)
		}
		if drift := (is.came - pictures[0].came) - (is.at - pictures[0].at); drift < -2*frameEvery || drift > 2*frameEvery {
			t.Errorf("%s has time %v and came at %v", is.what, is.at, is.came)
		}
	}
}

// whats are what was heard, and nothing else.
func whats(all []heard) (words []string) {
	for _, h := range all {
		words = append(words, h.what)
	}
	return words
}

// What is played with reset takes the place of all else, at once, and times go on.
func TestChannelIsReset(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 250)
		film(t, dir, "b", 'b', 5)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("tv", script.StreamItem{Name: "a"}, false)
		pass(410 * time.Millisecond)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, true)
		<-v.done
		pass(0)
		if n := len(v.of("a")); n != 11 {
			t.Errorf("%d pictures of what was played first", n)
		}
		if b := v.of("b"); len(b) != 5 {
			t.Errorf("%v", b)
		}
		goesOn(t, append(v.of("a"), v.of("b")...))
		wantWords(t, "told", e.codes(), "Play.Reset a", "Publish.Start tv", "Play.Start a", "Play.Reset b", "Play.Start b",
			"Play.Complete b", "Play.Stop b", "Unpublish.Success tv")
	})
}

// A part of a recording takes the time that was asked for, and begins with the keyframe
// before it.
func TestChannelPlaysParts(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		film(t, dir, "a", 'a', 100)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "a", From: script.RecordedOnly, Start: 480 * time.Millisecond, Length: 200 * time.Millisecond}, true)
		i.PlayStream("tv", script.StreamItem{Name: "a", From: script.RecordedOnly, Start: 800 * time.Millisecond, Picture: true}, false)
		i.PlayStream("tv", script.StreamItem{Name: "a", From: script.RecordedOnly, Length: 80 * time.Millisecond}, false)
		<-v.done
		wantWords(t, "pictures", whats(v.of("a")), "a10", "a11", "a12", "a13", "a14", "a15", "a16", "a17", "a20", "a0", "a1", "a2")
		for n, at := range []int{0, 0, 0, 40, 80, 120, 160, 200, 200, 220, 260, 300} {
			if got := v.of("a")[n]; got.at != time.Duration(at)*time.Millisecond {
				t.Errorf("%s has time %v, want %d ms", got.what, got.at, at)
			}
		}
	})
}

// A script that plays on when it hears of the end makes no break; who hears nothing
// for a second more gives the name back.
func TestChannelThatPlaysOn(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		v := view(t, tuned(t, i, "tv"))
		rounds := 0
		i.OpenStreams(func(s script.StreamStatus) {
			e.told(s)
			if rounds++; s.Code == codePlayStop && rounds < 20 {
				i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
			}
		})
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		<-v.done
		if n := len(v.of("a")); n != 125 {
			t.Errorf("%d pictures", n)
		}
		goesOn(t, v.of("a"))
		if last := e.last(); last.Code != codeUnpublishSuccess {
			t.Errorf("last it was told %+v", last)
		}
	})
}

// What is not there is told of, and the playlist goes on.
func TestChannelItemsThatAreNotThere(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "b", 'b', 5)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "none", From: script.RecordedOnly}, true)
		i.PlayStream("tv", script.StreamItem{Name: "../up", From: script.RecordedOnly}, false)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		i.PlayStream("tv", script.StreamItem{Name: "none", From: script.RecordedOnly}, false)
		<-v.done
		pass(0)
		wantWords(t, "told", e.codes(), "Play.Reset none", "Play.StreamNotFound none", "Play.StreamNotFound ../up", "Publish.Start tv",
			"Play.Start b", "Play.Switch none", "Play.StreamNotFound none", "Play.Stop none", "Unpublish.Success tv")
	})
}

func TestChannelIsStopped(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 250)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("tv", script.StreamItem{Name: "a"}, false)
		pass(410 * time.Millisecond)
		i.StopStream("tv")
		<-v.done
		pass(0)
		if n := len(v.of("a")); n != 11 {
			t.Errorf("%d pictures", n)
		}
		wantWords(t, "told", e.codes(), "Play.Reset a", "Publish.Start tv", "Play.Start a", "Play.Stop a", "Unpublish.Success tv")
		// And may begin again.
		v = view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "a", Length: time.Second}, false)
		<-v.done
		if n := len(v.of("a")); n != 26 {
			t.Errorf("%d pictures when it is played again", n)
		}
	})
}

// The server's stream takes the place of a client's, and no client that of the
// server's.
func TestChannelHasPriority(t *testing.T) {
	inTime(t, Rules{TakeOver: TakeOverAlways}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		s := tuned(t, i, "tv")
		taken := make(chan *session.Refusal, 1)
		c := asked(t, func(answer func(session.PublishAnswer)) {
			i.Publish(session.PublishRequest{Name: "tv", TakenOver: func(why *session.Refusal) { taken <- why }}, answer)
		}).Publication
		sound(t, c)
		v := view(t, s)
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		refusedWith(t, <-taken, session.RefusedTaken)
		pass(100 * time.Millisecond)
		refusedWith(t, publish(t, i, "tv", session.PublishLive).Refusal, session.RefusedTaken)
		<-v.done
		if n := len(v.of("a")); n != 25 {
			t.Errorf("%d pictures", n)
		}
		if err := ended(t, c); err != nil {
			t.Error(err)
		}
		closed(t, published(t, i, "tv", session.PublishLive), session.EndedAsked)
	})
}

// Whoever joins while an item without pictures plays is not sent those of the item
// before.
func TestChannelIsJoinedInItsPresentItem(t *testing.T) {
	rules := Rules{}
	rules.Stream.GOPCache = true
	inTime(t, rules, func(t *testing.T, i *Instance, dir string, _ *ear) {
		film(t, dir, "a", 'a', 15)
		film(t, dir, "b", 'b', 25)
		s := tuned(t, i, "tv")
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		pass(610 * time.Millisecond)
		v := view(t, s)
		<-v.done
		if got := v.words(); len(got) == 0 || got[0] != "header b" || got[1] != "b0" {
			t.Errorf("heard first: %q", got)
		}
	})
}

func TestChannelsAndItemsAreBounded(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		for range maxItems + 2 {
			i.PlayStream("tv", script.StreamItem{Name: "a"}, false)
		}
		settled(t, i)
		if !e.heard("tv", codePlayFailed) {
			t.Error("any number of items may wait")
		}
		for n := range maxChannels {
			i.PlayStream(string(rune('A'+n)), script.StreamItem{Name: "waits", From: script.LiveOnly}, false)
		}
		settled(t, i)
		if !e.heard(string(rune('A'+maxChannels-1)), codePlayFailed) || e.heard(string(rune('A'+maxChannels-2)), codePlayFailed) {
			t.Error("there is another number of channels")
		}
	})
}

// say publishes a picture every frameEvery.
func say(t *testing.T, p session.Publication, mark byte, from, pictures int) {
	t.Helper()
	for n := from; n < from+pictures; n++ {
		kind := byte(0x27)
		if n%10 == 0 {
			kind = 0x17
		}
		m := &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.TimestampAt(time.Hour + time.Duration(n)*frameEvery), Payload: []byte{kind, 1, 0, 0, 0, mark, byte(n)}}
		if err := p.Write(m); err != nil {
			t.Fatal(err)
		}
		pass(frameEvery)
	}
}

// A live stream is republished from its present on, between recorded ones; its end is
// that of the item.
func TestChannelPlaysLiveStreams(t *testing.T) {
	rules := Rules{}
	rules.Stream.GOPCache = true
	inTime(t, rules, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		film(t, dir, "b", 'b', 25)
		v := view(t, tuned(t, i, "tv"))
		cam := published(t, i, "cam", session.PublishLive)
		say(t, cam, 'c', 0, 5)
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("tv", script.StreamItem{Name: "cam"}, false)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		say(t, cam, 'c', 5, 40)
		closed(t, cam, session.EndedAsked)
		<-v.done
		pictures := append(append(v.of("a"), v.of("c")...), v.of("b")...)
		goesOn(t, pictures[:25])
		goesOn(t, pictures[25+5:]) // the first of the camera's have been its present before
		if n := len(v.of("c")); n < 15 || n > 25 {
			t.Errorf("%d pictures of the camera", n)
		}
		pass(0)
		wantWords(t, "told", e.codes(), "Play.Reset a", "Publish.Start tv", "Play.Start a", "Play.Switch cam", "Play.Start cam",
			"Play.PublishNotify cam", "Play.UnpublishNotify cam", "Play.Switch b", "Play.Start b", "Play.Complete b", "Play.Stop b", "Unpublish.Success tv")
	})
}

// A live item waits for its publisher, and for the next one where nothing else is to
// be played.
func TestChannelWaitsForPublishers(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "b", 'b', 5)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "cam", From: script.LiveOnly}, true)
		for range 2 {
			pass(time.Minute)
			cam := published(t, i, "cam", session.PublishLive)
			say(t, cam, 'c', 0, 20)
			closed(t, cam, session.EndedAsked)
		}
		pass(time.Minute)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		<-v.done
		c := v.of("c")
		if len(c) != 40 || len(v.of("b")) != 5 {
			t.Fatalf("%d pictures of the camera, %d of the film", len(c), len(v.of("b")))
		}
		if gap := c[20].at - c[19].at; gap < 59*time.Second || gap > 61*time.Second {
			t.Errorf("%v between the two publications", gap)
		}
		pass(0)
		wantWords(t, "told", e.codes(), "Play.Reset cam", "Play.Start cam", "Publish.Start tv", "Play.PublishNotify cam", "Play.UnpublishNotify cam",
			"Play.PublishNotify cam", "Play.UnpublishNotify cam", "Play.Switch b", "Play.Start b", "Play.Complete b", "Play.Stop b", "Unpublish.Success tv")
	})
}

// Streams that would play one another say so, and do not go round for ever.
func TestChannelsThatPlayOneAnother(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, _ string, e *ear) {
		i.PlayStream("x", script.StreamItem{Name: "y", From: script.LiveOnly}, true)
		settled(t, i)
		pass(0)
		i.PlayStream("y", script.StreamItem{Name: "z", From: script.LiveOnly}, true)
		pass(0)
		i.PlayStream("z", script.StreamItem{Name: "x", From: script.LiveOnly}, true)
		pass(0)
		if last := e.last(); last.Code != codePlayFailed || last.Stream != "z" {
			t.Errorf("told %+v", last)
		}
		i.PlayStream("self", script.StreamItem{Name: "self", From: script.LiveOnly}, true)
		pass(0)
		if last := e.last(); last.Code != codePlayFailed || last.Stream != "self" {
			t.Errorf("told %+v", last)
		}
	})
}

// An instance with nothing but channels that nobody watches is not in use.
func TestChannelKeepsNoInstance(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		film(t, dir, "a", 'a', 250)
		retired := func() bool {
			return asked(t, func(told func(bool)) { i.Retire(told) })
		}
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("also", script.StreamItem{Name: "tv"}, true)
		a := play(t, i, "tv", session.LiveOnly)
		pass(100 * time.Millisecond)
		if retired() {
			t.Error("it is retired while somebody watches")
		}
		a.Release()
		settled(t, i)
		if !retired() {
			t.Error("it is in use, though nobody watches")
		}
	})
}

// Pictures larger than what is read at once, and data alone.
func TestChannelPlaysLargeFramesAndData(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		large := append([]byte{0x17, 1, 0, 0, 0, 'a', 7}, make([]byte, 3*pieceSize)...)
		for n := range large[7:] {
			large[7+n] = byte(n * n >> 3)
		}
		servertest.WriteFLV(t, filepath.Join(dir, "large.flv"),
			flv.Tag{Type: media.TypeData, Data: data(t, "line", "one")},
			flv.Tag{Type: flv.TypeVideo, Data: large}, flv.Tag{Type: flv.TypeVideo, Timestamp: 40, Data: large},
			flv.Tag{Type: media.TypeData, Timestamp: 5000, Data: data(t, "line", "two")},
			flv.Tag{Type: flv.TypeVideo, Timestamp: 6000, Data: large})
		s := tuned(t, i, "tv")
		r := s.NewReader()
		defer r.Close()
		i.PlayStream("tv", script.StreamItem{Name: "large", DataOnly: true}, true)
		i.PlayStream("tv", script.StreamItem{Name: "large"}, false)
		var words []string
		for {
			m, err := r.Next(t.Context())
			if err != nil {
				break
			}
			words = append(words, fmt.Sprint(m.Timestamp, " ", word(&m)))
			if m.Type == rtmp.TypeVideo && !bytes.Equal(m.Payload, large) {
				t.Errorf("a picture of %d bytes is another one: %d bytes", len(large), len(m.Payload))
			}
		}
		wantWords(t, "heard", words, "0 data line", "0 data line", "0 data line", "0 a7", "40 a7", "5000 data line", "6000 a7")
	})
}

// hanging is a file whose disk hangs, once asked to.
type hanging struct {
	io.ReaderAt
	hang chan struct{} // closed when it does not any more; nil: it does not
}

func (h *hanging) ReadAt(b []byte, at int64) (int, error) {
	if h.hang != nil {
		<-h.hang
	}
	return h.ReaderAt.ReadAt(b, at)
}

// A disk that hangs stops the item that lies on it, and not the orders of a script: the
// next one plays, and the name is given back.
func TestChannelOfADiskThatHangs(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 10)
		film(t, dir, "b", 'b', 10)
		v := view(t, tuned(t, i, "tv"))
		file, err := i.store.OpenFile(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		disk := &hanging{file.Bytes, make(chan struct{})}
		file.Bytes = disk
		closed := make(chan struct{})
		release := file.Release
		file.Release = func() { release(); close(closed) }
		// The item is open already, as the one is that comes next.
		q := &queued{StreamItem: script.StreamItem{Name: "a", From: script.RecordedOnly}, opening: &opening{make(chan session.PlayAnswer, 1)}}
		q.opening.came <- session.PlayAnswer{File: file}
		i.PlayStream("tv", script.StreamItem{Name: "waits", From: script.LiveOnly}, true)
		pass(0)
		asked(t, func(done func(struct{})) {
			i.post(func(o *owner) {
				c := o.channels["tv"]
				c.mu.Lock()
				c.list = []*queued{q}
				c.playing()
				c.mu.Unlock()
				c.rouse()
				done(struct{}{})
			})
		})
		pass(time.Minute)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, true)
		<-v.done
		if got := v.of("b"); len(got) != 10 || len(v.of("a")) != 0 {
			t.Errorf("%d pictures, and %d of the disk that hangs", len(got), len(v.of("a")))
		}
		select {
		case <-closed:
			t.Error("the file is closed while it is read")
		default:
		}
		close(disk.hang)
		<-closed
	})
}
