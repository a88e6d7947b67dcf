package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// rawPeer is a peer made of bytes: a socket behind the handshake, and what it
// reads off it.
type rawPeer struct {
	net.Conn
	t    testing.TB
	read int // bytes of chunks
}

func newRawPeer(t testing.TB, pipe bool, cfg Config) (*Conn, *rawPeer) {
	t.Helper()
	server, client := shaken(t, pipe, cfg)
	return server, &rawPeer{Conn: client.nc, t: t}
}

func (p *rawPeer) send(ms ...*Message) {
	p.t.Helper()
	var b []byte
	for _, m := range ms {
		b = AppendChunks(b, m, defaultChunkSize)
	}
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// take reads to a position.
func (p *rawPeer) take(to int) {
	p.t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	n, err := io.CopyN(io.Discard, p, int64(to-p.read))
	p.read += int(n)
	if err != nil {
		p.t.Fatalf("after %d bytes of %d: %v", p.read, to, err)
	}
}

// drained says whether nothing comes for a time.
func (p *rawPeer) drained(d time.Duration) bool {
	p.t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(d)); err != nil {
		p.t.Fatal(err)
	}
	n, err := p.Read(make([]byte, 1))
	p.read += n
	return isTimeout(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func serving(t testing.TB, c *Conn) {
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Serve(func(*Message) error { return nil }) }()
	t.Cleanup(func() { c.Close(); <-done })
}

// What is sent and not acknowledged stays within the peer's window, whoever
// writes, and goes on as acknowledgements come.
func TestSendWindow(t *testing.T) {
	t.Parallel()
	const window = 100000
	answer := AppendChunks(nil, WindowAckSize(window), defaultChunkSize)
	for _, how := range []string{"send", "send over a pipe", "owner"} {
		t.Run(how, func(t *testing.T) {
			server, peer := newRawPeer(t, how == "send over a pipe", Config{})
			serving(t, server)
			peer.send(SetPeerBandwidth(window, 0), ack(0))
			peer.take(len(answer))
			media := &Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, window-len(answer)+5000)}
			if how == "owner" {
				own(t, server, AppendChunks(nil, media, defaultChunkSize))
			} else if err := server.Send(media); err != nil {
				t.Fatal(err)
			}
			// What is sent on top of it is the handshake, which may be counted or not.
			peer.take(window)
			if !peer.drained(100 * time.Millisecond) {
				t.Fatalf("more than %d bytes came unacknowledged", window)
			}
			peer.send(ack(3000))
			peer.take(window + 3000)
			if !peer.drained(100 * time.Millisecond) {
				t.Fatalf("more than %d bytes came after 3000 were acknowledged", window+3000)
			}
			peer.send(ack(2000)) // backwards: an old one
			peer.send(ack(window))
			peer.take(window + 5000)
		})
	}
}

// own writes bytes as a fan-out loop does: what it cannot, when it is woken.
func own(t testing.TB, c *Conn, b []byte) {
	wake := make(chan struct{}, 1)
	c.Attach(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		for len(b) > 0 {
			half := len(b) / 2
			bufs := [][]byte{b[:half], b[half:]}
			n, err := c.TryWritev(bufs)
			if err != nil {
				return
			}
			if len(bufs[0])+len(bufs[1]) != len(b) {
				t.Error("the caller's buffers were changed")
			}
			if b = b[n:]; n == 0 {
				select {
				case <-wake:
				case <-c.Closed():
					return
				}
			}
		}
	}()
}

func TestSendWindowRules(t *testing.T) {
	type ask struct {
		size  uint32
		limit uint8
	}
	const hard, soft, dynamic = 0, 1, 2
	for _, c := range []struct {
		name string
		asks []ask
		want uint64
	}{
		{"hard", []ask{{100000, hard}}, 100000},
		{"hard again", []ask{{100000, hard}, {200000, hard}}, 200000},
		{"soft", []ask{{100000, soft}}, 100000},
		{"soft takes the smaller", []ask{{100000, hard}, {200000, soft}}, 100000},
		{"soft takes the smaller of two", []ask{{200000, hard}, {100000, soft}}, 100000},
		{"dynamic alone limits nothing", []ask{{100000, dynamic}}, 0},
		{"dynamic after hard is hard", []ask{{100000, hard}, {300000, dynamic}}, 300000},
		{"dynamic after soft is ignored", []ask{{100000, soft}, {300000, dynamic}}, 100000},
		{"tiny", []ask{{1, hard}}, minSendWindow},
		{"nothing", []ask{{0, hard}}, minSendWindow},
		{"no limit at all", []ask{{0xffffffff, hard}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, peer := newRawPeer(t, false, Config{})
			for _, a := range c.asks {
				peer.send(SetPeerBandwidth(a.size, a.limit))
			}
			peer.send(ack(0))
			if err := peer.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := server.Serve(func(*Message) error { return nil }); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if got := server.window.limit.Load(); got != c.want {
				t.Errorf("limit %d, want %d", got, c.want)
			}
		})
	}
}

// A size that is the last one sent is not answered, or two servers would
// answer each other for ever.
func TestPeerBandwidthIsAnsweredOnce(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{})
	if err := server.Send(WindowAckSize(2500000)); err != nil {
		t.Fatal(err)
	}
	serving(t, server)
	peer.send(SetPeerBandwidth(2500000, 2), SetPeerBandwidth(70000, 2), SetPeerBandwidth(70000, 2), UserControl(EventPingRequest, 7))
	in := newChunkReader(&input{r: peer, before: func() error { return nil }, timeout: func() error { return nil }, count: func(int) {}}, upTo(1<<20), 8)
	for _, want := range []*Message{WindowAckSize(2500000), WindowAckSize(70000), UserControl(EventPingResponse, 7)} {
		var m Message
		if err := in.next(&m); err != nil || m.Type != want.Type || string(m.Payload) != string(want.Payload) {
			t.Fatalf("type %d %x, %v; want type %d %x", m.Type, m.Payload, err, want.Type, want.Payload)
		}
	}
}

// Who never acknowledges is sent everything all the same: many do not.
func TestPeerThatNeverAcknowledges(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{})
	serving(t, server)
	peer.send(SetPeerBandwidth(100000, 0))
	peer.take(16)
	if err := server.Send(&Message{Type: TypeVideo, Payload: make([]byte, 1<<20)}); err != nil {
		t.Fatal(err)
	}
	peer.take(1 << 20)
}

// A peer that acknowledges whole messages only gets the end of one that is
// larger than its window; one that stops acknowledging is closed.
func TestFullWindowIsWidenedThenGivenUp(t *testing.T) {
	t.Parallel()
	server, peer := newRawPeer(t, false, Config{WriteTimeout: 3 * time.Second})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(func(*Message) error { return nil }) }()
	peer.send(SetPeerBandwidth(minSendWindow, 0), ack(0))
	peer.take(16)
	if err := server.Send(&Message{Type: TypeVideo, Payload: make([]byte, 150000)}); err != nil {
		t.Fatal(err)
	}
	peer.take(150000)
	peer.send(ack(150000))
	if err := server.Send(&Message{Type: TypeVideo, Payload: make([]byte, 3<<20)}); err != nil {
		t.Fatal(err)
	}
	// Read on, and say nothing.
	if err := peer.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, peer); isTimeout(err) || n > 2<<20 {
		t.Errorf("%d bytes came unacknowledged, %v", n, err)
	}
	if err := <-ended; !errors.Is(err, ErrSlow) {
		t.Errorf("%v, want ErrSlow", err)
	}
}

// Acknowledgements count bytes modulo 2^32, with the handshake or without it.
func TestAcknowledgedCounts(t *testing.T) {
	for _, c := range []struct {
		sent     uint64
		sequence uint32
		want     uint64
	}{
		{10000, 10000 - handshakeBytes, 10000},
		{10000, 10000, 10000},
		{10000, 0, handshakeBytes},
		{1 << 32, 1<<32 - 5000, 1<<32 - 5000 + handshakeBytes},
		{1<<32 + 10, 1<<32 - 1, 1<<32 + 10},
		{3<<32 + 50000, 20000, 3<<32 + 20000 + handshakeBytes},
		{10, 0x80000000, 0}, // nonsense
	} {
		t.Run(fmt.Sprintf("%d of %d", c.sequence, c.sent), func(t *testing.T) {
			conn := NewServerConn(nil, Config{})
			conn.sent.Store(c.sent)
			conn.acknowledged(c.sequence)
			if got := conn.window.acked.Load(); got != c.want {
				t.Errorf("%d are acknowledged, want %d", got, c.want)
			}
		})
	}
}

// A message longer than the window is acknowledged while it comes, or a peer
// that keeps to the window would never end it.
func TestAcknowledgesInTheMiddleOfAMessage(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{})
	serving(t, server)
	const window = 10000
	peer.send(WindowAckSize(window))
	b := AppendChunks(nil, &Message{Type: TypeVideo, Payload: make([]byte, 40000)}, defaultChunkSize)
	in := newChunkReader(&input{r: peer, before: func() error { return nil }, timeout: func() error { return nil }, count: func(int) {}}, upTo(1<<20), 8)
	if err := peer.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	sent, acked := 0, 0
	for sent < len(b)-window {
		n, err := peer.Write(b[sent : acked+window-100])
		if err != nil {
			t.Fatal(err)
		}
		sent += n
		var m Message
		if err := in.next(&m); err != nil || m.Type != TypeAck {
			t.Fatalf("after %d bytes of a message: type %d, %v", sent, m.Type, err)
		}
		acked = int(binary.BigEndian.Uint32(m.Payload)) - handshakeBytes - 16
	}
}

// A byte now and then is no sign of life.
func TestTrickleIsSilence(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{ReadTimeout: 400 * time.Millisecond})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(func(*Message) error { return nil }) }()
	b := AppendChunks(nil, &Message{Type: TypeVideo, Payload: make([]byte, 100)}, defaultChunkSize)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if !errors.Is(err, ErrSilent) {
				t.Errorf("%v, want ErrSilent", err)
			}
			return
		case <-tick.C:
			if len(b) == 1 {
				t.Fatal("a byte every 50 ms was taken for a sign of life")
			}
			if _, err := peer.Write(b[:1]); err != nil {
				t.Fatal(err)
			}
			b = b[1:]
		}
	}
}
