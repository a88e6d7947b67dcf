package script

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// FuzzVariables: what LoadVars.decode is given by a host is read within bounds, and what
// it was read from can be written again.
func FuzzVariables(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "&&&", "=", "a", "a=%", "a=%4", "a=%zz", "a=%f6", "a+b=c+d", "%00=%ff", "\ufeffa=1", "a==b", "__proto__=1", strings.Repeat("a&", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := parseVariables(s)
		if err != nil {
			return
		}
		var b strings.Builder
		size := 0
		for i, v := range all {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escapeVariable(v.name) + "=" + escapeVariable(v.value))
			size += len(v.name) + len(v.value)
		}
		if size > 2*len(s) {
			t.Fatalf("%d bytes became %d", len(s), size)
		}
		again, err := parseVariables(b.String())
		if err != nil || len(again) != len(all) {
			t.Fatalf("%q: %d variables became %d: %v", s, len(all), len(again), err)
		}
		for i := range all {
			if utf8.ValidString(s) && all[i] != again[i] {
				t.Fatalf("%q: %q became %q", s, all[i], again[i])
			}
		}
	})
}

// FuzzEnvelope: what a gateway answers is read within bounds, and what was read can be
// written and read again.
func FuzzEnvelope(f *testing.F) {
	for _, e := range []envelope{
		{},
		{Headers: []envelopeHeader{{"AppendToGatewayUrl", false, "?a=1"}}, Bodies: []envelopeBody{{"/1/onResult", "null", amf.NewArray(1.0, "two", nil)}}},
		{Bodies: []envelopeBody{{"/1/onStatus", "null", amf.NewObject("code", "x")}, {"/2/onResult", "", &amf.ByteArray{Bytes: []byte{1}}}}},
	} {
		b, err := appendEnvelope(nil, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("<html>"))
	f.Add([]byte("\x00\x03\x00\x00\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x05"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x0b/1/onResult\x00\x00\xff\xff\xff\xff\x11\x0a\x0b\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := readEnvelope(b, 1<<20)
		if len(e.Headers) > maxEnvelope || len(e.Bodies) > maxEnvelope {
			t.Fatalf("%d headers and %d bodies", len(e.Headers), len(e.Bodies))
		}
		if err != nil {
			return
		}
		for _, body := range e.Bodies {
			answerTo(body.Target)
		}
		again, err := appendEnvelope(nil, e)
		if err != nil {
			return // names that grew, of bytes that are no UTF-8
		}
		back, err := readEnvelope(again, 1<<21)
		if err != nil || len(back.Headers) != len(e.Headers) || len(back.Bodies) != len(e.Bodies) {
			t.Fatalf("%x\nwritten again as %x: %v", b, again, err)
		}
		third, err := appendEnvelope(nil, back)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%x and %x: %v", again, third, err)
		}
	})
}

// TestADiskThatHangs holds a script up once, for less than its call's time, and files
// work again when it has come back.
func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	h := &Host{cfg: Config{Folder: t.TempDir(), Limits: engine.Limits{Time: 100 * time.Millisecond}}}
	w, err := newWorld(h)
	if err != nil {
		t.Fatal(err)
	}
	defer w.rt.Close()
	defer w.cancel()
	disk, back := make(chan struct{}), make(chan struct{})
	hang := func() (int, error) {
		defer close(back)
		<-disk
		return 1, nil
	}
	if _, err := beside(w, hang); !errors.Is(err, errDiskHangs) {
		t.Fatal(err)
	}
	if _, err := beside(w, func() (int, error) { t.Error("begun while the disk hangs"); return 0, nil }); !errors.Is(err, errDiskHangs) {
		t.Fatal(err)
	}
	close(disk)
	<-back
	for { // the flag falls after the use has come back
		n, err := beside(w, func() (int, error) { return 2, nil })
		if err == nil {
			if n != 2 {
				t.Error(n)
			}
			return
		}
		if !errors.Is(err, errDiskHangs) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
