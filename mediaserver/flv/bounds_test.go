package flv

import (
	"bytes"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// TestIndexIsBounded notes more keyframes and headers than an index holds.
func TestIndexIsBounded(t *testing.T) {
	x := &Index{}
	const count = maxEntries*5/2 + 7
	for i := range int64(count) {
		x.add(TypeVideo, media.Timestamp(i), key, len(key), i)
	}
	if n := len(x.Entries); n > maxEntries || n < maxEntries/2 {
		t.Errorf("%d entries", n)
	}
	for _, at := range []media.Timestamp{0, 1000, count / 2, count - 1} {
		if e := x.Seek(at); e.Time > at || at-e.Time > 8 || e.Offset != int64(e.Time) {
			t.Errorf("seek to %d leads to %+v", at, e)
		}
	}

	x = &Index{}
	for i := range int64(maxScripts + 1000) {
		x.add(TypeScript, media.Timestamp(i), []byte{5}, 1, i)
	}
	if n := len(x.Scripts); n != maxScripts {
		t.Errorf("%d data messages", n)
	}

	// A header of track 1 once, then those of track 0 again and again.
	x = &Index{}
	once := []byte("\x96\x00av01\x01head")
	x.add(TypeVideo, 0, once, len(once), 0)
	const headers = maxHeaders*5/2 + 7
	for i := range int64(headers) {
		x.add(TypeVideo, 0, avcHeader, len(avcHeader), 1+i)
		x.add(TypeAudio, 0, aacHeader, len(aacHeader), 1+i)
	}
	if n := len(x.VideoHeaders); n > maxHeaders {
		t.Errorf("%d video headers", n)
	}
	if n := len(x.AudioHeaders); n > maxHeaders {
		t.Errorf("%d audio headers", n)
	}
	got := x.HeadersBefore(headers + 1)
	if len(got) != 3 || got[0].Offset != 0 || got[1].Offset != headers || got[2].Offset != headers {
		t.Errorf("in force at the end are %v", got)
	}
	got = x.HeadersBefore(headers / 2)
	if len(got) != 3 || headers/2-got[1].Offset > 8 {
		t.Errorf("in force in the middle are %v", got)
	}
}

// TestIndexOfHeadersThatAllDiffer notes headers of ever other sets of tracks.
func TestIndexOfHeadersThatAllDiffer(t *testing.T) {
	x := &Index{}
	for i := range int64(maxHeaders * 2) {
		b := []byte("\x96\x10av01")
		for bit := range 20 {
			if i>>bit&1 != 0 {
				b = append(b, byte(bit), 0, 0, 0)
			}
		}
		x.add(TypeVideo, 0, b, len(b), i)
	}
	if n := len(x.VideoHeaders); n > maxHeaders || n == 0 {
		t.Errorf("%d headers", n)
	}
}

// TestHeadersOfMegabytes plays a file whose headers are larger than any.
func TestHeadersOfMegabytes(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	var tags []Tag
	for id := range byte(20) {
		tags = append(tags, Tag{TypeVideo, 0, append([]byte{0x96, 0, 'a', 'v', '0', '1', id}, make([]byte, 200<<10)...)})
	}
	tags = append(tags, Tag{TypeAudio, 0, append(bytes.Clone(aacHeader), make([]byte, 8<<20)...)}, Tag{TypeVideo, 0, key})
	writeAll(t, w, tags)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	file, err := Open(f, size(t, f))
	if err != nil {
		t.Fatal(err)
	}
	headers, err := file.Headers(f, media.Position{At: size(t, f)})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, h := range headers {
		sum += h.Size()
	}
	if sum == 0 || sum > maxHeaderBytes {
		t.Errorf("%d headers of %d bytes", len(headers), sum)
	}
}
