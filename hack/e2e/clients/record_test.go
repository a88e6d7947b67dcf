//go:build clients

package clients

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// only is the one recording there is.
func only(t *testing.T, s *server) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.streams(), "*.flv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	return files[0]
}

func TestEveryStreamIsRecordedAndPlaysAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone+"\nrecording: {mode: All}", "")
	publish(t, s.url+"/cam", 5).wait()
	s.untilMetric("recordings", 0)
	file := only(t, s)
	p := decodes(t, file)
	if math.Abs(p.seconds()-5) > 0.2 || p.count("h264") != 125 {
		t.Errorf("recorded %.2f s, %d pictures; published 5 s, 125 pictures", p.seconds(), p.count("h264"))
	}
	dir := t.TempDir()
	run(t, "rtmpdump", "-q", "-r", s.url+"/cam", "-o", filepath.Join(dir, "dump.flv"))
	run(t, "ffmpeg", "-v", "error", "-i", s.url+"/cam", "-c", "copy", filepath.Join(dir, "ffmpeg.flv"))
	for _, name := range []string{"dump.flv", "ffmpeg.flv"} {
		got := inspect(t, filepath.Join(dir, name), "-count_packets")
		if got.count("h264") != 125 || got.count("aac") != p.count("aac") {
			t.Errorf("%s: %d pictures and %d packets of sound, in the file are %d and %d", name, got.count("h264"), got.count("aac"), p.count("h264"), p.count("aac"))
		}
	}

	// A second time makes a second file, and the plain name plays it.
	publish(t, s.url+"/cam", 2).wait()
	s.untilMetric("recordings", 0)
	files, _ := filepath.Glob(filepath.Join(s.streams(), "*.flv"))
	if len(files) != 2 {
		t.Fatalf("recordings: %v", files)
	}
	if got := inspect(t, s.url+"/cam", "-count_packets"); got.count("h264") != 50 {
		t.Errorf("the plain name plays %d pictures, not the newest recording's 50", got.count("h264"))
	}
	s.stop()
}

func TestRecordedStreamPlaysFromAnyPoint(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	if err := os.MkdirAll(s.streams(), 0o755); err != nil {
		t.Fatal(err)
	}
	film(t, filepath.Join(s.streams(), "film.flv"), 40)
	dir := t.TempDir()
	run(t, "rtmpdump", "-q", "--start", "30", "-r", s.url+"/film", "-o", filepath.Join(dir, "30.flv"))
	got := inspect(t, filepath.Join(dir, "30.flv"), "-count_packets")
	if n := got.count("h264"); n < 250 || n > 275 { // from the keyframe at or before
		t.Errorf("from 30 s of 40: %d pictures, want 250 and up to a second more", n)
	}

	p := dial(t, s.url)
	p.buffer(1, 100)
	p.play("film", 30000)
	p.control(rtmp.EventStreamIsRecorded)
	p.control(rtmp.EventStreamBegin)
	p.status("NetStream.Play.Reset")
	p.status("NetStream.Play.Start")
	first := p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeVideo && m.Payload[1] == 1 })
	// The film's first picture is of 23 ms, and every 25th is a keyframe: this one
	// lies before the beginning, which is time 0.
	if first.Timestamp != 0 {
		t.Errorf("first picture is of %d ms", first.Timestamp)
	}
	p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeVideo && m.Timestamp >= 800 })

	p.call("pause", true, 800.0)
	p.status("NetStream.Pause.Notify")
	p.control(rtmp.EventStreamEOF)
	p.call("pause", false, 800.0)
	p.status("NetStream.Unpause.Notify")
	again := p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeVideo && m.Payload[1] == 1 })
	if again.Timestamp != 23 {
		t.Errorf("first picture after the pause is of %d ms", again.Timestamp)
	}

	p.call("seek", 8500.0)
	p.control(rtmp.EventStreamEOF)
	p.control(rtmp.EventStreamIsRecorded)
	p.control(rtmp.EventStreamBegin)
	p.status("NetStream.Seek.Notify")
	p.status("NetStream.Play.Start")
	found := p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeVideo && m.Payload[1] == 1 })
	if found.Timestamp != 8023 {
		t.Errorf("first picture after the seek is of %d ms", found.Timestamp)
	}
	p.data("NetStream.Play.Complete")
	p.status("NetStream.Play.Stop")
	p.control(rtmp.EventStreamEOF)

	p.play("nothing", 0)
	p.status("NetStream.Play.StreamNotFound")
}

func TestRecordAndAppendByRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	source := filepath.Join(t.TempDir(), "two.flv")
	film(t, source, 2)
	for i, mode := range []string{"record", "append", "record"} {
		p := dial(t, s.url)
		p.publish("take", mode)
		p.status("NetStream.Publish.Start")
		p.status("NetStream.Record.Start")
		p.send(source)
		p.call("closeStream")
		p.status("NetStream.Record.Stop")
		p.status("NetStream.Unpublish.Success")
		got := decodes(t, filepath.Join(s.streams(), "take.flv"))
		if want := []int{50, 100, 50}[i]; got.count("h264") != want {
			t.Errorf("after %s: %d pictures, want %d", mode, got.count("h264"), want)
		}
	}
	only(t, s)
}

func TestInterruptedServerLeavesWholeFiles(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone+"\nrecording: {mode: All}", "")
	encoder := publish(t, s.url+"/cam", 600)
	s.untilMetric("recordings", 1)
	until(t, "two seconds to be recorded", func() bool { return s.metric("received_bytes_total") > 250e3 })
	s.stop()
	<-encoder.done
	if p := decodes(t, only(t, s)); p.seconds() < 1 {
		t.Errorf("recorded %.2f s", p.seconds())
	}
}

func TestKilledServerLosesAtMostASecond(t *testing.T) {
	s := serve(t, anyone+"\nrecording: {mode: All}", "")
	encoder := publish(t, s.url+"/cam", 600)
	s.untilMetric("recordings", 1)
	until(t, "bytes to be recorded", func() bool { return s.metric("received_bytes_total") > 500e3 })
	received := s.metric("received_bytes_total")
	s.kill()
	<-encoder.done
	info, err := os.Stat(only(t, s))
	if err != nil {
		t.Fatal(err)
	}
	again := serve(t, anyone+"\nrecording: {mode: All}", s.data)
	p := decodes(t, only(t, again))
	// Everything that was received is in the file but what one flush holds.
	if lost := received - float64(info.Size()); lost > 150e3 {
		t.Errorf("%.0f of %.0f bytes are lost", lost, received)
	}
	if p.seconds() < 2 { // of four, for which the encoder took as long as it took
		t.Errorf("%.1f s are recorded of %.0f bytes", p.seconds(), received)
	}
	if n := inspect(t, again.url+"/cam", "-count_packets", "-rtmp_live", "recorded").count("h264"); n != p.count("h264") {
		t.Errorf("plays %d pictures of %d", n, p.count("h264"))
	}
	again.stop()
}
