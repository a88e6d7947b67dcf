package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything here may take before it counts as stuck, on a machine that is busy.
const patience = 2 * time.Minute

// pair is both ends of a connection over real TCP, or over a pipe that has no
// socket (as TLS has none), before the handshake.
func pair(t testing.TB, pipe bool) (server, client net.Conn) {
	t.Helper()
	if pipe {
		server, client = net.Pipe()
	} else {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if server, err = ln.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// shaken is a pair of Conns with the handshake behind them.
func shaken(t testing.TB, pipe bool, cfg Config) (server, client *Conn) {
	t.Helper()
	a, b := pair(t, pipe)
	server, client = NewServerConn(a, cfg), NewClientConn(b, Config{})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server, client
}

// collect serves a connection in the background and returns its messages.
func collect(t testing.TB, c *Conn) <-chan Message {
	t.Helper()
	got, done := make(chan Message), make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		defer close(got)
		_ = c.Serve(func(m *Message) error {
			m2 := *m
			m2.Payload = bytes.Clone(m.Payload)
			select {
			case got <- m2:
			case <-stop:
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		close(stop)
		c.Close()
		<-done
	})
	return got
}

func TestSendKeepsMessagesTogether(t *testing.T) {
	for _, pipe := range []bool{false, true} {
		t.Run(fmt.Sprintf("pipe=%v", pipe), func(t *testing.T) {
			server, client := shaken(t, pipe, Config{})
			got := collect(t, client)
			if err := server.Send(SetChunkSize(ChunkSize)); err != nil {
				t.Fatal(err)
			}
			const senders, each = 8, 50
			var wg sync.WaitGroup
			for s := range senders {
				wg.Go(func() {
					for i := range each {
						first := Message{Type: TypeAudio, StreamID: uint32(s), Timestamp: media.Timestamp(i), Payload: make([]byte, 1000)}
						second := first
						second.Type = TypeVideo
						if err := server.SendWait(context.Background(), &first, &second); err != nil {
							t.Error(err)
						}
					}
				})
			}
			next := make([]media.Timestamp, senders)
			for range senders * each {
				a, b := <-got, <-got
				if a.Type != TypeAudio || b.Type != TypeVideo || a.StreamID != b.StreamID || a.Timestamp != b.Timestamp {
					t.Fatalf("%+v and %+v were sent together", a.Type, b.Type)
				}
				if a.Timestamp != next[a.StreamID] {
					t.Fatalf("sender %d: message %d came for %d", a.StreamID, a.Timestamp, next[a.StreamID])
				}
				next[a.StreamID]++
			}
			wg.Wait()
		})
	}
}

func TestSendWaitWaitsForThePeer(t *testing.T) {
	t.Parallel()
	server, client := shaken(t, false, Config{})
	_ = server.nc.(*net.TCPConn).SetWriteBuffer(4 << 10)
	ctx, cancel := context.WithCancel(context.Background())
	m := Message{Type: TypeVideo, Payload: make([]byte, 100<<10)}
	sent := 0
	done := make(chan error, 1)
	progress := make(chan int, 1000)
	go func() {
		for {
			if err := server.SendWait(ctx, &m); err != nil {
				done <- err
				return
			}
			sent++
			progress <- sent
		}
	}()
	// Nobody reads: it must come to a halt, with the queue within its bound.
	for halted := false; !halted; {
		select {
		case <-progress:
		case <-time.After(300 * time.Millisecond):
			halted = true
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	server.out.mu.Lock()
	queued := len(server.out.queue)
	server.out.mu.Unlock()
	if queued > waitAbove+110<<10 {
		t.Errorf("%d bytes are queued", queued)
	}
	// What was sent arrives whole.
	got := collect(t, client)
	for range sent {
		if m := <-got; len(m.Payload) != 100<<10 {
			t.Fatalf("%d bytes", len(m.Payload))
		}
	}
}

func TestSlowPeerIsClosed(t *testing.T) {
	server, _ := shaken(t, false, Config{MaxQueue: 1 << 20})
	m := Message{Type: TypeVideo, Payload: make([]byte, 1<<20)}
	var err error
	for range 100 {
		if err = server.Send(&m); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrSlow) {
		t.Fatalf("after 100 MiB: %v, want ErrSlow", err)
	}
	<-server.Closed()
	if err := server.Serve(func(*Message) error { return nil }); !errors.Is(err, ErrSlow) {
		t.Errorf("Serve says %v, want ErrSlow", err)
	}
}

func TestOwnerWritesBetweenWholeMessages(t *testing.T) {
	for _, pipe := range []bool{false, true} {
		t.Run(fmt.Sprintf("pipe=%v", pipe), func(t *testing.T) {
			server, client := shaken(t, pipe, Config{})
			got := collect(t, client)
			if err := server.Send(SetChunkSize(ChunkSize)); err != nil {
				t.Fatal(err)
			}
			wake, ring := bell()
			server.Attach(ring)
			var chunks []byte
			const count = 200
			for i := range count {
				chunks = AppendChunks(chunks, &Message{Type: TypeVideo, StreamID: 1, Timestamp: media.Timestamp(i), Payload: make([]byte, 5000)}, ChunkSize)
			}
			if err := server.Send(Status(1, "status", "first", "")); err != nil {
				t.Fatal(err)
			}
			finished := make(chan error, 1)
			go func() { finished <- stopInAMessage(server, wake, chunks) }()
			if m := <-got; m.Type != TypeCommand {
				t.Fatalf("first came type %d", m.Type)
			}
			for i := range count {
				if m := <-got; m.Timestamp != media.Timestamp(i) || len(m.Payload) != 5000 {
					t.Fatalf("message %d: %d bytes at %d", i, len(m.Payload), m.Timestamp)
				}
			}
			if err := <-finished; err != nil {
				t.Fatal(err)
			}
			if err := server.Send(Status(1, "status", "last", "")); err != nil {
				t.Fatal(err)
			}
			if m := <-got; m.Type != TypeCommand {
				t.Fatalf("last came type %d", m.Type)
			}
		})
	}
}

// stopInAMessage is an owner that writes chunks and what is queued, and lets go
// in the middle of the last message.
func stopInAMessage(c *Conn, wake <-chan struct{}, chunks []byte) error {
	rest := chunks[:len(chunks)-100]
	var queued []byte
	for len(rest) > 0 || len(queued) > 0 {
		var ok bool
		if len(queued) == 0 {
			if queued, ok = c.TakeQueued(queued[:0]); !ok {
				<-wake
				continue
			}
		}
		n, err := c.TryWritev([][]byte{queued, rest})
		if err != nil {
			return err
		}
		k := min(n, len(queued))
		queued, rest = queued[k:], rest[n-k:]
	}
	c.Detach(chunks[len(chunks)-100:])
	return nil
}

func TestAcknowledgements(t *testing.T) {
	server, client := shaken(t, false, Config{})
	serverGot := collect(t, server)
	if err := client.Send(WindowAckSize(10000), SetChunkSize(ChunkSize)); err != nil {
		t.Fatal(err)
	}
	acked := make(chan uint32, 100)
	done := make(chan struct{})
	go func() { // the client's side by hand: Serve keeps acknowledgements to itself
		defer close(done)
		nothing := func() error { return nil }
		r := newChunkReader(&input{r: client.nc, before: nothing, timeout: nothing, count: func(int) {}}, upTo(1<<20), 8)
		var m Message
		for r.next(&m) == nil {
			if m.Type == TypeAck {
				acked <- binary.BigEndian.Uint32(m.Payload)
			}
		}
	}()
	for range 10 {
		if err := client.Send(&Message{Type: TypeAudio, Payload: make([]byte, 3000)}); err != nil {
			t.Fatal(err)
		}
		<-serverGot
	}
	var last uint32
	for last < 25000 {
		n := <-acked
		if n-last > 10000 {
			t.Errorf("acknowledged %d after %d with a window of 10000", n, last)
		}
		last = n
	}
	client.Close()
	<-done
}

func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := shaken(t, true, Config{ReadTimeout: 200 * time.Millisecond})
		got := collect(t, client) // answers pings by itself
		served := make(chan error, 1)
		go func() { served <- server.Serve(func(*Message) error { return nil }) }()
		for i := range 3 { // three times the timeout: it lives
			select {
			case err := <-served:
				t.Fatalf("a peer that answers pings was given up: %v", err)
			case <-time.After(200 * time.Millisecond):
			}
			if err := server.Send(Status(0, "status", fmt.Sprint(i), "")); err != nil {
				t.Fatal(err)
			}
			<-got
		}
		server.Close()
		if err := <-served; err == nil {
			t.Error("a closed connection served to its end")
		}
	})
}

func TestSilentPeerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := shaken(t, true, Config{ReadTimeout: 100 * time.Millisecond})
		if err := server.Serve(func(*Message) error { return nil }); !errors.Is(err, ErrSilent) {
			t.Fatalf("%v, want ErrSilent", err)
		}
	})
}

// handshakeCases are what strangers begin with and are refused for.
var handshakeCases = []struct {
	name string
	send []byte
	want error
}{
	{"nothing", nil, ErrNoData},
	{"HTTP", []byte("GET / HTTP/1.1\r\n"), ErrNotRTMP},
	{"TLS", []byte{0x16, 3, 1}, ErrNotRTMP},
	{"a policy file where there is none", []byte(policyRequest), ErrNotRTMP},
	{"RTMPE", []byte{6}, ErrEncrypted},
	{"RTMPE with XTEA", []byte{8}, ErrEncrypted},
	{"RTMPE with Blowfish", []byte{9}, ErrEncrypted},
	{"half of it", append([]byte{3}, make([]byte, 1000)...), io.ErrUnexpectedEOF},
	{"no second half", append([]byte{3}, make([]byte, 1536)...), io.ErrUnexpectedEOF},
}

func TestHandshakeRefuses(t *testing.T) {
	for _, c := range handshakeCases {
		t.Run(c.name, func(t *testing.T) {
			a, b := pair(t, false)
			if _, err := b.Write(c.send); err != nil {
				t.Fatal(err)
			}
			_ = b.(*net.TCPConn).CloseWrite()
			if err := NewServerConn(a, Config{}).Handshake(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("stops half way", func(t *testing.T) {
		a, b := pair(t, false)
		if _, err := b.Write([]byte{3, 0}); err != nil {
			t.Fatal(err)
		}
		err := NewServerConn(a, Config{HandshakeTimeout: 50 * time.Millisecond}).Handshake()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v, want a timeout", err)
		}
	})
}

// A client that is refused must hear why, whatever it was still sending: the
// server says so, half-closes, and reads on.
func TestCloseWriteDeliversWhatWasQueued(t *testing.T) {
	server, client := shaken(t, false, Config{})
	got := collect(t, client)
	for range 20 {
		if err := client.Send(&Message{Type: TypeVideo, Payload: make([]byte, 10000)}); err != nil {
			t.Fatal(err)
		}
	}
	served := make(chan error, 1)
	go func() {
		said := false
		served <- server.Serve(func(*Message) error {
			if said {
				return nil
			}
			said = true
			return errors.Join(server.Send(Status(0, "error", "why", "")), server.CloseWrite())
		})
	}()
	if m, ok := <-got; !ok || m.Type != TypeCommand {
		t.Fatalf("the reason did not arrive: %v, %v", m, ok)
	}
	if _, ok := <-got; ok {
		t.Error("more came behind it")
	}
	client.Close()
	if err := <-served; !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the client's end", err)
	}
}

func TestAMF3MessagesComeAsAMF0(t *testing.T) {
	server, client := shaken(t, false, Config{})
	m, err := NewCommand(1, "play", 0, nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	bare := *m // without the selector, as some peers send it
	bare.Type = TypeCommandAMF3
	m.Type, m.Payload = TypeCommandAMF3, append([]byte{0}, m.Payload...)
	if err := client.Send(m, &bare, &Message{Type: TypeCommandAMF3}, &Message{Type: TypeDataAMF3, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	var name string
	err = server.Serve(func(m *Message) error {
		c, err := ParseCommand(m)
		if err != nil {
			return err
		}
		name += c.Name
		return nil
	})
	if name != "playplay" || !errors.Is(err, ErrProtocol) {
		t.Errorf("command %q, then %v", name, err)
	}
}

func BenchmarkTryWritev(b *testing.B) {
	a, c := pair(b, false)
	go func() { _, _ = io.Copy(io.Discard, c) }()
	conn := NewServerConn(a, Config{})
	conn.Attach(func() {})
	bufs := [][]byte{make([]byte, 100), make([]byte, 4000)}
	b.SetBytes(4100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.TryWritev(bufs); err != nil {
			b.Fatal(err)
		}
	}
}

// A publisher sends on for a while after it was told that nothing more comes:
// what would be answered to it is not, and it can read what it was told.
func TestServeGoesOnWhenNothingMoreIsSent(t *testing.T) {
	server, client := shaken(t, false, Config{})
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	pictures := 0
	go func() {
		served <- server.Serve(func(*Message) error { pictures++; return nil })
	}()
	ctx := t.Context()
	m := Message{Type: TypeVideo, Payload: make([]byte, 100<<10)}
	for range 100 {
		if err := client.SendWait(ctx, &m); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.SendWait(ctx, UserControl(EventPingRequest, 1), &m); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, io.EOF) || pictures != 101 {
		t.Errorf("after %d pictures: %v", pictures, err)
	}
}
