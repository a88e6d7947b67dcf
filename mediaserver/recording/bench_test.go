package recording

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/folders"
)

// BenchmarkManyRecordings asks in a folder of so many: for the first time, and
// then again.
func BenchmarkManyRecordings(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		dir := b.TempDir()
		for i := range n {
			touch(b, filepath.Join(dir, fmt.Sprintf("rec-%06d.flv", i)))
		}
		s := open(b, dir, Options{})
		b.Run(fmt.Sprint("read/", n), func(b *testing.B) {
			for b.Loop() {
				s.folders.Close()
				s.folders = folders.New(s.root, s.watcher, lists)
				if _, err := s.folders.Open(b.Context(), "."); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("missing/", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Length(b.Context(), "missing"); err == nil {
					b.Fatal("it is there")
				}
			}
		})
		b.Run(fmt.Sprint("page/", n), func(b *testing.B) {
			for b.Loop() {
				if page, _, err := s.List(context.Background(), fmt.Sprintf("rec-%06d", n/2), 1); len(page) != 1 || err != nil {
					b.Fatal(page, err)
				}
			}
		})
	}
}
