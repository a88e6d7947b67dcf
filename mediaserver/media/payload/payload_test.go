package payload

import (
	"fmt"
	"strings"
	"testing"
)

// payloadCases say what payloads mean. They are the seeds of FuzzPayload too.
var payloadCases = []struct {
	name    string
	audio   bool
	payload string
	want    string // see say
	words   string // which of key, header and disposable hold
}{
	{"empty", false, "", "", ""},
	{"one byte of AVC", false, "\x17", "", ""},
	{"AVC header", false, "\x17\x00\x00\x00\x00\x01", "start avc1: 0=\x01", "header"},
	{"AVC keyframe", false, "\x17\x01\x00\x00\x00\x09", "frames avc1: 0=\x09", "key"},
	{"AVC inter frame", false, "\x27\x01\x00\x00\x00\x09", "frames avc1: 0=\x09", ""},
	{"AVC disposable frame", false, "\x37\x01\x00\x00\x00\x09", "frames avc1: 0=\x09", "disposable"},
	{"AVC header of a strange frame type", false, "\x37\x00\x00\x00\x00\x09", "start avc1: 0=\x09", "header"},
	{"AVC end of sequence", false, "\x17\x02\x00\x00\x00", "end avc1: 0=", ""},
	{"AVC packet of no type", false, "\x17\x03\x00\x00\x00", "reserved avc1: 0=", ""},
	{"AVC without composition time", false, "\x17\x01", "frames avc1: 0=", "key"},
	{"Sorenson keyframe", false, "\x12\x00", "frames 2: 0=\x00", "key"},
	{"Sorenson inter frame", false, "\x22\x00", "frames 2: 0=\x00", ""},
	{"Sorenson disposable frame", false, "\x32\x00", "frames 2: 0=\x00", "disposable"},
	{"VP6 keyframe", false, "\x14\x00", "frames 4: 0=\x00", "key"},
	{"HEVC the old way", false, "\x1c\x01\x00\x00\x00\x07", "frames hvc1: 0=\x07", "key"},
	{"HEVC header the old way", false, "\x1c\x00\x00\x00\x00\x07", "start hvc1: 0=\x07", "header"},
	{"command frame", false, "\x57\x00", "command 7:", ""},

	{"AV1 start", false, "\x90av01c", "start av01: 0=c", "header"},
	{"AV1 start as MPEG-2 TS has it", false, "\x95av01c", "start av01: 0=c", "header"},
	{"VP8 start", false, "\x90vp08c", "start vp08: 0=c", "header"},
	{"VP9 keyframe", false, "\x91vp09f", "frames vp09: 0=f", "key"},
	{"HEVC keyframe", false, "\x91hvc1\x00\x00\x00f", "frames hvc1: 0=\x00\x00\x00f", "key"},
	{"VVC keyframe without composition time", false, "\x93vvc1f", "frames vvc1: 0=f", "key"},
	{"AVC the new way", false, "\xa1avc1\x00\x00\x00f", "frames avc1: 0=\x00\x00\x00f", ""},
	{"AV1 disposable frame", false, "\xb1av01f", "frames av01: 0=f", "disposable"},
	{"AV1 end", false, "\x92av01", "end av01: 0=", ""},
	{"colour", false, "\xd4hvc1\x02", "metadata hvc1: 0=\x02", "header"},
	{"colour of a disposable frame", false, "\xb4hvc1\x02", "metadata hvc1: 0=\x02", "header"},
	{"enhanced command frame", false, "\xd1\x00", "command 0:", ""},
	{"enhanced command frame without its command", false, "\xd1", "", ""},
	{"packet of no type", false, "\x99av01", "reserved av01: 0=", ""},
	{"half a codec", false, "\x91av0", "", ""},

	{"one track", false, "\x96\x00hvc1\x05c", "start hvc1: 5=c", "header"},
	{"keyframe of one track", false, "\x96\x01hvc1\x05f", "frames hvc1: 5=f", ""},
	{"keyframe of track 0", false, "\x96\x01hvc1\x00f", "frames hvc1: 0=f", "key"},
	{"disposable frame of one track", false, "\xb6\x03hvc1\x05f", "frames hvc1: 5=f", "disposable"},
	{"one track, none there", false, "\x96\x00hvc1", "start hvc1:", ""},
	{"many tracks", false, "\x96\x10av01\x00\x00\x00\x01c\x02\x00\x00\x02de", "start av01: 0=c 2=de", "header"},
	{"keyframe of many tracks", false, "\x96\x11av01\x01\x00\x00\x01c\x00\x00\x00\x02de", "frames av01: 1=c 0=de", "key"},
	{"keyframe of many tracks but 0", false, "\x96\x11av01\x01\x00\x00\x01c\x02\x00\x00\x00", "frames av01: 1=c 2=", ""},
	{"many tracks, the second longer than the payload", false, "\x96\x10av01\x00\x00\x00\x01c\x02\x00\x00\x03de", "start av01: 0=c", "header"},
	{"many codecs", false, "\x96\x20av01\x00\x00\x00\x01cvp09\xff\x00\x00\x01d", "start 0: 0(av01)=c 255(vp09)=d", "header"},
	{"colour of many codecs", false, "\x96\x24av01\x03\x00\x00\x01c", "metadata 0: 3(av01)=c", "header"},
	{"tracks in tracks", false, "\x96\x16av01\x00\x00\x00\x01c", "reserved 0:", ""},
	{"tracks of no layout", false, "\x96\x31av01\x00\x00\x00\x01c", "reserved 0:", ""},
	{"tracks without their layout", false, "\x96", "", ""},

	{"nanoseconds", false, "\x97\x02\x01\x02\x03\x01hvc1f", "frames hvc1 +66051ns: 0=f", "key"},
	{"more nanoseconds than there are", false, "\x97\x02\xff\xff\xff\x01hvc1f", "frames hvc1 +999999ns: 0=f", "key"},
	{"nanoseconds in too few bytes", false, "\x97\x01\x02\x03\x01hvc1f", "frames hvc1: 0=f", "key"},
	{"nanoseconds before a command", false, "\xd7\x02\x01\x02\x03\x01\x00", "command 0 +66051ns:", ""},
	{"nanoseconds before tracks", false, "\xa7\x02\x00\x00\x01\x06\x03hvc1\x01f", "frames hvc1 +1ns: 1=f", ""},
	{"a modifier of no type, then nanoseconds", false, "\xb7\x00\x09\x57\x02\x00\x00\x01\x01av01f", "frames av01 +1ns: 0=f", "disposable"},
	{"a long modifier", false, "\x97\xff\x01\x2b" + strings.Repeat("m", 300) + "\x10av01c", "start av01: 0=c", "header"},
	{"a modifier of 256 bytes", false, "\x97\xff\x00\xff" + strings.Repeat("m", 256) + "\x10av01c", "start av01: 0=c", "header"},
	{"a modifier longer than the payload", false, "\x97\x09\x01", "", ""},
	{"a modifier and no more", false, "\x97\x02\x00\x00\x01", "", ""},
	{"modifiers without an end", false, "\x97" + strings.Repeat("\x00\x00\x17", 17) + "\x00\x00\x11av01", "", ""},

	{"silence", true, "", "", ""},
	{"AAC header", true, "\xaf\x00\x12\x10", "start mp4a: 0=\x12\x10", "header"},
	{"AAC", true, "\xaf\x01\x07", "frames mp4a: 0=\x07", ""},
	{"one byte of AAC", true, "\xaf", "", ""},
	{"MP3", true, "\x2f\x07", "frames .mp3: 0=\x07", ""},
	{"Nellymoser", true, "\x62\x07", "frames 6: 0=\x07", ""},
	{"Opus header", true, "\x90Opush", "start Opus: 0=h", "header"},
	{"Opus", true, "\x91Opusf", "frames Opus: 0=f", ""},
	{"FLAC header", true, "\x90fLaCh", "start fLaC: 0=h", "header"},
	{"AC-3", true, "\x91ac-3f", "frames ac-3: 0=f", ""},
	{"E-AC-3 end", true, "\x92ec-3", "end ec-3: 0=", ""},
	{"speakers", true, "\x94Opus\x01\x06\x00\x00\x00\x3f", "channels Opus: 0=\x01\x06\x00\x00\x00\x3f", "header"},
	{"no packet of audio", true, "\x93Opus", "reserved Opus: 0=", ""},
	{"one track of sound", true, "\x95\x00Opus\x01h", "start Opus: 1=h", "header"},
	{"frame of one track of sound", true, "\x95\x01Opus\x01h", "frames Opus: 1=h", ""},
	{"speakers of many codecs", true, "\x95\x24Opus\x01\x00\x00\x01hfLaC\x02\x00\x00\x01i", "channels 0: 1(Opus)=h 2(fLaC)=i", "header"},
	{"nanoseconds of sound", true, "\x97\x02\x00\x01\x00\x01ac-3f", "frames ac-3 +256ns: 0=f", ""},
	{"half a codec of sound", true, "\x90Op", "", ""},
}

func (f FourCC) String() string {
	if f < 1<<24 {
		return fmt.Sprint(uint32(f))
	}
	return string([]byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)})
}

func parse(audio bool, b []byte) (Payload, bool) {
	if audio {
		return ParseAudio(b)
	}
	return ParseVideo(b)
}

// say writes a payload down: kind, codec and what there is of each track.
func say(p Payload) string {
	kinds := map[Kind]string{Reserved: "reserved", Frames: "frames", SequenceStart: "start", SequenceEnd: "end", Metadata: "metadata", MultichannelConfig: "channels", Command: "command"}
	s := fmt.Sprintf("%s %v", kinds[p.Kind], p.Codec)
	if p.Nano != 0 {
		s += fmt.Sprintf(" +%dns", p.Nano)
	}
	s += ":"
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		s += fmt.Sprintf(" %d", t.ID)
		if t.Codec != p.Codec {
			s += fmt.Sprintf("(%v)", t.Codec)
		}
		s += "=" + string(t.Body)
	}
	return s
}

func TestPayloads(t *testing.T) {
	for _, c := range payloadCases {
		b := []byte(c.payload)
		p, ok := parse(c.audio, b)
		if !ok && c.want != "" || ok && say(p) != c.want {
			t.Errorf("%s: %v %q, want %q", c.name, ok, say(p), c.want)
		}
		words := ""
		switch {
		case !c.audio && IsKeyframe(b):
			words += "key"
		case c.audio && IsAudioHeader(b), !c.audio && IsVideoHeader(b):
			words += "header"
		case !c.audio && ok && p.IsDisposable():
			words += "disposable"
		}
		if words != c.words {
			t.Errorf("%s: %q, want %q", c.name, words, c.words)
		}
	}
}

func TestPayloadsTakeNoMemory(t *testing.T) {
	var d Pictures
	for _, c := range payloadCases {
		b := []byte(c.payload)
		if n := testing.AllocsPerRun(10, func() {
			if p, ok := parse(c.audio, b); ok {
				d.Next(&p, 0)
				d.Enough(&p)
				p.IsHeader()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// A stream's default track is its lowest one, and its keyframes are those of
// the stream.
func TestDefaultTrack(t *testing.T) {
	const (
		plain = "\x91av01f"
		one   = "\x96\x01av01\x01f"
		two   = "\x96\x01av01\x02f"
		both  = "\x96\x11av01\x01\x00\x00\x01f\x02\x00\x00\x01f"
	)
	for name, c := range map[string]struct {
		payloads []string
		want     string // a k for every keyframe
	}{
		"track 0 alone":                    {[]string{plain, "\xa1av01f", plain}, "k-k"},
		"with others beside it":            {[]string{plain, one, two, both, plain}, "k---k"},
		"others only":                      {[]string{one, two, both, one}, "k-kk"},
		"a higher one came first":          {[]string{two, one, two, one}, "kk-k"},
		"its header told already":          {[]string{"\x90av01c", one, plain}, "--k"},
		"metadata tells nothing":           {[]string{"\xd4av01c", one}, "-k"},
		"the end of it lets another begin": {[]string{plain, one, "\x92av01", one}, "k--k"},
		"the end of another does not":      {[]string{plain, "\x96\x02av01\x01", one}, "k--"},
	} {
		var d Pictures
		got := ""
		for _, b := range c.payloads {
			p, _ := ParseVideo([]byte(b))
			if d.Next(&p, 0) == Keyframe {
				got += "k"
			} else {
				got += "-"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestTrackSets(t *testing.T) {
	var a, b TrackSet
	for _, id := range []uint8{0, 63, 64, 255} {
		a.Add(id)
	}
	b.Add(64)
	if c := a.Without(b); c.Has(64) || !c.Has(0) || !c.Has(63) || !c.Has(255) || c.With(b) != a || !b.Without(a).Empty() || c.Empty() {
		t.Errorf("%x without %x is %x", a, b, c)
	}
}

// FuzzPayload looks for payloads that are read past their end, and for tracks
// that are not pieces of their payload in their order.
func FuzzPayload(f *testing.F) {
	for _, c := range payloadCases {
		f.Add(c.audio, []byte(c.payload))
	}
	f.Fuzz(func(t *testing.T, audio bool, b []byte) {
		p, ok := parse(audio, b)
		if !ok {
			return
		}
		if p.Nano > 999999 {
			t.Fatalf("%d ns", p.Nano)
		}
		left := len(b)
		tracks := p.Tracks()
		for track, ok := tracks.Next(); ok; track, ok = tracks.Next() {
			at := cap(b) - cap(track.Body) // they share an array
			if at < len(b)-left || at+len(track.Body) > len(b) {
				t.Fatalf("track %d: bytes %d to %d of %d, %d were left", track.ID, at, at+len(track.Body), len(b), left)
			}
			left = len(b) - at - len(track.Body)
		}
		set := p.TrackSet()
		if p.IsHeader() && (p.Kind == Frames || set.Empty()) {
			t.Fatalf("%x is a header", b)
		}
	})
}

// A picture lies behind its composition time, which may be negative, in the old form
// and the new.
func TestPicture(t *testing.T) {
	for _, c := range []struct {
		payload string
		offset  int32
		picture string
	}{
		{"\x17\x01\x00\x00\x42f", 66, "f"},
		{"\x27\x01\xff\xff\xfef", -2, "f"},
		{"\x1c\x01\x00\x01\x00f", 256, "f"},
		{"\x91hvc1\xff\xff\xfff", -1, "f"},
		{"\x93hvc1f", 0, "f"},
		{"\x91hvc1\x00\x00", 0, ""},
		{"\x91av01\x00\x00\x42f", 0, "\x00\x00\x42f"},
		{"\x96\x01avc1\x03\x00\x00\x21f", 33, "f"},
		{"\x12f", 0, "f"},
	} {
		p, ok := ParseVideo([]byte(c.payload))
		tracks := p.Tracks()
		track, found := tracks.Next()
		if offset, picture := p.Picture(track); !ok || !found || offset != c.offset || string(picture) != c.picture {
			t.Errorf("%q: %q is shown %d ms later, want %q, %d ms", c.payload, picture, offset, c.picture, c.offset)
		}
	}
}
