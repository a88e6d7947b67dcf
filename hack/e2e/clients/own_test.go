//go:build clients

package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program's own client publishes a file, records it by doing so, and plays
// it back to what it was.
func TestOwnClient(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	source, live, copied := filepath.Join(dir, "film.flv"), filepath.Join(dir, "live.flv"), filepath.Join(dir, "copy.flv")
	film(t, source, 4)
	publisher := start(t, program(t), "publish", source, s.url+"/cam", "--mode", "record")
	s.untilMetric("streams", 1)
	run(t, program(t), "play", s.url+"/cam", "-o", live)
	publisher.wait()
	if p := decodes(t, live); p.count("h264") < 50 {
		t.Errorf("%d pictures came live", p.count("h264"))
	}
	run(t, program(t), "play", s.url+"/cam", "-o", copied)
	want, got := decodes(t, source), decodes(t, copied)
	if got.count("h264") != want.count("h264") || got.count("aac") != want.count("aac") {
		t.Errorf("%d pictures and %d packets of sound came back of %d and %d", got.count("h264"), got.count("aac"), want.count("h264"), want.count("aac"))
	}
	run(t, program(t), "publish", source, s.url+"/cam", "--mode", "append", "--fast")
	if n := decodes(t, filepath.Join(s.streams(), "cam.flv")).count("h264"); n != 2*want.count("h264") {
		t.Errorf("%d pictures after appending", n)
	}

	endless := start(t, program(t), "play", s.url+"/waits", "--live", "--for", "300ms", "-o", filepath.Join(dir, "none.flv"))
	<-endless.done
	if endless.err == nil || !strings.Contains(endless.output.String(), "nothing came") {
		t.Errorf("a stream that never comes: %v\n%s", endless.err, endless.output)
	}
}

// The program in a pipe with ffmpeg on both sides, ended by Ctrl-C.
func TestOwnClientInAPipe(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	source, out := filepath.Join(dir, "film.flv"), filepath.Join(dir, "out.mkv")
	film(t, source, 4)
	run(t, "sh", "-c", `ffmpeg -v error -re -i "$1" -c copy -f flv - | "$2" publish - "$3" --mode record`, "sh", source, program(t), s.url+"/piped")
	want := decodes(t, source)
	run(t, "sh", "-c", `"$1" play "$2" -o - | ffmpeg -v error -i - -c copy "$3"`, "sh", program(t), s.url+"/piped", out)
	if got := decodes(t, out); got.count("h264") != want.count("h264") {
		t.Errorf("%d pictures of %d came through", got.count("h264"), want.count("h264"))
	}

	publisher := start(t, program(t), "publish", source, s.url+"/endless", "--loop", "--mode", "record")
	s.untilMetric("streams", 1)
	if err := publisher.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-publisher.done
	if code := publisher.cmd.ProcessState.ExitCode(); code != 130 || strings.Contains(publisher.output.String(), "\r") {
		t.Errorf("exit code %d after Ctrl-C, and no terminal is told %q", code, publisher.output)
	}
	s.untilMetric("streams", 0)
}

func TestOwnClientPublishesOtherFormats(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	source := filepath.Join(dir, "film.flv")
	film(t, source, 3)
	for name, args := range map[string][]string{
		"film.mp4": {"-c", "copy"},
		"film.mov": {"-c", "copy"},
		"film.mp3": {"-vn", "-c:a", "libmp3lame"},
	} {
		path := filepath.Join(dir, name)
		run(t, "ffmpeg", append(append([]string{"-v", "error", "-i", source}, args...), path)...)
		want := decodes(t, path)
		run(t, program(t), "publish", path, s.url+"/"+name, "--mode", "record", "--fast")
		got := decodes(t, filepath.Join(s.streams(), name+".flv"))
		for _, codec := range []string{"h264", "aac", "mp3"} {
			// An MP4's edit list leaves a packet of sound out, RTMP has none.
			if n, of := got.count(codec), want.count(codec); n < of || n > of+2 {
				t.Errorf("%s: %d packets of %s were published of %d", name, n, codec, of)
			}
		}
	}
}

func TestOwnClientSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := serve(t, "recording: {mode: 'Off'}", "")
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.flv"), filepath.Join(dir, "bad.flv")
	film(t, good, 1)
	if err := os.WriteFile(bad, []byte("no film at all, but long enough to be one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"can be published":              {"publish", bad, s.url + "/x"},
		"no such file":                  {"publish", filepath.Join(dir, "none.flv"), s.url + "/x"},
		"NetStream.Publish.BadName":     {"publish", good, s.url + "/x"},
		"--mode \"loud\"":               {"publish", good, s.url + "/x", "--mode", "loud"},
		"names no stream":               {"play", s.url},
		"scheme is \"http\"":            {"play", "http://127.0.0.1/a/b"},
		"NetStream.Play.StreamNotFound": {"play", s.url + "/x", "--start", "5s"},
		"connection refused":            {"play", "rtmp://127.0.0.1:1/a/b"},
		"is not defined":                {"play", strings.Replace(s.url, "/live", "/other/x", 1)},
	} {
		out, err := exec.Command(program(t), args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, %q does not say %q", args, err, out, want)
		}
	}
}
