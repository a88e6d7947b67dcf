package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const transitionComplete = "data Play.TransitionComplete"

// pictures are those of the words that tell of one, as film and time.
type picture struct {
	word, film string
	time       int
}

func picturesOf(words []string) (all []picture) {
	for _, w := range words {
		var p picture
		if n, _ := fmt.Sscanf(w, "%s %s %d", &p.word, &p.film, &p.time); n == 3 && (p.word == "key" || p.word == "inter") {
			all = append(all, p)
		}
	}
	return all
}

// seamless checks that the pictures of a stream with one every so many ms have
// no gap and do not go back, and that each film begins with a keyframe.
func seamless(t *testing.T, words []string, every int) {
	t.Helper()
	all := picturesOf(words)
	for i, p := range all {
		if i > 0 && p.time != all[i-1].time+every {
			t.Errorf("picture of time %d follows %d", p.time, all[i-1].time)
		}
		if (i == 0 || p.film != all[i-1].film) && p.word != "key" {
			t.Errorf("%s begins with an %s at %d", p.film, p.word, p.time)
		}
	}
}

// nextKey is when the keyframe of another film is due that takes the place of
// the one whose words these are, at an offset or later: it is the first behind
// what was sent.
func nextKey(words []string, offset int) int {
	sent := 0
	if all := picturesOf(words); len(all) > 0 {
		sent = all[len(all)-1].time + 1
	}
	return (max(sent, offset) + 999) / 1000 * 1000
}

// onTheClock checks that a word is the keyframe with which a film goes on that
// was played from a time, in ms, for no longer than so long.
func onTheClock(t *testing.T, word, film string, from int, played time.Duration) {
	t.Helper()
	all := picturesOf([]string{word})
	if len(all) != 1 || all[0].word != "key" || all[0].film != film || all[0].time < from || all[0].time > from+int(played.Milliseconds())+1000 {
		t.Errorf("played from %d for %v, it goes on with %q", from, played, word)
	}
}

// renditions are films of one programme with a picture every 100 ms, much
// longer than what is sent ahead.
var renditions = film{length: 60000, frame: 100, key: 1000}

func TestPlay2Append(t *testing.T) { everyWay(t, testPlay2Append) }

func testPlay2Append(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	shoot(t, s, "b", halves)
	v := view(t, s)
	v.buffer(10000)
	v.play2("streamName", "a", "start", 0.0, "len", 500.0, "transition", "appendAndWait")
	v.expect("Play.Transition")
	v.nothing()
	v.play2("streamName", "b", "start", 0.0, "len", 500.0, "transition", "append")
	v.expect(words("Play.Transition", joinsRecorded, clip("a", 0, 500, 0), "data Play.Switch", joinsRecorded, clip("b", 0, 500, 500), completes)...)

	v.play2("streamName", "a", "start", 1000.0, "len", 500.0, "transition", "reset")
	v.expect(words(opensRecorded, clip("a", 1000, 1500, -1000), completes)...)
	v.play2("streamName", "a?x=y", "start", 0.0, "len", 0.0) // reset is what is meant
	v.expect(words(opensRecorded, "key a 0", completes)...)
}

// Who lost a connection goes on with the time where that was.
func TestPlay2Resume(t *testing.T) { everyWay(t, testPlay2Resume) }

func testPlay2Resume(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	v := view(t, s)
	v.buffer(10000)
	v.play2("streamName", "a", "start", 0.0, "len", -1.0, "offset", 2200.0, "transition", "resume")
	v.expect(words("Play.Transition", transitionComplete, joinsRecorded, clip("a", 2000, 3000, 0), completes)...)

	// A player of AMF3 writes whole numbers as such.
	v = view(t, s)
	v.buffer(10000)
	v.amf3("play2", amf.NewObject("streamName", "a", "start", int32(0), "len", int32(-1), "offset", int32(2200), "transition", "resume"))
	v.expect(words("Play.Transition", transitionComplete, joinsRecorded, clip("a", 2000, 3000, 0), completes)...)
}

// amf3 sends a command whose argument is AMF3.
func (v *viewer) amf3(name string, arg amf.Value) {
	v.t.Helper()
	b, err := amf.AppendAll([]byte{0}, name, 0.0, nil)
	if err == nil {
		b, err = amf.Append3(append(b, 0x11), arg)
	}
	if err == nil {
		err = v.conn.Send(&rtmp.Message{Type: rtmp.TypeCommandAMF3, StreamID: 1, Payload: b})
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

func TestPlay2StopAndWhatIsWrong(t *testing.T) { everyWay(t, testPlay2StopAndWhatIsWrong) }

func testPlay2StopAndWhatIsWrong(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", renditions)
	v := view(t, s)
	v.play("a", 0.0)
	v.until("key a 0")
	for _, wrong := range [][]any{
		{"streamName", "a", "transition", "fade"},
		{"streamName", 7.0, "transition", "switch"},
		{"transition", "switch"},
		{"streamName", "a", "oldStreamName", "elsewhere", "transition", "swap"},
	} {
		v.play2(wrong...)
		v.until("Play.Failed")
	}
	v.play2("streamName", "none", "transition", "switch")
	all := v.until("Play.StreamNotFound")
	all = append(all, v.untilKey("a")...) // it plays on
	v.play2("streamName", "a", "start", 0.0, "len", -1.0, "transition", "append")
	v.play2("transition", "stop")
	v.until("Play.Stop")
	v.nothing()
	if t.Failed() {
		t.Log(all)
	}
}

// withRenditions is a house with three of them, and with a film that is over
// before any of those has its second keyframe.
func withRenditions(t *testing.T, w way) *house {
	t.Helper()
	s, _ := run(t, w, open)
	for _, name := range []string{"a", "b", "c"} {
		shoot(t, s, name, renditions)
	}
	shoot(t, s, "short", film{length: 500, frame: 100, key: 1000})
	return s
}

func TestPlay2SwitchesRecordedStreams(t *testing.T) { everyWay(t, testPlay2SwitchesRecordedStreams) }

func testPlay2SwitchesRecordedStreams(t *testing.T, w way) {
	s := withRenditions(t, w)
	t.Run("at a keyframe", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0)
		all := v.until("key a 1000")
		v.play2("streamName", "b", "oldStreamName", "a", "start", -2.0, "len", -1.0, "offset", -1.0, "transition", "switch")
		all = append(all, v.until("Play.Transition")...)
		first := nextKey(all, 0)
		all = append(all, v.until(transitionComplete)...)
		all = append(all, v.until("data onMetaData")...)
		if w, want := v.next(), fmt.Sprintf("key b %d", first); w != want {
			t.Fatalf("got %q, want %q", w, want)
		}
		all = append(all, fmt.Sprintf("key b %d", first))
		all = append(all, v.until(fmt.Sprintf("key b %d", first+3000))...)
		seamless(t, all, 100)
	})
	t.Run("no earlier than the offset", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(3000)
		v.play("a", 0.0)
		v.until("data onMetaData")
		v.play2("streamName", "b", "offset", 4500.0, "transition", "switch")
		all := v.until("Play.Transition")
		first := nextKey(all, 4500)
		all = append(all, v.until(transitionComplete)...)
		all = append(all, v.until(fmt.Sprintf("key b %d", first))...)
		seamless(t, all, 100)
	})
	t.Run("another while it is pending", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0)
		all := v.until("key a 0")
		v.play2("streamName", "b", "offset", 30000.0, "transition", "switch")
		v.play2("streamName", "short", "transition", "switch") // has no keyframe any more: b it is
		v.play2("streamName", "c", "offset", 2000.0, "transition", "switch")
		all = append(all, v.until("Play.Transition")...)
		all = append(all, v.until("Play.Failed")...)
		all = append(all, v.until("Play.Transition")...)
		all = append(all, v.until(transitionComplete)...)
		v.play2("streamName", "b", "offset", 4000.0, "transition", "switch")
		v.play2("streamName", "short", "transition", "switch")
		all = append(all, v.until(transitionComplete)...)
		all = append(all, v.untilKey("b")...) // of 4000, or a later one when that was sent already
		seamless(t, all, 100)
	})
}

func TestPlay2SwitchPendsMeanwhile(t *testing.T) { everyWay(t, testPlay2SwitchPendsMeanwhile) }

func testPlay2SwitchPendsMeanwhile(t *testing.T, w way) {
	s := withRenditions(t, w)
	t.Run("seek while it is pending", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0)
		v.until("key a 0")
		v.play2("streamName", "b", "offset", 30000.0, "transition", "switch")
		v.until("Play.Transition")
		v.on(1, "seek", 7000.0)
		v.until(transitionComplete)
		v.expect(words("eof", "recorded", "begin", "Seek.Notify", introducesRecorded, "key b 7000")...)
	})
	t.Run("pause while it is pending", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		began := time.Now()
		v.play("a", 4000.0)
		v.until("key a 1000") // was sent ahead
		v.play2("streamName", "b", "offset", 30000.0, "transition", "switch")
		v.until("Play.Transition")
		v.on(1, "pause", true, 300.0)
		v.until(transitionComplete)
		v.expect("Pause.Notify", "eof")
		v.nothing()
		played := time.Since(began)
		v.on(1, "pause", false)
		v.expect("recorded", "begin", "Unpause.Notify", "data onMetaData")
		onTheClock(t, v.next(), "b", 0, played)
	})
	t.Run("while paused", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 4000.0)
		v.until("key a 1000")
		v.on(1, "pause", true, 300.0)
		v.until("eof")
		v.play2("streamName", "b", "transition", "switch")
		v.expect("Play.Transition", transitionComplete)
		v.nothing()
		v.on(1, "pause", false, 300.0)
		v.expect("recorded", "begin", "Unpause.Notify", "data onMetaData", "key b 0", "inter b 100")
	})
	t.Run("closed while it is pending", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0)
		v.until("key a 0")
		v.play2("streamName", "b", "offset", 30000.0, "transition", "switch")
		v.until("Play.Transition")
		v.on(1, "closeStream")
		v.settled()
		v.nothing()
		v.play("c", 59900.0)
		v.expect(words(opensRecorded, "key c 0")...)
	})
}

func TestPlay2SwapsAndPlaylists(t *testing.T) { everyWay(t, testPlay2SwapsAndPlaylists) }

func testPlay2SwapsAndPlaylists(t *testing.T, w way) {
	s := withRenditions(t, w)
	t.Run("swap comes at once", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0)
		all := v.until("inter a 100")
		v.play2("streamName", "b", "oldStreamName", "a", "start", 9000.0, "len", 200.0, "transition", "swap")
		all = append(all, v.until(transitionComplete)...)
		v.expect(joinsRecorded...)
		last := picturesOf(all)[len(picturesOf(all))-1].time
		for i, kind := range []string{"key", "inter", "inter"} {
			v.expect(fmt.Sprintf("%s b %d", kind, last+100*i))
		}
		v.expect(completes...)
	})
	t.Run("what waits in the playlist", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0, 49500.0) // however late the rest comes
		v.play("b", 0.0, 300.0, false)
		v.play("b", 1000.0, 300.0, false)
		v.play2("streamName", "c", "oldStreamName", "b", "start", 0.0, "len", 0.0, "transition", "swap")
		v.on(1, "seek", 49000.0)
		v.until("Seek.Notify")
		var films []string
		for _, p := range picturesOf(v.until("eof")) {
			if p.word == "key" {
				films = append(films, fmt.Sprint(p.film, p.time))
			}
		}
		if got := strings.Join(films, " "); got != "a49000 c49500 b49500" {
			t.Errorf("keyframes %s", got)
		}
	})
	t.Run("in a playlist", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 0.0, 300.0)
		v.play("b", 1000.0, -1.0, false)
		all := v.until("key b 1300")
		v.play2("streamName", "c", "transition", "switch")
		all = append(all, v.until(transitionComplete)...)
		for len(picturesOf(all)) == 0 || picturesOf(all)[len(picturesOf(all))-1].film != "c" {
			all = append(all, v.next())
		}
		var after []picture
		for _, p := range picturesOf(all) {
			if p.film != "a" {
				after = append(after, p)
			}
		}
		for i := 1; i < len(after); i++ {
			if after[i].time != after[i-1].time+100 {
				t.Errorf("%v follows %v", after[i], after[i-1])
			}
		}
	})
}

// onAir is a house with room for two live streams, where p and q are published,
// with a keyframe of 1000.
func onAir(t *testing.T, w way) (s *house, p, q *viewer) {
	t.Helper()
	s, _ = run(t, w, open.with(func(r *instance.Rules) { r.MaxStreams = 2 }))
	p, q = view(t, s), view(t, s)
	p.publish("p", "live")
	q.publish("q", "live")
	p.key('p', 1000)
	q.key('q', 1000)
	p.landed()
	q.landed()
	return s, p, q
}

// playsP is a viewer of p from that keyframe on.
func playsP(t *testing.T, s *house) *viewer {
	t.Helper()
	v := view(t, s)
	v.play("p", -1.0)
	v.expect(words(opensLive, "key p 1000")...)
	return v
}

func TestPlay2SwitchesLiveStreams(t *testing.T) {
	everyWay(t, testPlay2SwitchesLiveStreams)
	t.Run(string(overUnevenLink), func(t *testing.T) {
		t.Parallel()
		testPlay2SwitchesLiveStreams(t, overUnevenLink)
	})
}

func testPlay2SwitchesLiveStreams(t *testing.T, w way) {
	s, p, q := onAir(t, w)
	toQ := func(v *viewer) {
		v.t.Helper()
		v.play2("streamName", "q", "oldStreamName", "p", "start", -1.0, "len", -1.0, "transition", "switch")
		v.expect("Play.Transition")
		v.nothing()
	}
	v, paused, closed, pauses := playsP(t, s), playsP(t, s), playsP(t, s), playsP(t, s)
	toQ(v)
	paused.on(1, "pause", true)
	paused.expect("Pause.Notify", "eof")
	paused.play2("streamName", "q", "transition", "switch")
	paused.expect("Play.Transition", transitionComplete)
	toQ(closed)
	closed.on(1, "closeStream")
	closed.expect("eof")
	closed.nothing()
	toQ(pauses)
	pauses.on(1, "pause", true)
	pauses.expect(transitionComplete, "Pause.Notify", "eof")

	p.inter('p', 1100)
	q.inter('q', 1100)
	v.expect("inter p 1100")
	for _, w := range []*viewer{paused, pauses} {
		w.on(1, "pause", false)
		w.expect("begin", "Unpause.Notify")
		w.settled()
	}
	q.key('q', 1200)
	v.expect(transitionComplete, "key q 1200")
	paused.expect("key q 1200")
	pauses.expect("key q 1200")
	p.inter('p', 1300)
	q.inter('q', 1300)
	v.expect("inter q 1300")
	v.on(1, "pause", true) // it is q that pauses
	v.expect("Pause.Notify", "eof")
	closed.nothing()

	// What is held for a switch is given back with it: there is room for others.
	for _, w := range []*viewer{v, paused, closed, pauses} {
		w.conn.Close()
	}
	p.on(1, "closeStream")
	q.on(1, "closeStream")
	p.until("Unpublish.Success")
	q.until("Unpublish.Success")
	eventually(t, "all are gone", func() bool { return s.Stats()[0].Connections == 2 })
	p.publish("r", "live")
	q.publish("s", "live")
}

// A live stream gives way to a recorded one, and that to a live one.
func TestPlay2SwitchesLiveAndRecordedStreams(t *testing.T) {
	everyWay(t, testPlay2SwitchesLiveAndRecordedStreams)
}

func testPlay2SwitchesLiveAndRecordedStreams(t *testing.T, w way) {
	s, p, _ := onAir(t, w)
	shoot(t, s, "film", halves)
	v := playsP(t, s)
	p.inter('p', 1100)
	v.until("inter p 1100")
	v.buffer(10000)
	v.play2("streamName", "film", "start", 0.0, "len", 500.0, "transition", "switch")
	v.expect(words("Play.Transition", transitionComplete, joinsRecorded, clip("film"[:1], 0, 500, 1100))...)
	v.play2("streamName", "p", "start", -1.0, "transition", "switch")
	v.until(transitionComplete)
	v.expect(joinsLive...)
	v.expect("key p 1600", "inter p 1700")
}

// play2 takes its options as an ECMA array as well.
func TestPlay2TakesAnArray(t *testing.T) { everyWay(t, testPlay2TakesAnArray) }

func testPlay2TakesAnArray(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	v := view(t, s)
	v.on(1, "play2", &amf.ECMAArray{Properties: amf.NewObject("streamName", "a", "start", 0.0, "len", 0.0, "transition", "append").Properties})
	v.expect(words("Play.Transition", joinsRecorded, "key a 0", completes)...)
}
