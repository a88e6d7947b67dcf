package recording

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	avcHeader = []byte{0x17, 0, 0, 0, 0, 1}
	aacHeader = []byte{0xaf, 0, 0x12, 0x10}
	key       = []byte{0x17, 1, 0, 0, 0, 9, 9, 9}
	inter     = []byte{0x27, 1, 0, 0, 0, 9}
	sound     = []byte{0xaf, 1, 7, 7}
	second    = []byte("\x96\x01avc1\x02\x00\x00\x00f") // a keyframe of track 2
	bareKey   = []byte("\x83hvc1\x00\x00\x00\x04\x26\x01\xaf\x09")
	bareInter = []byte("\x83hvc1\x00\x00\x00\x04\x02\x01\xd0\x09")
	both      = []byte("\xa6\x11avc1\x00\x00\x00\x04\x00\x00\x00f\x02\x00\x00\x04\x00\x00\x00f")
	metadata  = []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05width\x00\x40\x74\x00\x00\x00\x00\x00\x00\x00\x00\x09")
)

// source is a publication made of a channel.
type source chan rtmp.Message

func (s source) Next(ctx context.Context) (rtmp.Message, error) {
	select {
	case m, ok := <-s:
		if !ok {
			return m, io.EOF
		}
		return m, nil
	case <-ctx.Done():
		return rtmp.Message{}, ctx.Err()
	}
}

func (s source) TookOver() bool { return false }
func (s source) Pending() bool  { return len(s) > 0 }
func (s source) Close()         {}

func message(kind rtmp.MessageType, at media.Timestamp, payload []byte) rtmp.Message {
	return rtmp.Message{Type: kind, StreamID: 1, Timestamp: at, Payload: payload}
}

// seconds is a publication of that length: a keyframe a second, 25 pictures.
func seconds(n int, from media.Timestamp) []rtmp.Message {
	all := []rtmp.Message{message(rtmp.TypeData, 0, metadata), message(rtmp.TypeVideo, from, avcHeader), message(rtmp.TypeAudio, from, aacHeader)}
	for i := range media.Timestamp(n * 25) {
		frame := inter
		if i%25 == 0 {
			frame = key
		}
		all = append(all, message(rtmp.TypeVideo, from+i*40, frame), message(rtmp.TypeAudio, from+i*40+5, sound))
	}
	return all
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// record writes messages as one publication.
func record(t testing.TB, s *Store, name string, mode Mode, all []rtmp.Message) {
	t.Helper()
	src := make(source, len(all))
	for _, m := range all {
		src <- m
	}
	close(src)
	ended := make(chan error, 2)
	r, err := s.Record(name, mode, src, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || len(ended) > 0 {
		t.Fatalf("ended with %v, and %d times more", err, len(ended))
	}
}

// tags are those of a recording, without metadata.
func tags(t testing.TB, path string) (all []flv.Tag) {
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
			t.Fatal(err)
		}
		if tag.Type != flv.TypeScript {
			tag.Data = slices.Clone(tag.Data)
			all = append(all, tag)
		}
	}
}

// files are those in a folder, without the journal's.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(filepath.Dir(p)) != journalDir {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	s := open(t, dir, Options{Now: func() time.Time { return now }})
	length := func(name string, want time.Duration) {
		t.Helper()
		if d, err := s.Length(context.Background(), name); err != nil || (d-want).Abs() > 150*time.Millisecond {
			t.Errorf("%s is %v long, %v; want %v", name, d, err, want)
		}
	}
	record(t, s, "a", ModeRecord, seconds(2, 500))
	length("a", 2*time.Second)
	if first := tags(t, filepath.Join(dir, "a.flv"))[0]; first.Timestamp != 0 {
		t.Errorf("the file begins at %d ms", first.Timestamp)
	}
	record(t, s, "a", ModeAppend, seconds(1, 90000))
	length("a", 3*time.Second)
	record(t, s, "a", ModeRecord, seconds(1, 0))
	length("a", time.Second)
	record(t, s, "new", ModeAppend, seconds(1, 0))
	length("new", time.Second)

	// The file was written "now" in the file system's time; ten seconds later:
	info, err := os.Stat(filepath.Join(dir, "new.flv"))
	if err != nil {
		t.Fatal(err)
	}
	now = info.ModTime().Add(10 * time.Second)
	record(t, s, "new", ModeAppendWithGap, seconds(1, 0))
	length("new", 12*time.Second)

	now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	record(t, s, "b", ModeDated, seconds(1, 0))
	record(t, s, "b", ModeDated, seconds(2, 0))
	length("b", 2*time.Second)
	length("b-20261124T100000Z", time.Second)
	want := []string{"a.flv", "b-20261124T100000Z-2.flv", "b-20261124T100000Z.flv", "new.flv"}
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	record(t, s, "folder/c", ModeRecord, seconds(1, 0))
	length("flv:folder/c.flv", time.Second)
}

// File systems tell times apart by milliseconds, and names by nothing.
func TestNewestOfOneInstant(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	at := time.Now().Add(-time.Hour)
	for i, name := range []string{"b.flv", "b-20261124T100000Z.flv", "b-20261124T100000Z-2.flv", "b-20261124T100000Z-10.flv", "b-20261124T095959Z-99.flv",
		"b-x.flv", "b-20261124T100001Z-y.flv", "c-20261124T100002Z.flv"} {
		record(t, s, strings.TrimSuffix(name, ".flv"), ModeRecord, seconds(i+1, 0))
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := s.Length(context.Background(), "b"); err != nil || d.Round(time.Second) != 4*time.Second {
		t.Errorf("plays a recording of %v, %v; want the tenth of the last second, of 4 s", d, err)
	}
}

func TestEmptyPublicationLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "kept", ModeRecord, seconds(1, 0))
	record(t, s, "kept", ModeRecord, nil)
	record(t, s, "none", ModeDated, []rtmp.Message{message(rtmp.TypeVideo, 0, inter)})
	record(t, s, "headers", ModeRecord, seconds(1, 0)[:3])
	if got := files(t, dir); !slices.Equal(got, []string{"kept.flv"}) {
		t.Errorf("files %v", got)
	}
	if n := len(tags(t, filepath.Join(dir, "kept.flv"))); n != 52 {
		t.Errorf("%d tags are left of 52", n)
	}
}

// Until it would play, a recording has no name: a server that dies before leaves nothing.
func TestRecordingAppearsWithItsFirstPicture(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	src := make(source)
	r, err := s.Record("a", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	send := func(m rtmp.Message, want string) {
		t.Helper()
		src <- m
		src <- message(rtmp.TypeAudio, 0, nil) // nothing; but when it is taken, what was before is in the file
		if got := files(t, dir); !slices.Equal(got, []string{want}) {
			t.Errorf("files %v, want %s", got, want)
		}
	}
	send(message(rtmp.TypeVideo, 0, avcHeader), "a.flv.part")
	send(message(rtmp.TypeAudio, 0, aacHeader), "a.flv.part")
	send(message(rtmp.TypeAudio, 0, sound), "a.flv.part")
	send(message(rtmp.TypeVideo, 10, key), "a.flv")
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/", ".hidden", "a/.b", "dot.", "space ", "a\x00b", "a\nb", `a\b`, "C:x", strings.Repeat("x", 201), "\xff", "a\x7fb"} {
		if _, err := s.Length(context.Background(), name); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v, want ErrBadName", name, err)
		}
		src := make(source)
		if _, err := s.Record(name, ModeRecord, src, func(error) {}); !errors.Is(err, ErrBadName) {
			t.Errorf("record %q: %v, want ErrBadName", name, err)
		}
	}
	for _, name := range []string{"c.flv.part/x", "c.flv/x", "a/b.MP4/x", "mp4:a.mp3/x", strings.Repeat("a/", 9) + "x"} {
		if _, err := s.Record(name, ModeRecord, make(source), func(error) {}); !errors.Is(err, ErrBadName) {
			t.Errorf("record %q: %v, want ErrBadName", name, err)
		}
		if _, err := s.Length(context.Background(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", name, err)
		}
	}
	record(t, s, strings.Repeat("a/", 8)+"x", ModeRecord, seconds(1, 0))
	for _, name := range []string{"a", "a b", "ü", "a.b", "a/b/c", strings.Repeat("x", 200)} {
		if _, err := s.Length(context.Background(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", name, err)
		}
	}
}

func TestOneRecorderAFile(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	src := make(source)
	r, err := s.Record("a", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record("a", ModeAppend, make(source), func(error) {}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	record(t, s, "a", ModeAppend, seconds(1, 0))
}

func TestFullDisk(t *testing.T) {
	s := open(t, t.TempDir(), Options{MinFree: 1 << 60})
	if _, err := s.Record("a", ModeRecord, make(source), func(error) {}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("%v, want ErrDiskFull", err)
	}
}

// A disk that fills up ends the recording, and what there is plays.
func TestDiskFillsUp(t *testing.T) {
	dir := t.TempDir()
	clock := time.Now()
	var s *Store
	var full atomic.Bool
	s = open(t, dir, Options{Now: func() time.Time { // called by the recorder
		clock = clock.Add(2 * time.Second)
		if full.Load() {
			s.opts.MinFree = 1 << 60
		}
		return clock
	}})
	src := make(source)
	ended := make(chan error, 1)
	if _, err := s.Record("a", ModeRecord, src, func(err error) { ended <- err }); err != nil {
		t.Fatal(err)
	}
	all := seconds(1, 0)
	for _, m := range all {
		src <- m
	}
	full.Store(true)
	for err := error(nil); err == nil; {
		select {
		case src <- message(rtmp.TypeAudio, 2000, sound):
		case err = <-ended:
			if !errors.Is(err, ErrDiskFull) {
				t.Fatalf("%v, want ErrDiskFull", err)
			}
		}
	}
	if d, err := s.Length(context.Background(), "a"); err != nil || d < 900*time.Millisecond {
		t.Errorf("%v long, %v", d, err)
	}
}

// A disk that has no room even for a recording's beginning leaves the earlier
// recording of the name alone, and a later one loses its last tag only.
func TestNothingFits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "a", ModeRecord, seconds(1, 0))
	full := func(size int64) {
		t.Helper()
		src := make(source)
		r, err := s.Record("a", ModeRecord, src, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		// The kernel refuses to write behind that: EFBIG, as a quota would.
		limitFiles(t, size)
		for _, m := range seconds(3, 0) {
			select {
			case src <- m:
			case <-r.done:
			}
		}
		close(src)
		if err := r.Stop(context.Background()); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("ended with %v", err)
		}
		limitFiles(t, -1)
	}
	full(1000)
	if d, err := s.Length(context.Background(), "a"); err != nil || d != 965*time.Millisecond {
		t.Errorf("the earlier recording is %v long, %v", d, err)
	}
	full(34000)
	info, err := os.Stat(filepath.Join(dir, "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Length(context.Background(), "a"); err != nil || d < 500*time.Millisecond || d > 2*time.Second || info.Size() > 34000 || info.Size() < 33980 {
		t.Errorf("what fitted is %d bytes and %v long, %v", info.Size(), d, err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.flv"}) {
		t.Errorf("files %v", got)
	}
}

// limitFiles sets how large a file may grow, in bytes; -1: as before.
func limitFiles(t *testing.T, size int64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = l.Max
	if size >= 0 {
		l.Cur = uint64(size)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed leaves the file as it is at that moment.
func TestMendAfterAKill(t *testing.T) {
	dir, later := t.TempDir(), t.TempDir()
	s := open(t, dir, Options{})
	src := make(source)
	r, err := s.Record("a", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	all := seconds(3, 0)
	for _, m := range all {
		src <- m
	}
	src <- message(rtmp.TypeAudio, 3000, sound) // taken: what was before it is in the file
	b, err := os.ReadFile(filepath.Join(dir, "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"a.flv": b[:len(b)-3], "b.flv.part": b[:100], "notes.txt": []byte("x"), "other.flv": []byte("no FLV")} {
		if err := os.WriteFile(filepath.Join(later, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, later, Options{})
	if d, err := s.Length(context.Background(), "a"); err != nil || d < 2900*time.Millisecond {
		t.Errorf("%v long, %v", d, err)
	}
	// Nobody has told whose the part is; it is looked at when it is in the way.
	if got := files(t, later); !slices.Equal(got, []string{"a.flv", "b.flv.part", "notes.txt", "other.flv"}) {
		t.Errorf("files %v", got)
	}
}

func TestClock(t *testing.T) {
	type step struct {
		kind rtmp.MessageType
		time media.Timestamp
		data []byte
		want int // -1: left out
	}
	const v, a, d = rtmp.TypeVideo, rtmp.TypeAudio, rtmp.TypeData
	for name, steps := range map[string][]step{
		"begins at zero":                {{a, 1000, sound, 0}, {a, 1023, sound, 23}},
		"waits for a keyframe":          {{v, 1000, inter, -1}, {a, 1010, sound, 0}, {v, 1020, inter, -1}, {v, 1040, key, 30}, {v, 1080, inter, 70}},
		"headers do not start it":       {{v, 0, avcHeader, 0}, {a, 0, aacHeader, 0}, {v, 5000, key, 0}, {a, 5010, sound, 10}},
		"tracks may cross":              {{v, 100, key, 0}, {a, 150, sound, 50}, {v, 140, inter, 40}},
		"no track goes back":            {{a, 100, sound, 0}, {a, 160, sound, 60}, {a, 150, sound, 60}, {a, 200, sound, 100}},
		"a clock set back":              {{a, 50000, sound, 0}, {a, 50023, sound, 23}, {a, 10, sound, 43}, {a, 33, sound, 66}},
		"a clock set ahead":             {{a, 0, sound, 0}, {a, 23, sound, 23}, {a, 9000000, sound, 43}, {a, 9000023, sound, 66}},
		"a pause is no jump":            {{a, 0, sound, 0}, {a, 300000, sound, 300000}},
		"time wraps":                    {{a, 0xfffffff0, sound, 0}, {a, 16, sound, 32}},
		"nor one of several":            {{v, 100, key, 0}, {v, 140, second, 40}, {v, 180, inter, 80}, {v, 150, second, 50}, {v, 140, both, 80}, {v, 160, second, 80}},
		"silence of no bytes is no tag": {{a, 0, sound, 0}, {a, 23, nil, -1}},
		"data that is alone":            {{d, 5000, sound, 0}, {d, 8000, sound, 3000}, {d, 7000, sound, 3000}, {d, 9000, sound, 5000}, {a, 9020, sound, 5000}},
		"data without a time":           {{d, 0, sound, 0}, {d, 300000, sound, 0}, {d, 0, sound, 0}, {a, 300020, sound, 0}},
		"waits for a keyframe of the default track": {
			{v, 0, avcHeader, 0}, {v, 0, second, -1}, {v, 0, inter, -1}, {v, 40, key, 0}, {v, 40, second, 0}},
		"waits for a keyframe that is not marked": {
			{a, 0, sound, 0}, {v, 0, bareInter, -1}, {v, 40, bareKey, 40}, {v, 80, bareInter, 80}},
		"waits for none that does not come": {
			{a, 0, sound, 0}, {v, 0, inter, -1}, {v, 2999, inter, -1}, {v, 3000, inter, 3000}, {v, 3040, inter, 3040}},
	} {
		t.Run(name, func(t *testing.T) {
			var c clock
			for i, s := range steps {
				at, ok := c.place(message(s.kind, s.time, s.data))
				if ok != (s.want >= 0) || ok && int(at) != s.want {
					t.Errorf("step %d: %d, %v; want %d", i, at, ok, s.want)
				}
			}
		})
	}
}

func TestOpenFileErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.flv"), []byte("this is no FLV file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	if _, err := s.OpenFile(context.Background(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	if _, err := s.OpenFile(context.Background(), "bad"); !errors.Is(err, media.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
	if n := s.Playbacks(); n != 0 {
		t.Errorf("%d playbacks", n)
	}
}

// TestFilesThatAreOpen opens one file twice: it stays open, and is counted,
// until both are closed.
func TestFilesThatAreOpen(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	record(t, s, "a", ModeRecord, seconds(1, 0))
	var all [2]*playback.File
	for i := range all {
		var err error
		if all[i], err = s.OpenFile(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete("a"); err != nil {
		t.Fatal(err)
	}
	for i, f := range all {
		if n := s.Playbacks(); n != 2-i {
			t.Errorf("%d playbacks, want %d", n, 2-i)
		}
		b := media.NewBatch(1 << 10)
		if _, err := f.Read(f.Bytes, f.Seek(0), b); err != nil || len(b.Frames) == 0 {
			t.Errorf("%d frames, %v", len(b.Frames), err)
		}
		f.Close()
	}
	if n := s.Playbacks(); n != 0 {
		t.Errorf("%d playbacks, want none", n)
	}
}
