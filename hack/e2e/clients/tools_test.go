//go:build clients

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// client is a command that runs beside the test.
type client struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *lockedBuffer
	done   chan struct{}
	err    error
}

func start(t *testing.T, name string, args ...string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), life)
	c := &client{t: t, cmd: exec.CommandContext(ctx, name, args...), output: &lockedBuffer{}, done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer cancel()
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-c.done
	})
	return c
}

// wait expects the command to end by itself, and well.
func (c *client) wait() string {
	c.t.Helper()
	<-c.done
	if c.err != nil {
		c.t.Fatalf("%s: %v\n%s", c.cmd.Args[0], c.err, c.output)
	}
	return c.output.String()
}

// interrupt ends the command as a user would.
func (c *client) interrupt() {
	_ = c.cmd.Process.Signal(os.Interrupt)
	<-c.done
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return start(t, name, args...).wait()
}

// testPicture are the arguments that make ffmpeg a live encoder: a keyframe a
// second, H.264 and AAC.
func testPicture(seconds int) []string {
	return []string{"-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-re", "-f", "lavfi", "-i", "sine=r=44100",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-t", strconv.Itoa(seconds)}
}

func publish(t *testing.T, url string, seconds int) *client {
	t.Helper()
	return start(t, "ffmpeg", append(testPicture(seconds), "-f", "flv", url)...)
}

// grow waits until files of what publish shows have three seconds each.
func grow(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		until(t, filepath.Base(file)+" to have three seconds", func() bool {
			info, err := os.Stat(file)
			return err == nil && info.Size() > 300e3
		})
	}
}

// film makes an FLV file as fast as it goes.
func film(t *testing.T, path string, seconds int) {
	t.Helper()
	args := testPicture(seconds)
	args = append(args[:2:2], args[3:]...) // without -re
	run(t, "ffmpeg", append(args, "-y", path)...)
}

// probe is what ffprobe finds in a file or at a URL.
type probe struct {
	Streams []struct {
		CodecName string `json:"codec_name"`
		CodecType string `json:"codec_type"`
		Packets   string `json:"nb_read_packets"`
		Frames    string `json:"nb_read_frames"`
		Width     int    `json:"width"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

func inspect(t *testing.T, what string, args ...string) probe {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), life)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffprobe", append(append([]string{"-v", "warning", "-of", "json", "-show_streams", "-show_format"}, args...), what)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffprobe %s: %v\n%s", what, err, errs.String())
	}
	if errs.Len() > 0 && !strings.HasPrefix(what, "rtmp") {
		t.Errorf("ffprobe %s warns:\n%s", filepath.Base(what), errs.String())
	}
	var p probe
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// count is the number of packets of a codec.
func (p probe) count(codec string) int {
	for _, s := range p.Streams {
		if s.CodecName == codec {
			n, _ := strconv.Atoi(s.Packets)
			return n
		}
	}
	return 0
}

func (p probe) seconds() float64 {
	d, _ := strconv.ParseFloat(p.Format.Duration, 64)
	return d
}

// decodes plays a file to the end with ffmpeg's decoders and expects no
// complaint.
func decodes(t *testing.T, path string) probe {
	t.Helper()
	if out := run(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"); out != "" {
		t.Errorf("decoding %s:\n%s", filepath.Base(path), out)
	}
	return inspect(t, path, "-count_packets")
}
