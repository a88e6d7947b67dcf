package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Strangers take as many connections as they get, of HTTP with bodies that never
// come and of RTMP that say nothing, on a server that may open few files: the
// recording that runs goes on, another begins, a client is let in, a probe is
// answered.
func TestStrangersTakeAllFiles(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, 128, "recording: {mode: All}, limits: {maxConnectionsPerAddress: 0}, ", nil)
	p.ignoreLog()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first := p.connect(t)
	if err := first.stream.Publish(ctx, "one", "live"); err != nil {
		t.Fatal(err)
	}
	at := media.Timestamp(0)
	picture := func() { // a keyframe a second of its clock
		t.Helper()
		for _, payload := range [][]byte{{0x17, 0, 0, 0, 0, 1}, {0x17, 1, 0, 0, 0, 9}} {
			if err := first.stream.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		at += 1000
	}
	picture()
	for range 300 {
		stranger(t, p.http, "DELETE /recordings/app/one/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
		stranger(t, p.http, "GET /recordings HTTP/1.1\r\nHost: localhost\r\nX: ")
		picture()
	}
	second := p.connect(t)
	for range 300 {
		stranger(t, p.rtmp, "")
		picture()
	}
	p.get(t, "/healthz")
	if err := second.stream.Publish(ctx, "folder/two", "live"); err != nil {
		t.Errorf("another publication: %v", err)
	}
	for _, payload := range [][]byte{{0x17, 0, 0, 0, 0, 1}, {0x17, 1, 0, 0, 0, 9}} {
		if err := second.stream.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.stream.Unpublish(ctx); err != nil {
		t.Errorf("another recording: %v", err)
	}
	const more = 24 // recordings, each of which needs a file
	var others []*rtmp.NetStream
	for n := range more {
		one, err := second.CreateStream(ctx)
		if err == nil {
			err = one.Publish(ctx, fmt.Sprint("more/", n), "live")
		}
		for _, payload := range [][]byte{{0x17, 0, 0, 0, 0, 1}, {0x17, 1, 0, 0, 0, 9}} {
			if err == nil {
				err = one.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Payload: payload})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, one)
	}
	for _, one := range others {
		if err := one.Unpublish(ctx); err != nil {
			t.Error(err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(p.data, "app", "streams", "one", "more", "*.flv")); err != nil || len(found) != more {
		t.Errorf("of %d more recordings there are %v, %v", more, found, err)
	}
	if err := first.stream.Unpublish(ctx); err != nil {
		t.Errorf("the end of the recording: %v", err)
	}
	first.Close()
	second.Close()
	for name, want := range map[string]time.Duration{"one-*.flv": time.Duration(at-1000) * time.Millisecond, "folder/two-*.flv": 0} {
		found, err := filepath.Glob(filepath.Join(p.data, "app", "streams", "one", name))
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %v %v", name, found, err)
			continue
		}
		if got := lengthOf(t, found[0]); got != want {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}

// stranger opens a connection, says something, and leaves it at that.
func stranger(t *testing.T, address, says string) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_, _ = io.WriteString(nc, says) // it may be closed already
}

func lengthOf(t *testing.T, path string) time.Duration {
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
	file, err := flv.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return file.Duration()
}
