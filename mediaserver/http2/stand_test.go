package http2

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// site serves by HTTP/2.
type site struct {
	addr   string
	client *http.Client
}

// listener gives net/http connections of HTTP/2, below which is TLS.
type listener struct {
	net.Listener
	cfg *tls.Config
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		t := socket.TLS(nc, l.cfg)
		if t.Handshake() == nil {
			return New(t), nil
		}
		nc.Close()
	}
}

// serve serves with h.
func serve(t *testing.T, h http.HandlerFunc) *site {
	t.Helper()
	like := httptest.NewUnstartedServer(nil) // has a certificate, and who trusts it
	like.EnableHTTP2 = true
	like.StartTLS()
	t.Cleanup(like.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler: Handler(h), Protocols: protocols, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			c, _ := nc.(*Conn)
			return WithConn(ctx, c)
		},
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Serve(listener{ln, like.TLS})
	}()
	t.Cleanup(func() {
		s.Close()
		<-over
	})
	return &site{ln.Addr().String(), like.Client()}
}

// get is the body of an answer.
func (s *site) get(t *testing.T, path string) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer.Body
}

// taken has an answer's stream, whose head is sent.
func taken(t *testing.T, w http.ResponseWriter, r *http.Request) *Stream {
	t.Helper()
	s := Take(r.Context())
	if s == nil {
		t.Error("the answer is not to be had")
		panic(http.ErrAbortHandler)
	}
	for name := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), "flashpod") {
			t.Errorf("the request has a field %q", name)
		}
	}
	_ = http.NewResponseController(w).Flush()
	return s
}

// peer is a client that says frames.
type peer struct {
	t *testing.T
	net.Conn
	data map[uint32]int // bytes of each stream's answer
	ends map[uint32]bool
}

// dial connects a client that has said its preface, and settings.
func (s *site) dial(t *testing.T, settings ...uint32) *peer {
	t.Helper()
	return s.dialWords(t, preface+string(settingsFrame(settings...)))
}

// settingsFrame has names and values of settings.
func settingsFrame(settings ...uint32) []byte {
	var b []byte
	for i := 0; i+1 < len(settings); i += 2 {
		b = binary.BigEndian.AppendUint16(b, uint16(settings[i]))
		b = binary.BigEndian.AppendUint32(b, settings[i+1])
	}
	return frame(frameSettings, 0, 0, b)
}

func frame(kind, flags uint8, stream uint32, payload []byte) []byte {
	head := header{len(payload), kind, flags, stream}.bytes()
	return append(head[:], payload...)
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// ask asks for a path, in fields that come in two frames.
func (p *peer) ask(stream uint32, path string) {
	p.t.Helper()
	// GET, https, the path and the authority [RFC 7541 appendix A]
	fields := []byte("\x82\x87\x04" + string(rune(len(path))) + path + "\x41\x01x")
	p.write(frame(frameHeaders, flagEndStream, stream, fields[:3]))
	p.write(frame(frameContinuation, flagEndHeaders, stream, fields[3:]))
}

// opens opens a window.
func (p *peer) opens(stream, n uint32) {
	p.t.Helper()
	p.write(frame(frameWindow, 0, stream, number(n)))
}

// next reads a frame; false: there is none any more.
func (p *peer) next() (header, []byte, bool) {
	var head [headerSize]byte
	if _, err := io.ReadFull(p.Conn, head[:]); err != nil {
		return header{}, nil, false
	}
	h := parseHeader(head[:])
	b := make([]byte, h.size)
	if _, err := io.ReadFull(p.Conn, b); err != nil {
		return header{}, nil, false
	}
	if h.kind == frameData {
		p.data[h.stream] += h.size
	}
	if h.kind == frameReset || h.flags&flagEndStream != 0 && (h.kind == frameData || h.kind == frameHeaders) {
		p.ends[h.stream] = true
	}
	return h, b, true
}

// until reads frames until it is true.
func (p *peer) until(what string, is func() bool) {
	p.t.Helper()
	for !is() {
		if _, _, ok := p.next(); !ok {
			p.t.Fatalf("%s: the connection has ended, with %v", what, p.data)
		}
	}
}

// answered says a ping and reads up to its answer: all that was said before is taken.
func (p *peer) answered() {
	p.t.Helper()
	const framePing = 6
	p.write(frame(framePing, 0, 0, []byte("flashpod")))
	for {
		h, b, ok := p.next()
		if !ok {
			p.t.Fatal("the connection has ended")
		}
		if h.kind == framePing && h.flags&flagAck != 0 && bytes.Equal(b, []byte("flashpod")) {
			return
		}
	}
}

// gone reads until the server closes the connection.
func (p *peer) gone() {
	for {
		if _, _, ok := p.next(); !ok {
			return
		}
	}
}

// dialWords connects a client that says something else than a preface.
func (s *site) dialWords(t *testing.T, words string) *peer {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: servertest.Patience}, Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	nc, err := d.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(servertest.Patience))
	p := &peer{t, nc, map[uint32]int{}, map[uint32]bool{}}
	p.write([]byte(words))
	return p
}
