package flv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// movie is a file of three seconds, a keyframe in each, with a cue point.
func movie(t testing.TB) *bytes.Reader {
	t.Helper()
	meta, err := amf.Append(nil, "onMetaData")
	if err != nil {
		t.Fatal(err)
	}
	if meta, err = amf.Append(meta, amf.NewECMAArray("width", 320.0)); err != nil {
		t.Fatal(err)
	}
	all := []Tag{{TypeScript, 0, meta}, {TypeVideo, 0, avcHeader}, {TypeAudio, 0, aacHeader}}
	for at := media.Timestamp(0); at < 3000; at += 500 {
		picture := inter
		if at%1000 == 0 {
			picture = append(slices.Clone(key), make([]byte, 5000)...)
		}
		all = append(all, Tag{TypeVideo, at, picture}, Tag{TypeAudio, at + 10, sound})
	}
	all = append(all, Tag{TypeScript, 2600, []byte{2, 0, 1, 'q'}})
	b := slices.Clone(fileHeader)
	for _, tag := range all {
		if b, err = AppendTag(b, tag); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.NewReader(b)
}

// Whatever a read may take, the frames are the same, and each knows its place.
func TestFileReadsTheSameInAnyPieces(t *testing.T) {
	r := movie(t)
	f, err := Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	want := frames(t, f, r, f.Seek(0), 1<<20)
	if len(want) != 2+12+1 {
		t.Fatalf("%d frames: %v", len(want), want)
	}
	for _, size := range []int{0, 1, 16, 100, 5000, 5024, 5025, 9000} {
		if got := frames(t, f, r, f.Seek(0), size); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d bytes: %v", size, got)
		}
	}
	b := media.NewBatch(1 << 20)
	if _, err := f.Read(r, f.Seek(0), b); err != nil {
		t.Fatal(err)
	}
	for i, frame := range b.Frames {
		if got := frames(t, f, r, frame.Position(), 300); !slices.Equal(got, want[i:]) {
			t.Errorf("from frame %d on: %v", i, got)
		}
	}
}

func frames(t testing.TB, f *File, r io.ReaderAt, at media.Position, size int) (all []string) {
	t.Helper()
	b := media.NewBatch(size)
	for {
		b.Buf = b.Buf[:min(size, len(b.Buf))]
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range b.Frames {
			all = append(all, fmt.Sprintf("%d %d %d", frame.Type, frame.Time, len(frame.Data)))
		}
		at = next
	}
}

func TestFileSeeks(t *testing.T) {
	r := movie(t)
	f, err := Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ at, before, after media.Timestamp }{{0, 0, 0}, {1, 0, 1000}, {1000, 1000, 1000}, {1999, 1000, 2000}, {2000, 2000, 2000}} {
		if got := f.Seek(c.at); got.Time != c.before {
			t.Errorf("seek %d begins at %d", c.at, got.Time)
		}
		if got, ok := f.SeekAfter(c.at); !ok || got.Time != c.after {
			t.Errorf("the keyframe after %d is at %d, %v", c.at, got.Time, ok)
		}
	}
	if _, ok := f.SeekAfter(2001); ok {
		t.Error("a keyframe behind the last")
	}
	if _, err := f.Read(r, f.Seek(media.TimestampAt(f.Duration())+1), media.NewBatch(100)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	headers, err := f.Headers(r, f.Seek(2000))
	if err != nil || len(headers) != 2 || headers[0].Type != TypeVideo || headers[1].Type != TypeAudio {
		t.Errorf("headers %v, %v", headers, err)
	}
	b := media.NewBatch(1000)
	next, err := f.Data(r, f.Seek(0), b)
	if err != nil || len(b.Frames) != 1 || b.Frames[0].Time != 2600 {
		t.Errorf("data %v, %v", b.Frames, err)
	}
	if _, err := f.Data(r, next, b); !errors.Is(err, io.EOF) || len(b.Frames) > 0 {
		t.Errorf("behind the last: %v, %v", b.Frames, err)
	}
}

// A file that was cut after it was opened ends there.
func TestFileThatWasCut(t *testing.T) {
	r := movie(t)
	f, err := Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	whole := frames(t, f, r, f.Seek(0), 4000)
	cut := io.NewSectionReader(r, 0, r.Size()-20)
	if got := frames(t, f, cut, f.Seek(0), 4000); len(got) != len(whole)-2 {
		t.Errorf("%d frames of %d", len(got), len(whole))
	}
}

// A file that was cut out of another begins with its first frame, not with the
// time until then.
func TestFileThatBeginsLate(t *testing.T) {
	b := slices.Clone(fileHeader)
	for _, tag := range []Tag{{TypeVideo, 0, avcHeader}, {TypeAudio, 600_010, sound}, {TypeVideo, 600_040, key}, {TypeVideo, 601_040, key}} {
		var err error
		if b, err = AppendTag(b, tag); err != nil {
			t.Fatal(err)
		}
	}
	r := bytes.NewReader(b)
	f, err := Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	for ms, want := range map[media.Timestamp]media.Timestamp{0: 600_010, 1000: 600_010, 600_040: 600_040, 601_040: 601_040} {
		if at := f.Seek(ms); at.Time != want {
			t.Errorf("for %d it begins at %d, want %d", ms, at.Time, want)
		}
	}
	if got := frames(t, f, r, f.Seek(0), 1000); len(got) != 4 {
		t.Errorf("from the beginning: %v", got)
	}
}

// TestLargeTagsAreReadInPart reads tags of which a buffer holds the beginning: the
// rest is where the frame says.
func TestLargeTagsAreReadInPart(t *testing.T) {
	var tags []Tag
	for i, size := range []int{10, 1000, 5000, 999, 20000, 3} {
		data := bytes.Repeat([]byte{byte(i), 7, 9}, size)[:size]
		tags = append(tags, Tag{TypeAudio, media.Timestamp(i), data})
	}
	b := bytesOf(t, tags)
	r := bytes.NewReader(b)
	f, err := Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, buf := range []int{16, 500, 1015, 4096, 30000} {
		batch := media.NewBatch(buf)
		batch.Part = 1000
		n, parted := 0, 0
		for at := f.Seek(0); ; {
			next, err := f.Read(r, at, batch)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, frame := range batch.Frames {
				data := bytes.Clone(frame.Data)
				if frame.More > 0 {
					parted++
					data = append(data, b[frame.From:frame.From+int64(frame.More)]...)
				}
				if !bytes.Equal(data, tags[n].Data) || frame.Size() != len(data) || frame.Time != tags[n].Timestamp {
					t.Fatalf("buffer of %d: frame %d is not what it was", buf, n)
				}
				n++
			}
			at = next
		}
		if n != len(tags) || len(batch.Buf) > max(buf, 1015) || (parted == 0) != (buf == 30000) {
			t.Errorf("buffer of %d: %d frames, %d in part, now %d bytes", buf, n, parted, len(batch.Buf))
		}
	}
}
