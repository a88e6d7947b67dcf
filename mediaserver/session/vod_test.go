package session_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// long is a film that is much longer than what is sent ahead.
var long = film{length: 60000, frame: 500, key: 1000}

func TestPauseAndResumeARecordedStream(t *testing.T) { everyWay(t, testPauseAndResumeARecordedStream) }

func testPauseAndResumeARecordedStream(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", long)
	v := view(t, s)
	v.on(1, "pause", true, 0.0) // nothing plays
	v.on(1, "seek", 0.0)
	v.expect("Play.Failed", "Seek.Failed")
	for _, name := range []string{"pause", "pauseRaw"} {
		v.play("a", 10000.0)
		v.expect(opensRecorded...)
		v.expect(clip("a", 0, 1000, 0)...)
		v.on(1, name, true, 700.0)
		sent := v.until("Pause.Notify")
		v.expect("eof")
		v.nothing()
		if all := picturesOf(sent); len(all) > 0 && all[len(all)-1].time > 5000 {
			t.Errorf("%v was sent within a second", all)
		}
		v.on(1, name, false, 700.0)
		v.expect(words("recorded", "begin", "Unpause.Notify", "data onMetaData", clip("a", 0, 1000, 0))...)

		// Without a time it goes on where the client is by the clock, which has
		// not come to the end of what was sent ahead.
		v.on(1, name, true)
		v.until("eof")
		v.on(1, name, false)
		v.until("data onMetaData")
		if w := v.next(); w != "key a 0" && w != "key a 1000" {
			t.Errorf("%s: goes on with %q", name, w)
		}
		v.on(1, name, false, 20000.0) // pauses no longer: says so, and does not jump
		v.until("Unpause.Notify")
		if got := v.next(); strings.HasSuffix(got, " 20000") {
			t.Errorf("%s: %q", name, got)
		}
		v.on(1, "closeStream")
		v.settled()
	}
}

func TestSeek(t *testing.T) { everyWay(t, testSeek) }

func testSeek(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", long)
	sought := words("eof", "recorded", "begin", "Seek.Notify", introducesRecorded)
	v := view(t, s)
	v.play("a", 0.0)
	v.until("key a 1000")
	v.on(1, "seek", 30700.0)
	v.until("eof")
	v.expect(words(sought[1:], clip("a", 30000, 31000, 0))...)
	v.on(1, "pause", true, 30900.0)
	v.until("eof")
	for _, at := range []int{40700, 5000} { // one picture of each
		v.on(1, "seek", float64(at))
		v.expect(words(sought, fmt.Sprintf("key a %d", at/1000*1000))...)
		v.nothing()
	}
	v.on(1, "pause", false, 5000.0)
	v.expect(words("recorded", "begin", "Unpause.Notify", "data onMetaData", clip("a", 5000, 6000, 0))...)
	for _, wrong := range []any{-1.0, "1", nil} {
		v.on(1, "seek", wrong)
		v.until("Seek.Failed")
	}
	v.on(1, "seek", 1e30)
	v.until("eof")
	v.expect(words(sought[1:], completes)...)
	v.on(1, "seek", 59000.0) // it can be seen again
	v.expect(words(sought, clip("a", 59000, 60000, 0), completes)...)

	// A length ends where it did before a seek and before a pause.
	v.buffer(10000)
	v.play("a", 2000.0, 3000.0)
	v.expect(words(opensRecorded, clip("a", 2000, 5000, -2000), completes)...)
	v.on(1, "seek", 2000.0)
	v.expect(words(sought, clip("a", 4000, 5000, -2000), completes)...)
	v.on(1, "pause", true, 2700.0)
	v.expect("Pause.Notify", "eof")
	v.on(1, "pause", false, 2700.0)
	v.expect(words("recorded", "begin", "Unpause.Notify", "data onMetaData", clip("a", 4000, 5000, -2000), completes)...)
}

// howMany words begin like that.
func howMany(words []string, begin string) (n int) {
	for _, w := range words {
		if strings.HasPrefix(w, begin) {
			n++
		}
	}
	return n
}

func TestReceiveOfARecordedStream(t *testing.T) { everyWay(t, testReceiveOfARecordedStream) }

func testReceiveOfARecordedStream(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", film{length: 4000, frame: 500, key: 1000, sound: 1000})
	shoot(t, s, "f", film{length: 6000, frame: 100, key: 2000, aside: true})
	shoot(t, s, "k", film{length: 6000, frame: 100, key: 500})
	for _, c := range []struct {
		audio, video any
		film         string
		sounds       int
		keys         int
		inters       int
		asides       int
	}{
		{true, true, "a", 5, 5, 4, 0},
		{false, true, "a", 0, 5, 4, 0},
		{0.0, true, "a", 0, 5, 4, 0},
		{true, false, "a", 5, 0, 0, 0},
		{1.0, 0.0, "a", 5, 0, 0, 0},
		{false, false, "a", 0, 0, 0, 0},
		{true, -1.0, "f", 0, 4, 27, 30},
		{true, 5.0, "f", 0, 4, 27, 1}, // what others refer to is not left out: 5 a second, and that is enough
		{true, 1.0, "k", 0, 6, 8, 0},  // a second until the rate is known, then keyframes, every other
	} {
		t.Run(fmt.Sprint(c.audio, c.video, c.film), func(t *testing.T) {
			t.Parallel()
			v := view(t, s)
			v.buffer(60000)
			v.on(1, "receiveAudio", c.audio)
			v.on(1, "receiveVideo", c.video)
			v.expect("Receive.Notify", "Receive.Notify") // nothing plays
			v.play(c.film, 0.0)
			got := v.until("eof")
			if a, b, d, e := howMany(got, "sound"), howMany(got, "key"), howMany(got, "inter"), howMany(got, "aside"); a != c.sounds || b != c.keys || d != c.inters || e != c.asides {
				t.Errorf("%v %v of %s: %d sounds, %d keyframes, %d inter, %d disposable; want %d %d %d %d", c.audio, c.video, c.film, a, b, d, e, c.sounds, c.keys, c.inters, c.asides)
			}
		})
	}
}

// Pictures come back with a keyframe.
func TestReceivePicturesAgain(t *testing.T) { everyWay(t, testReceivePicturesAgain) }

func testReceivePicturesAgain(t *testing.T, w way) {
	s, _ := run(t, w, open)
	v := view(t, s)
	for _, wrong := range []any{"yes", nil} {
		v.on(1, "receiveAudio", wrong)
		v.expect("Play.Failed")
		v.on(1, "receiveVideo", wrong)
		v.expect("Play.Failed")
	}
	shoot(t, s, "l", film{length: 60000, frame: 100, key: 1000})
	v.play("l", 0.0)
	v.until("key l 0")
	v.on(1, "receiveVideo", false)
	v.settled()
	v.on(1, "receiveVideo", true)
	heard := v.until("Seek.Notify")
	heard = append(heard, v.until("Play.Start")...)
	if len(picturesOf(heard)) > 0 && howMany(heard, "key")+howMany(heard, "inter") != len(picturesOf(heard)) {
		t.Error(heard)
	}
	var after []string
	for len(picturesOf(after)) < 15 {
		after = append(after, v.next())
	}
	pictures := picturesOf(after)
	for i, p := range pictures {
		if p.time%1000 == 0 != (p.word == "key") {
			t.Errorf("%v", p)
		}
		if i > 0 && p.time != pictures[i-1].time+100 && p.word != "key" {
			t.Errorf("%v follows %v without a keyframe", p, pictures[i-1])
		}
	}
}

func TestReceiveOfALiveStream(t *testing.T) { everyWay(t, testReceiveOfALiveStream) }

func testReceiveOfALiveStream(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := view(t, s)
	p.publish("cam", "live")
	p.key('x', 0)
	p.sound('x', 0)
	p.landed()

	deaf, blind, slow := view(t, s), view(t, s), view(t, s)
	deaf.on(1, "receiveAudio", false)
	blind.on(1, "receiveVideo", 0.0)
	slow.on(1, "receiveVideo", 2.0)
	for _, v := range []*viewer{deaf, blind, slow} {
		v.expect("Receive.Notify")
		v.play("cam", -1.0)
		v.expect(opensLive...)
	}
	deaf.expect("key x 0")
	blind.expect("sound x 0")
	slow.expect("key x 0", "sound x 0")
	for at := media.Timestamp(100); at <= 2000; at += 100 {
		p.media(rtmp.TypeVideo, at, map[bool]byte{true: 0x12, false: 0x32}[at%1000 == 0], 'x')
	}
	p.sound('x', 2050)
	for at := 100; at <= 2000; at += 100 {
		deaf.expect(fmt.Sprintf("%s x %d", map[bool]string{true: "key", false: "aside"}[at%1000 == 0], at))
	}
	blind.expect("sound x 2050")
	if got := slow.until("sound x 2050"); len(got) < 4 || len(got) > 7 {
		t.Errorf("two pictures a second are %q", got)
	}

	blind.on(1, "receiveVideo", true)
	blind.expect("Seek.Notify", "Play.Start")
	blind.nothing()
	p.inter('x', 2100)
	p.sound('x', 2110)
	p.key('x', 2200)
	p.inter('x', 2300)
	if got := blind.until("inter x 2300"); strings.Contains(strings.Join(got, ","), "inter x 2100") || picturesOf(got)[0].word != "key" {
		t.Errorf("pictures come back with %q", got)
	}
	deaf.on(1, "receiveAudio", true)
	deaf.until("Seek.Notify")
	deaf.expect("Play.Start")
	deaf.settled()
	p.sound('x', 2400)
	deaf.expect("sound x 2400")
}

// What is ahead of its time is no more than the client has room for.
func TestPacing(t *testing.T) { everyWay(t, testPacing) }

func testPacing(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", film{length: 60000, frame: 100, key: 1000})
	for _, c := range []struct{ buffer, least int }{{0, 1000}, {2000, 2000}, {5000, 5000}} {
		t.Run(fmt.Sprint(c.buffer), func(t *testing.T) {
			t.Parallel()
			v := view(t, s)
			v.buffer(uint32(c.buffer))
			v.play("a", 10000.0)
			began := time.Now()
			v.until(fmt.Sprintf("key a %d", c.least)) // at once: there is no more to wait for than a busy machine
			for range 25 {
				p := picturesOf([]string{v.next()})
				if len(p) != 1 {
					continue
				}
				if ahead := p[0].time - int(time.Since(began).Milliseconds()); ahead > c.least+1000 {
					t.Fatalf("%v is %d ms ahead of its time", p[0], ahead)
				}
			}
		})
	}
	t.Run("burst", func(t *testing.T) {
		v := view(t, s)
		v.buffer(30000)
		began := time.Now()
		v.play("a", 0.0)
		v.until("key a 29000")
		if d := time.Since(began); d > 25*time.Second {
			t.Errorf("half a minute that the client has room for took %v", d)
		}
	})
}

func TestDataIsRecordedAndPlayed(t *testing.T) { everyWay(t, testDataIsRecordedAndPlayed) }

func testDataIsRecordedAndPlayed(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := view(t, s)
	p.publish("talk", "record")
	p.data(0, "@setDataFrame", "onMetaData", amf.NewObject("title", "talk"))
	p.key('x', 0)
	p.data(200, "say", "one")
	p.inter('x', 500)
	p.key('x', 1000)
	p.data(1000, "onCuePoint", "two")
	p.inter('x', 1500)
	p.data(1700, "say", "three")
	p.key('x', 2000)
	p.unpublish()

	v := view(t, s)
	v.buffer(10000)
	v.play("talk", 0.0)
	v.expect(words(opensRecorded, "key x 0", "data say 200", "inter x 500", "key x 1000", "data onCuePoint 1000", "inter x 1500", "data say 1700", "key x 2000", completes)...)
	v.on(1, "seek", 1200.0)
	v.until("data onMetaData")
	v.expect(words("key x 1000", "data onCuePoint 1000", "inter x 1500", "data say 1700", "key x 2000", completes)...)
	v.play("talk", 1200.0)
	v.expect(words(opensRecorded, "key x 0", "inter x 300", "data say 500", "key x 800", completes)...)
	v.play("talk", 0.0, -1.0, 3.0)
	v.expect(words(opensRecorded, "data say 200", "data onCuePoint 1000", "data say 1700", completes)...)
}

func TestLiveDataForWhoComesLater(t *testing.T) { everyWay(t, testLiveDataForWhoComesLater) }

func testLiveDataForWhoComesLater(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := view(t, s)
	p.publish("cam", "live")
	p.data(0, "@setDataFrame", "onMetaData", "a")
	p.data(0, "@setDataFrame", "onSlide", "one")
	p.data(0, "@setDataFrame", "onSlide", "two")
	p.data(0, "chat", "is gone")
	p.data(0, "@clearDataFrame", "onMetaData")
	p.expect("Clear.Success")
	v := view(t, s)
	v.play("cam")
	v.expect(words(opensLive, "data onSlide 0")...)
	v.settled()
	p.data(700, "chat", "hello")
	v.expect("data chat 700")
}

// Several streams of one connection, of all kinds, each for itself.
func TestManyKindsOfStreamsAtOnce(t *testing.T) { everyWay(t, testManyKindsOfStreamsAtOnce) }

func testManyKindsOfStreamsAtOnce(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", film{length: 2000, frame: 500, key: 1000})
	shoot(t, s, "b", long)
	v := view(t, s)
	for id := 2; id <= 4; id++ {
		v.create(id)
	}
	v.publish("cam", "live")
	v.on(2, "play", "cam", -1.0)
	v.on(3, "play", "a", 0.0)
	v.on(4, "play", "b", 0.0)
	byStream := map[byte][]string{}
	hear := func(last string) {
		t.Helper()
		for _, w := range v.until(last) {
			if len(w) > 2 && w[1] == ':' {
				byStream[w[0]] = append(byStream[w[0]], w[3:])
			} else {
				byStream['1'] = append(byStream['1'], w)
			}
		}
	}
	hear("3: eof")
	joined(t, s, 1)
	v.key('x', 100)
	hear("2: key x 100")
	v.call("deleteStream", 0, nil, 4.0)
	byStream['4'] = append(byStream['4'], "deleted")
	v.inter('x', 200)
	hear("2: inter x 200")
	v.settled()
	v.nothing()
	for id, want := range map[byte][]string{
		'1': nil,
		'2': words(opensLive, "key x 100", "inter x 200"),
		'3': words(opensRecorded, clip("a", 0, 2000, 0), completes),
	} {
		if got := byStream[id]; strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("stream %c: %q, want %q", id, got, want)
		}
	}
	if got := byStream['4']; strings.Join(got[:8], ",") != strings.Join(words(opensRecorded, "key b 0"), ",") {
		t.Errorf("stream 4: %q", got)
	}
	v.create(4) // its id is free, and it is not the old one
	v.nothing()
}

// stalled is a client that reads no further than the first metadata until told to.
type stalled struct {
	*viewer
	gate chan struct{}
	once sync.Once
}

func (c *stalled) read() { c.once.Do(func() { close(c.gate) }) }

func stall(t *testing.T, s *house, streams int) *stalled {
	t.Helper()
	nc, err := net.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := &stalled{gate: make(chan struct{})}
	var held bool // what comes next waits for the gate
	c.viewer = &viewer{hear(t, conn, func(m *rtmp.Message) string {
		if held {
			<-c.gate
		}
		w := wordOf(m)
		held = strings.HasSuffix(w, "onMetaData")
		return w
	})}
	t.Cleanup(c.read)
	c.Connect("app/one")
	c.until("0: onBWDone []")
	for id := range streams {
		c.create(id + 1)
	}
	return c
}

// Who stops reading is sent no more, holds nobody up, and gets all of it, in
// order, when it reads again.
func TestStalledPlayerOfARecordedStream(t *testing.T) {
	everyWay(t, testStalledPlayerOfARecordedStream)
}

func testStalledPlayerOfARecordedStream(t *testing.T, w way) {
	var out lines
	s, _ := runWith(t, w, session.Config{Log: out.log(slog.LevelInfo)}, open)
	big := film{length: 20000, frame: 100, key: 1000, padding: 100 << 10} // 20 MB
	shoot(t, s, "a", big)
	shoot(t, s, "b", big)
	shoot(t, s, "c", halves)
	slow := stall(t, s, 2)
	slow.buffer(60000)
	if err := slow.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 2, 60000)); err != nil {
		t.Fatal(err)
	}
	slow.play("a", 0.0)
	slow.until("data onMetaData")
	slow.on(2, "play", "b", 0.0)

	// All that can be sent to the slow one is, while others are served.
	for range 3 {
		v := view(t, s)
		v.buffer(10000)
		v.play("c", 0.0)
		v.expect(words(opensRecorded, clip("c", 0, 3000, 0), completes)...)
	}
	if sent := s.Stats()[0].Total.BytesOut; sent > 16<<20 {
		t.Errorf("%d bytes were sent to who does not read", sent)
	}
	slow.read()
	var all [3][]string
	for eofs := 0; eofs < 2; {
		w := slow.next()
		at := 1
		if rest, ok := strings.CutPrefix(w, "2: "); ok {
			at, w = 2, rest
		}
		switch w {
		case "eof":
			eofs++
		case "end":
			t.Fatalf("the connection ended after %d and %d messages: %s", len(all[1]), len(all[2]), &out)
		}
		all[at] = append(all[at], w)
	}
	for id := 1; id <= 2; id++ {
		if n := len(picturesOf(all[id])); n != 201 {
			t.Errorf("stream %d: %d pictures, want 201", id, n)
		}
		seamless(t, all[id], 100)
	}
}
