package recording

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
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
		if _, err := s.Length(context.Background(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if err := s.Delete(fmt.Sprint(count - 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Length(context.Background(), "0"); err != nil {
		t.Fatal(err)
	}
	check()
}

func tagOf(m rtmp.Message) flv.Tag {
	return flv.Tag{Type: uint8(m.Type), Timestamp: m.Timestamp, Data: m.Payload}
}

// TestMetadataLargerThanAMessage plays a file whose metadata fills a tag to the
// brim: with the duration, it would fit no message.
func TestMetadataLargerThanAMessage(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	f, err := s.root.Create("a.flv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta, err := amf.Append(nil, "onMetaData")
	if err == nil {
		meta, err = amf.Append(meta, amf.NewECMAArray("note", strings.Repeat("x", 1<<24-100)))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for _, tag := range []flv.Tag{{Type: flv.TypeScript, Data: meta}, {Type: flv.TypeVideo, Data: key}} {
		if file, err = flv.AppendTag(file, tag); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Write(file); err != nil {
		t.Fatal(err)
	}
	o, err := s.open(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer o.release()
	if len(o.meta) > maxMeta {
		t.Errorf("%d bytes of metadata", len(o.meta))
	}
	if values, err := amf.DecodeAll(o.meta); err != nil || len(values) != 2 {
		t.Errorf("metadata %v, %v", values, err)
	}
}

// recordTags begins a file in a store's folder.
func recordTags(t *testing.T, s *Store, file string) *flv.Writer {
	t.Helper()
	f, err := s.root.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
