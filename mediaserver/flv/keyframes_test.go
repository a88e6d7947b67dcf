package flv

import (
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Pictures whose marks say nothing, or nonsense, are found by what they are:
// while they are written, and in a file of which only the fronts are read.
func TestKeyframesThatAreNotMarked(t *testing.T) {
	const idr, trail = "\x00\x00\x00\x04\x26\x01\xaf\x09", "\x00\x00\x00\x04\x02\x01\xd0\x09"
	// An encoder's own words: 2012 bytes, of which 2000 are text.
	said := "\x00\x00\x07\xdc\x4e\x01\x05" + strings.Repeat("\xff", 7) + "\xd7" + strings.Repeat("x", 2000) + "\x80"
	inIDR, inTrail := "\x86\x11hvc1\x00\x00\x00\x0b\x00\x00\x00"+idr+strings.Repeat("\x01\x00\x00\xc8"+strings.Repeat("y", 200), 2), "\xa6\x11hvc1\x00\x00\x00\x0b\x00\x00\x00"+trail
	hvc := "\x80hvc1" + strings.Repeat("\x00", 21) + "\xff"
	pad := strings.Repeat("p", 300)
	for name, c := range map[string]struct {
		apart media.Timestamp
		tags  []string
		want  []media.Timestamp
	}{
		"no marks":                  {40, []string{hvc, "\x81hvc1\x00\x00\x00" + idr + pad, "\x83hvc1" + trail + pad, "\x83hvc1" + said + idr, "\x83hvc1" + said + trail}, []media.Timestamp{40, 120}},
		"marks of inter frames":     {40, []string{"\xa3hvc1" + idr + pad, "\xa3hvc1" + trail, "\xa3hvc1" + said + idr + pad}, []media.Timestamp{0, 80}},
		"marks of keyframes":        {40, []string{"\x93hvc1" + idr + pad, "\x93hvc1" + trail, "\x93hvc1" + said + trail + pad}, []media.Timestamp{0}},
		"lengths of two bytes":      {40, []string{hvc[:len(hvc)-1] + "\xfd", "\x83hvc1" + idr[2:], "\x83hvc1" + said[2:] + idr[2:]}, []media.Timestamp{40, 80}},
		"tracks":                    {40, []string{inIDR, inTrail, inIDR}, []media.Timestamp{0, 80}},
		"none at all":               {1000, []string{hvc, "\x83hvc1" + trail, "\x83hvc1" + trail, "\x83hvc1" + trail, "\x83hvc1" + said + trail}, []media.Timestamp{4000}},
		"none for long":             {1000, slices.Concat(slices.Repeat([]string{"\x83hvc1" + trail}, 5), []string{"\x83hvc1" + idr}, slices.Repeat([]string{"\x83hvc1" + trail}, 20)), []media.Timestamp{5000}},
		"a codec that says nothing": {40, []string{"\x12" + pad, "\x22" + pad, "\x12" + pad}, []media.Timestamp{0, 80}},
	} {
		t.Run(name, func(t *testing.T) {
			f := temp(t)
			w, err := Create(f)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range c.tags {
				writeAll(t, w, []Tag{{TypeVideo, c.apart * media.Timestamp(i), []byte(b)}, {TypeAudio, c.apart * media.Timestamp(i), sound}})
			}
			if err := w.Finish(); err != nil {
				t.Fatal(err)
			}
			x, err := Scan(f, size(t, f))
			if err != nil {
				t.Fatal(err)
			}
			for way, x := range map[string]*Index{"written": w.index, "scanned": x} {
				var got []media.Timestamp
				for _, e := range x.Entries {
					got = append(got, e.Time)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: keyframes at %v, want %v", way, got, c.want)
				}
			}
		})
	}
}
