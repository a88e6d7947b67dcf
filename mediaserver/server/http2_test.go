package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Frames of HTTP/2 [RFC 9113 §6].
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7
	frameWindow   = 8
	frameContinue = 9
)

func frame(kind, flags byte, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// getRoot are the fields of a request, in HPACK's static table [RFC 7541 appendix A].
const getRoot = "\x82\x84\x87" + "\x41\x01x"

// Who has a server of HTTP/2 begin more than it ends is let go, and others are served.
func TestFloodsOfHTTP2(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, both(t), open)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	const many = 5000
	for name, one := range map[string]func(i uint32) string{
		"resets": func(i uint32) string {
			return frame(frameHeaders, 5, 2*i+1, getRoot) + frame(frameReset, 0, 2*i+1, "\x00\x00\x00\x08")
		},
		"streams":  func(i uint32) string { return frame(frameHeaders, 4, 2*i+1, getRoot) },
		"pings":    func(uint32) string { return frame(framePing, 0, 0, "12345678") },
		"settings": func(uint32) string { return frame(frameSettings, 0, 0, "") },
		"windows of streams": func(i uint32) string {
			if i < 50 {
				return frame(frameHeaders, 5, 2*i+1, getRoot)
			}
			return frame(frameSettings, 0, 0, strings.Repeat("\x00\x04\x00\x00\x00\x01\x00\x04\x7f\xff\xff\xff", 10)) + frame(frameWindow, 0, 1, "\x00\x00\x00\x01")
		},
		"continuations": func(i uint32) string {
			if i == 0 {
				return frame(frameHeaders, 0, 1, getRoot)
			}
			return frame(frameContinue, 0, 1, "\x00\x04x-aa\x7f\x00"+strings.Repeat("a", 127))
		},
		"windows": func(uint32) string { return frame(frameWindow, 0, 0, "\x7f\xff\xff\xff") },
	} {
		nc := dialTLS(t, s, "h2")
		var b bytes.Buffer
		b.WriteString(preface + frame(frameSettings, 0, 0, ""))
		for i := range uint32(many) {
			b.WriteString(one(i))
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, nc)
		}()
		_, err := nc.Write(b.Bytes())
		if (name == "windows" || name == "continuations") && err == nil {
			<-gone // by the server; who asks for answers, and reads them, may stay
		}
		_ = nc.Close() // it may be closed already
		<-gone
	}
	awaitNobody(t, s)
	answer, err := overTLS(t, true).Get("https://" + s.RTMPSAddr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
}

// Streams of a connection count as connections, for its address and for all.
func TestStreamsOfAConnectionAreCounted(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, both(t), "{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxConnectionsPerAddress: 4}}")
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	client, url := overTLS(t, true), "https://"+s.RTMPSAddr().String()+"/app/one/cam.flv"
	watch := func() (status int, body io.ReadCloser) {
		answer, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.ProtoMajor != 2 {
			t.Fatal(answer.Proto)
		}
		return answer.StatusCode, answer.Body
	}
	var all []io.Closer
	for i := range 3 { // the publisher is the fourth
		status, body := watch()
		if all = append(all, body); status != http.StatusOK {
			t.Fatalf("viewer %d: %d", i, status)
		}
	}
	servertest.Eventually(t, "four are counted", func() bool { return s.open.Load() == 4 })
	status, body := watch()
	if b, _ := io.ReadAll(body); status != http.StatusServiceUnavailable || !strings.Contains(string(b), "maxConnectionsPerAddress") {
		t.Errorf("one too many: %d %q", status, b)
	}
	if err := all[0].Close(); err != nil {
		t.Error(err)
	}
	servertest.Eventually(t, "a place that was left is free", func() bool {
		status, _ := watch()
		return status == http.StatusOK
	})
	joined(t, s, 3)
}

// When the server drains, clients of HTTP/2 are told to go elsewhere, with no error, and
// what they watch comes to its end.
func TestDrainOfHTTP2(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, both(t), open)
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	nc := dialTLS(t, s, "h2")
	const path = "/app/one/cam.flv"
	ask := "\x82\x87\x04" + string(rune(len(path))) + path + "\x41\x01x"
	if _, err := io.WriteString(nc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(frameSettings, 0, 0, "")+frame(frameHeaders, 5, 1, ask)); err != nil {
		t.Fatal(err)
	}
	var draining, ended, away bool
	drained := make(chan struct{})
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(nc, head); err != nil {
			break
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(nc, payload); err != nil {
			break
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch kind, flags := head[3], head[4]; {
		case kind == 0 && stream == 1 && len(payload) > 0 && !draining:
			draining = true
			go func() {
				defer close(drained)
				stop()
			}()
		case kind == 0 && stream == 1 && flags&1 != 0:
			ended = true
		case kind == frameGoAway:
			away = binary.BigEndian.Uint32(payload[4:]) == 0
		case kind == frameReset:
			t.Errorf("stream %d is torn", stream)
		}
	}
	if !draining || !ended || !away {
		t.Fatalf("it watches: %v, comes to the end: %v, is told to go: %v", draining, ended, away)
	}
	<-drained
}
