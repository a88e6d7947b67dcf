//go:build clients

package mp3

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Files as LAME writes them.
var encoded = []struct{ name, args string }{
	{"constant rate", "-b:a 128k -ar 44100"},
	{"variable rate", "-q:a 4 -ar 44100"},
	{"no header", "-b:a 128k -ar 44100 -write_xing 0"},
	{"mono at 48 kHz", "-b:a 64k -ar 48000 -ac 1"},
	{"MPEG 2", "-q:a 6 -ar 22050"},
	{"MPEG 2.5", "-b:a 16k -ar 8000 -ac 1"},
	{"no tags", "-b:a 128k -id3v2_version 0"},
	{"tags of version 2.3 and 1", "-b:a 128k -id3v2_version 3 -write_id3v1 1"},
}

// Every frame is where ffprobe says that it is, when it says that it is.
func TestFFProbeAgrees(t *testing.T) {
	for _, c := range encoded {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "a.mp3")
			args := []string{"-v", "error", "-f", "lavfi", "-i", "sine=d=10:b=4", "-f", "lavfi", "-i", "anoisesrc=d=10:a=0.1",
				"-filter_complex", "amerge", "-ac", "2", "-metadata", "title=A töne", "-c:a", "libmp3lame"}
			args = append(args, strings.Fields(c.args)...)
			if out, err := exec.Command("ffmpeg", append(args, name)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			compare(t, name)
		})
	}
}

func compare(t *testing.T, name string) {
	out, err := exec.Command("ffprobe", "-v", "error", "-show_packets", "-show_streams", "-show_format", "-of", "json", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Packets []struct {
			PTS       int64
			Size, Pos string // bytes
		}
		Streams []struct {
			SampleRate string `json:"sample_rate"`
			Channels   int
			TimeBase   string `json:"time_base"`
		}
		Format struct{ Tags struct{ Title string } }
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(whole)
	f, err := Open(in, int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, f, in, f.Seek(0), 10000)
	if len(got) != len(want.Packets) || len(got) == 0 {
		t.Fatalf("%d frames, ffprobe has %d", len(got), len(want.Packets))
	}
	// ffprobe's time base of MP3 is the one that has every rate.
	if want.Streams[0].TimeBase != "1/"+strconv.Itoa(ticksPerSecond) {
		t.Fatalf("ffprobe counts in %s", want.Streams[0].TimeBase)
	}
	for i, p := range want.Packets {
		pos, _ := strconv.Atoi(p.Pos)
		size, _ := strconv.Atoi(p.Size)
		at := (p.PTS - want.Packets[0].PTS) / ticksPerMilli
		if int64(got[i].Time) != at || !bytes.Equal(got[i].Data, whole[pos:pos+size]) {
			t.Fatalf("frame %d: %d ms, %d bytes; ffprobe has %+v, %d ms", i, got[i].Time, len(got[i].Data), p, at)
		}
	}
	rate, _ := strconv.ParseFloat(want.Streams[0].SampleRate, 64)
	for name, v := range map[string]any{"audiosamplerate": rate, "audiochannels": float64(want.Streams[0].Channels)} {
		if got, _ := f.Meta().Get(name); got != v {
			t.Errorf("%s is %v, not %v", name, got, v)
		}
	}
	if title, _ := f.Meta().Get("title"); want.Format.Tags.Title != "" && title != want.Format.Tags.Title {
		t.Errorf("title is %v, not %q", title, want.Format.Tags.Title)
	}
}
