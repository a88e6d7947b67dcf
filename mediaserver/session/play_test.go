package session_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// viewer is a client that hears every message as a word: "key a 1000" is a
// keyframe of the film a with timestamp 1000. Words of a stream other than 1
// have its id before them.
type viewer struct{ *client }

func view(t *testing.T, s *house) *viewer {
	t.Helper()
	v := &viewer{hear(t, servertest.Dial(t, s.RTMPAddr()), wordOf)}
	v.Connect("app/one")
	v.expect("0: begin", "0: "+servertest.Success, "0: onBWDone []")
	v.create(1)
	return v
}

func wordOf(m *rtmp.Message) (word string) {
	id := m.StreamID
	switch m.Type {
	case rtmp.TypeUserControl:
		kind := binary.BigEndian.Uint16(m.Payload)
		word = fmt.Sprintf("event %d", kind)
		if name, ok := map[uint16]string{0: "begin", 1: "eof", 4: "recorded"}[kind]; ok {
			word, id = name, binary.BigEndian.Uint32(m.Payload[2:])
		}
	case rtmp.TypeCommand:
		word = strings.TrimPrefix(servertest.Word(m), "onStatus NetStream.")
	case rtmp.TypeData:
		values, _ := amf.DecodeAll(m.Payload)
		word = fmt.Sprintf("data %v %d", values[0], m.Timestamp)
		if name := values[0]; name == "onMetaData" || name == "|RtmpSampleAccess" {
			word = fmt.Sprintf("data %v", name)
		}
		if o, ok := values[len(values)-1].(*amf.Object); ok {
			if code, ok := o.Get("code"); ok {
				word = "data " + strings.TrimPrefix(fmt.Sprint(code), "NetStream.")
			}
		}
	case rtmp.TypeVideo:
		word = pictureOf(m.Payload) + fmt.Sprintf(" %d", m.Timestamp)
	case rtmp.TypeAudio:
		word = fmt.Sprintf("sound %c %d", m.Payload[len(m.Payload)-1], m.Timestamp)
		if payload.IsAudioHeader(m.Payload) {
			word = fmt.Sprintf("sound header %d", m.Timestamp)
		}
	}
	if id != 1 {
		word = fmt.Sprintf("%d: %s", id, word)
	}
	return word
}

func pictureOf(p []byte) string {
	if payload.IsVideoHeader(p) {
		return "picture header"
	}
	kind := map[byte]string{1: "key", 2: "inter", 3: "aside"}[p[0]>>4]
	if p[0]&15 == 7 {
		return fmt.Sprintf("%s avc", kind)
	}
	return fmt.Sprintf("%s %c", kind, p[1])
}

func (v *viewer) call(name string, txn float64, object amf.Value, args ...amf.Value) {
	v.t.Helper()
	v.Send(name, txn, object, args...)
}

// create makes the NetStreams up to an id.
func (v *viewer) create(id int) {
	v.t.Helper()
	v.call("createStream", 2, nil)
	v.expect(fmt.Sprintf("0: _result [%d]", id))
}

func (v *viewer) play(args ...amf.Value) {
	v.t.Helper()
	v.on(1, "play", args...)
}

// list plays several, one after another, whose commands come at once: a list has come before
// its first item can be over.
func (v *viewer) list(items ...[]amf.Value) {
	v.t.Helper()
	var all []*rtmp.Message
	for _, args := range items {
		m, err := rtmp.NewCommand(1, "play", 0, nil, args...)
		if err != nil {
			v.t.Fatal(err)
		}
		all = append(all, m)
	}
	if err := v.conn.Send(all...); err != nil {
		v.t.Fatal(err)
	}
}

// play2 takes pairs of names and values.
func (v *viewer) play2(options ...any) {
	v.t.Helper()
	v.on(1, "play2", amf.NewObject(options...))
}

func (v *viewer) buffer(ms uint32) {
	v.t.Helper()
	if err := v.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, ms)); err != nil {
		v.t.Fatal(err)
	}
}

func (v *viewer) next() string {
	v.t.Helper()
	w, _ := v.Next()
	return w
}

// until returns what comes up to a word, and the word.
func (v *viewer) until(last string) []string {
	v.t.Helper()
	return v.Until(last)
}

// untilKey returns what comes up to a keyframe of a film, and it: which one
// that is depends on the clock.
func (v *viewer) untilKey(film string) (all []string) {
	v.t.Helper()
	for {
		w := v.next()
		all = append(all, w)
		if strings.HasPrefix(w, "key "+film+" ") {
			return all
		}
		if w == "end" || w == "eof" {
			v.t.Fatalf("%q ends without a keyframe of %s", all, film)
		}
	}
}

// settled waits until what was said is done, and returns what came until then.
func (v *viewer) settled() []string {
	v.t.Helper()
	v.call("FCUnsubscribe", 99, nil)
	all := v.until("0: _result [{}]")
	return all[:len(all)-1]
}

// nothing is settled where nothing may have come.
func (v *viewer) nothing() {
	v.t.Helper()
	if w := v.settled(); len(w) > 0 {
		v.t.Fatalf("got %q, want nothing", w)
	}
}

// publish makes the viewer the publisher of a name on its first stream.
func (v *viewer) publish(name, mode string) {
	v.t.Helper()
	v.on(1, "publish", name, mode)
	v.expect("begin", "Publish.Start")
	if mode != "live" {
		v.expect("Record.Start")
	}
}

// unpublish ends a recording.
func (v *viewer) unpublish() {
	v.t.Helper()
	v.on(1, "publish", false)
	v.expect("Record.Stop", "Unpublish.Success")
}

// landed waits until all that the viewer has published so far is in its stream. What it
// publishes goes over a link by a connection of its own, of which answers to commands say
// nothing: this one is given by that connection.
func (v *viewer) landed() {
	v.t.Helper()
	v.data(0, "@clearDataFrame", "nothing")
	v.expect("Clear.Failed")
}

func (v *viewer) media(kind rtmp.MessageType, at media.Timestamp, payload ...byte) {
	v.t.Helper()
	if err := v.conn.Send(&rtmp.Message{Type: kind, StreamID: 1, Timestamp: at, Payload: payload}); err != nil {
		v.t.Fatal(err)
	}
}

func (v *viewer) key(letter byte, at media.Timestamp) {
	v.t.Helper()
	v.media(rtmp.TypeVideo, at, 0x12, letter)
}
func (v *viewer) inter(letter byte, at media.Timestamp) {
	v.t.Helper()
	v.media(rtmp.TypeVideo, at, 0x22, letter)
}
func (v *viewer) sound(letter byte, at media.Timestamp) {
	v.t.Helper()
	v.media(rtmp.TypeAudio, at, 0x2f, letter)
}

func (v *viewer) data(at media.Timestamp, values ...amf.Value) {
	v.t.Helper()
	m, err := rtmp.NewData(1, at, values...)
	if err == nil {
		err = v.conn.Send(m)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// film is a recording to be made: a picture every so often, of which some are
// keyframes and some are for nobody else, and sound. Times are in ms.
type film struct {
	length, frame, key media.Timestamp
	aside              bool // every second picture is disposable
	sound              media.Timestamp
	cue                media.Timestamp // data messages
	padding            int             // bytes of a picture
}

// shoot makes a film, whose letter is that of its name.
func shoot(t *testing.T, s *house, name string, f film) {
	t.Helper()
	var tags []flv.Tag
	tag := func(kind uint8, at media.Timestamp, payload ...byte) {
		tags = append(tags, flv.Tag{Type: kind, Timestamp: at, Data: payload})
	}
	due := func(at, every media.Timestamp) bool { return every > 0 && at%every == 0 }
	for at := range f.length + 1 {
		if due(at, f.cue) {
			m, err := rtmp.NewData(1, at, "onCuePoint", float64(at))
			if err != nil {
				t.Fatal(err)
			}
			tag(flv.TypeScript, at, m.Payload...)
		}
		if due(at, f.frame) {
			kind := byte(0x22)
			switch {
			case due(at, f.key):
				kind = 0x12
			case f.aside && at/f.frame%2 == 1:
				kind = 0x32
			}
			tag(flv.TypeVideo, at, append([]byte{kind, name[0]}, make([]byte, f.padding)...)...)
		}
		if due(at, f.sound) {
			tag(flv.TypeAudio, at, 0x2f, name[0])
		}
	}
	shootTags(t, s, name, tags...)
}

// What comes before the media.
var (
	introducesRecorded = []string{"Play.Start", "data |RtmpSampleAccess", "data Data.Start", "data onMetaData"}
	opensRecorded      = append([]string{"recorded", "begin", "Play.Reset"}, introducesRecorded...)
	joinsRecorded      = append([]string{"recorded", "begin"}, introducesRecorded...)
	opensLive          = []string{"begin", "Play.Reset", "Play.Start", "data |RtmpSampleAccess"}
	joinsLive          = []string{"begin", "Play.Start", "data |RtmpSampleAccess"}
	switches           = append([]string{"data Play.Switch"}, joinsRecorded...)
	completes          = []string{"data Play.Complete", "Play.Stop", "eof"}
)

func words(parts ...any) (all []string) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, p)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

// clip is "key a 0", "inter a 500", "key a 1000" and so on: what a film with a
// keyframe every second and a picture every half looks like, with timestamps
// shifted by so much.
func clip(letter string, from, to, shift int) (all []string) {
	for t := from; t <= to; t += 500 {
		kind := "inter"
		if t%1000 == 0 {
			kind = "key"
		}
		all = append(all, fmt.Sprintf("%s %s %d", kind, letter, t+shift))
	}
	return all
}

var halves = film{length: 3000, frame: 500, key: 1000}

// playCase is what comes for the arguments of play.
type playCase struct {
	args []amf.Value
	want []string
}

// playCases are of recordings in a house that testPlayArguments fills.
func playCases() []playCase {
	whole := words(opensRecorded, clip("a", 0, 3000, 0), completes)
	from := func(from, to int) []string { return words(opensRecorded, clip("a", from, to, -from), completes) }
	cues := []string{"data onCuePoint 0", "data onCuePoint 1500", "data onCuePoint 3000"}
	return []playCase{
		{[]amf.Value{"a"}, whole},
		{[]amf.Value{"a", -2.0}, whole},
		{[]amf.Value{"a", -2000.0}, whole},
		{[]amf.Value{"a", -5.0}, whole},
		{[]amf.Value{"a", nil, nil, nil}, whole},
		{[]amf.Value{"a", -1.0}, opensLive},
		{[]amf.Value{"a", -1000.0}, opensLive},
		{[]amf.Value{"a", 0.0}, whole},
		{[]amf.Value{"a", 1200.0}, words(opensRecorded, "key a 0", clip("a", 1500, 3000, -1200), completes)},
		{[]amf.Value{"a", 1700.0}, words(opensRecorded, "key a 0", "inter a 0", clip("a", 2000, 3000, -1700), completes)},
		{[]amf.Value{"a", 3000.0}, from(3000, 3000)},
		{[]amf.Value{"a", 99000.0}, words(opensRecorded, completes)},
		{[]amf.Value{"a", 0.0, -1.0}, whole},
		{[]amf.Value{"a", 0.0, 0.0}, from(0, 0)},
		{[]amf.Value{"a", 1200.0, 0.0}, from(1000, 1000)},
		{[]amf.Value{"a", 0.0, 1500.0}, from(0, 1500)},
		{[]amf.Value{"a", 1000.0, 1000.0}, from(1000, 2000)},
		{[]amf.Value{"a", -2.0, 1500.0}, from(0, 1500)},
		{[]amf.Value{"a", 1200.0, 1000.0}, words(opensRecorded, "key a 0", clip("a", 1500, 2200, -1200), completes)},
		{[]amf.Value{"a", 1000.0, 99000.0}, from(1000, 3000)},
		{[]amf.Value{"a", 0.0, -1.0, true}, whole},
		{[]amf.Value{"a", 0.0, -1.0, 1.0}, whole},
		{[]amf.Value{"a", 0.0, -1.0, false}, words(joinsRecorded, clip("a", 0, 3000, 0), completes)},
		{[]amf.Value{"a", 0.0, -1.0, 0.0}, words(joinsRecorded, clip("a", 0, 3000, 0), completes)},
		{[]amf.Value{"cues", 0.0, -1.0, 2.0}, words(joinsRecorded, cues, completes)},
		{[]amf.Value{"cues", 0.0, -1.0, 3.0}, words(opensRecorded, cues, completes)},
		{[]amf.Value{"cues", 0.0, 2000.0, 3.0}, words(opensRecorded, cues[:2], completes)},
		{[]amf.Value{"cues", 1000.0, -1.0, 3.0}, words(opensRecorded, "data onCuePoint 500", "data onCuePoint 2000", completes)},
		{[]amf.Value{"cues", 1700.0}, words(opensRecorded, "key c 0", "key c 300", "data onCuePoint 1300", "key c 1300", completes)},
		{[]amf.Value{"a", 0.0, -1.0, 3.0}, words(opensRecorded, completes)}, // it has no data
		{[]amf.Value{"a?key=1", 0.0}, whole},
		{[]amf.Value{"/a", 0.0}, whole},
		{[]amf.Value{"flv:a", 0.0}, whole},
		{[]amf.Value{"a.flv", 0.0}, whole},
		{[]amf.Value{"mp4:m"}, words(opensRecorded, mp4Plays, completes)},
		{[]amf.Value{"mp4:m.mp4", 0.0}, words(opensRecorded, mp4Plays, completes)},
		{[]amf.Value{"mp4:m", 700.0}, words(opensRecorded, "picture header 0", "key avc 0", "inter avc 0", "key avc 300", completes)},
		{[]amf.Value{"mp3:s", 0.0, 100.0}, words(opensRecorded, "sound 0 0", "sound 1 72", completes)},
		{[]amf.Value{"mp3:s", 100.0, 150.0}, words(opensRecorded, "sound 2 44", "sound 3 116", completes)},
		{[]amf.Value{"mp3:s", 144.0, 72.0}, words(opensRecorded, "sound 2 0", "sound 3 72", completes)},
		{[]amf.Value{"none"}, opensLive},
		{[]amf.Value{"none", 0.0}, []string{"Play.StreamNotFound"}},
		{[]amf.Value{"mp3:a", 0.0}, whole}, // published as mp3:a, it would be recorded so
		{[]amf.Value{"mp3:none", 0.0}, []string{"Play.StreamNotFound"}},
		{[]amf.Value{"../a", 0.0}, []string{"Play.StreamNotFound"}},
		{[]amf.Value{"damaged", 0.0}, []string{"Play.FileStructureInvalid"}},
		{[]amf.Value{"damaged"}, []string{"Play.FileStructureInvalid"}},
		{[]amf.Value{"mp4:damaged"}, []string{"Play.FileStructureInvalid"}},
		{[]amf.Value{""}, []string{"Play.Failed"}},
		{[]amf.Value{7.0}, []string{"Play.Failed"}},
		{nil, []string{"Play.Failed"}},
	}
}

func TestPlayArguments(t *testing.T) { everyWay(t, testPlayArguments) }

func testPlayArguments(t *testing.T, w way) {
	s, _ := run(t, w, open)
	dir := s.folders[0]
	shoot(t, s, "a", halves)
	shoot(t, s, "cues", film{length: 3000, frame: 1000, key: 1000, cue: 1500})
	for name, content := range map[string][]byte{"damaged.flv": []byte("FLV\x01\x05 and not much more of it"), "damaged.mp4": []byte("no box"),
		"m.mp4": tinyMP4(), "s.mp3": tinyMP3()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for some := range slices.Chunk(playCases(), 6) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			v := view(t, s)
			v.buffer(10000)
			for _, c := range some {
				t.Run(fmt.Sprint(c.args), func(t *testing.T) {
					v.t, v.T = t, t
					v.play(c.args...)
					v.expect(c.want...)
					v.nothing()
					v.on(1, "closeStream")
					v.until("eof")
				})
			}
		})
	}
}

func TestPlayLiveArguments(t *testing.T) { everyWay(t, testPlayLiveArguments) }

func testPlayLiveArguments(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "cam", halves) // there as well, and not what is meant
	p := view(t, s)
	p.publish("cam", "live")
	for at, c := range []struct {
		args []amf.Value
		want []string
	}{
		{[]amf.Value{"cam"}, words(opensLive, clip("x", 0, 2000, 0))},
		{[]amf.Value{"cam", -2000.0}, words(opensLive, clip("x", 0, 2000, 0))},
		{[]amf.Value{"cam", -1.0, -1.0}, words(opensLive, clip("x", 0, 2000, 0))},
		{[]amf.Value{"cam", -1000.0, -1000.0, false}, words(joinsLive, clip("x", 0, 2000, 0))},
		{[]amf.Value{"cam?x=y", -1.0, 0.0}, words(opensLive, "key x 0", completes)},
		{[]amf.Value{"cam", -2.0, 9000.0}, words(opensLive, clip("x", 0, 500, 0), completes)}, // by the clock, too, when nothing comes
	} {
		base := at * 10000
		v := view(t, s)
		p.key('x', media.Timestamp(base)) // who comes now begins with it
		p.landed()
		v.play(c.args...)
		v.expect(c.want[:slices.Index(c.want, "data |RtmpSampleAccess")+1]...)
		for _, w := range c.want[slices.Index(c.want, "data |RtmpSampleAccess")+1:] {
			var kind string
			var ms int
			if _, err := fmt.Sscanf(w, "%s x %d", &kind, &ms); err != nil {
				v.expect(w)
				continue
			}
			if ms > 0 {
				p.media(rtmp.TypeVideo, media.Timestamp(base+ms), map[string]byte{"key": 0x12, "inter": 0x22}[kind], 'x')
			} else {
				v.expect(fmt.Sprintf("key x %d", base))
				continue
			}
			v.expect(fmt.Sprintf("%s x %d", kind, base+ms))
			if c.want[len(c.want)-1] == "eof" && ms == 500 {
				p.key('x', media.Timestamp(base+9000)) // beyond the length: it shows that this is over
			}
		}
		v.nothing()
		v.play(false)
		v.expect("Play.Stop")
		p.inter('x', media.Timestamp(base+2500))
		p.landed()
		v.nothing()
	}
}

func TestPublicationWithAPrefixPlaysByItsName(t *testing.T) {
	everyWay(t, testPublicationWithAPrefixPlaysByItsName)
}

func testPublicationWithAPrefixPlaysByItsName(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := view(t, s)
	for _, name := range []string{"mp4:b", "mp4:d.f4v", "flv:e", "mp3:f"} {
		p.publish(name, "record")
		p.key('b', 0)
		p.inter('b', 500)
		p.unpublish()
		v := view(t, s)
		v.buffer(10000)
		v.play(name, 0.0)
		v.expect(words(opensRecorded, clip("b", 0, 500, 0), completes)...)
	}
}

func TestPlayFalseStopsARecordedStream(t *testing.T) { everyWay(t, testPlayFalseStopsARecordedStream) }

func testPlayFalseStopsARecordedStream(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", film{length: 60000, frame: 500, key: 1000})
	v := view(t, s)
	v.play("a", 0.0)
	v.play("a", 0.0, -1.0, false)
	v.until("key a 0")
	v.play(false)
	v.until("Play.Stop")
	v.nothing()
	v.play("a", 59000.0) // and not what was queued
	v.expect(words(opensRecorded, clip("a", 59000, 60000, -59000), completes)...)
}

func TestPlaylists(t *testing.T) { everyWay(t, testPlaylists) }

func testPlaylists(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	shoot(t, s, "b", halves)
	if err := os.WriteFile(filepath.Join(s.folders[0], "damaged.flv"), []byte("FLV"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("two", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.list(
			[]amf.Value{"a", 0.0, 1500.0},
			[]amf.Value{"b", 1000.0, -1.0, false},
			[]amf.Value{"a", 2000.0, 0.0, false},
		)
		v.expect(words(opensRecorded, clip("a", 0, 1500, 0), switches, clip("b", 1000, 3000, 500), switches, "key a 3500", completes)...)
	})
	t.Run("missing and damaged", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.list(
			[]amf.Value{"a", 0.0, 1500.0},
			[]amf.Value{"none", 0.0, -1.0, false},
			[]amf.Value{"damaged", 0.0, -1.0, false},
			[]amf.Value{"b", 0.0, 500.0, false},
		)
		v.expect(words(opensRecorded, clip("a", 0, 1500, 0), "Play.FileStructureInvalid", switches, clip("b", 0, 500, 1500), completes)...)
	})
	t.Run("nothing can be sent of one", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.list(
			[]amf.Value{"a?track=5", 0.0},
			[]amf.Value{"a", 0.0, 1500.0, false},
			[]amf.Value{"b?track=5", 0.0, -1.0, false},
			[]amf.Value{"b", 0.0, 500.0, false},
			[]amf.Value{"a?track=5", 0.0, -1.0, false},
		)
		const none = "Play.NoSupportedTrackFound"
		// The clock goes on over what was looked through to know that, which is a second.
		v.expect(words(opensRecorded[:len(opensRecorded)-1], none, switches, clip("a", 0, 1500, 1000))...)
		v.expect(words(switches[:len(switches)-1], none, switches, clip("b", 0, 500, 3500))...)
		v.expect(words(switches[:len(switches)-1], none, "eof")...)
		v.nothing()
		v.play("b", 0.0, 500.0, false) // nothing is left of before
		v.until("key b 5000")
	})
	t.Run("missing at the end", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.list(
			[]amf.Value{"a", 0.0, 0.0},
			[]amf.Value{"none", 0.0, -1.0, false},
		)
		v.expect(words(opensRecorded, "key a 0", "Play.StreamNotFound", "Play.Stop", "eof")...)
	})
}

func TestPlaylistsOfLiveAndRecordedStreams(t *testing.T) {
	everyWay(t, testPlaylistsOfLiveAndRecordedStreams)
}

func testPlaylistsOfLiveAndRecordedStreams(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	shoot(t, s, "b", halves)
	t.Run("live for a while, then recorded", func(t *testing.T) {
		t.Parallel()
		p, v := view(t, s), view(t, s)
		p.publish("cam1", "live")
		p.key('x', 7000)
		p.landed()
		v.buffer(10000)
		v.play("cam1", -1.0, 15000.0) // by the clock, too, when nothing comes
		v.play("b", 0.0, 500.0, false)
		v.expect(words(opensLive, "key x 7000")...)
		v.nothing() // so that the second is in the list before the first is over
		p.inter('x', 7500)
		p.inter('x', 22000)
		v.expect(words("inter x 7500", switches, clip("b", 0, 500, 7500), completes)...)
	})
	t.Run("endless live, then recorded when it is over", func(t *testing.T) {
		t.Parallel()
		p, v := view(t, s), view(t, s)
		p.publish("cam2", "live")
		p.key('x', 7000)
		p.landed()
		v.buffer(10000)
		v.play("cam2", -1.0)
		v.expect(words(opensLive, "key x 7000")...)
		v.play("b", 0.0, 500.0, false)
		v.nothing()
		p.inter('x', 7500)
		p.on(1, "publish", false)
		v.expect(words("inter x 7500", "Play.UnpublishNotify", switches, clip("b", 0, 500, 7500), completes)...)
	})
	t.Run("nobody publishes the live one", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.play("nobody", -1.0, 50.0)
		v.play("b", 0.0, 500.0, false)
		v.expect(words(opensLive, switches, clip("b", 0, 500, 0), completes)...)
	})
	t.Run("recorded, then live", func(t *testing.T) {
		t.Parallel()
		p, v := view(t, s), view(t, s)
		p.publish("cam3", "live")
		p.key('x', 9000)
		p.landed()
		v.buffer(10000)
		v.play("a", 0.0, 1500.0)
		v.play("cam3", -1.0, -1.0, false)
		v.expect(words(opensRecorded, clip("a", 0, 1500, 0), "data Play.Switch", joinsLive, "key x 1500")...)
		p.inter('x', 9500)
		v.expect("inter x 2000")
	})
}

func TestPlaylistIsSoughtInAndFull(t *testing.T) { everyWay(t, testPlaylistIsSoughtInAndFull) }

func testPlaylistIsSoughtInAndFull(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "a", halves)
	shoot(t, s, "b", halves)
	t.Run("seek in the second", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.buffer(10000)
		v.play("a", 0.0, 1500.0)
		v.play("b", 1000.0, -1.0, false)
		v.until("eof")
		v.on(1, "seek", 2700.0) // 1200 ms into it
		v.expect(words("eof", "recorded", "begin", "Seek.Notify", introducesRecorded, clip("b", 2000, 3000, 500), completes)...)
	})
	t.Run("as many as it holds", func(t *testing.T) {
		t.Parallel()
		v := view(t, s)
		v.play("nobody", -1.0)
		v.expect(opensLive...)
		for range 256 {
			v.play("b", 0.0, 0.0, false)
		}
		v.nothing()
		v.play("b", 0.0, 0.0, false)
		v.expect("Play.Failed")
	})
}

// A box of MP4.
func box(kind string, parts ...[]byte) []byte {
	p := slices.Concat(parts...)
	return slices.Concat(be(uint32(8+len(p))), []byte(kind), p)
}

func be(list ...uint32) (out []byte) {
	for _, v := range list {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

// tinyMP4 is three pictures of 500 ms, of which the first and the last are
// keyframes.
func tinyMP4() []byte {
	none := func(n int) []byte { return make([]byte, n) }
	ftyp := box("ftyp", []byte("isom"), be(512), []byte("isomavc1"))
	avcC := box("avcC", []byte{1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 1, 0x68})
	entry := box("avc1", none(6), []byte{0, 1}, none(16), []byte{1, 64, 0, 240}, none(50), avcC)
	tables := slices.Concat(
		box("stsd", be(0, 1), entry),
		box("stts", be(0, 1, 3, 500)),
		box("stsc", be(0, 1, 1, 3, 1)),
		box("stsz", be(0, 0, 3, 4, 5, 6)),
		box("stco", be(0, 1, uint32(len(ftyp)+8))),
		box("stss", be(0, 2, 1, 3)))
	return slices.Concat(ftyp, box("mdat", none(15)), box("moov",
		box("mvhd", be(0, 0, 0, 1000, 1500), none(80)),
		box("trak",
			box("tkhd", be(3, 0, 0, 1, 0, 1500), none(60)),
			box("mdia",
				box("mdhd", be(0, 0, 0, 1000, 1500), none(4)),
				box("hdlr", be(0, 0), []byte("vide"), none(13)),
				box("minf", box("stbl", tables))))))
}

var mp4Plays = []string{"picture header 0", "key avc 0", "inter avc 500", "key avc 1000"}

// tinyMP3 is ten frames of 72 ms, whose bytes are their number.
func tinyMP3() (out []byte) {
	for i := range 10 {
		f := slices.Repeat([]byte{byte('0' + i)}, 72)
		copy(f, be(0xffe318c0)) // MPEG 2.5 layer III, 8 kbit/s, 8 kHz
		out = append(out, f...)
	}
	return out
}
