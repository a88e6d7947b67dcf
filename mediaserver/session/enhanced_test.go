package session_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// packet is one message of media.
type packet struct {
	kind    rtmp.MessageType
	time    media.Timestamp
	payload string
}

func (p packet) String() string { return fmt.Sprintf("%d at %d: %q", p.kind, p.time, p.payload) }

func video(at media.Timestamp, payload string) packet { return packet{rtmp.TypeVideo, at, payload} }
func sound(at media.Timestamp, payload string) packet { return packet{rtmp.TypeAudio, at, payload} }

// enhancedCases are publications of everything that Enhanced RTMP v2 has:
// their headers in the order in which who comes late gets them, then a first
// GOP, then a second one at 1000 ms, behind which they are.
var enhancedCases = map[string]struct{ headers, first, second []packet }{
	"HEVC and Opus": {
		[]packet{video(0, "\x90hvc1record"), video(0, "\x94hvc1colorInfo"), sound(0, "\x90OpusOpusHead"), sound(0, "\x94Opus\x01\x02\x00\x00\x00\x03")},
		[]packet{video(0, "\x91hvc1\x00\x00\x00key"), sound(10, "\x91Opusframe"), video(40, "\xa1hvc1\x00\x00\x28inter"), video(80, "\xa3hvc1inter")},
		[]packet{video(1000, "\x93hvc1key"), sound(1010, "\x91Opusframe"), video(1040, "\xb3hvc1disposable")},
	},
	"AV1 and FLAC": {
		[]packet{video(0, "\x90av01record"), sound(0, "\x90fLaCfLaCstreaminfo")},
		[]packet{video(0, "\x91av01key"), sound(10, "\x91fLaCframe")},
		[]packet{video(1000, "\x91av01key"), sound(1010, "\x91fLaCframe"), video(1040, "\x92av01")},
	},
	"AV1 as MPEG-2 TS has it": {
		[]packet{video(0, "\x95av01descriptor")},
		[]packet{video(0, "\x91av01key")},
		[]packet{video(1000, "\x91av01key"), video(1040, "\xa1av01inter")},
	},
	"VP8 and AC-3": {
		[]packet{video(0, "\x90vp08record")},
		[]packet{video(0, "\x91vp08key"), sound(10, "\x91ac-3frame")},
		[]packet{video(1000, "\x91vp08key"), sound(1010, "\x91ac-3frame")},
	},
	"VP9 and E-AC-3": {
		[]packet{video(0, "\x90vp09record"), sound(0, "\x94ec-3\x02\x02\x00\x01")},
		[]packet{video(0, "\x91vp09key"), sound(10, "\x91ec-3frame")},
		[]packet{video(1000, "\x91vp09key"), sound(1010, "\x91ec-3frame")},
	},
	"VVC and MP3": {
		[]packet{video(0, "\x90vvc1record")},
		[]packet{video(0, "\x91vvc1\x00\x00\x00key"), sound(10, "\x91.mp3frame")},
		[]packet{video(1000, "\x91vvc1\x00\x00\x00key"), sound(1010, "\x91.mp3frame")},
	},
	"AVC and AAC the new way": {
		[]packet{video(0, "\x90avc1record"), sound(0, "\x90mp4a\x12\x10")},
		[]packet{video(0, "\x91avc1\x00\x00\x00key"), sound(10, "\x91mp4aframe"), video(20, "\xd1\x00")},
		[]packet{video(1000, "\x91avc1\x00\x00\x00key"), sound(1010, "\x91mp4aframe")},
	},
	"tracks beside the old way": {
		[]packet{video(0, "\x17\x00\x00\x00\x00record"), video(0, "\x96\x00hvc1\x01record 1"), sound(0, "\xaf\x00\x12\x10"), sound(0, "\x95\x00Opus\x01head 1")},
		[]packet{video(0, "\x17\x01\x00\x00\x00key"), video(0, "\x96\x01hvc1\x01\x00\x00\x00key 1"), sound(10, "\xaf\x01frame"), sound(10, "\x95\x01Opus\x01frame 1"), video(40, "\x96\x01hvc1\x01\x00\x00\x00key of track 1 only")},
		[]packet{video(1000, "\x17\x01\x00\x00\x00key"), video(1000, "\x96\x01hvc1\x01\x00\x00\x00key 1"), sound(1010, "\xaf\x01frame"), video(1040, "\x96\x01hvc1\x01\x00\x00\x00key of track 1 only")},
	},
	"many tracks": {
		[]packet{video(0, "\x96\x10av01\x00\x00\x00\x08record 0\x01\x00\x00\x08record 1"), video(0, "\x96\x04av01\x01colorInfo"), sound(0, "\x95\x20Opus\x00\x00\x00\x04headfLaC\x01\x00\x00\x04head")},
		[]packet{video(0, "\x96\x11av01\x01\x00\x00\x03key\x00\x00\x00\x03key"), sound(0, "\x95\x21Opus\x00\x00\x00\x05framefLaC\x01\x00\x00\x05frame"), video(40, "\xa6\x11av01\x00\x00\x00\x05inter\x01\x00\x00\x05inter")},
		[]packet{video(1000, "\x96\x11av01\x01\x00\x00\x03key\x00\x00\x00\x03key"), video(1040, "\xa6\x11av01\x00\x00\x00\x05inter\x01\x00\x00\x05inter")},
	},
	"no track 0": {
		[]packet{video(0, "\x96\x20vp09\x03\x00\x00\x06recordav01\x04\x00\x00\x06record")},
		[]packet{video(0, "\x96\x01vp09\x03key"), video(0, "\x96\x01av01\x04key")},
		[]packet{video(1000, "\x96\x01vp09\x03key"), video(1000, "\x96\x01av01\x04key"), video(1040, "\xa6\x01av01\x04inter")},
	},
	"nanoseconds": {
		[]packet{video(0, "\x97\x02\x00\x00\x01\x00hvc1record"), video(0, "\x97\x02\x00\x00\x01\x06\x00hvc1\x02record 2"), sound(0, "\x97\x02\x00\x00\x01\x00Opushead")},
		[]packet{video(0, "\x97\x02\x00\x10\x01\x03hvc1key"), video(0, "\x97\x02\x00\x10\x01\x06\x03hvc1\x02key 2"), sound(10, "\x97\x02\x00\x00\x01\x01Opusframe")},
		[]packet{video(1000, "\x97\x02\x00\x10\x01\x03hvc1key"), video(1000, "\x97\x02\x00\x10\x01\x06\x03hvc1\x02key 2"), video(1040, "\x99hvc1a packet of tomorrow")},
	},
}

// player plays a name on a connection of its own.
func player(t *testing.T, s *house, name string, start time.Duration) <-chan packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := rtmp.Connect(ctx, "rtmp://"+s.RTMPAddr().String()+"/app/one/"+name, rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	stream, err := c.CreateStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan packet, 100)
	stream.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeData {
			got <- packet{m.Type, m.Timestamp, string(m.Payload)}
		}
		return nil
	})
	if err := stream.Play(ctx, name, start); err != nil {
		t.Fatal(err)
	}
	return got
}

func gets(t *testing.T, who string, got <-chan packet, want ...packet) {
	t.Helper()
	for i, w := range want {
		select {
		case p := <-got:
			if p != w {
				t.Fatalf("%s: message %d is %v, want %v", who, i, p, w)
			}
		case <-time.After(patience):
			t.Fatalf("%s: message %d does not come: %v", who, i, w)
		}
	}
}

func TestEnhancedRTMP(t *testing.T) { everyWay(t, testEnhancedRTMP) }

func testEnhancedRTMP(t *testing.T, w way) {
	for name, c := range enhancedCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := run(t, w, open)
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			early := player(t, s, "cam", rtmp.PlayLive)
			joined(t, s, 1)
			nc, err := rtmp.Connect(ctx, "rtmp://"+s.RTMPAddr().String()+"/app/one/cam", rtmp.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			publisher, err := nc.CreateStream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := publisher.Publish(ctx, "cam", "record"); err != nil {
				t.Fatal(err)
			}
			all := slices.Concat(c.headers, c.first, c.second)
			for _, p := range all {
				if err := publisher.Send(ctx, &rtmp.Message{Type: p.kind, Timestamp: p.time, Payload: []byte(p.payload)}); err != nil {
					t.Fatal(err)
				}
			}
			gets(t, "live", early, all...)
			late := make([]packet, 0, len(all))
			for _, h := range c.headers {
				h.time = 1000
				late = append(late, h)
			}
			late = append(late, c.second...)
			gets(t, "joined late", player(t, s, "cam", rtmp.PlayLive), late...)
			if err := publisher.Unpublish(ctx); err != nil {
				t.Fatal(err)
			}
			gets(t, "recorded", player(t, s, "cam", 0), all...)
			const from = 1005
			for i, p := range late {
				late[i].time = max(p.time, from) - from
			}
			gets(t, "recorded, from the middle", player(t, s, "cam", from*time.Millisecond), late...)
		})
	}
}

func TestEnhancedCapabilities(t *testing.T) { everyWay(t, testEnhancedCapabilities) }

func testEnhancedCapabilities(t *testing.T, w way) {
	s, _ := run(t, w, open)
	for name, c := range map[string]struct {
		says     []any
		answered bool
	}{
		"a client of Adobe's time": {nil, false},
		"OBS":                      {[]any{"fourCcList", amf.NewArray("av01", "vp09", "hvc1")}, true},
		"a video map":              {[]any{"videoFourCcInfoMap", amf.NewObject("*", 1)}, true},
		"an audio map":             {[]any{"audioFourCcInfoMap", amf.NewECMAArray("Opus", 3)}, true},
		"capsEx":                   {[]any{"capsEx", 2}, true},
		"Red5's spelling":          {[]any{"CapsEx", 2}, true},
		"nonsense":                 {[]any{"fourCcList", "av01", "videoFourCcInfoMap", 3, "capsEx", amf.NewObject()}, true},
	} {
		t.Run(name, func(t *testing.T) {
			props := answer(t, s, c.says...)
			caps, there := props.Get("capsEx")
			if there != c.answered {
				t.Fatalf("answered with capsEx %v, %v", caps, there)
			}
			codecs, _ := props.Get("fourCcList")
			v, _ := props.Get("videoFourCcInfoMap")
			a, _ := props.Get("audioFourCcInfoMap")
			if !there {
				if codecs != nil || v != nil || a != nil {
					t.Errorf("told of codecs: %v, %v, %v", codecs, v, a)
				}
				return
			}
			if caps != 15.0 {
				t.Errorf("capsEx %v", caps)
			}
			for _, codec := range []string{"*", "avc1", "hvc1", "vvc1", "av01", "vp08", "vp09"} {
				if mask, _ := v.(*amf.Object).Get(codec); mask != 4.0 || !slices.Contains(codecs.(*amf.Array).Items, amf.Value(codec)) {
					t.Errorf("%s: mask %v, list %v", codec, mask, codecs)
				}
			}
			for _, codec := range []string{"*", "mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3"} {
				if mask, _ := a.(*amf.Object).Get(codec); mask != 4.0 || !slices.Contains(codecs.(*amf.Array).Items, amf.Value(codec)) {
					t.Errorf("%s: mask %v, list %v", codec, mask, codecs)
				}
			}
		})
	}
}

// A client that said that it follows is asked to connect again before it is told
// to go.
func TestReconnectRequest(t *testing.T) { everyWay(t, testReconnectRequest) }

func testReconnectRequest(t *testing.T, w way) {
	s, stop := run(t, w, open)
	follows := connect(t, s, "app/one", "capsEx", 1).hello()
	other := connect(t, s, "app/one", "capsEx", 14).hello()
	left := make(chan struct{}, 2)
	go func() {
		defer func() { left <- struct{}{} }()
		info := follows.expect("onStatus NetConnection.Connect.ReconnectRequest")
		if level, _ := info.Get("level"); level != "status" {
			t.Errorf("a request to reconnect of level %v", level)
		}
		follows.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		follows.conn.Close()
	}()
	go func() {
		defer func() { left <- struct{}{} }()
		other.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		other.conn.Close()
	}()
	stop()
	<-left
	<-left
}

// answer connects and returns the first object of the answer.
func answer(t *testing.T, s *house, says ...any) *amf.Object {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/app", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan amf.Value, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(answered)
		_ = conn.Serve(func(m *rtmp.Message) error {
			if cmd, err := rtmp.ParseCommand(m); m.Type == rtmp.TypeCommand && err == nil && cmd.Name == "_result" {
				answered <- cmd.Object
			}
			return nil
		})
	}()
	defer func() { conn.Close(); <-done }()
	if err := conn.SendCommand(0, "connect", 1, amf.NewObject(append([]any{"app", "app/one", "objectEncoding", 0}, says...)...)); err != nil {
		t.Fatal(err)
	}
	o, ok := (<-answered).(*amf.Object)
	if !ok {
		t.Fatal("no object in the answer to connect")
	}
	return o
}
