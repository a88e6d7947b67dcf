package playback

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
)

// reel is a film of tags that are named as played names them: what lies where
// is the test's.
func reel(t *testing.T, tags ...any) *film {
	t.Helper()
	var list []flv.Tag
	for i := 0; i < len(tags); i += 2 {
		kind, payload := uint8(flv.TypeVideo), inter
		switch tags[i] {
		case "key":
			payload = key
		case "sound":
			kind, payload = flv.TypeAudio, sound
		case "header":
			kind, payload = flv.TypeAudio, aacHeader
		case "data":
			kind, payload = flv.TypeScript, []byte("\x02\x00\x03cue")
		}
		list = append(list, flv.Tag{Type: kind, Timestamp: media.Timestamp(tags[i+1].(int)), Data: payload})
	}
	return newFilm(t, list)
}

// TestTimesCountFromWhereItWasAskedToBegin plays from a time on and then seeks:
// the timestamps of both count from there.
func TestTimesCountFromWhereItWasAskedToBegin(t *testing.T) {
	pictures := reel(t, "key", 0, "sound", 5, "data", 5, "inter", 500, "key", 1000, "sound", 1010, "header", 1200, "data", 1300,
		"inter", 1500, "sound", 1500, "key", 2000, "sound", 2000, "sound", 1990, "data", 2000, "inter", 2500, "sound", 2510)
	onlySound := reel(t, "header", 0, "sound", 0, "sound", 100, "sound", 200, "sound", 300)
	for _, c := range []struct {
		name string
		film *film
		from media.Timestamp
		at   []time.Duration // of the runs, in ms
		want []string        // of the last one, behind metadata
	}{
		{"the beginning", pictures, 0, []time.Duration{0},
			[]string{"key 0", "sound 5", "data 5", "inter 500", "key 1000", "sound 1010", "header 1200", "data 1300", "inter 1500", "sound 1500",
				"key 2000", "sound 2000", "sound 1990", "data 2000", "inter 2500", "sound 2510"}},
		// Nothing that lies behind the first picture may have its time: see
		// behindFirst.
		{"a keyframe", pictures, 0, []time.Duration{2000}, []string{"header 0", "key 0", "sound 1", "sound 1", "data 1", "inter 500", "sound 510"}},
		{"between two", pictures, 0, []time.Duration{1400},
			[]string{"key 0", "header 0", "inter 100", "sound 100", "key 600", "sound 600", "sound 590", "data 600", "inter 1100", "sound 1110"}},
		{"an inter frame", pictures, 0, []time.Duration{1500},
			[]string{"key 0", "header 0", "inter 0", "sound 1", "key 500", "sound 500", "sound 490", "data 500", "inter 1000", "sound 1010"}},
		{"the last one", pictures, 0, []time.Duration{2505}, []string{"header 0", "key 0", "inter 0", "sound 5"}},
		{"seek back", pictures, 0, []time.Duration{2000, 0}, []string{"key 0", "inter 0", "key 0", "header 0", "inter 0", "key 0", "sound 1", "sound 1", "data 1", "inter 500", "sound 510"}},
		{"seek on", pictures, 0, []time.Duration{500, 2100}, []string{"header 1500", "key 1500", "sound 1500", "sound 1490", "data 1500", "inter 2000", "sound 2010"}},
		{"behind another item", pictures, 70000, []time.Duration{1400},
			[]string{"key 70000", "header 70000", "inter 70100", "sound 70100", "key 70600", "sound 70600", "sound 70590", "data 70600", "inter 71100", "sound 71110"}},
		{"a keyframe behind another item", pictures, 70000, []time.Duration{2000},
			[]string{"header 70000", "key 70000", "sound 70000", "sound 70000", "data 70000", "inter 70500", "sound 70510"}},
		{"sound alone", onlySound, 0, []time.Duration{200}, []string{"header 0", "sound 0", "sound 100"}},
		{"between two sounds", onlySound, 0, []time.Duration{150}, []string{"header 0", "sound 50", "sound 150"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pb, p := play(t, c.film, Options{From: c.from, Buffer: time.Minute})
				for _, at := range c.at {
					p.clear()
					pb.Run(at * time.Millisecond)
					if r := <-p.end; r.Err != nil {
						t.Fatal(r.Err)
					}
				}
				got := p.list()[1:]
				for i := range got {
					got[i] = got[i][:len(got[i])-len("@7")]
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
			})
		})
	}
}
