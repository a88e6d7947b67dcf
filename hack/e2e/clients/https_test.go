//go:build clients

package clients

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHTTPS has an encoder publish by RTMPS, and ffmpeg and curl watch on the same port by
// HTTPS, curl by both versions of HTTP, all of whom look at the certificate. What they get
// is the end of what was recorded, to the last picture.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := certificate(t)
	s := serve(t, anyone+"\nrecording: {mode: All}", "", "--web-address", "127.0.0.1:0",
		"--rtmps-address", "127.0.0.1:0", "--tls-cert-file", certFile, "--tls-key-file", keyFile)
	address := strings.TrimSuffix(strings.TrimPrefix(s.tls, "rtmps://"), "/live")
	_, port, _ := strings.Cut(address, ":")
	web, dir := "https://localhost:"+port, t.TempDir()
	encoder := publish(t, s.tls+"/cam", 600)
	s.untilMetric("streams", 1)
	until(t, "a GOP to be there", func() bool { return s.metric("received_bytes_total") > 100e3 })
	curl := func(name string, args ...string) (file string, p *client) {
		file = filepath.Join(dir, name)
		return file, start(t, "curl", append(args, "-fsSN", "--cacert", certFile, "-o", file)...)
	}
	player := filepath.Join(dir, "ffmpeg.flv")
	byFFmpeg := start(t, "ffmpeg", "-v", "error", "-ca_file", certFile, "-tls_verify", "1", "-i", web+"/live/cam.flv", "-c", "copy", "-f", "flv", player)
	one, byOne := curl("one.flv", "--http1.1", web+"/live/cam.flv")
	two, byTwo := curl("two.flv", "--http2", web+"/live/cam.flv")
	s.untilMetric("players", 3)
	if out, err := exec.Command("curl", "-fsS", "--http2", "--cacert", certFile, "-w", " HTTP/%{http_version}", web+"/live/cam/index.m3u8").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "#EXTM3U") || !strings.HasSuffix(string(out), " HTTP/2") {
		t.Errorf("HLS: %v: %s", err, out)
	}
	grow(t, player, one, two)
	encoder.interrupt()
	byFFmpeg.wait() // the answer ends with the publication
	byOne.wait()
	byTwo.wait()
	s.untilMetric("recordings", 0)
	whole := sight(t, only(t, s))
	for name, file := range map[string]string{"ffmpeg": player, "curl by HTTP/1.1": one, "curl by HTTP/2": two} {
		got := sight(t, file)
		if n := len(got.pictures); n < 50 || !isTail(whole.pictures, got.pictures) || !isTail(whole.sounds, got.sounds) {
			t.Errorf("%s: %d pictures and %d sounds, and not the end of the recording's %d and %d", name, n, len(got.sounds), len(whole.pictures), len(whole.sounds))
		}
	}
	// From now on it is the recording, with ranges.
	file, p := curl("recording.flv", "--http2", web+"/live/cam.flv")
	p.wait()
	if got := sight(t, file); len(got.pictures) != len(whole.pictures) {
		t.Errorf("recorded, by HTTP/2: %d pictures of %d", len(got.pictures), len(whole.pictures))
	}
	if out, err := exec.Command("curl", "-fsS", "--http2", "--cacert", certFile, "-r", "0-2", "-w", " %{http_code} %{http_version}", web+"/live/cam.flv").CombinedOutput(); err != nil || string(out) != "FLV 206 2" {
		t.Errorf("a range by HTTP/2: %v: %q", err, out)
	}
	for offers, want := range map[string]string{"h2,http/1.1": "ALPN protocol: h2", "http/1.1": "ALPN protocol: http/1.1", "rtmp": "No ALPN negotiated"} {
		c := exec.Command("openssl", "s_client", "-alpn", offers, "-CAfile", certFile, "-verify_return_error", "-connect", address)
		c.Stdin = strings.NewReader("")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("openssl offers %s: %v, no %q in %s", offers, err, want, out)
		}
	}
	s.stop()
}
