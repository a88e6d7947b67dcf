//go:build clients

package flv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What real readers say of a file with real media in it.
func TestFFProbeHasNothingToSay(t *testing.T) {
	for _, seconds := range []string{"0.5", "3"} { // with one keyframe, and with several
		t.Run(seconds, func(t *testing.T) { probeFile(t, seconds) })
	}
}

func probeFile(t *testing.T, seconds string) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source.flv")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25", "-f", "lavfi", "-i", "sine",
		"-c:v", "flv1", "-g", "25", "-c:a", "adpcm_swf", "-ar", "44100", "-t", seconds, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	in, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, tagsOf(t, in))
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0", f.Name()).CombinedOutput()
	var found, want float64
	if _, e := fmt.Sscan(string(out), &found); e != nil || err != nil {
		t.Fatalf("%v, %v\n%s", err, e, out)
	}
	if _, err := fmt.Sscan(seconds, &want); err != nil || found < want-0.1 || found > want+0.1 {
		t.Errorf("%.3f s long", found)
	}
}
