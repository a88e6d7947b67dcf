package tracks

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// What players announce.
var (
	nothing  = Takes{Single: true, Old: true, NoModEx: true}
	hevcOnly = Takes{Video: CodecsOf([]string{"hvc1"})}
	one      = Takes{Single: true, Video: CodecsOf([]string{"hvc1", "av01"})}
	asks     = func(track uint8) Takes { t := nothing; t.Track, t.Asked = track, true; return t }
)

// viewCases are messages of one publication, video's or, behind ♪, sound's, and
// what is sent of them; a dash is nothing. They are the seeds of FuzzParts too.
var viewCases = []struct {
	name      string
	takes     Takes
	published []string
	want      []string
}{
	{"all, to who takes all", Takes{}, []string{"\x96\x01hvc1\x01f", "♪\x95\x01Opus\x01f"}, []string{"\x96\x01hvc1\x01f", "♪\x95\x01Opus\x01f"}},
	{"Adobe's time", nothing,
		[]string{"\x17\x00\x00\x00\x00c", "♪\xaf\x00\x12\x10", "\x17\x01\x00\x00\x00f", "♪\xaf\x01f", "\x57\x00", "♪\x2ff"},
		[]string{"\x17\x00\x00\x00\x00c", "♪\xaf\x00\x12\x10", "\x17\x01\x00\x00\x00f", "♪\xaf\x01f", "\x57\x00", "♪\x2ff"}},
	{"AVC the new way", nothing,
		[]string{"\x90avc1c", "\x91avc1\x00\x00\x28f", "\xa3avc1f", "\x94avc1colorInfo", "\x92avc1", "\xd1\x00"},
		[]string{"\x17\x00\x00\x00\x00c", "\x17\x01\x00\x00\x28f", "\x27\x01\x00\x00\x00f", "-", "\x17\x02\x00\x00\x00", "-"}},
	{"AAC and MP3 the new way", nothing,
		[]string{"♪\x90mp4ac", "♪\x91mp4af", "♪\x94mp4a\x01\x02\x00\x00\x00\x03"},
		[]string{"♪\xaf\x00c", "♪\xaf\x01f", "-"}},
	{"MP3 of MPEG 2, one channel", nothing, []string{"♪\x91.mp3\xff\xf3\x40\xc0"}, []string{"♪\x2a\xff\xf3\x40\xc0"}},
	{"MP3 of MPEG 1", nothing, []string{"♪\x91.mp3\xff\xfb\x90\x00", "♪\x91.mp3ID3"}, []string{"♪\x2f\xff\xfb\x90\x00", "♪\x2fID3"}},
	{"HEVC, to who does not say that it knows it", nothing, []string{"\x90hvc1c", "\x91hvc1\x00\x00\x00f"}, []string{"\x90hvc1c", "\x91hvc1\x00\x00\x00f"}},
	{"one track each", nothing,
		[]string{"\x96\x00avc1\x00c0", "\x96\x00avc1\x01c1", "\x96\x01avc1\x00\x00\x00\x07f0", "\x96\x01avc1\x01\x00\x00\x07f1", "♪\x95\x00mp4a\x00c0", "♪\x95\x01mp4a\x01f1", "♪\x95\x01mp4a\x00f0"},
		[]string{"\x17\x00\x00\x00\x00c0", "-", "\x17\x01\x00\x00\x07f0", "-", "♪\xaf\x00c0", "-", "♪\xaf\x01f0"}},
	{"many tracks", nothing,
		[]string{"\x96\x10av01\x01\x00\x00\x02c1\x00\x00\x00\x02c0", "\xa6\x11av01\x00\x00\x00\x02f0\x01\x00\x00\x02f1"},
		[]string{"\x90av01c0", "\xa1av01f0"}},
	{"many codecs", nothing,
		[]string{"\x96\x20hvc1\x01\x00\x00\x02c1avc1\x00\x00\x00\x02c0", "♪\x95\x21Opus\x00\x00\x00\x02f0fLaC\x01\x00\x00\x02f1"},
		[]string{"\x17\x00\x00\x00\x00c0", "♪\x91Opusf0"}},
	{"tracks beside Adobe's", nothing,
		[]string{"\x17\x00\x00\x00\x00c", "\x96\x00hvc1\x01c1", "\x27\x01\x00\x00\x00f", "\xa6\x01hvc1\x01\x00\x00\x00f1"},
		[]string{"\x17\x00\x00\x00\x00c", "-", "\x27\x01\x00\x00\x00f", "-"}},
	{"no track 0", nothing, []string{"\x96\x20vp09\x03\x00\x00\x02c3av01\x04\x00\x00\x02c4", "\x96\x01av01\x04f4", "\x96\x01vp09\x03f3"}, []string{"-", "-", "\x91vp09f3"}},
	{"nanoseconds", nothing,
		[]string{"\x97\x02\x00\x00\x01\x00hvc1c", "\x97\x02\x00\x00\x01\x06\x00hvc1\x02c2", "♪\x97\x02\x00\x00\x01\x01mp4af"},
		[]string{"\x90hvc1c", "-", "♪\xaf\x01f"}},
	{"nanoseconds, to who reads past them", Takes{Single: true},
		[]string{"\x97\x02\x00\x10\x01\x06\x03hvc1\x00f", "\xb7\x00\x09\x57\x02\x00\x00\x01\x16\x13av01\x00\x00\x00\x01f\x01\x00\x00\x01g", "\x91hvc1\x00\x00\x00f"},
		[]string{"\x97\x02\x00\x10\x01\x03hvc1f", "\xb7\x00\x09\x57\x02\x00\x00\x01\x13av01f", "\x91hvc1\x00\x00\x00f"}},
	{"tracks of no layout", nothing, []string{"\x96\x31av01\x00\x00\x00\x01c", "\x99hvc1of tomorrow", "\x99avc1of tomorrow"}, []string{"-", "\x99hvc1of tomorrow", "-"}},

	{"a codec that is ruled out", hevcOnly, []string{"\x90av01c", "\x91av01f", "♪\x91Opusf"}, []string{"-", "-", "♪\x91Opusf"}},
	{"AVC, to who lists others", hevcOnly, []string{"\x17\x01\x00\x00\x00f", "\x91avc1\x00\x00\x00f", "\x91hvc1\x00\x00\x00f"}, []string{"\x17\x01\x00\x00\x00f", "\x17\x01\x00\x00\x00f", "\x91hvc1\x00\x00\x00f"}},
	{"HEVC the old way, ruled out", Takes{Video: CodecsOf([]string{"av01"})}, []string{"\x1c\x01\x00\x00\x00f"}, []string{"-"}},
	{"several tracks", hevcOnly, []string{"\x96\x11hvc1\x00\x00\x00\x02f0\x01\x00\x00\x02f1"}, []string{"\x96\x11hvc1\x00\x00\x00\x02f0\x01\x00\x00\x02f1"}},
	{"several tracks, one ruled out", hevcOnly,
		[]string{"\x96\x20avc1\x00\x00\x00\x02c0hvc1\x01\x00\x00\x02c1av01\x02\x00\x00\x02c2hvc1\x03\x00\x00\x00"},
		[]string{"\x17\x00\x00\x00\x00c0", "\x96\x00hvc1\x01c1", "\x96\x00hvc1\x03"}},
	{"AVC in another track, ruled out", hevcOnly, []string{"\x96\x01avc1\x01\x00\x00\x00f1"}, []string{"-"}},
	{"the lowest track that is taken", one,
		[]string{"\x96\x00vp09\x00c0", "\x96\x00av01\x02c2", "\x96\x01vp09\x00f0", "\x96\x01av01\x02f2"},
		[]string{"-", "-", "-", "\x91av01f2"}},

	{"another track", asks(1),
		[]string{"\x17\x00\x00\x00\x00c", "\x96\x00avc1\x01c1", "♪\xaf\x00c", "♪\xaf\x01f", "\x27\x01\x00\x00\x00f", "\xa6\x01avc1\x01\x00\x00\x09f1"},
		[]string{"-", "\x17\x00\x00\x00\x00c1", "-", "♪\xaf\x01f", "-", "\x27\x01\x00\x00\x09f1"}},
	{"a track that there is none of", asks(7), []string{"\x17\x00\x00\x00\x00c", "♪\x95\x00mp4a\x01c1"}, []string{"-", "-"}},
	{"track 0, by its number", asks(0), []string{"\x17\x00\x00\x00\x00c", "\x96\x00hvc1\x01c1"}, []string{"\x17\x00\x00\x00\x00c", "-"}},
}

func parse(message string) (p payload.Payload, ok bool) {
	if sound, is := strings.CutPrefix(message, "♪"); is {
		return payload.ParseAudio([]byte(sound))
	}
	return payload.ParseVideo([]byte(message))
}

// sent is what players of a View get of messages, as messages of viewCases are
// written.
func sent(t *testing.T, takes Takes, published []string) (all []string, seen Seen) {
	t.Helper()
	for _, m := range published {
		p, ok := parse(m)
		if !ok {
			t.Fatalf("%q cannot be parsed", m)
		}
		seen.Add(&p)
		if seen.Add(&p) {
			t.Errorf("%q is new again", m)
		}
		v := takes.View(&seen)
		n := len(all)
		switch v.Judge(&p) {
		case Whole:
			all = append(all, m)
		case Apart:
			for parts := v.Parts(&p); ; {
				head, body, ok := parts.Next(nil)
				if !ok {
					break
				}
				part := string(head) + string(body)
				if !p.Video() {
					part = "♪" + part
				}
				all = append(all, part)
			}
		}
		if len(all) == n {
			all = append(all, "-")
		}
	}
	return all, seen
}

func TestView(t *testing.T) {
	for _, c := range viewCases {
		t.Run(c.name, func(t *testing.T) {
			got, seen := sent(t, c.takes, c.published)
			if !slices.Equal(got, c.want) {
				t.Errorf("sent\n%q, want\n%q", got, c.want)
			}
			same := slices.Equal(c.published, c.want)
			if c.takes.AsPublished(&seen) != same && !(c.takes.Asked && same) {
				t.Errorf("taken as published: %v", !same)
			}
		})
	}
}

// Who takes what is the same in a publication is sent the same of it.
func TestMasked(t *testing.T) {
	all := []Takes{nothing, hevcOnly, one, {}, asks(0), asks(1), asks(2), asks(7), {Single: true}}
	for _, codecs := range [][]string{nil, {"hvc1"}, {"av01"}, {"av01", "vp09"}, {"avc1", "mp4a", "Opus"}, {"xyz1"}} {
		set := CodecsOf(codecs)
		all = append(all, Takes{Video: set, Audio: set}, Takes{Single: true, Old: true, NoModEx: true, Video: set, Audio: set}, Takes{Single: true, Video: set}, Takes{NoModEx: true, Video: set})
	}
	shared := 0
	for _, c := range viewCases {
		_, seen := sent(t, Takes{}, c.published)
		for i, a := range all {
			for _, b := range all[:i] {
				if a.Masked(&seen) != b.Masked(&seen) {
					continue
				}
				shared++
				for _, m := range c.published {
					if x, y := sentOf(a, &seen, m), sentOf(b, &seen, m); !slices.Equal(x, y) {
						t.Errorf("%s: %+v and %+v are sent %q and %q", c.name, a, b, x, y)
					}
				}
			}
		}
	}
	if shared < len(viewCases) {
		t.Errorf("%d share what they are sent", shared)
	}
}

// sentOf is what is sent of one message.
func sentOf(takes Takes, seen *Seen, m string) (all []string) {
	p, _ := parse(m)
	switch v := takes.View(seen); v.Judge(&p) {
	case Whole:
		return []string{m}
	case Apart:
		for parts := v.Parts(&p); ; {
			head, body, ok := parts.Next(nil)
			if !ok {
				break
			}
			all = append(all, string(head)+string(body))
		}
	}
	return all
}

func TestCodecs(t *testing.T) {
	all, few, none := CodecsOf([]string{"hvc1", "*"}), CodecsOf([]string{"hvc1", "mp4a", "xyz1", "nonsense"}), CodecsOf(nil)
	for _, c := range []payload.FourCC{payload.AVC, payload.HEVC, payload.Opus, 0x78797a32, 2} {
		old := c == 2 // Sorenson's
		if !all.Has(c) || none.Has(c) != old {
			t.Errorf("%x: %v of all, %v of none", uint32(c), all.Has(c), none.Has(c))
		}
		if want := old || c == payload.HEVC || c == 0x78797a32; few.Has(c) != want {
			t.Errorf("%x of a few: %v", uint32(c), !want)
		}
	}
}

// repeats says whether a message has a track more than once.
func repeats(p *payload.Payload) bool {
	var had payload.TrackSet
	for ts := p.Tracks(); ; {
		t, ok := ts.Next()
		if !ok || had.Has(t.ID) {
			return ok
		}
		had.Add(t.ID)
	}
}

// FuzzParts looks for messages that are worse than what they were made of.
func FuzzParts(f *testing.F) {
	for _, c := range viewCases {
		for _, m := range c.published {
			sound := strings.HasPrefix(m, "♪")
			f.Add([]byte(strings.TrimPrefix(m, "♪")), sound, c.takes.Single, c.takes.Old, c.takes.NoModEx, uint16(c.takes.Video), uint16(c.takes.Audio), c.takes.Track, c.takes.Asked)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, sound, single, old, noModEx bool, video, audio uint16, track uint8, asked bool) {
		parse := payload.ParseVideo
		if sound {
			parse = payload.ParseAudio
		}
		p, ok := parse(b)
		if !ok {
			return
		}
		if !asked {
			track = 0
		}
		takes := Takes{single, old, noModEx, Codecs(video), Codecs(audio), track, asked}
		var seen Seen
		seen.Add(&p)
		if twice := repeats(&p); seen.Add(&p) != twice && !twice {
			t.Fatal("the same is new again")
		}
		v := takes.View(&seen)
		verdict := v.Judge(&p)
		if takes.AsPublished(&seen) && verdict != Whole && !p.Multitrack() && !p.Video() {
			t.Fatalf("taken as published, and judged %v", verdict)
		}
		if verdict != Apart {
			if single && verdict == Whole && p.Multitrack() && p.Kind != payload.Command {
				t.Fatal("tracks for who takes one")
			}
			return
		}
		before, n := p.TrackSet(), 0
		for parts := v.Parts(&p); ; n++ {
			head, body, ok := parts.Next(nil)
			if !ok {
				break
			}
			q, ok := parse(append(head, body...))
			if !ok || q.Kind != p.Kind || q.Nano != p.Nano && !noModEx && !q.Old() {
				t.Fatalf("%x becomes %x: %+v", b, append(head, body...), q)
			}
			if single && q.Multitrack() || noModEx && q.Modified() || old && single && payload.HasOldForm(q.Codec) && !q.Old() {
				t.Fatalf("%x becomes %x", b, append(head, body...))
			}
			if !q.TrackSet().Without(before).Empty() && !single {
				t.Fatalf("%x becomes %x, of another track", b, append(head, body...))
			}
			if !bytes.HasSuffix(append(head, body...), body) {
				t.Fatal("the body is another")
			}
		}
		if single && n > 256 || n > len(b) {
			t.Fatalf("%d parts", n)
		}
		// In a message of which the front is at hand the same parts are found.
		read := func(buf []byte, at int) error {
			if at < 0 || at+len(buf) > len(b) {
				t.Fatalf("%d bytes at %d of %d", len(buf), at, len(b))
			}
			copy(buf, b[at:])
			return nil
		}
		places, parts := v.Places(&p, len(b), len(b), read), v.Parts(&p)
		for range min(n, 256) {
			head, body, _ := parts.Next(nil)
			at, from, size, ok, err := places.Next(nil)
			if !ok && n > 256 {
				break
			}
			if !ok || err != nil || !bytes.Equal(at, head) || !bytes.Equal(b[from:from+size], body) {
				t.Fatalf("%x: found %x at %d, %d bytes, %v, %v; want %x and %x", b, at, from, size, ok, err, head, body)
			}
		}
	})
}
