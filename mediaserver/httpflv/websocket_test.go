package httpflv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// open opens a WebSocket at a path.
func (s *site) open(t testing.TB, path string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.server.URL, "http")+path, &websocket.DialOptions{HTTPClient: s.server.Client()}) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(64 << 20)
	return c
}

// next is the next message, which is binary.
func next(t testing.TB, c *websocket.Conn) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	kind, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.MessageBinary {
		t.Fatalf("a message of kind %v: %q", kind, b)
	}
	return b
}

// lastOf is how a WebSocket ends of which everything was read.
func lastOf(t testing.TB, c *websocket.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err == nil {
		t.Fatalf("there is more: %q", b)
	}
	return err
}

// oneTag is a message that is one tag.
func oneTag(t testing.TB, b []byte) tag {
	t.Helper()
	got := readMore(t, io.MultiReader(bytes.NewReader(flv.FileHeader(true, true)), bytes.NewReader(b)), -1)
	if len(got) != 1 {
		t.Fatalf("a message has %d tags", len(got))
	}
	return got[0]
}

// Each tag is a message, of every form of length, and the end is said.
func TestWebSocket(t *testing.T) { bySockets(t, webSocket) }

func webSocket(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	s.begin(t)
	c := s.open(t, path)
	if b := next(t, c); !bytes.Equal(b, flv.FileHeader(true, true)) {
		t.Fatalf("it begins with %x", b)
	}
	for i, want := range [][]byte{videoHeader, audioHeader, key(0)} {
		if got := oneTag(t, next(t, c)); got.data != string(want) {
			t.Fatalf("tag %d: %v", i, got)
		}
	}
	for i, size := range []int{0, 125 - 21, 126 - 21, 300, 1<<16 - 22, 1<<16 - 21, 200000} {
		payload := append(inter(byte(i)), make([]byte, size)...)
		s.write(t, rtmp.TypeVideo, timeOf(i), payload)
		if got := oneTag(t, next(t, c)); got.at != timeOf(i) || got.data != string(payload) {
			t.Errorf("%d bytes: %v, %d bytes", size, got, len(got.data))
		}
	}
	s.publisher.Close()
	err := lastOf(t, c)
	var end websocket.CloseError
	if !errors.As(err, &end) || end.Code != websocket.StatusNormalClosure || end.Reason != "the stream has ended" {
		t.Errorf("the end is %v", err)
	}
	servertest.Eventually(t, "nobody watches", func() bool { return s.handler.Viewers() == 0 && s.stream.Players() == 0 })
}

// A viewer in a WebSocket may ping, say little words, and close.
func TestWebSocketThatSpeaks(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	c := s.open(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		if err := c.Write(ctx, kind, bytes.Repeat([]byte("x"), maxClientMessage)); err != nil {
			t.Fatal(err)
		}
	}
	reads := make(chan error, 1)
	go func() {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				reads <- err
				return
			}
		}
	}()
	for range 3 {
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(websocket.StatusCode(4321), "bye"); err != nil {
		t.Errorf("the close is not answered: %v", err)
	}
	if err := <-reads; websocket.CloseStatus(err) != 4321 {
		t.Errorf("it is answered %v", err)
	}
	servertest.Eventually(t, "nobody watches", func() bool { return s.handler.Viewers() == 0 && s.stream.Players() == 0 })
}

// frame is a client's, masked.
func frame(first byte, payload string) string {
	return frameOf(first, 0x80, len(payload), payload)
}

func frameOf(first, mask byte, size int, payload string) string {
	b := []byte{first}
	switch {
	case size < 126:
		b = append(b, mask|byte(size))
	case size < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(size))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(size))
	}
	if mask != 0 {
		b = append(b, 1, 2, 3, 4)
	}
	for i := range len(payload) {
		c := payload[i]
		if mask != 0 {
			c ^= byte(i%4) + 1
		}
		b = append(b, c)
	}
	return string(b)
}

// said are what clients may say, and with which code they are closed; 0: they are not.
var said = map[string]struct {
	bytes string
	code  uint16
	pong  string // that waits then
}{
	"a ping":                       {frame(0x80|opPing, "hello"), 0, "\x8a\x05hello"},
	"a pong":                       {frame(0x80|opPong, ""), 0, ""},
	"a text in pieces":             {frame(opText, "a") + frame(opContinuation, "b") + frame(0x80|opPing, "x") + frame(0x80, "c") + frame(0x80|opText, "d"), 0, "\x8a\x01x"},
	"a long text":                  {frame(0x80|opText, strings.Repeat("x", maxClientMessage)), 0, ""},
	"a longer one":                 {frame(0x80|opText, strings.Repeat("x", maxClientMessage+1)), closeTooBig, ""},
	"a longer one in pieces":       {frame(opText, strings.Repeat("x", maxClientMessage)) + frame(0x80, "x"), closeTooBig, ""},
	"a huge one":                   {frameOf(0x80|opBinary, 0x80, 1<<40, ""), closeTooBig, ""},
	"a negative length":            {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", closeProtocol, ""},
	"a length that is too long":    {"\x82\xfe\x00\x05\x01\x02\x03\x04", closeProtocol, ""},
	"a length that is far too":     {"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05\x01\x02\x03\x04", closeProtocol, ""},
	"no mask":                      {frameOf(0x80|opText, 0, 1, "x"), closeProtocol, ""},
	"a reserved bit":               {frame(0xc0|opText, "x"), closeProtocol, ""},
	"an unknown kind":              {frame(0x80|3, "x"), closeProtocol, ""},
	"an unknown control frame":     {frame(0x80|11, "x"), closeProtocol, ""},
	"a ping in pieces":             {frame(opPing, "x"), closeProtocol, ""},
	"a large ping":                 {frame(0x80|opPing, strings.Repeat("x", 126)), closeProtocol, ""},
	"a text within another":        {frame(opText, "a") + frame(0x80|opText, "b"), closeProtocol, ""},
	"an end without a beginning":   {frame(0x80, "a"), closeProtocol, ""},
	"a close":                      {frame(0x80|opClose, "\x03\xe8bye"), closeNormal, ""},
	"a close without a code":       {frame(0x80|opClose, ""), closeNoCode, ""},
	"a close with half a code":     {frame(0x80|opClose, "\x03"), closeProtocol, ""},
	"a close with a code of none":  {frame(0x80|opClose, "\x03\xed"), closeProtocol, ""},
	"a close with code 0":          {frame(0x80|opClose, "\x00\x00"), closeProtocol, ""},
	"a close with one of its own":  {frame(0x80|opClose, "\x0f\xa0"), 4000, ""},
	"words behind a close":         {frame(0x80|opClose, "\x03\xe8") + strings.Repeat("x", 100), closeNormal, ""},
	"pings without an end":         {strings.Repeat(frame(0x80|opPing, ""), maxSaid), closePolicy, ""},
	"a text of nothing, for long":  {strings.Repeat(frame(0x80|opText, ""), maxSaid), closePolicy, ""},
	"nothing that is a WebSocket":  {"GET / HTTP/1.1\r\n\r\n", closeProtocol, ""},
	"a frame that does not go on":  {"\x89\x85\x01", 0, ""},
	"a text whose rest never came": {frameOf(0x80|opText, 0x80, 4000, "x"), 0, ""},
}

// What clients say is read wherever it is cut, and ends as it must.
func TestFrames(t *testing.T) {
	t.Parallel()
	for name, c := range said {
		for _, piece := range []int{1 << 20, 7, 1} {
			v := &viewer{socket: true, since: time.Now(), conn: &conn{}}
			var err error
			for left := c.bytes; len(left) > 0 && err == nil; {
				n := min(piece, len(left))
				err = v.take([]byte(left[:n]))
				left = left[n:]
			}
			code := uint16(0)
			var end *closeError
			if errors.As(err, &end) {
				code = end.code
			}
			if pong := string(v.conn.pong); code != c.code || c.code != closePolicy && pong != c.pong {
				t.Errorf("%s, in pieces of %d: closed with %d, and answered with %q, want %d, %q", name, piece, code, pong, c.code, c.pong)
			}
		}
	}
}

// The same by a socket, while others watch.
func TestWebSocketsThatSaySomethingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	good := s.ask(t, http.MethodGet, path)
	readTags(t, good.Body, 3)
	for name, c := range said {
		nc := s.dial(t)
		if _, err := io.WriteString(nc, handshake(path)); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(nc, c.bytes) }() // until it is closed
		if c.code == 0 {
			servertest.Eventually(t, name+": it stays", func() bool { return s.stream.Players() == 2 })
			nc.Close()
		} else {
			b, _ := io.ReadAll(nc) // what is sent may be cut off by what we say still
			nc.Close()
			want := appendFrameHeader(nil, opClose, 0)[:1]
			if c.code != closeNoCode {
				want = binary.BigEndian.AppendUint16(nil, c.code)
			}
			if at := bytes.LastIndexByte(b, 0x80|opClose); c.code != closePolicy && (at < 0 || !bytes.Contains(b[at:], want)) {
				t.Errorf("%s: the end is %q, want %d", name, b[max(0, len(b)-50):], c.code)
			}
		}
		servertest.Eventually(t, name+": it has gone", func() bool { return s.stream.Players() == 1 && s.handler.Viewers() == 1 })
	}
	s.write(t, rtmp.TypeVideo, 40, inter(9))
	if got := readMore(t, io.MultiReader(bytes.NewReader(flv.FileHeader(true, true)), good.Body), 1); got[0].data != string(inter(9)) {
		t.Errorf("%q", got)
	}
}

// handshake is the request for a WebSocket.
func handshake(path string, more ...string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, strings.Join(more, ""))
}

// The answer to the handshake is the one of RFC 6455 §1.3, and what is none is refused.
func TestHandshake(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	answer := s.ask(t, http.MethodGet, path, "Connection", "keep-alive, Upgrade", "Upgrade", "WebSocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if h := answer.Header; answer.StatusCode != http.StatusSwitchingProtocols || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || h.Get("Content-Type") != "" {
		t.Fatalf("%s %v", answer.Status, h)
	}
	for _, c := range []struct {
		status int
		header []string
	}{
		{http.StatusBadRequest, []string{"Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}},
		{http.StatusUpgradeRequired, []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}},
		{http.StatusBadRequest, []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "short"}},
		{http.StatusBadRequest, []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13"}},
	} {
		if answer := s.ask(t, http.MethodGet, path, c.header...); answer.StatusCode != c.status {
			t.Errorf("%v: %s: %s", c.header, answer.Status, all(t, answer))
		}
	}
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	if answer := s.ask(t, http.MethodGet, "/app/room/none.flv", upgrade...); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a name that does not exist: %s", answer.Status)
	}
}

// A server that ends says so.
func TestShutdownOfWebSockets(t *testing.T) { bySockets(t, shutdownOfWebSockets) }

func shutdownOfWebSockets(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	s.begin(t)
	c := s.open(t, path)
	for range 4 {
		next(t, c)
	}
	s.handler.Shutdown()
	err := lastOf(t, c)
	if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
		t.Errorf("closed with %v: %v", got, err)
	}
}

// FuzzFrames has a client say anything, cut anywhere: it is heard the same.
func FuzzFrames(f *testing.F) {
	for _, c := range said {
		f.Add([]byte(c.bytes[:min(len(c.bytes), 1000)]), 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		listen := func(piece int) (heard []string, err error) {
			var r frames
			for left := b; len(left) > 0 && err == nil; {
				n := min(max(piece, 1), len(left))
				err = r.feed(left[:n], func(op byte, payload []byte) error {
					if len(payload) > maxControl || op < opClose {
						t.Fatalf("a control frame %d of %d bytes", op, len(payload))
					}
					heard = append(heard, fmt.Sprintf("%d %q", op, payload))
					if op == opClose {
						return answerClose(payload)
					}
					return nil
				})
				left = left[n:]
			}
			return heard, err
		}
		whole, err := listen(len(b))
		parts, again := listen(piece)
		if fmt.Sprint(whole, err) != fmt.Sprint(parts, again) {
			t.Errorf("%v (%v), in pieces %v (%v)", whole, err, parts, again)
		}
		var said *closeError
		if err != nil && !errors.As(err, &said) {
			t.Error(err)
		}
		if said != nil {
			last := said.append(nil)
			if len(last) > 2+maxControl || int(last[1]) != len(last)-2 {
				t.Errorf("the answer is %x", last)
			}
		}
	})
}
