//go:build clients

package payload

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Pictures of real encoders, whose marks are taken away, are judged as ffmpeg
// judges them, with all that encoders put before a slice.
func TestPicturesOfRealEncoders(t *testing.T) {
	for name, c := range map[string]struct {
		head string // a payload without a mark, up to the picture
		file string
		args string
	}{
		"x264":              {"\x07\x01\x00\x00\x00", "a.mp4", "-c:v libx264 -g 20"},
		"x264, for TV":      {"\x07\x01\x00\x00\x00", "a.mp4", "-c:v libx264 -g 20 -x264-params open-gop=1:bframes=3:aud=1:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500:slices=4"},
		"x264, in refresh":  {"\x07\x01\x00\x00\x00", "a.mp4", "-c:v libx264 -g 20 -x264-params intra-refresh=1:bframes=0"},
		"x265":              {"\x83hvc1", "a.mp4", "-c:v libx265 -x265-params keyint=20:open-gop=0:log-level=none"},
		"x265, for TV":      {"\x83hvc1", "a.mp4", "-c:v libx265 -x265-params keyint=20:open-gop=1:aud=1:repeat-headers=1:hrd=1:vbv-maxrate=500:vbv-bufsize=500:log-level=none"},
		"libaom, AV1":       {"\x81av01", "a.mp4", "-c:v libaom-av1 -g 20 -cpu-used 8"},
		"libaom, in an IVF": {"\x81av01", "a.ivf", "-c:v libaom-av1 -g 20 -cpu-used 8"},
		"libvpx, VP8":       {"\x81vp08", "a.ivf", "-c:v libvpx -g 20"},
		"libvpx, VP9":       {"\x81vp09", "a.ivf", "-c:v libvpx-vp9 -g 20 -cpu-used 8 -auto-alt-ref 1 -lag-in-frames 16"},
		"libvpx, deep VP9":  {"\x81vp09", "a.ivf", "-c:v libvpx-vp9 -g 20 -cpu-used 8 -pix_fmt yuv444p12le"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), c.file)
			args := append(strings.Fields("-v error -f lavfi -i testsrc2=s=160x120:r=25 -t 2 -threads 1"), strings.Fields(c.args)...)
			if out, err := exec.Command("ffmpeg", append(args, file)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			list, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=pos,size,flags", "-of", "csv=p=0", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var p Pictures
			got, want := "", ""
			for line := range strings.Lines(string(list)) {
				var size, at int
				var flags string
				if _, err := fmt.Sscanf(line, "%d,%d,%s", &size, &at, &flags); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				if strings.HasSuffix(file, ".ivf") {
					at += 12 // a header of its own
				}
				v, ok := ParseVideo(append([]byte(c.head), b[at:at+size]...))
				if !ok {
					t.Fatalf("packet at byte %d is no payload", at)
				}
				got += string("-mk"[p.Next(&v, 0)])
				want += string("-k"[strings.Count(flags, "K")])
			}
			if got != want || !strings.Contains(got, "-k") {
				t.Errorf("judged\n%s, ffmpeg says\n%s", got, want)
			}
		})
	}
}
