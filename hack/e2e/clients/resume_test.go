//go:build clients

package clients

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// tagged is one tag of an FLV file, but for what speaks to a player only.
type tagged struct {
	kind    uint8
	time    float64 // seconds
	payload string
}

// tags reads all of them.
func tags(path string) (all []tagged, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := flv.NewReader(f)
	if err != nil {
		return nil, err
	}
	for {
		tag, err := r.Next()
		if err != nil {
			return all, nil
		}
		if tag.Type == flv.TypeScript && strings.Contains(string(tag.Data), "NetStream.") {
			continue
		}
		all = append(all, tagged{tag.Type, tag.Timestamp.Duration().Seconds(), string(tag.Data)})
	}
}

// sameTags says what is different in a file from a whole one: tags, their order,
// or times by more than a millisecond.
func sameTags(whole, path string) error {
	want, err := tags(whole)
	if err != nil {
		return err
	}
	got, err := tags(path)
	if err != nil {
		return err
	}
	for i, w := range want {
		if i >= len(got) || got[i].kind != w.kind || got[i].payload != w.payload || got[i].time < w.time-0.0011 || got[i].time > w.time+0.0011 {
			return fmt.Errorf("%d tags, not the %d of the whole: the first %d are right", len(got), len(want), i)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d tags, not %d", len(got), len(want))
	}
	return nil
}

// resumes fetches a recorded stream up to several times, and each time the rest
// of it. The packets that ffprobe finds then are those of the whole.
func (b *bench) resumes(t *testing.T, name, whole string, play func(...string) command) error {
	t.Helper()
	want, err := packets(whole)
	if err != nil {
		return err
	}
	for i, stop := range []string{"1.5", "2.9", "3.5"} {
		file := b.file(t, fmt.Sprintf("-%d.flv", i))
		if err := incomplete(play("--stop", stop).start(t, b.server.url+"/"+name, file)); err != nil {
			return err
		}
		cut, err := packets(file)
		if err != nil {
			return err
		}
		if len(cut) == 0 || len(cut) >= len(want) {
			return fmt.Errorf("%d packets up to %s s, and %d in the whole", len(cut), stop, len(want))
		}
		if err := ended(play("--resume").start(t, b.server.url+"/"+name, file)); err != nil {
			return err
		}
		if err := sameTags(whole, file); err != nil {
			return fmt.Errorf("resumed at %s s: %w", stop, err)
		}
		got, err := packets(file)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("resumed at %s s: %d packets, not the %d of the whole", stop, len(got), len(want))
		}
	}
	return nil
}

// incomplete waits for an rtmpdump that is to fetch a part: it says so by its
// exit status.
func incomplete(c *client) error {
	<-c.done
	if code := c.cmd.ProcessState.ExitCode(); code != 2 {
		return fmt.Errorf("rtmpdump ended with %d, and not with 2, when it was to fetch a part\n%s", code, tail(c.output.String()))
	}
	return nil
}

// packets are the kind, the two times and the hash of each picture and packet of
// sound in a file.
func packets(path string) (all []string, err error) {
	out, err := output("ffprobe", "-v", "error", "-show_data_hash", "md5", "-show_entries", "packet=codec_type,pts_time,dts_time,data_hash", "-of", "csv=p=0", path)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "video,") || strings.HasPrefix(line, "audio,") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all, err
}

// beginsAt says what is wrong with the times of a file that has the film from a
// time on: pictures of before it stand there, and all else as in the film.
func (b *bench) beginsAt(path string, start float64) error {
	film, err := packets(b.film)
	if err != nil {
		return err
	}
	got, err := packets(path)
	if err != nil {
		return err
	}
	type packet struct{ kind, hash string }
	times := map[packet][]float64{}
	for _, line := range film {
		k, at, hash, err := fields(line)
		if err != nil {
			return err
		}
		times[packet{k, hash}] = append(times[packet{k, hash}], at)
	}
	for _, line := range got {
		k, at, hash, err := fields(line)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(times[packet{k, hash}], func(want float64) bool {
			return at > max(want, start)-0.0011 && at < max(want, start)+0.0011 && (k == "video" || want >= start)
		}) {
			return fmt.Errorf("a packet of %s at %.3f s: the film has it at %v", k, at, times[packet{k, hash}])
		}
	}
	return nil
}

func fields(line string) (kind string, at float64, hash string, err error) {
	f := strings.Split(line, ",")
	if len(f) < 4 {
		return "", 0, "", fmt.Errorf("ffprobe says %q of a packet", line)
	}
	at, err = strconv.ParseFloat(f[2], 64)
	return f[0], at, f[3], err
}

// TestResumeAtTheSameTime has rtmpdump go on with a film in which sound, and
// what else there may be, has the time of the keyframe that it lies behind:
// nothing of it is lost.
func TestResumeAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, err := os.Open(b.film)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, err := flv.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.Create(filepath.Join(b.server.streams(), "tied.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	out, err := flv.NewStreamWriter(w)
	if err != nil {
		t.Fatal(err)
	}
	cue := []byte("\x02\x00\x0aonCuePoint\x05")
	tied := false
	for {
		tag, err := in.Next()
		if err != nil {
			break
		}
		keyframe := tag.Type == flv.TypeVideo && payload.IsKeyframe(tag.Data) && !payload.IsVideoHeader(tag.Data)
		if keyframe {
			if err := out.Write(flv.Tag{Type: flv.TypeScript, Timestamp: tag.Timestamp, Data: cue}); err != nil {
				t.Fatal(err)
			}
		}
		if tied && tag.Type == flv.TypeAudio {
			tag.Timestamp, tied = tag.Timestamp/1000*1000+23, false
		}
		if err := out.Write(tag); err != nil {
			t.Fatal(err)
		}
		if keyframe {
			tied = true
			if err := out.Write(flv.Tag{Type: flv.TypeScript, Timestamp: tag.Timestamp, Data: cue}); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = w.Close()

	whole, cut := b.file(t, "-whole.flv"), b.file(t, "-cut.flv")
	fetch := func(file string, options ...string) *client {
		return start(t, "rtmpdump", append([]string{"-q", "-r", b.server.url + "/tied", "-o", file}, options...)...)
	}
	if err := errors.Join(ended(fetch(whole)), incomplete(fetch(cut, "--stop", "2.5")), ended(fetch(cut, "--resume"))); err != nil {
		t.Fatal(err)
	}
	if err := sameTags(whole, cut); err != nil {
		t.Error(err)
	}
}
