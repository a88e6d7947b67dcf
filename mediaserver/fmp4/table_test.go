package fmp4_test

import (
	"bytes"
	"io"
	"testing"

	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/mp4"
)

// vast is a file of a head and bytes that say where in another file they lie.
type vast struct {
	head []byte
	from int64
	size int64
}

// ReadAt implements io.ReaderAt.
func (v *vast) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		where := at + int64(i)
		switch {
		case where >= v.size:
			return i, io.EOF
		case where < int64(len(v.head)):
			p[i] = v.head[where]
		default:
			p[i] = mark(where - int64(len(v.head)) + v.from)
		}
	}
	return len(p), nil
}

// mark is the byte at a place.
func mark(at int64) byte { return byte(at) ^ byte(at>>8) ^ byte(at>>30)*31 }

// Samples lie where the head says, however large the file is and however far they are from
// one another.
func TestTables(t *testing.T) {
	t.Parallel()
	d := describe(t, "-c:a aac")
	track, err := fmp4.NewTrack(false, payload.AAC, d.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, places := range map[string][]int64{
		"small": {100, 300, 301, 5000},
		"large": {100, 1 << 31, 3<<30 + 5, 3<<30 + 100},
		"wide":  {1 << 20, 1<<20 + 500, 6<<30 + 7, 6<<30 + 100, 20 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := &fmp4.Table{}
			for _, at := range places {
				table.Add(&fmp4.Spot{Track: track, At: at, Size: 1, Duration: 1024, Key: true})
			}
			from, to := table.Bytes()
			if from != places[0] || to != places[len(places)-1]+1 || table.Samples() != len(places) || table.Duration() != uint64(1024*len(places)) {
				t.Fatalf("%d samples of %d units from %d to %d", table.Samples(), table.Duration(), from, to)
			}
			all := []*fmp4.Table{table}
			file := &vast{head: fmp4.AppendHead(nil, all, from, to), from: from}
			file.size = int64(len(file.head)) + to - from
			if n := fmp4.HeadSize(all, from, to); n < len(file.head) || n > len(file.head)+2048 {
				t.Errorf("%d bytes, said to be %d", len(file.head), n)
			}
			f, err := mp4.Open(file, file.size)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []byte
			for _, at := range places {
				want = append(want, mark(at))
			}
			at, b := f.Seek(0), media.NewBatch(1<<10)
			for err == nil {
				if at, err = f.Read(file, at, b); err == nil {
					for _, frame := range b.Frames {
						got = append(got, frame.Data...)
					}
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("samples are %x, want %x", got, want)
			}
		})
	}
}

// A table takes little more than what it says.
func TestTableMemory(t *testing.T) {
	t.Parallel()
	track, err := fmp4.NewTrack(false, payload.Opus, nil, []byte{0xfc, 0xff, 0xfe})
	if err != nil {
		t.Fatal(err)
	}
	const samples = 100000
	table := &fmp4.Table{}
	for i := range samples {
		table.Add(&fmp4.Spot{Track: track, At: int64(i) * 200, Size: 180, Duration: 960, Key: true})
	}
	if per := table.Memory() / samples; per < 8 || per > 24 {
		t.Errorf("%d bytes a sample", per)
	}
}
