package session_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// TestTimesCountFromTheStart asks for a stream from its middle on, and then for
// other places in it: times of both sides count from there.
func TestTimesCountFromTheStart(t *testing.T) { everyWay(t, testTimesCountFromTheStart) }

func testTimesCountFromTheStart(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", long)
	sought := words("eof", "recorded", "begin", "Seek.Notify", introducesRecorded)
	t.Run("seek", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("a", 10200.0)
		v.expect(words(opensRecorded, "key a 0", clip("a", 10500, 11000, -10200))...)
		for _, c := range []struct {
			at   float64
			want []string
		}{
			{5700, clip("a", 15000, 16000, -10200)},
			{700, words("key a 0", clip("a", 10500, 11000, -10200))},
			{0, words("key a 0", clip("a", 10500, 11000, -10200))},
		} {
			v.on(1, "seek", c.at)
			v.until("eof")
			v.expect(words(sought[1:], c.want)...)
		}
		v.on(1, "pause", true, 300.0)
		v.until("eof")
		v.on(1, "seek", 1400.0) // one picture of it
		v.expect(words(sought, "key a 800")...)
		v.nothing()
		v.on(1, "pause", false, 1400.0)
		v.expect(words("recorded", "begin", "Unpause.Notify", "data onMetaData", clip("a", 11000, 12000, -10200))...)
	})
	t.Run("a part, and what is behind its end", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.play("a", 2200.0, 2000.0)
		whole := words("key a 0", clip("a", 2500, 4000, -2200), completes)
		v.expect(words(opensRecorded, whole)...)
		v.on(1, "seek", 1900.0)
		v.expect(words(sought, "key a 1800", completes)...)
		v.on(1, "seek", 3000.0)
		v.expect(words(sought, completes)...)
		v.on(1, "seek", 0.0)
		v.expect(words(sought, whole)...)
	})
}

func TestTimesCountFromTheStartOfEach(t *testing.T) { everyWay(t, testTimesCountFromTheStartOfEach) }

func testTimesCountFromTheStartOfEach(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", long)
	shoot(t, s, "b", halves)
	sought := words("eof", "recorded", "begin", "Seek.Notify", introducesRecorded)
	t.Run("in a playlist", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.play("b", 200.0, 1300.0)
		v.play("b", 1200.0, -1.0, false)
		v.play("b", 2000.0, 0.0, false)
		v.expect(words(opensRecorded, "key b 0", clip("b", 500, 1500, -200),
			"data Play.Switch", joinsRecorded, "key b 1300", clip("b", 1500, 3000, 100),
			"data Play.Switch", joinsRecorded, "key b 3100", completes)...)

		v.play("b", 200.0, 1300.0)
		v.play("b", 1200.0, -1.0, false)
		v.until("eof")
		for _, at := range []float64{1900, 1300, 0} { // in it, at its beginning, before it
			v.on(1, "seek", at)
			v.expect(words(sought, "key b 1300", clip("b", 1500, 3000, 100), completes)...)
		}
	})
	t.Run("resumed on another connection", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.play2("streamName", "a", "start", 10200.0, "len", 3000.0, "offset", 1400.0, "transition", "resume")
		v.expect(words("Play.Transition", transitionComplete, joinsRecorded, clip("a", 11000, 13000, -10200), completes)...)
	})
	t.Run("switched at a time", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(3000)
		v.play("a", 10200.0)
		v.until("data onMetaData")
		v.play2("streamName", "a", "start", 10200.0, "offset", 4500.0, "transition", "switch")
		all := v.until("Play.Transition")
		all = append(all, v.until(transitionComplete)...)
		all = append(all, v.until("data onMetaData")...)
		first := picturesOf([]string{v.next()})
		// The file's keyframes are at 800, 1800 and so on.
		if last := picturesOf(all); len(first) != 1 || first[0].word != "key" || first[0].time%1000 != 800 ||
			first[0].time < 4500 || first[0].time != last[len(last)-1].time+500 {
			t.Errorf("%v goes on with %v", all, first)
		}
	})
}

// fetched is a message as librtmp writes it into a file.
type fetched struct {
	kind    rtmp.MessageType
	time    media.Timestamp
	payload []byte
}

// fetch plays from a time on and returns all media with the timestamps that they
// came with, and data but for what speaks to a player.
func fetch(t *testing.T, s *house, name string, start, length float64) (all []fetched) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	conn, _, err := rtmp.Dial(ctx, "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = conn.Serve(func(m *rtmp.Message) error {
			switch m.Type {
			case rtmp.TypeData:
				switch handler, _, _ := amf.Decode(m.Payload); handler {
				case "onPlayStatus":
					close(over)
					return nil
				case "onStatus", "|RtmpSampleAccess":
					return nil
				}
			case rtmp.TypeAudio, rtmp.TypeVideo:
			default:
				return nil
			}
			all = append(all, fetched{m.Type, m.Timestamp, bytes.Clone(m.Payload)})
			return nil
		})
	}()
	defer func() { conn.Close(); <-done }()
	tell(t, conn, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one"))
	tell(t, conn, "createStream", 2, nil)
	if err := conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, 3600000)); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendCommand(1, "play", 0, nil, name, start, length); err != nil {
		t.Fatal(err)
	}
	select {
	case <-over:
	case <-ctx.Done():
		t.Fatal("it does not come to an end")
	}
	return all
}

// resume is what librtmp makes of a stream that it goes on with behind a frame
// that it has (Read_1_Packet): all is left out until that frame comes, whole and
// with time 0, and then what else has time 0; the time asked for is added.
func resume(t *testing.T, last fetched, got []fetched) (all []fetched) {
	t.Helper()
	found, later := false, false
	for i, m := range got {
		if !found {
			if i > 50 {
				t.Fatal("Couldn't resume FLV file")
			}
			found = m.time == 0 && m.kind == last.kind && bytes.Equal(m.payload, last.payload)
			continue
		}
		if later = later || m.time > 0; !later {
			continue
		}
		m.time += last.time
		all = append(all, m)
	}
	return all
}

// TestFileThatWasCutIsFinished fetches a recorded stream up to a time and then
// the rest, as rtmpdump --stop and --resume do: it is the file that is fetched
// at once.
func TestFileThatWasCutIsFinished(t *testing.T) { everyWay(t, testFileThatWasCutIsFinished) }

func testFileThatWasCutIsFinished(t *testing.T, w way) {
	s, _ := run(t, w, open)
	var pictures, sounds []flv.Tag
	for i := range media.Timestamp(250) {
		at, kind := i*20, byte(0x27)
		if i%50 == 0 {
			kind = 0x17
		}
		n := []byte(fmt.Sprintf("%04d", i))
		tags := []flv.Tag{
			{Type: flv.TypeVideo, Timestamp: at, Data: append([]byte{kind, 1, 0, 0, 0}, n...)},
			{Type: flv.TypeAudio, Timestamp: at, Data: append([]byte{0xaf, 1}, n...)},
		}
		sounds = append(sounds, tags[1])
		if i%50 == 0 && i > 0 {
			// Sound that is behind its time, and data at the time of the keyframe
			// that it lies behind.
			late := flv.Tag{Type: flv.TypeAudio, Timestamp: at - 1, Data: append([]byte{0xaf, 1}, "late"...)}
			tags = slices.Insert(tags, 1, late, cue(t, at))
		}
		pictures = append(pictures, tags...)
	}
	headers := []flv.Tag{{Type: flv.TypeVideo, Data: []byte{0x17, 0, 0, 0, 0, 1}}, {Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}
	shootTags(t, s, "film", append(slices.Clone(headers), pictures...)...)
	shootTags(t, s, "talk", append(slices.Clone(headers[1:]), sounds...)...)
	for name, file := range map[string][]byte{"m.mp4": tinyMP4(), "s.mp3": tinyMP3()} {
		if err := os.WriteFile(filepath.Join(s.folders[0], name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		stops []float64 // ms
	}{{"film", []float64{1500, 2000, 4980}}, {"talk", []float64{1500, 4000}}, {"mp4:m", []float64{1100}}, {"mp3:s", []float64{100, 300}}} {
		whole := fetch(t, s, c.name, 0, -1)
		for _, stop := range c.stops {
			t.Run(fmt.Sprint(c.name, stop), func(t *testing.T) {
				t.Parallel()
				cut := fetch(t, s, c.name, 0, stop)
				i := lastKey(cut)
				got := append(cut[:i+1:i+1], resume(t, cut[i], fetch(t, s, c.name, float64(cut[i].time), -1))...)
				for i, m := range whole {
					// What has the keyframe's time, or is behind its own, comes 1 ms behind.
					if i >= len(got) || got[i].kind != m.kind || !bytes.Equal(got[i].payload, m.payload) || got[i].time.Sub(m.time).Abs() > 2*time.Millisecond {
						t.Fatalf("%d messages, not the %d of the whole: number %d is %v, not %v", len(got), len(whole), i, got[min(i, len(got)-1)], m)
					}
				}
				if len(got) != len(whole) {
					t.Errorf("%d messages, not %d", len(got), len(whole))
				}
			})
		}
	}
}

// cue is a data message of a film.
func cue(t *testing.T, at media.Timestamp) flv.Tag {
	t.Helper()
	m, err := rtmp.NewData(1, at, "onCuePoint", float64(at))
	if err != nil {
		t.Fatal(err)
	}
	return flv.Tag{Type: flv.TypeScript, Timestamp: at, Data: m.Payload}
}

// lastKey is the last keyframe or, where there are no pictures, the last sound.
func lastKey(all []fetched) (last int) {
	for i, m := range all {
		switch {
		case m.kind == rtmp.TypeVideo && payload.IsKeyframe(m.payload):
			last = i
		case m.kind == rtmp.TypeAudio && all[last].kind != rtmp.TypeVideo:
			last = i
		}
	}
	return last
}
