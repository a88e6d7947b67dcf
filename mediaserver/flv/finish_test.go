package flv

import (
	"bytes"
	"os"
	"testing"
)

// dying is a file whose process is killed when it has written so many bytes.
type dying struct {
	*os.File
	left int
}

func (d *dying) WriteAt(p []byte, at int64) (int, error) {
	n := min(len(p), d.left)
	d.left -= n
	if _, err := d.File.WriteAt(p[:n], at); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, os.ErrClosed
	}
	return n, nil
}

// Sync is of no use here: the machine lives on.
func (*dying) Sync() error { return nil }

// A process may die at any byte of Finish, in a new file and in one that was
// finished before: Repair makes it as if Finish had ended.
func TestRepairOfATornFinish(t *testing.T) {
	t.Parallel()
	create := func(f *os.File) (*Writer, error) { return Create(f) }
	again := func(f *os.File) (*Writer, error) {
		w, err := Create(f)
		if err != nil {
			return nil, err
		}
		writeAll(t, w, clip())
		if err := w.Finish(); err != nil {
			return nil, err
		}
		return Append(f, size(t, f))
	}
	for name, begin := range map[string]func(*os.File) (*Writer, error){"new": create, "appended": again} {
		t.Run(name, func(t *testing.T) {
			f := temp(t)
			w, err := begin(f)
			if err != nil {
				t.Fatal(err)
			}
			for i, tag := range clip() {
				tag.Timestamp = tag.Timestamp.Add(w.Duration())
				if err := w.Write(tag); err != nil {
					t.Fatal(i, err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := Finished(f, int64(len(before))); ok {
				t.Error("it passes for finished before it is")
			}
			if err := w.Finish(); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := Finished(f, int64(len(whole))); !ok || d != w.Duration() {
				t.Errorf("it says %v, %v; it is %v", d, ok, w.Duration())
			}
			for n := 0; n < metaReserve+stampEnd; n += 1499 {
				if got := mended(t, before, n); !bytes.Equal(got, whole) {
					t.Fatalf("dead after %d bytes, mended it is another file", n)
				}
			}
		})
	}
}

// mended is a file that was not finished when its process died after so many
// bytes of Finish, and was repaired.
func mended(t *testing.T, unfinished []byte, n int) []byte {
	t.Helper()
	f := temp(t)
	if err := os.WriteFile(f.Name(), unfinished, 0o600); err != nil {
		t.Fatal(err)
	}
	d := &dying{f, n}
	x, err := Scan(d, int64(len(unfinished)))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Writer{f: d, index: x}).Finish(); err == nil {
		t.Fatalf("%d bytes were enough", n)
	}
	if _, _, err := Repair(&dying{f, 1 << 20}, size(t, f)); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return got
}
