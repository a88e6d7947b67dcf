package session_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// What players say in connect.
var (
	saysNothing   []any
	saysCodecs    = []any{"fourCcList", amf.NewArray("av01", "vp09", "hvc1", "avc1", "Opus", "fLaC", "ac-3", "mp4a", ".mp3")} // as clients of gortmplib
	saysSeveral   = []any{"videoFourCcInfoMap", amf.NewObject("*", 1), "audioFourCcInfoMap", amf.NewObject("*", 1), "capsEx", rtmp.CapsMultitrack | rtmp.CapsModEx}
	saysReconnect = []any{"capsEx", rtmp.CapsReconnect}
	saysHEVC      = []any{"fourCcList", amf.NewArray("hvc1")} // as ffmpeg with -rtmp_enhanced_codecs
	saysEncodes   = []any{"videoFourCcInfoMap", amf.NewObject("hvc1", rtmp.CanDecode, "av01", rtmp.CanEncode), "capsEx", rtmp.CapsMultitrack}
)

// playerWho is player for a client that says something in connect. It hears
// statuses of level error and warning, as packets of the type of a command.
func playerWho(t *testing.T, s *house, says []any, name string, start time.Duration) (<-chan packet, *rtmp.NetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := rtmp.Dial(ctx, "rtmp://"+s.RTMPAddr().String()+"/app/one", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := rtmp.NewNetConnection(conn)
	t.Cleanup(c.Close)
	if _, err := c.Connect(ctx, amf.NewObject(append([]any{"app", "app/one", "objectEncoding", 0}, says...)...)); err != nil {
		t.Fatal(err)
	}
	stream, err := c.CreateStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan packet, 1000)
	stream.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeData {
			got <- packet{m.Type, m.Timestamp, string(m.Payload)}
		}
		return nil
	})
	stream.OnStatus(func(info *amf.Object) {
		level, _ := info.Get("level")
		code, _ := info.Get("code")
		if level != "status" {
			got <- packet{rtmp.TypeCommand, 0, level.(string) + " " + code.(string)}
		}
	})
	if err := stream.Play(ctx, name, start); err != nil {
		t.Fatal(err)
	}
	return got, stream
}

// publishing publishes cam, recorded.
func publishing(t *testing.T, s *house) (publish func(...packet), unpublish func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	nc, err := rtmp.Connect(ctx, "rtmp://"+s.RTMPAddr().String()+"/app/one/cam", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stream, err := nc.CreateStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(ctx, "cam", "record"); err != nil {
		t.Fatal(err)
	}
	return func(ps ...packet) {
			t.Helper()
			for _, p := range ps {
				if err := stream.Send(ctx, &rtmp.Message{Type: p.kind, Timestamp: p.time, Payload: []byte(p.payload)}); err != nil {
					t.Fatal(err)
				}
			}
		}, func() {
			t.Helper()
			if err := stream.Unpublish(ctx); err != nil {
				t.Fatal(err)
			}
		}
}

// parts are a publication: headers in the order in which players that come late
// get them, a GOP at 0 ms, and one at 1000 ms, behind which they are.
type parts struct{ headers, first, second []packet }

func (p parts) all() []packet { return slices.Concat(p.headers, p.first, p.second) }

// from is what a player gets that begins at a time, in the second part.
func (p parts) from(at, offset int64) (ps []packet) {
	for _, q := range slices.Concat(p.headers, p.second) {
		if len(ps) < len(p.headers) {
			q.time = 1000
		}
		q.time = max(q.time, rtmpTime(at)) - rtmpTime(offset)
		ps = append(ps, q)
	}
	return ps
}

// rendition has a track of AVC and AAC, and one of HEVC and Opus.
var rendition = parts{
	[]packet{video(0, "\x96\x00avc1\x00record 0"), video(0, "\x96\x00hvc1\x01record 1"), video(0, "\x96\x04hvc1\x01colorInfo"), sound(0, "\x95\x00mp4a\x00\x12\x10"), sound(0, "\x95\x00Opus\x01OpusHead")},
	[]packet{
		video(0, "\x96\x01avc1\x00\x00\x00\x00key 0"), video(0, "\x96\x03hvc1\x01key 1"), sound(10, "\x95\x01mp4a\x00frame 0"), sound(10, "\x95\x01Opus\x01frame 1"),
		video(40, "\xa6\x01avc1\x00\x00\x00\x28inter 0"), video(40, "\xa6\x01hvc1\x01\x00\x00\x28inter 1"),
	},
	[]packet{
		video(1000, "\x96\x21avc1\x00\x00\x00\x0a\x00\x00\x00key 0.2hvc1\x01\x00\x00\x0a\x00\x00\x00key 1.2"),
		sound(1010, "\x95\x21mp4a\x00\x00\x00\x09frame 0.2Opus\x01\x00\x00\x09frame 1.2"), video(1040, "\xa6\x03avc1\x00inter 0.2"), video(1040, "\xa6\x03hvc1\x01inter 1.2"),
	},
}

// What is left of it.
var (
	track0 = parts{
		[]packet{video(0, "\x17\x00\x00\x00\x00record 0"), sound(0, "\xaf\x00\x12\x10")},
		[]packet{video(0, "\x17\x01\x00\x00\x00key 0"), sound(10, "\xaf\x01frame 0"), video(40, "\x27\x01\x00\x00\x28inter 0")},
		[]packet{video(1000, "\x17\x01\x00\x00\x00key 0.2"), sound(1010, "\xaf\x01frame 0.2"), video(1040, "\x27\x01\x00\x00\x00inter 0.2")},
	}
	track1 = parts{
		[]packet{video(0, "\x90hvc1record 1"), video(0, "\x94hvc1colorInfo"), sound(0, "\x90OpusOpusHead")},
		[]packet{video(0, "\x93hvc1key 1"), sound(10, "\x91Opusframe 1"), video(40, "\xa1hvc1\x00\x00\x28inter 1")},
		[]packet{video(1000, "\x91hvc1\x00\x00\x00key 1.2"), sound(1010, "\x91Opusframe 1.2"), video(1040, "\xa3hvc1inter 1.2")},
	}
	track0New = parts{
		[]packet{video(0, "\x90avc1record 0"), sound(0, "\x90mp4a\x12\x10")},
		[]packet{video(0, "\x91avc1\x00\x00\x00key 0"), sound(10, "\x91mp4aframe 0"), video(40, "\xa1avc1\x00\x00\x28inter 0")},
		[]packet{video(1000, "\x91avc1\x00\x00\x00key 0.2"), sound(1010, "\x91mp4aframe 0.2"), video(1040, "\xa3avc1inter 0.2")},
	}
	hevcBesides = parts{ // AVC in the old form, which is in no list
		[]packet{video(0, "\x17\x00\x00\x00\x00record 0"), video(0, "\x96\x00hvc1\x01record 1"), video(0, "\x96\x04hvc1\x01colorInfo"), sound(0, "\x95\x00mp4a\x00\x12\x10"), sound(0, "\x95\x00Opus\x01OpusHead")},
		[]packet{
			video(0, "\x17\x01\x00\x00\x00key 0"), video(0, "\x96\x03hvc1\x01key 1"), sound(10, "\x95\x01mp4a\x00frame 0"), sound(10, "\x95\x01Opus\x01frame 1"),
			video(40, "\x27\x01\x00\x00\x28inter 0"), video(40, "\xa6\x01hvc1\x01\x00\x00\x28inter 1"),
		},
		[]packet{
			video(1000, "\x17\x01\x00\x00\x00key 0.2"), video(1000, "\x96\x01hvc1\x01\x00\x00\x00key 1.2"),
			sound(1010, "\x95\x21mp4a\x00\x00\x00\x09frame 0.2Opus\x01\x00\x00\x09frame 1.2"), video(1040, "\x27\x01\x00\x00\x00inter 0.2"), video(1040, "\xa6\x03hvc1\x01inter 1.2"),
		},
	}
)

// trackCases are players of rendition, by what they say and ask for.
var trackCases = map[string]struct {
	says []any
	name string
	want parts
}{
	"Adobe's time":                  {saysNothing, "cam", track0},
	"codecs, and nothing of tracks": {saysCodecs, "cam", rendition},
	"several tracks":                {saysSeveral, "cam", rendition},
	"no more than to reconnect":     {saysReconnect, "cam", track0New},
	"HEVC alone":                    {saysHEVC, "cam", hevcBesides},
	"decodes HEVC, encodes AV1":     {saysEncodes, "cam", hevcBesides},
	"Adobe's time, track 1":         {saysNothing, "cam?track=1", track1},
	"several tracks, track 1":       {saysSeveral, "cam?track=1", track1},
	"several tracks, track 0":       {saysSeveral, "cam?track=0", track0New},
}

// Players get the tracks and codecs that they take: from the beginning, as they
// come late.
func TestTracksLive(t *testing.T) { everyWay(t, testTracksLive) }

func testTracksLive(t *testing.T, w way) {
	s, _ := run(t, w, open)
	early := map[string]<-chan packet{}
	for name, c := range trackCases {
		early[name], _ = playerWho(t, s, c.says, c.name, rtmp.PlayLive)
	}
	joined(t, s, len(early))
	publish, _ := publishing(t, s)
	publish(rendition.all()...)
	for name, c := range trackCases {
		gets(t, name+", from the beginning", early[name], c.want.all()...)
	}
	for name, c := range trackCases {
		late, _ := playerWho(t, s, c.says, c.name, rtmp.PlayLive)
		gets(t, name+", late", late, c.want.from(0, 0)...)
		early[name+", late"] = late
	}
	last := video(1080, "\xa6\x13avc1\x00\x00\x00\x04last\x01\x00\x00\x04last")
	publish(last)
	for name, got := range early {
		select {
		case <-got:
		case <-time.After(patience):
			t.Fatalf("%s: what follows does not come", name)
		}
	}
}

// What was recorded has everything, and is played as it would have been live:
// from the beginning, from the middle and behind a seek, with headers of the track.
func TestTracksRecorded(t *testing.T) { everyWay(t, testTracksRecorded) }

func testTracksRecorded(t *testing.T, w way) {
	s, _ := run(t, w, open)
	publish, unpublish := publishing(t, s)
	publish(rendition.all()...)
	unpublish()
	const from = 1005
	for name, c := range trackCases {
		t.Run(name, func(t *testing.T) {
			got, stream := playerWho(t, s, c.says, c.name, 0)
			gets(t, "recorded", got, c.want.all()...)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := stream.Seek(ctx, from*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			gets(t, "behind a seek", got, c.want.from(0, 0)...)
			got, _ = playerWho(t, s, c.says, c.name, from*time.Millisecond)
			gets(t, "from the middle", got, c.want.from(from, from)...)
		})
	}
}

// sparedCases are players who do not take all that is published, and hear so.
var sparedCases = map[string]struct {
	says      []any
	name      string
	published []packet
	want      []packet // and, somewhere among them, what it is told
	told      string
}{
	"no pictures": {saysHEVC, "cam",
		[]packet{video(0, "\x90av01record"), sound(0, "\xaf\x00\x12\x10"), video(0, "\x91av01key"), sound(10, "\xaf\x01frame"), sound(1500, "\xaf\x01frame")},
		[]packet{sound(0, "\xaf\x00\x12\x10"), sound(10, "\xaf\x01frame"), sound(1500, "\xaf\x01frame")}, "warning"},
	"no sound": {[]any{"audioFourCcInfoMap", amf.NewObject("mp4a", 1)}, "cam",
		[]packet{video(0, "\x17\x00\x00\x00\x00record"), sound(0, "\x90OpusOpusHead"), video(0, "\x17\x01\x00\x00\x00key"), sound(10, "\x91Opusframe"), video(1500, "\x17\x01\x00\x00\x00key")},
		[]packet{video(0, "\x17\x00\x00\x00\x00record"), video(0, "\x17\x01\x00\x00\x00key"), video(1500, "\x17\x01\x00\x00\x00key")}, "warning"},
	"nothing": {saysHEVC, "cam",
		[]packet{video(0, "\x90av01record"), video(0, "\x91av01key"), video(1500, "\x91av01key")}, nil, "error"},
	"sound that has no header": {saysHEVC, "cam",
		[]packet{video(0, "\x90av01record"), video(0, "\x91av01key"), sound(20, "\x2fframe"), video(1500, "\x91av01key")},
		[]packet{sound(20, "\x2fframe")}, "warning"},
	"a track that there is none of": {saysNothing, "cam?track=7",
		[]packet{video(0, "\x17\x00\x00\x00\x00record"), video(0, "\x17\x01\x00\x00\x00key"), video(1500, "\x17\x01\x00\x00\x00key")}, nil, "error"},
}

// hears checks what a player gets, and that it is told once, somewhere among it.
func hears(t *testing.T, who string, got <-chan packet, told string, want []packet) {
	t.Helper()
	said := packet{rtmp.TypeCommand, 0, told + " NetStream.Play.NoSupportedTrackFound"}
	for n := 0; len(want) > 0 || n == 0; {
		select {
		case p := <-got:
			switch {
			case n == 0 && p == said:
				n++
			case len(want) > 0 && p == want[0]:
				want = want[1:]
			default:
				t.Fatalf("%s: %v, want %v", who, p, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s: told %d times; %v do not come", who, n, want)
		}
	}
}

// Who does not take what is published is spared it, and told.
func TestTracksThatAreNotTaken(t *testing.T) { everyWay(t, testTracksThatAreNotTaken) }

func testTracksThatAreNotTaken(t *testing.T, w way) {
	for name, c := range sparedCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := run(t, w, open)
			early, _ := playerWho(t, s, c.says, c.name, rtmp.PlayLive)
			joined(t, s, 1)
			publish, unpublish := publishing(t, s)
			publish(c.published...)
			hears(t, "from the beginning", early, c.told, c.want)
			late, _ := playerWho(t, s, c.says, c.name, rtmp.PlayLive)
			hears(t, "late", late, c.told, nil)
			unpublish()
			recorded, _ := playerWho(t, s, c.says, c.name, 0)
			hears(t, "recorded", recorded, c.told, c.want)
		})
	}
}

// A track that is asked for may come later.
func TestTrackThatComesLater(t *testing.T) {
	s, _ := run(t, here, open)
	got, _ := playerWho(t, s, saysNothing, "cam?track=1", rtmp.PlayLive)
	joined(t, s, 1)
	publish, _ := publishing(t, s)
	publish(video(0, "\x17\x00\x00\x00\x00record"), sound(0, "\xaf\x00\x12\x10"), video(0, "\x17\x01\x00\x00\x00key"), video(1500, "\x17\x01\x00\x00\x00key"))
	hears(t, "before", got, "error", nil)
	publish(video(2000, "\x96\x00avc1\x01record 1"), video(2000, "\x96\x01avc1\x01\x00\x00\x00key 1"), sound(2010, "\xaf\x01frame"))
	gets(t, "then", got, video(2000, "\x17\x00\x00\x00\x00record 1"), video(2000, "\x17\x01\x00\x00\x00key 1"), sound(2010, "\xaf\x00\x12\x10"), sound(2010, "\xaf\x01frame"))
}

// What is no number of a track is refused.
func TestTrackThatIsNone(t *testing.T) {
	s, _ := run(t, here, open)
	c := connect(t, s, "app/one").hello()
	for _, name := range []string{"cam?track=", "cam?track=256", "cam?track=-1", "cam?track=video"} {
		c.on(1, "play", name)
		c.expect("onStatus NetStream.Play.Failed")
	}
}

// A recording is what was published, whoever watches.
func TestTracksAreRecordedAsPublished(t *testing.T) {
	s, _ := run(t, here, open)
	watches, _ := playerWho(t, s, saysNothing, "cam", rtmp.PlayLive)
	joined(t, s, 1)
	publish, unpublish := publishing(t, s)
	publish(rendition.all()...)
	gets(t, "live", watches, track0.all()...)
	unpublish()
	gets(t, "recorded", player(t, s, "cam", 0), rendition.all()...)
}

func rtmpTime(ms int64) media.Timestamp { return media.Timestamp(ms) }
