package httpflv

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/http2"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/socket"
	"flashpod.dev/flashpod/mediaserver/stream"
)

var (
	videoHeader = []byte{0x17, 0, 0, 0, 0, 1}
	audioHeader = []byte{0xaf, 0, 0x12, 0x10}
	metadata    = append([]byte{2, 0, 10}, "onMetaData\x05"...)
)

func key(n byte) []byte   { return []byte{0x17, 1, 0, 0, 0, n} }
func inter(n byte) []byte { return []byte{0x27, 1, 0, 0, 0, n} }
func sound(n byte) []byte { return []byte{0xaf, 1, n} }

// site has a stream, recordings, and serves them.
type site struct {
	stream     *stream.Stream
	publisher  *stream.Publisher
	recordings sync.Map // of names: bytes of files
	modified   time.Time
	opened     atomic.Int64 // viewers that were let in, and have not gone
	sent       atomic.Uint64
	let        context.Context // viewers stay until it ends
	dismiss    context.CancelCauseFunc
	handler    *Handler
	server     *httptest.Server
	client     *http.Client // of HTTP/2
	by         transport
}

// transport is what carries HTTP.
type transport int

const (
	byTCP        transport = iota
	byTLS                  // written by the fan-out itself
	byTLSAlone             // whose socket cannot be found
	byHTTP2                // a stream of a connection, written by the fan-out itself
	byHTTP2Alone           // the same, written by net/http
)

// byAll runs a test over each transport.
func byAll(t *testing.T, f func(t *testing.T, by transport)) { each(t, byHTTP2Alone, f) }

// bySockets is byAll for WebSockets, which are of HTTP/1.1.
func bySockets(t *testing.T, f func(t *testing.T, by transport)) { each(t, byTLSAlone, f) }

func each(t *testing.T, last transport, f func(t *testing.T, by transport)) {
	t.Parallel()
	for by, name := range []string{"TCP", "TLS", "TLS alone", "HTTP2", "HTTP2 alone"}[:last+1] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, transport(by))
		})
	}
}

// sealing is a listener of connections for TLS.
type sealing struct{ net.Listener }

// Accept implements net.Listener.
func (l sealing) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return socket.NewSealed(nc), nil
}

// multi is a listener of connections of HTTP/2, and of HTTP/1.1 by TLS.
type multi struct {
	net.Listener
	cfg *tls.Config
}

// Accept implements net.Listener.
func (l multi) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		t := socket.TLS(nc, l.cfg)
		switch {
		case t.Handshake() != nil:
			nc.Close()
		case t.ConnectionState().NegotiatedProtocol == "h2":
			return http2.New(t), nil
		default:
			return t, nil
		}
	}
}

// serveHTTP2 starts the site's server for connections whose streams others may write to.
func (s *site) serveHTTP2(t testing.TB) {
	t.Helper()
	like := httptest.NewUnstartedServer(nil) // has a certificate, and who trusts it
	like.EnableHTTP2 = true
	like.StartTLS()
	t.Cleanup(like.Close)
	s.client = like.Client()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(true)
	s.server.Listener = multi{s.server.Listener, like.TLS}
	s.server.Config.Protocols, s.server.Config.Handler = protocols, http2.Handler(s.handler)
	s.server.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if c, ok := nc.(*http2.Conn); ok {
			return http2.WithConn(ctx, c)
		}
		return ctx
	}
	s.server.Start()
	s.server.URL = "https" + strings.TrimPrefix(s.server.URL, "http")
}

func newSite(t testing.TB, opts Options) *site { return newSiteBy(t, opts, byTCP) }

func newSiteBy(t testing.TB, opts Options, by transport) *site {
	t.Helper()
	fanout := stream.NewFanout(1)
	s := &site{stream: stream.New("cam", fanout, stream.Options{GOPCache: true}), modified: time.Now(), by: by}
	s.let, s.dismiss = context.WithCancelCause(context.Background())
	s.handler = New(s, opts)
	s.server = httptest.NewUnstartedServer(s.handler)
	switch by {
	case byTCP:
		s.server.Start()
	case byHTTP2:
		s.serveHTTP2(t)
	case byTLS:
		s.server.Listener = sealing{s.server.Listener}
		s.server.StartTLS()
	default:
		s.server.EnableHTTP2 = by == byHTTP2Alone
		s.server.StartTLS()
		s.client = s.server.Client()
	}
	t.Cleanup(func() {
		s.handler.Close()
		s.server.Close()
		if s.publisher != nil {
			s.publisher.Close()
		}
		fanout.Close()
		if s.opened.Load() != 0 {
			t.Errorf("%d viewers are still there", s.opened.Load())
		}
	})
	return s
}

// Live implements outlet.House.
func (s *site) Live(_ *http.Request, _ outlet.Way, name string) (*outlet.Live, error) {
	switch name {
	case "app/room/cam":
		if s.stream.Live() {
			return &outlet.Live{Stream: s.stream, Viewing: s.view()}, nil
		}
	case "app/room/secret":
		return nil, outlet.Refuse(http.StatusForbidden, "the key is wrong")
	}
	return nil, outlet.ErrNotFound
}

// Recording implements outlet.House.
func (s *site) Recording(_ *http.Request, _ outlet.Way, name string) (*outlet.Recording, error) {
	found, ok := s.recordings.Load(name)
	if !ok {
		return nil, outlet.ErrNotFound
	}
	file := found.(string)
	r := strings.NewReader(file)
	var f media.File
	var err error
	switch {
	case strings.HasPrefix(file, "FLV"):
		f, err = flv.Open(r, r.Size())
	case strings.HasPrefix(file, "ID3"):
		f, err = mp3.Open(r, r.Size())
	default:
		f, err = mp4.Open(r, r.Size())
	}
	if err != nil {
		return nil, err
	}
	return &outlet.Recording{File: f, Reader: r, Key: name, Modified: s.modified, OnMetaData: metadata, Of: "app/room", Viewing: s.view()}, nil
}

// view lets a viewer in.
func (s *site) view() *outlet.Viewing {
	s.opened.Add(1)
	return outlet.NewViewing(s.let, &s.sent, "", func() { s.opened.Add(-1) })
}

func (s *site) publish(t testing.TB) {
	t.Helper()
	var err error
	if s.publisher, err = s.stream.Publish(); err != nil {
		t.Fatal(err)
	}
}

func (s *site) write(t testing.TB, kind rtmp.MessageType, at media.Timestamp, payload []byte) {
	t.Helper()
	if err := s.publisher.Write(&rtmp.Message{Type: kind, Timestamp: at, Payload: payload}); err != nil {
		t.Fatal(err)
	}
}

// begin publishes what a stream begins with.
func (s *site) begin(t testing.TB) {
	t.Helper()
	s.publish(t)
	s.write(t, rtmp.TypeVideo, 0, videoHeader)
	s.write(t, rtmp.TypeAudio, 0, audioHeader)
	s.write(t, rtmp.TypeVideo, 0, key(0))
}

// dial opens a connection to the server.
func (s *site) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if s.by != byTCP {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return patient{c}
}

// patient is a connection that is not waited for without an end.
type patient struct{ net.Conn }

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(servertest.Patience)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// answer is that of HTTP. Its body is the connection, which is closed with the test.
type answer struct {
	Status        string
	StatusCode    int
	Header        http.Header
	ContentLength int64
	Body          io.Reader
}

// ask sends a request and reads the head of its answer.
func (s *site) ask(t testing.TB, method, path string, header ...string) *answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	var got *http.Response
	if s.by >= byHTTP2 {
		got, err = s.client.Do(r)
	} else {
		c := s.dial(t)
		if err := r.Write(c); err != nil {
			t.Fatal(err)
		}
		got, err = http.ReadResponse(bufio.NewReader(c), r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.ProtoMajor == 2 != (s.by >= byHTTP2) {
		t.Fatalf("it is answered by %s", got.Proto)
	}
	t.Cleanup(func() { got.Body.Close() })
	return &answer{got.Status, got.StatusCode, got.Header, got.ContentLength, got.Body}
}

// all is the body of an answer.
func all(t testing.TB, answer *answer) string {
	t.Helper()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tag is one of a stream, with its payload.
type tag struct {
	kind uint8
	at   media.Timestamp
	data string
}

// String is for messages of tests.
func (g tag) String() string {
	return fmt.Sprintf("%d at %d: %x", g.kind, g.at, g.data[:min(len(g.data), 16)])
}

// readTags reads so many tags, or all of a stream for a negative number, behind a
// file's header, whose flags it returns.
func readTags(t testing.TB, r io.Reader, n int) (list []tag, flags byte) {
	t.Helper()
	var head [13]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	return readMore(t, io.MultiReader(strings.NewReader(string(head[:])), r), n), head[4]
}

func readMore(t testing.TB, r io.Reader, n int) (list []tag) {
	t.Helper()
	in, err := flv.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	for n < 0 || len(list) < n {
		one, err := in.Next()
		if n < 0 && errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("behind %d tags: %v", len(list), err)
		}
		list = append(list, tag{one.Type, one.Timestamp, string(one.Data)})
	}
	return list
}

// timeOf is when picture i is shown.
func timeOf(i int) media.Timestamp { return media.Timestamp(i * 40) }
