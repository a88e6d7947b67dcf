//go:build clients

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// inTrack makes messages of a track of those of Adobe's time: H.264 and AAC.
func inTrack(tags []flv.Tag, track byte) (all []flv.Tag) {
	for _, tag := range tags {
		b := tag.Data
		switch {
		case tag.Type == flv.TypeVideo && b[1] == 1: // a picture, behind its composition time
			tag.Data = slices.Concat([]byte{0x80 | b[0]&0x70 | 6, 1}, []byte("avc1"), []byte{track}, b[2:])
		case tag.Type == flv.TypeVideo:
			tag.Data = slices.Concat([]byte{0x80 | b[0]&0x70 | 6, b[1]}, []byte("avc1"), []byte{track}, b[5:])
		case tag.Type == flv.TypeAudio:
			tag.Data = slices.Concat([]byte{0x95, b[1]}, []byte("mp4a"), []byte{track}, b[2:])
		default:
			continue
		}
		all = append(all, tag)
	}
	return all
}

// twoTracks writes a film of two tracks of pictures, of 320 by 180 and of 160 by 90,
// and one of sound.
func twoTracks(t *testing.T, path string, seconds int) {
	t.Helper()
	dir := t.TempDir()
	large, small := filepath.Join(dir, "large.flv"), filepath.Join(dir, "small.flv")
	film(t, large, seconds)
	run(t, "ffmpeg", "-v", "error", "-i", large, "-an", "-vf", "scale=160:90", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", small)
	all := slices.Concat(inTrack(tagsOf(t, large), 0), inTrack(tagsOf(t, small), 1))
	slices.SortStableFunc(all, func(a, b flv.Tag) int { return int(a.Timestamp) - int(b.Timestamp) })
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	var err error
	for _, tag := range all {
		if b, err = flv.AppendTag(b, tag); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Clients that know nothing of tracks play a publication that has several, live
// and recorded, and get the one that they ask for.
func TestTracksForOldClients(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	source := filepath.Join(t.TempDir(), "film.flv")
	const seconds = 12
	twoTracks(t, source, seconds)
	publisher := start(t, program(t), "publish", source, s.url+"/cam", "--mode", "record")
	s.untilMetric("streams", 1)
	until(t, "a GOP to be there", func() bool { return s.metric("received_bytes_total") > 100e3 })
	sizes := func(name string, more ...string) string {
		out := run(t, "ffprobe", append([]string{"-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0"}, append(more, s.url+"/"+name)...)...)
		lines := slices.DeleteFunc(strings.Fields(out), func(line string) bool { return line == "unknown" }) // what onStatus is to ffmpeg
		slices.Sort(lines)
		return strings.Join(lines, " ")
	}
	for name, width := range map[string]int{"cam": 320, "cam?track=1": 160} {
		if got, want := sizes(name, "-analyzeduration", "2M"), fmt.Sprintf("aac h264,%d", width); got != want {
			t.Errorf("%s, live: %s, want %s", name, got, want)
		}
	}
	publisher.wait()
	for name, width := range map[string]int{"cam": 320, "cam?track=1": 160} {
		if got, want := sizes(name), fmt.Sprintf("aac h264,%d", width); got != want {
			t.Errorf("%s, recorded: %s, want %s", name, got, want)
		}
		file := filepath.Join(t.TempDir(), "played.flv")
		run(t, "rtmpdump", "-q", "-r", s.url+"/"+name, "-o", file)
		if n := decodes(t, file).count("h264"); n != seconds*25 {
			t.Errorf("%s: %d pictures decode of %d", name, n, seconds*25)
		}
		part := filepath.Join(t.TempDir(), "part.flv")
		run(t, "rtmpdump", "-q", "--start", "6", "-r", s.url+"/"+name, "-o", part)
		if n := decodes(t, part).count("h264"); n < 6*25 || n > 7*25 {
			t.Errorf("%s from 6 s: %d pictures decode", name, n)
		}
	}
	// A track that there is none of ends a player, and says why.
	if out, err := exec.Command("ffprobe", "-v", "error", s.url+"/cam?track=7").CombinedOutput(); err == nil || !strings.Contains(string(out), "cam has no track 7.") {
		t.Errorf("track 7: %v, %s", err, out)
	}
}
