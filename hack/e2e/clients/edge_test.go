//go:build clients

package clients

import (
	"path/filepath"
	"testing"
)

// TestEdge has ffmpeg publish at one edge, watch at another by HTTP-FLV, HLS and RTMP, and
// play the recording there, and compares each picture and each sound with what the origin
// has recorded.
func TestEdge(t *testing.T) {
	t.Parallel()
	key, dir := filepath.Join(t.TempDir(), "link.key"), t.TempDir()
	s := serve(t, anyone+"\nrecording: {mode: All}", "", "--link-key-file", key)
	there, here := serveEdge(t, s, key), serveEdge(t, s, key)
	encoder := publish(t, there.url+"/cam", 600)
	s.untilMetric("streams", 1)
	until(t, "a GOP to be there", func() bool { return s.metric("received_bytes_total") > 100e3 })
	ways := map[string]string{"flv": here.web + "/live/cam.flv", "hls": here.web + "/live/cam/index.m3u8", "rtmp": here.url + "/cam"}
	files, viewers := map[string]string{}, map[string]*client{}
	for way, url := range ways {
		files[way] = filepath.Join(dir, way+".flv")
		viewers[way] = start(t, "ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-f", "flv", files[way])
	}
	s.untilMetric("players", 3)
	grow(t, files["flv"], files["hls"], files["rtmp"])
	encoder.interrupt()
	viewers["flv"].wait() // the answer, and the playlist, end with the publication
	viewers["hls"].wait()
	s.untilMetric("recordings", 0)
	viewers["rtmp"].interrupt()
	whole := sight(t, only(t, s))
	for way, file := range files {
		seen := sight(t, file)
		if n := len(seen.pictures); n < 50 || !isTail(whole.pictures, seen.pictures) || way != "rtmp" && !isTail(whole.sounds, seen.sounds) {
			t.Errorf("by %s came %d pictures and %d sounds, and not the end of the recording's %d and %d", way, n, len(seen.sounds), len(whole.pictures), len(whole.sounds))
		}
	}
	for _, url := range []string{"/live/cam.flv", "/live/cam.mp4", "/live/cam/index.m3u8"} {
		if got := sight(t, here.web+url); len(got.pictures) != len(whole.pictures) || !isTail(whole.pictures, got.pictures) {
			t.Errorf("%s, recorded: %d pictures of %d", url, len(got.pictures), len(whole.pictures))
		}
	}
	here.stop()
	there.stop()
	s.stop()
}
