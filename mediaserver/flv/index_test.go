package flv

import (
	"bytes"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// tracked is what a publisher of several tracks sends: headers of each kind,
// one of them for two tracks at once, a keyframe of all, another that comes
// after one track's header has changed.
func tracked() []Tag {
	video := func(at media.Timestamp, s string) Tag { return Tag{TypeVideo, at, []byte(s)} }
	audio := func(at media.Timestamp, s string) Tag { return Tag{TypeAudio, at, []byte(s)} }
	long := strings.Repeat("l", 100)
	nano := "\x97\x02\x00\x00\x01"
	return []Tag{
		video(0, "\x90hvc1head 0"),
		audio(0, "\x90Opushead 0"),
		audio(0, "\x94Opus\x01\x02\x00\x00\x00\x03"),
		video(0, "\x96\x10av01\x01\x00\x00\x64"+long+"\x02\x00\x00\x06head 2"),
		video(0, "\x94hvc1colour 0"),
		audio(0, "\x95\x00fLaC\x01head 1"),
		video(0, nano+"\x01hvc1frame"),
		video(0, "\x96\x11av01\x01\x00\x00\x64"+long+"\x02\x00\x00\x05frame"),
		audio(0, nano+"\x01Opusframe"),
		video(40, "\xa1hvc1frame"),
		video(40, "\xa6\x11av01\x01\x00\x00\x05frame\x02\x00\x00\x05frame"),
		video(80, "\x96\x00av01\x02head 2 again"),
		video(80, "\x97\xff\x01\x2b"+strings.Repeat("m", 300)+"\x14hvc1colour 1"),
		video(80, "\x91hvc1frame"),
		video(80, "\x96\x01av01\x01frame"),
		video(120, "\xa1hvc1frame"),
	}
}

func TestHeadersOfEveryTrack(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	all := tracked()
	writeAll(t, w, all)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	scanned, err := Scan(f, size(t, f))
	if err != nil {
		t.Fatal(err)
	}
	if !same(tagsOf(t, f), all) {
		t.Error("what was written does not read back")
	}
	for name, x := range map[string]*Index{"written": w.index, "scanned": scanned} {
		if len(x.Entries) != 2 || x.Entries[0].Time != 0 || x.Entries[1].Time != 80 {
			t.Fatalf("%s: keyframes %v, want those of track 0", name, x.Entries)
		}
		for at, want := range map[int64][]int{
			x.Entries[0].Offset: {0, 3, 4, 1, 5, 2},
			x.Entries[1].Offset: {0, 3, 11, 12, 1, 5, 2},
			x.First:             nil,
		} {
			got := x.HeadersBefore(at)
			if len(got) != len(want) {
				t.Errorf("%s: %d headers before byte %d, want %d", name, len(got), at, len(want))
				continue
			}
			for i, h := range got {
				if tag, err := ReadTag(f, h.Offset); err != nil || !bytes.Equal(tag.Data, all[want[i]].Data) {
					t.Errorf("%s: header %d before byte %d is %q, %v; want %q", name, i, at, tag.Data, err, all[want[i]].Data)
				}
			}
		}
	}
}

// However often tracks send their headers anew, and in whatever sets, a player
// gets one for each track at most.
func TestHeadersThatAreReplacedAreNotSent(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		writeAll(t, w, []Tag{{TypeVideo, 0, []byte{0x96, 0, 'a', 'v', '0', '1', byte(i)}}})
	}
	if n := len(w.index.HeadersBefore(w.Size())); n != 256 {
		t.Errorf("%d headers in force", n)
	}
	writeAll(t, w, []Tag{{TypeVideo, 0, []byte("\x96\x10av01\x00\x00\x00\x00\x07\x00\x00\x00")}})
	if n := len(w.index.HeadersBefore(w.Size())); n != 255 {
		t.Errorf("%d headers in force, after one of two tracks", n)
	}
}
