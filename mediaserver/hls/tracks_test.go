package hls

import (
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func uint32Time(n int) media.Timestamp { return media.Timestamp(n) }

// ladder makes one publication of several, whose pictures become tracks 0, 1, ... as an
// encoder writes them (Enhanced RTMP v2, multitrack), with the sound of the first.
func ladder(t testing.TB, all ...[]*rtmp.Message) (out []*rtmp.Message) {
	t.Helper()
	for _, m := range all[0] {
		if m.Type != rtmp.TypeVideo {
			out = append(out, m)
		}
	}
	for i, track := range all {
		for _, m := range track {
			if m.Type == rtmp.TypeVideo {
				out = append(out, asTrack(t, m, uint8(i)))
			}
		}
	}
	sortByTime(out)
	return out
}

// asTrack writes a picture of H.264 in the old form as one of a track.
func asTrack(t testing.TB, m *rtmp.Message, id uint8) *rtmp.Message {
	t.Helper()
	p, ok := payload.ParseVideo(m.Payload)
	if !ok || p.Codec != payload.AVC {
		t.Fatalf("%x is no picture of H.264", m.Payload[:5])
	}
	head := []byte{0x80 | p.Frame<<4 | 6, byte(p.Kind) & 1, 'a', 'v', 'c', '1', id}
	body := m.Payload[2:] // the composition time goes along
	if p.Kind == payload.SequenceStart {
		head[1], body = 0, m.Payload[5:]
	} else {
		head[1] = 1
	}
	return &rtmp.Message{Type: m.Type, Timestamp: m.Timestamp, Payload: append(head, body...)}
}

// The tracks of a stream are variants, which are cut in the same places.
func TestTracksAreVariants(t *testing.T) {
	t.Parallel()
	var all [][]*rtmp.Message
	for _, size := range []string{"320x240", "160x120", "80x60"} {
		all = append(all, messages(t, encode(t, pictures+" "+tone+" -t 10 -s "+size+" "+avc+" "+aac)))
	}
	for name, order := range map[string]func([]*rtmp.Message){
		"the default one first": func([]*rtmp.Message) {},
		"the default one last":  reverseTracks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.watch(t)
			out := ladder(t, all...)
			order(out)
			first, rest := split(out, 7000)
			s.publish(t, first)
			index := s.must(t, "index.m3u8")
			uris := checkIndex(t, index)
			if len(uris) != 3 || !strings.Contains(index, "RESOLUTION=80x60") || !strings.Contains(index, "RESOLUTION=320x240") {
				t.Fatalf("variants are\n%s", index)
			}
			var lists []playlist
			for _, uri := range uris {
				p := checkMedia(t, s.must(t, uri))
				if p.reports != 2 {
					t.Errorf("%s reports of %d others", uri, p.reports)
				}
				lists = append(lists, p)
			}
			for _, p := range lists[1:] {
				for i, seg := range p.segments {
					if seg.length != lists[0].segments[i].length || p.sequence != lists[0].sequence || !seg.at.Equal(lists[0].segments[i].at) {
						t.Errorf("segment %d of one variant is %+v, of another %+v", i, lists[0].segments[i], seg)
					}
					if !seg.keyed() {
						t.Errorf("%s does not begin with a keyframe", seg.uri)
					}
				}
			}
			s.publish(t, rest)
			s.publisher.Close()
			for _, uri := range uris {
				packets, decoded := probe(t, s.url+uri)
				if decoded < 299 || len(packets["audio"]) < 430 {
					t.Errorf("%s: %d pictures, %d packets of sound", uri, decoded, len(packets["audio"]))
				}
			}
		})
	}
}

// keyed says whether the first part of a segment says that it begins with a keyframe,
// where parts are listed.
func (h heard) keyed() bool { return len(h.parts) == 0 || h.parts[0].key }

func sortByTime(all []*rtmp.Message) {
	slices.SortStableFunc(all, func(a, b *rtmp.Message) int { return int(a.Timestamp) - int(b.Timestamp) })
}

// reverseTracks has the last track of each moment come first.
func reverseTracks(all []*rtmp.Message) {
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].Timestamp == all[from].Timestamp {
			to++
		}
		if all[from].Timestamp > 0 { // headers stay in front
			slices.Reverse(all[from:to])
		}
		from = to
	}
}
