//go:build clients

package clients

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// number reads an environment variable.
func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// A server that is killed at any moment, while it records, appends or finishes
// a recording, loses at most the last second; the next one mends the files, and
// they play from any point. FLASHPOD_KILLS says how often to kill (25), and
// FLASHPOD_KILL_SEED repeats the moments of a run that failed.
func TestKilledAtAnyMoment(t *testing.T) {
	const servers = 5 // at once
	kills, seed := number(t, "FLASHPOD_KILLS", 25), number(t, "FLASHPOD_KILL_SEED", time.Now().UnixNano())
	t.Logf("FLASHPOD_KILL_SEED=%d FLASHPOD_KILLS=%d", seed, kills)
	source := filepath.Join(t.TempDir(), "film.flv")
	film(t, source, 14)
	tags := tagsOf(t, source)
	var mended, torn atomic.Int64
	t.Run("all", func(t *testing.T) {
		for n := range servers {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				v := &victim{t: t, rand: rand.New(rand.NewPCG(uint64(seed), uint64(n))), film: tags, have: map[string][]uint64{},
					data: filepath.Join(t.TempDir(), "data")}
				for range (int(kills) + servers - 1 - n) / servers {
					v.live()
				}
				v.restart()
				v.server.stop()
				mended.Add(int64(v.mended))
				torn.Add(int64(v.torn))
			})
		}
	})
	t.Logf("killed %d times; %d files were mended, %d of them torn", kills, mended.Load(), torn.Load())
	if kills >= 20 && (mended.Load() == 0 || torn.Load() == 0) {
		t.Error("no kill left anything to mend: nothing was tested")
	}
}

// victim is a data folder, served and killed again and again.
type victim struct {
	t      *testing.T
	rand   *rand.Rand
	film   []flv.Tag
	data   string
	server *server

	have   map[string][]uint64 // what was in each file at the last look
	killed *killing            // the last one, until it was looked at

	mended, torn int
}

// tear takes some of the last tag from files that no server finished, as a machine
// that loses its power does; a kill alone hardly ever hits a write.
func (v *victim) tear() {
	t := v.t
	t.Helper()
	const least = 16 // bytes of a tag
	files, err := filepath.Glob(filepath.Join(v.server.streams(), "*.flv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := flv.Finished(f, info.Size()); ok {
			continue
		}
		if err := f.Truncate(info.Size() - 1 - v.rand.Int64N(least-1)); err != nil {
			t.Fatal(err)
		}
		v.killed.what += ", and torn"
	}
}

// connect is a connection with a stream.
func (v *victim) connect(ctx context.Context, name string) (*rtmp.NetConnection, *rtmp.NetStream) {
	v.t.Helper()
	nc, err := rtmp.Connect(ctx, v.server.url+"/"+name, rtmp.Config{})
	if err != nil {
		v.t.Fatal(err)
	}
	s, err := nc.CreateStream(ctx)
	if err != nil {
		v.t.Fatal(err)
	}
	return nc, s
}

// restart starts the next server and looks at every file.
func (v *victim) restart() {
	t := v.t
	t.Helper()
	v.server = serve(t, anyone+"\nrecording: {mode: All}", v.data)
	v.settle()
	log := v.server.log.String()
	v.mended += strings.Count(log, "recording mended")
	v.torn += strings.Count(log, "recording mended") - strings.Count(log, "cut=0")
	k := v.killed
	if k == nil {
		return
	}
	now := map[string][]uint64{}
	entries, err := os.ReadDir(v.server.streams())
	if err != nil {
		t.Fatal(err)
	}
	fresh := "" // the file that was written
	for _, e := range entries {
		if e.Name() == journal {
			continue // the lost name is waited for
		}
		if !strings.HasSuffix(e.Name(), ".flv") {
			t.Errorf("%s: %s is left over", k.what, e.Name())
			continue
		}
		path := filepath.Join(v.server.streams(), e.Name())
		now[e.Name()] = digests(tagsOf(t, path))
		if had, ok := v.have[e.Name()]; !ok || !slices.Equal(had, now[e.Name()]) {
			if fresh != "" {
				t.Errorf("%s: both %s and %s have changed", k.what, fresh, e.Name())
			}
			fresh = e.Name()
			v.look(path)
		}
	}
	v.compare(fresh, now)
	if fresh != "" {
		v.play(k, filepath.Join(v.server.streams(), fresh))
	}
	v.have, v.killed = now, nil
	if t.Failed() {
		t.FailNow()
	}
}

// journal is the folder in which a server notes what it records.
const journal = ".recording"

// settle waits until all that was being recorded is mended: a note says then since
// when its publisher is lost.
func (v *victim) settle() {
	t := v.t
	t.Helper()
	until(t, "all that was being recorded is mended", func() bool {
		notes, err := filepath.Glob(filepath.Join(v.server.streams(), journal, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(notes, func(path string) bool {
			text, err := os.ReadFile(path)
			return !errors.Is(err, fs.ErrNotExist) && !strings.Contains(string(text), `"interrupted"`)
		})
	})
}

// compare checks that a file has what it had to have, and nothing else.
func (v *victim) compare(fresh string, now map[string][]uint64) {
	t, k := v.t, v.killed
	t.Helper()
	for name := range v.have {
		if _, ok := now[name]; !ok {
			t.Errorf("%s: %s is gone", k.what, name)
		}
	}
	got := now[fresh]
	if had := v.have[fresh]; strings.HasPrefix(k.mode, "append") && len(had) > 0 {
		if len(got) < len(had) || !slices.Equal(got[:len(had)], had) {
			t.Errorf("%s: what %s had before is not there any more", k.what, fresh)
			return
		}
		got = got[len(had):]
	}
	if len(got) > len(k.sent) || !slices.Equal(got, k.sent[:len(got)]) {
		t.Errorf("%s: the %d tags of %s are not the first of the %d that were sent", k.what, len(got), fresh, len(k.sent))
		return
	}
	kept := 0
	for i, tags := 0, v.media(); i < len(got); i++ {
		if tag := tags[i%len(tags)]; isPicture(tag.Type, tag.Data) {
			kept++
		}
	}
	if kept < k.seen {
		t.Errorf("%s: %d pictures are kept, and %d were seen more than a second before", k.what, kept, k.seen)
	}
	if k.finished && len(got) != len(k.sent) {
		t.Errorf("%s: it was finished, and has %d tags of %d", k.what, len(got), len(k.sent))
	}
}

// look has the file judged: by ffprobe, and its index by what is where it says.
func (v *victim) look(path string) {
	t, k := v.t, v.killed
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	x, err := flv.Scan(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	length, ok := flv.Finished(f, info.Size())
	if !ok || length != x.Last.Duration() || x.Size != info.Size() {
		t.Errorf("%s: %s says %v (finished: %v), and is %v long; %d of its %d bytes are whole", k.what, filepath.Base(path), length, ok, x.Last.Duration(), x.Size, info.Size())
	}
	v.lookAtIndex(f, x, info.Size())
	var pictures, sounds int
	for _, tag := range tagsOf(t, path) {
		switch {
		case isPicture(tag.Type, tag.Data):
			pictures++
		case tag.Type == flv.TypeAudio && !payload.IsAudioHeader(tag.Data):
			sounds++
		}
	}
	args := []string{"-count_packets"}
	if pictures == 0 {
		// It ended before the first picture: ffprobe warns that it knows no size.
		args = append(args, "-v", "error")
	}
	found := inspect(t, path, args...)
	if found.count("h264") != pictures || found.count("aac") != sounds {
		t.Errorf("%s: ffprobe finds %d pictures and %d packets of sound in %s, there are %d and %d", k.what,
			found.count("h264"), found.count("aac"), filepath.Base(path), pictures, sounds)
	}
}

// lookAtIndex holds the index in the metadata of a file against its keyframes:
// it is for others, ours is made of the tags.
func (v *victim) lookAtIndex(f *os.File, x *flv.Index, size int64) {
	t, k, name := v.t, v.killed, filepath.Base(f.Name())
	t.Helper()
	places := map[int64]media.Timestamp{}
	for _, e := range x.Entries {
		places[e.Offset] = e.Time
	}
	r, err := flv.NewReader(io.NewSectionReader(f, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	tag, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	values, err := amf.DecodeAll(tag.Data)
	if err != nil || len(values) < 2 {
		t.Fatalf("%s: metadata of %s: %v, %v", k.what, name, values, err)
	}
	meta, _ := values[1].(*amf.ECMAArray)
	listed, _ := meta.Get("keyframes")
	if index, ok := listed.(*amf.Object); ok {
		times, _ := index.Get("times")
		offsets, _ := index.Get("filepositions")
		at, _ := offsets.(*amf.Array)
		for i, second := range times.(*amf.Array).Items {
			if ms, ok := places[int64(at.Items[i].(float64))]; !ok || float64(ms)/1000 != second {
				t.Errorf("%s: the index of %s has a keyframe of %v s at byte %v, where none is", k.what, name, second, at.Items[i])
			}
		}
	} else if len(x.Entries) > 1 {
		t.Errorf("%s: %s has no index", k.what, name)
	}
}

// play plays the file from its beginning and from its middle, each to the end.
func (v *victim) play(k *killing, path string) {
	t := v.t
	t.Helper()
	all := picturesOf(t, path)
	middle, from := media.Timestamp(0), 0
	if len(all) > 0 {
		middle = all[len(all)/2].Timestamp
	}
	for i, tag := range all {
		if tag.Timestamp <= middle && payload.IsKeyframe(tag.Data) {
			from = i // playing from the middle begins with it
		}
	}
	p := dial(t, v.server.url)
	defer p.conn.Close()
	p.buffer(1, 3600_000)
	for start, want := range map[media.Timestamp][]flv.Tag{0: all, middle: all[from:]} {
		p.play(k.name, float64(start))
		n := 0
		p.until(func(m rtmp.Message) bool {
			if isPicture(uint8(m.Type), m.Payload) {
				if n < len(want) {
					at := max(want[n].Timestamp, start) - start // what lies before the beginning has its time
					if m.Timestamp != at || string(m.Payload) != string(want[n].Data) {
						t.Errorf("%s: picture %d from %d ms on is of %d ms, want %d", k.what, n, start, m.Timestamp, at)
					}
				}
				n++
			}
			return m.Type == rtmp.TypeCommand && code(p.command(m).Args) == "NetStream.Play.Stop"
		})
		if n != len(want) {
			t.Errorf("%s: %d pictures are played from %d ms on, want %d", k.what, n, start, len(want))
		}
	}
}

// media is the film without its metadata.
func (v *victim) media() []flv.Tag {
	return slices.DeleteFunc(slices.Clone(v.film), func(t flv.Tag) bool { return t.Type == flv.TypeScript })
}

func isPicture(kind uint8, data []byte) bool {
	return kind == flv.TypeVideo && len(data) > 1 && data[1] == 1
}

func digest(tag flv.Tag) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(append([]byte{tag.Type}, tag.Data...)) // a hash takes everything
	return h.Sum64()
}

func digests(tags []flv.Tag) (all []uint64) {
	for _, tag := range tags {
		if tag.Type != flv.TypeScript {
			all = append(all, digest(tag))
		}
	}
	return all
}

func picturesOf(t *testing.T, path string) []flv.Tag {
	t.Helper()
	return pictures(tagsOf(t, path))
}

func pictures(tags []flv.Tag) []flv.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(tag flv.Tag) bool { return !isPicture(tag.Type, tag.Data) })
}

// tagsOf reads a file, which must be whole to its last byte.
func tagsOf(t *testing.T, path string) (all []flv.Tag) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := flv.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
		tag.Data = slices.Clone(tag.Data)
		all = append(all, tag)
	}
}
