//go:build clients

package clients

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestHTTPFLV has ffmpeg watch by HTTP, live until the publisher ends and recorded from
// the beginning and from the middle, and compares each picture and each sound with what
// an RTMP player and the file have.
func TestHTTPFLV(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone+"\nrecording: {mode: All}", "", "--web-address", "127.0.0.1:0")
	web, dir := s.web+"/live/cam.flv", t.TempDir()
	encoder := publish(t, s.url+"/cam", 600)
	s.untilMetric("streams", 1)
	until(t, "a GOP to be there", func() bool { return s.metric("received_bytes_total") > 100e3 })
	byHTTP, byRTMP := filepath.Join(dir, "http.flv"), filepath.Join(dir, "rtmp.flv")
	viewer := start(t, "ffmpeg", "-v", "error", "-i", web, "-c", "copy", "-f", "flv", byHTTP)
	player := start(t, "ffmpeg", "-v", "error", "-i", s.url+"/cam", "-c", "copy", "-f", "flv", byRTMP)
	s.untilMetric("players", 2)
	grow(t, byHTTP, byRTMP)
	encoder.interrupt()
	viewer.wait() // the answer ends with the publication
	s.untilMetric("recordings", 0)
	player.interrupt()
	seen, heard := sight(t, byHTTP), sight(t, byRTMP)
	whole := sight(t, only(t, s))
	if n := len(seen.pictures); n < 50 || !isTail(whole.pictures, seen.pictures) || !isTail(whole.sounds, seen.sounds) {
		t.Errorf("by HTTP came %d pictures and %d sounds, and not the end of the recording's %d and %d", n, len(seen.sounds), len(whole.pictures), len(whole.sounds))
	}
	if n := len(heard.pictures); n < 50 || !isTail(whole.pictures, heard.pictures) {
		t.Errorf("by RTMP came %d pictures of %d", n, len(whole.pictures))
	}
	// From now on it is the recording.
	if got := sight(t, web); len(got.pictures) != len(whole.pictures) || !isTail(whole.pictures, got.pictures) || !isTail(whole.sounds, got.sounds) {
		t.Errorf("recorded: %d pictures and %d sounds of %d and %d", len(got.pictures), len(got.sounds), len(whole.pictures), len(whole.sounds))
	}
	got := sight(t, web+"?start=3.5")
	if n := len(whole.pictures) - 3*25; len(got.pictures) != n || !isTail(whole.pictures, got.pictures) {
		t.Errorf("from the middle: %d pictures, want %d", len(got.pictures), n)
	}
	if out, err := exec.Command("ffprobe", "-v", "error", s.web+"/live/none.flv").CombinedOutput(); err == nil || !strings.Contains(string(out), "404") {
		t.Errorf("a name that does not exist: %v: %s", err, out)
	}
	s.stop()
}

// sight is look without a way out.
func sight(t *testing.T, path string) footage {
	t.Helper()
	f, err := look(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// isTail says whether a list ends with another.
func isTail(whole, tail []string) bool {
	if len(tail) == 0 || len(tail) > len(whole) {
		return false
	}
	for i, one := range tail {
		if whole[len(whole)-len(tail)+i] != one {
			return false
		}
	}
	return true
}

// TestHTTPFLVOfOneKind looks that what has pictures or sound alone begins at once: its
// header says so, and nobody waits for the other.
func TestHTTPFLVOfOneKind(t *testing.T) {
	t.Parallel()
	for kind, drop := range map[string]string{"video": "-an", "audio": "-vn"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := serve(t, anyone, "", "--web-address", "127.0.0.1:0")
			args := testPicture(600)
			start(t, "ffmpeg", append(args, drop, "-f", "flv", s.url+"/cam")...)
			s.untilMetric("streams", 1)
			until(t, "something to be there", func() bool { return s.metric("received_bytes_total") > 20e3 })
			p := inspect(t, s.web+"/live/cam.flv", "-read_intervals", "%+1", "-count_packets")
			if len(p.Streams) != 1 || p.Streams[0].CodecType != kind {
				t.Fatalf("streams %+v", p.Streams)
			}
			if n, err := strconv.Atoi(p.Streams[0].Packets); err != nil || n < 20 {
				t.Errorf("%d packets, %v", n, err)
			}
			s.stop()
		})
	}
}
