//go:build clients

package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestEveryClientPlaysLive(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	encoder := publish(t, s.url+"/cam", 600)
	s.untilMetric("streams", 1)
	for name, command := range map[string][]string{
		"ffmpeg":   {"ffmpeg", "-v", "error", "-i", s.url + "/cam", "-c", "copy", "-t", "3", "-f", "flv", filepath.Join(dir, "ffmpeg.flv")},
		"rtmpdump": {"rtmpdump", "-q", "--live", "-r", s.url + "/cam", "-o", filepath.Join(dir, "rtmpdump.flv")},
		"gstreamer": {"gst-launch-1.0", "-q", "-e", "rtmp2src", "location=" + s.url + "/cam", "num-buffers=250",
			"!", "filesink", "location=" + filepath.Join(dir, "gstreamer.flv")},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, command[0], command[1:]...)
			if name == "rtmpdump" { // plays until it is stopped
				grow(t, filepath.Join(dir, "rtmpdump.flv"))
				c.interrupt()
			} else {
				c.wait()
			}
			p := inspect(t, filepath.Join(dir, name+".flv"), "-count_packets")
			if p.count("h264") < 40 || p.count("aac") < 60 {
				t.Errorf("%d pictures, %d packets of sound", p.count("h264"), p.count("aac"))
			}
			if out := run(t, "ffmpeg", "-v", "error", "-i", filepath.Join(dir, name+".flv"), "-f", "null", "-"); out != "" {
				t.Errorf("decoding it:\n%s", out)
			}
		})
	}
	t.Run("ffprobe", func(t *testing.T) {
		p := inspect(t, s.url+"/cam", "-read_intervals", "%+2", "-count_frames")
		if len(p.Streams) != 2 || p.Streams[0].Width != 320 {
			t.Errorf("streams %+v", p.Streams)
		}
	})
	encoder.interrupt()
	s.untilMetric("streams", 0)
	s.stop()
}

func TestLatePlayerStartsWithAKeyframe(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	publish(t, s.url+"/cam", 600)
	s.untilMetric("streams", 1)
	until(t, "two GOPs to be there", func() bool { return s.metric("received_bytes_total") > 300e3 })
	p := dial(t, s.url)
	p.play("cam", -2000)
	p.status("NetStream.Play.Reset")
	p.status("NetStream.Play.Start")
	meta, header := false, false
	for {
		m := p.next()
		switch {
		case m.Type == rtmp.TypeData && strings.Contains(string(m.Payload), "onMetaData"):
			meta = true
		case m.Type == rtmp.TypeVideo && payload.IsVideoHeader(m.Payload):
			header = true
		case m.Type == rtmp.TypeVideo:
			if !meta || !header || !payload.IsKeyframe(m.Payload) {
				t.Errorf("first picture: keyframe %v, metadata before it %v, sequence header before it %v", payload.IsKeyframe(m.Payload), meta, header)
			}
			return
		}
	}
}

func TestPlayerOutlastsItsPublisher(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	p := dial(t, s.url)
	p.play("cam", -1000)
	p.status("NetStream.Play.Reset")
	p.status("NetStream.Play.Start")
	for range 2 {
		encoder := publish(t, s.url+"/cam", 600)
		p.status("NetStream.Play.PublishNotify")
		p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeVideo && payload.IsKeyframe(m.Payload) })
		encoder.interrupt()
		p.status("NetStream.Play.UnpublishNotify")
	}
}

func TestSecondPublisherIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, "access: {publish: {mode: Anyone, takeOver: Never}}", "") // an encoder on a machine that is busy is silent for a second
	publish(t, s.url+"/cam", 600)
	s.untilMetric("streams", 1)
	p := dial(t, s.url)
	p.publish("cam", "live")
	p.status("NetStream.Publish.BadName")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := serve(t, "recording: {mode: 'Off'}", "")
	key := strings.TrimSpace(read(t, filepath.Join(s.data, "live", "keys", "_definst_.key")))
	for _, name := range []string{"cam", "cam?key=wrong"} {
		refused := publish(t, s.url+"/"+name, 5)
		<-refused.done
		if refused.err == nil {
			t.Errorf("%s: published without the key", name)
		}
	}
	publish(t, s.url+"/cam?key="+key, 600)
	s.untilMetric("streams", 1)
	if strings.Contains(s.log.String(), key) {
		t.Error("the key is in the log")
	}
	if p := inspect(t, s.url+"/cam", "-read_intervals", "%+1"); len(p.Streams) != 2 {
		t.Errorf("streams %+v", p.Streams)
	}
}

// With the hash of a SWF, rtmpdump signs its handshake and wants a signed
// answer, as Flash Player does.
func TestSignedHandshake(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	if err := os.MkdirAll(s.streams(), 0o755); err != nil {
		t.Fatal(err)
	}
	film(t, filepath.Join(s.streams(), "film.flv"), 2)
	file := filepath.Join(t.TempDir(), "film.flv")
	out := run(t, "rtmpdump", "-V", "-w", strings.Repeat("ab", 32), "-x", "12345", "-r", s.url+"/film", "-o", file)
	if !strings.Contains(out, "Genuine Adobe Flash Media Server") {
		t.Errorf("rtmpdump does not find the server genuine:\n%s", out)
	}
	if n := inspect(t, file, "-count_packets").count("h264"); n != 50 {
		t.Errorf("%d pictures, want 50", n)
	}
}

func TestRTMPS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := certificate(t)
	s := serve(t, anyone, "", "--rtmps-address", "127.0.0.1:0", "--tls-cert-file", certFile, "--tls-key-file", keyFile)
	publish(t, s.tls+"/cam", 600)
	s.untilMetric("streams", 1)
	for _, url := range []string{s.tls, s.url} {
		p := inspect(t, url+"/cam", "-read_intervals", "%+2", "-count_frames")
		if len(p.Streams) != 2 || p.Streams[0].Width != 320 {
			t.Errorf("%s: streams %+v", url, p.Streams)
		}
	}
	file := filepath.Join(t.TempDir(), "rtmpdump.flv")
	dump := start(t, "rtmpdump", "-q", "--live", "-r", s.tls+"/cam", "-o", file)
	until(t, "rtmpdump to write a second", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 100e3
	})
	dump.interrupt()
}
