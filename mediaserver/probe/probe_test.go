package probe_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/probe"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// message is one that is published, in hexadecimal digits.
type message struct {
	kind    rtmp.MessageType
	payload string
}

func video(payload string) message { return message{rtmp.TypeVideo, payload} }
func audio(payload string) message { return message{rtmp.TypeAudio, payload} }

func meta(t testing.TB, pairs ...any) message {
	t.Helper()
	b, err := amf.AppendAll(nil, "onMetaData", amf.NewECMAArray(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return message{rtmp.TypeData, hex.EncodeToString(b)}
}

const (
	avcHeader = "17000000000142c00bffe100186742c00bda0a37e4c044000003000400000300c83c50aa8001000468ce0fc8"
	avcKey    = "17010000000000000465888400"
	avcInter  = "270100000000000003419a20"
)

func begin(t testing.TB) (*stream.Stream, *stream.Publisher) {
	t.Helper()
	f := stream.NewFanout(1)
	t.Cleanup(f.Close)
	s := stream.New("cam", f, stream.Options{})
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func publish(t testing.TB, p *stream.Publisher, at media.Timestamp, all ...message) {
	t.Helper()
	for _, m := range all {
		b, err := hex.DecodeString(m.payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(&rtmp.Message{Type: m.kind, StreamID: 1, Timestamp: at, Payload: b}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages []message
		video    *probe.Video
		audio    *probe.Audio
	}{
		"nothing": {},
		"AVC and AAC": {
			[]message{video(avcHeader), audio("af001210"), video(avcKey), audio("af01210049")},
			&probe.Video{Codec: "avc1.42c00b", Width: 160, Height: 90}, &probe.Audio{Codec: "mp4a.40.2", Rate: 44100, Channels: 2},
		},
		"AVC in Enhanced RTMP, a second track first": {
			[]message{
				video("9600617663310100" + avcHeader[10:]), video("90" + "61766331" + avcHeader[10:]),
				video("91" + "61766331" + "000000" + avcKey[10:]),
			},
			&probe.Video{Codec: "avc1.42c00b", Width: 160, Height: 90}, nil,
		},
		"a header that cannot be read": {
			[]message{meta(t, "width", 320.0, "height", 240.0), video("1700000000ff"), video(avcKey)},
			&probe.Video{Codec: "H.264", Width: 320, Height: 240}, nil,
		},
		"what no page plays": {
			[]message{meta(t, "width", 320.0, "height", 1e9, "audiosamplerate", 16000.0, "audiochannels", "two"), video("1400aabb"), audio("b600")},
			&probe.Video{Codec: "VP6", Width: 320}, &probe.Audio{Codec: "Speex", Rate: 16000},
		},
		"MP3, by its first frame": {
			[]message{audio("2ffffb9064" + strings.Repeat("00", 32))},
			nil, &probe.Audio{Codec: "mp4a.40.34", Rate: 44100, Channels: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := begin(t)
			publish(t, p, 0, c.messages...)
			var remembered probe.Probe
			for range 2 { // from the stream, and from memory
				is := remembered.Stream(t.Context(), s)
				if (is.Video == nil) != (c.video == nil) || is.Video != nil && *is.Video != *c.video {
					t.Errorf("pictures are %+v, want %+v", is.Video, c.video)
				}
				if (is.Audio == nil) != (c.audio == nil) || is.Audio != nil && *is.Audio != *c.audio {
					t.Errorf("sound is %+v, want %+v", is.Audio, c.audio)
				}
			}
		})
	}
}

// What a stream is changes with its headers, and with its publisher.
func TestStreamsThatChange(t *testing.T) {
	t.Parallel()
	s, p := begin(t)
	var of probe.Probe
	publish(t, p, 0, video(avcHeader), video(avcKey))
	first := of.Stream(t.Context(), s)
	for at := range 5 {
		publish(t, p, media.Timestamp(40+40*at), video(avcInter))
	}
	publish(t, p, 2000, video(avcKey))
	is := of.Stream(t.Context(), s)
	if is.Pictures != 7 || is.Keyframes != 2*time.Second || is.Newest != 2000 || is.Bytes <= first.Bytes || !is.Live || is.Audio != nil || is.Arrived.IsZero() {
		t.Errorf("%+v", is)
	}
	publish(t, p, 2010, audio("af001210"), audio("af01210049"))
	if is = of.Stream(t.Context(), s); is.Audio == nil || is.Video == nil {
		t.Errorf("sound that comes later: %+v, pictures %+v", is.Audio, is.Video)
	}
	p.Close()
	next, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	if is = of.Stream(t.Context(), s); is.Video != nil || is.Pictures != 0 || is.Bytes >= first.Bytes {
		t.Errorf("of the publication before: %+v", is)
	}
	publish(t, next, 0, audio("af001390"), audio("af01210049"))
	if is = of.Stream(t.Context(), s); is.Video != nil || is.Audio == nil || is.Audio.Rate != 22050 {
		t.Errorf("of another publisher: %+v %+v", is.Video, is.Audio)
	}
}

// FuzzStream publishes what strangers may: a byte for the kind, one for the length, and
// so many bytes.
func FuzzStream(f *testing.F) {
	seed := func(all ...message) {
		var b []byte
		for _, m := range all {
			p, err := hex.DecodeString(m.payload)
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, byte(m.kind), byte(len(p))), p...)
		}
		f.Add(b)
	}
	seed(video(avcHeader), audio("af001210"), video(avcKey), audio("af01210049"))
	seed(video("9061766331"+avcHeader[10:]), video("960061766331"))
	seed(meta(f, "width", 320.0, "height", -1.0), video("1400aabb"), audio("b600"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, p := begin(t)
		for at := media.Timestamp(0); len(b) >= 2; at += 40 {
			n := min(int(b[1]), len(b)-2)
			kinds := []rtmp.MessageType{rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData}
			if err := p.Write(&rtmp.Message{Type: kinds[int(b[0])%3], StreamID: 1, Timestamp: at, Payload: b[2 : 2+n]}); err != nil {
				t.Fatal(err)
			}
			b = b[2+n:]
		}
		var of probe.Probe
		is := of.Stream(context.Background(), s)
		if v := is.Video; v != nil && (v.Codec == "" || v.Width < 0 || v.Height < 0 || v.Width > 1<<20 || v.Height > 1<<20) {
			t.Errorf("%+v", v)
		}
		if a := is.Audio; a != nil && (a.Codec == "" || a.Rate < 0 || a.Channels < 0) {
			t.Errorf("%+v", a)
		}
	})
}
