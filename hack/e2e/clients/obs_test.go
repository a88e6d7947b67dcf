//go:build clients

package clients

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// screen is a display that nobody looks at; the name is DISPLAY's.
func screen(t *testing.T) (name string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not say which display it is: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

// obs is OBS that streams a green picture, and silence, to a server as soon as it has
// started.
func obs(t *testing.T, url, key string) *client {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		"global.ini": "[General]\nFirstRun=true\nLastVersion=486539265\nEnableAutoUpdates=false\n[Basic]\n" +
			"Profile=test\nProfileDir=test\nSceneCollection=test\nSceneCollectionFile=test\nConfigOnNewProfile=false\n",
		"basic/profiles/test/basic.ini": "[General]\nName=test\n[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSCommon=20\n" +
			"[Output]\nMode=Simple\nReconnect=true\nRetryDelay=1\nMaxRetries=25\n[SimpleOutput]\nVBitrate=600\nABitrate=96\nStreamEncoder=x264\nPreset=ultrafast\n[Audio]\nSampleRate=44100\n",
		"basic/profiles/test/service.json": fmt.Sprintf(`{"type":"rtmp_custom","settings":{"server":%q,"key":%q,"use_auth":false,"bwtest":false}}`, url, key),
		"basic/scenes/test.json": `{"name":"test","current_scene":"S","current_program_scene":"S","scene_order":[{"name":"S"}],"sources":[` +
			`{"id":"color_source_v3","versioned_id":"color_source_v3","name":"C","settings":{"color":4278255360,"width":640,"height":360}},` +
			`{"id":"scene","versioned_id":"scene","name":"S","settings":{"items":[{"name":"C","visible":true,"pos":{"x":0,"y":0},"scale":{"x":1,"y":1},"id":1}],"id_counter":1}}]}`,
	} {
		path := filepath.Join(home, ".config/obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It draws with OpenGL, which a processor does as well.
	return start(t, "env", "HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", "XDG_RUNTIME_DIR="+home, "DISPLAY="+screen(t), "LIBGL_ALWAYS_SOFTWARE=1", "QT_QPA_PLATFORM=xcb",
		"obs", "--startstreaming", "--profile", "test", "--collection", "test", "--multi")
}

// OBS itself publishes, is recorded, and comes back when its connection is ended.
// make test-obs runs it, with a screen that is not there: it is large, and no other test
// needs it.
func TestOBS(t *testing.T) {
	s := serve(t, anyone+"\nrecording: {mode: All}", "")
	obs(t, s.url, "cam")
	green := func(when string) {
		t.Helper()
		var colour []byte
		until(t, "a green picture "+when, func() bool {
			out, err := exec.Command("ffmpeg", "-v", "error", "-i", s.url+"/cam", "-frames:v", "1", "-vf", "scale=1:1,format=rgb24", "-f", "rawvideo", "-").Output()
			colour = out
			return err == nil && len(out) == 3 && out[0] < 40 && out[1] > 200 && out[2] < 40
		})
		t.Logf("%s: %v", when, colour)
	}
	green("at first")
	p := inspect(t, s.url+"/cam", "-read_intervals", "%+2", "-count_packets")
	if p.count("h264") < 20 || p.count("aac") < 40 {
		t.Errorf("of two seconds there are %d pictures and %d pieces of sound", p.count("h264"), p.count("aac"))
	}
	info := run(t, program(t), "instances", "info", "live", "--url", s.http, "-o", "json")
	id := regexp.MustCompile(`"id": ?"([A-Z2-7]{8})"`).FindStringSubmatch(info)
	if id == nil {
		t.Fatalf("no client in %s", info)
	}
	run(t, program(t), "instances", "kick", "live", id[1], "--url", s.http)
	until(t, "its connection to be ended", func() bool { return strings.Contains(s.log.String(), "msg=disconnected client="+id[1]) })
	before := time.Now()
	green("when it has come back")
	t.Logf("it was back after %v", time.Since(before).Round(time.Millisecond))
	until(t, "what is recorded anew to have begun", func() bool { return strings.Count(s.log.String(), "msg=publishing") == 2 })
	s.stop()
	file, err := filepath.Glob(filepath.Join(s.streams(), "cam*.flv"))
	if err != nil || len(file) == 0 {
		t.Fatalf("no recording in %s: %v", s.streams(), err)
	}
	wide := 0
	got := decodes(t, file[0])
	for _, one := range got.Streams {
		wide = max(wide, one.Width)
	}
	if got.count("h264") < 20 || got.count("aac") < 40 || wide != 640 {
		t.Errorf("recorded: %+v", got)
	}
}
