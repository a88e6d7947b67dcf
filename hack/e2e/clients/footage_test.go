//go:build clients

package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// footage is what is in a file, whatever its format: the hash of each decoded
// picture and of each packet of AAC, in their order, and the pictures' times.
type footage struct {
	pictures, sounds []string
	times            []float64 // seconds
}

// look decodes a file with ffmpeg.
func look(path string) (footage, error) {
	var f footage
	out, err := output("ffmpeg", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(out) {
		if fields := strings.Split(strings.TrimSpace(line), ","); !strings.HasPrefix(line, "#") {
			f.pictures = append(f.pictures, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	out, err = output("ffprobe", "-v", "error", "-show_data_hash", "md5", "-show_entries", "packet=codec_type,pts_time,data_hash", "-of", "csv=p=0", path)
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		switch {
		case len(fields) < 3:
		case fields[0] == "audio":
			f.sounds = append(f.sounds, fields[2])
		case fields[0] == "video":
			at, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return f, fmt.Errorf("time of a picture: %w", err)
			}
			f.times = append(f.times, at)
		}
	}
	return f, nil
}

func output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, tail(errs.String()))
	}
	return out.String(), nil
}

// tail is the end of what a program said, where the reason usually is.
func tail(s string) string {
	const most = 2000
	if len(s) > most {
		s = "…" + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	return strings.TrimSpace(s)
}

// span is which part of a film must have come out: a run of its pictures with
// nothing missing inside, from one of the first ones named to the last.
type span struct {
	from, to int     // the first picture is one of these, counted from 0
	last     int     // pictures that may be missing at the end
	start    float64 // seconds: pictures that are there and earlier may all have this time
}

// whole allows for nothing to be missing.
var whole = span{}

// in looks for the part in the film. Sound may lack up to five packets (0.1 s)
// at either end, where some muxers cut it to the picture.
func (s span) in(film, got footage) error {
	first, ok := at(film.pictures, got.pictures)
	end := first + len(got.pictures)
	switch {
	case !ok:
		return fmt.Errorf("%d pictures came, not the film's", len(got.pictures))
	case first < s.from || first > s.to || end < len(film.pictures)-s.last:
		return fmt.Errorf("pictures %d to %d of the film's %d came", first, end, len(film.pictures))
	case len(got.times) != len(got.pictures):
		return fmt.Errorf("%d pictures in %d packets", len(got.pictures), len(got.times))
	}
	wanted := film.times[end-1] - film.times[first]
	if s.start > film.times[first] && got.times[0] == got.times[1] {
		wanted = film.times[end-1] - s.start
	}
	if lasted := got.times[len(got.times)-1] - got.times[0]; math.Abs(lasted-wanted) > 0.01 {
		return fmt.Errorf("the pictures last %.3f s, in the film %.3f s", lasted, wanted)
	}
	heard, ok := at(film.sounds, got.sounds)
	// A packet of sound stands where a picture of the same time does.
	place := func(picture int) int { return picture * len(film.sounds) / len(film.pictures) }
	if !ok || heard > place(s.to)+5 || heard+len(got.sounds) < place(end)-5 {
		return fmt.Errorf("packets %d to %d of the film's %d of sound came", heard, heard+len(got.sounds), len(film.sounds))
	}
	return nil
}

// at says where part stands in all.
func at(all, part []string) (int, bool) {
	if len(part) == 0 {
		return 0, false
	}
	for i := 0; i+len(part) <= len(all); i++ {
		if slices.Equal(all[i:i+len(part)], part) {
			return i, true
		}
	}
	return 0, false
}

// filmed counts the pictures in an FLV file that may still be growing.
func filmed(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := flv.NewReader(f)
	if err != nil {
		return 0 // not even its header is there
	}
	n := 0
	for {
		tag, err := r.Next()
		if err != nil {
			return n
		}
		if tag.Type == flv.TypeVideo && !payload.IsVideoHeader(tag.Data) {
			n++
		}
	}
}

// The table is worth what finds that something is missing.
func TestSpanFindsWhatIsMissing(t *testing.T) {
	var film footage
	for i := range 100 {
		film.pictures = append(film.pictures, fmt.Sprint("picture ", i))
		film.times = append(film.times, float64(i)/25)
	}
	for i := range 172 {
		film.sounds = append(film.sounds, fmt.Sprint("sound ", i))
	}
	cut := func(pictures, last, sounds, end int) footage {
		return footage{pictures: film.pictures[pictures:last], times: film.times[pictures:last], sounds: film.sounds[sounds:end]}
	}
	hole, slow, deaf := cut(0, 100, 0, 172), cut(0, 100, 0, 172), cut(0, 100, 0, 172)
	hole.pictures = slices.Delete(slices.Clone(hole.pictures), 50, 51)
	hole.times = slices.Delete(slices.Clone(hole.times), 50, 51)
	slow.times = slices.Clone(slow.times)
	slow.times[99] += 0.1
	deaf.sounds = slices.Delete(slices.Clone(deaf.sounds), 90, 91)
	quick := cut(25, 100, 86, 172)
	quick.times = slices.Clone(quick.times)
	for i := range quick.times {
		quick.times[i] = max(quick.times[i], 2)
	}
	for name, c := range map[string]struct {
		part span
		got  footage
		ok   bool
	}{
		"all":                     {whole, cut(0, 100, 0, 172), true},
		"sound cut at the ends":   {whole, cut(0, 100, 2, 170), true},
		"from 2 s":                {late, cut(25, 100, 43, 172), true},
		"at once up to 2 s":       {late, quick, true},
		"never up to 2 s":         {whole, quick, false},
		"nothing":                 {whole, footage{}, false},
		"no sound":                {whole, cut(0, 100, 0, 0), false},
		"no first picture":        {whole, cut(1, 100, 0, 172), false},
		"no last picture":         {whole, cut(0, 99, 0, 172), false},
		"a picture is missing":    {whole, hole, false},
		"a sound is missing":      {whole, deaf, false},
		"sound ends early":        {whole, cut(0, 100, 0, 160), false},
		"sound begins late":       {whole, cut(0, 100, 12, 172), false},
		"other times":             {whole, slow, false},
		"all instead of a part":   {late, cut(0, 100, 0, 172), false},
		"a part that is too late": {late, cut(75, 100, 129, 172), false},
	} {
		if err := c.part.in(film, c.got); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
