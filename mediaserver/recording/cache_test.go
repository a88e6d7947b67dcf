package recording

import (
	"context"
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// TestIndexesAreBounded lists and plays more files than may be remembered.
func TestIndexesAreBounded(t *testing.T) {
	s := open(t, t.TempDir(), Options{IndexMemory: 1 << 20})
	const count = 20
	for i := range count {
		// Another's files: they do not say how long they are.
		w := recordTags(t, s, fmt.Sprintf("%d.flv", i))
		for _, m := range seconds(20, 0) {
			if m.Type != rtmp.TypeData {
				if err := w.Write(tagOf(m)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		var sum int64
		for _, x := range s.indexes {
			sum += x.memory
		}
		if sum != s.indexBytes || sum > 1<<20 || sum == 0 {
			t.Errorf("%d indexes take %d bytes, counted as %d", len(s.indexes), sum, s.indexBytes)
		}
	}
	for range 2 {
		page, _, err := s.List(context.Background(), "", count)
		if err != nil || len(page) != count {
			t.Fatalf("%d listed, %v", len(page), err)
		}
		check()
	}
	for i := range count {
		if _, err := s.Length(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if err := s.Delete(fmt.Sprint(count - 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Length("0"); err != nil {
		t.Fatal(err)
	}
	check()
}

func tagOf(m rtmp.Message) flv.Tag {
	return flv.Tag{Type: uint8(m.Type), Timestamp: m.Timestamp, Data: m.Payload}
}
