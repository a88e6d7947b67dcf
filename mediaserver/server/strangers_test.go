//go:build clients

package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// strangersAddress is where strangers come from.
const strangersAddress = "127.0.0.66"

// askersAddress is that of strangers who ask by HTTP and wait for the answer: those
// who crowd an address lose their places to one another.
const askersAddress = "127.0.0.67"

// didSend is what strangers have done.
type didSend struct {
	Sent   uint64
	Failed []string // what they could not do, and should
}

// beStrangers is the process of the strangers of a trial.
func beStrangers(t *testing.T, args roleArgs, heard *bufio.Scanner) {
	one := allTrials()[args.Trial]
	if one.prepare != nil {
		if err := one.prepare(args.Folder); err != nil {
			t.Fatal(err)
		}
	}
	sayWith("ready", nil)
	listen(t, heard, "go")
	ctx, cancel := context.WithTimeout(t.Context(), floodFor)
	defer cancel()
	s := &stranger{roleArgs: args, ctx: ctx}
	one.send(s)
	s.mu.Lock()
	did := didSend{Sent: s.sent.Load(), Failed: s.wrong}
	s.mu.Unlock()
	sayWith("done", did)
	for heard.Scan() { // until it is to leave
	}
}

// stranger holds the connections of a trial. Its methods may be called from any
// goroutine.
type stranger struct {
	roleArgs
	ctx  context.Context // ends when it has gone on for long enough
	sent atomic.Uint64
	// crowded says that others try at the same time: it may find no place.
	crowded bool

	mu    sync.Mutex
	open  []net.Conn
	wrong []string
}

// goes says whether it goes on.
func (s *stranger) goes() bool { return s.ctx.Err() == nil }

// hold keeps what is open until it has gone on for long enough.
func (s *stranger) hold() { <-s.ctx.Done() }

// crowd has so many do the same again and again, as long as it goes on.
func (s *stranger) crowd(n int, do func() error) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for s.goes() {
				if err := do(); err != nil {
					s.failed(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// failed is for what a stranger cannot do: a fault, unless it is crowded, or the
// time is over.
func (s *stranger) failed(err error) {
	if err == nil || s.crowded || !s.goes() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) < 10 {
		s.wrong = append(s.wrong, err.Error())
	}
}

// counted counts what is sent, and sends no longer than the stranger goes on.
type counted struct {
	net.Conn
	of *stranger
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.of.sent.Add(uint64(n))
	return n, err
}

// dial connects, and holds the connection until the trial ends, or it is closed.
func (s *stranger) dial() (net.Conn, error) { return s.dialTo(s.RTMP) }

func (s *stranger) dialTo(address string) (net.Conn, error) {
	return s.dialFrom(strangersAddress, address)
}

func (s *stranger) dialFrom(own, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(own)}, Timeout: 10 * time.Second}
	nc, err := d.DialContext(s.ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.open = append(s.open, nc)
	s.mu.Unlock()
	until, _ := s.ctx.Deadline()
	return counted{nc, s}, nc.SetDeadline(until)
}

// shake is dial and the handshake.
func (s *stranger) shake() (*rtmp.Conn, net.Conn, error) { return s.shakeFrom(strangersAddress) }

func (s *stranger) shakeFrom(own string) (*rtmp.Conn, net.Conn, error) {
	nc, err := s.dialFrom(own, s.RTMP)
	if err != nil {
		return nil, nil, err
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		nc.Close()
		return nil, nil, err
	}
	until, _ := s.ctx.Deadline()
	return conn, nc, nc.SetDeadline(until)
}

// connected is shake and connect, with streams; what it is told is dropped, and
// done is closed when it is closed.
func (s *stranger) connected(streams int) (conn *rtmp.Conn, nc net.Conn, done <-chan struct{}, err error) {
	conn, nc, err = s.shake()
	if err != nil {
		return nil, nil, nil, err
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = conn.Serve(func(*rtmp.Message) error { return nil })
	}()
	err = errors.Join(
		conn.Send(rtmp.SetChunkSize(1<<20)),
		conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://localhost/app/one")))
	for n := range streams {
		err = errors.Join(err, conn.SendCommand(0, "createStream", float64(2+n), nil))
	}
	return conn, nc, left, err
}

// letIn is shake and connect, once that is answered. From then on what comes is for
// whoever reads.
func (s *stranger) letIn() (net.Conn, error) { return s.letInFrom(strangersAddress) }

func (s *stranger) letInFrom(own string) (net.Conn, error) { return s.letInto(own, "app/one") }

func (s *stranger) letInto(own, app string) (net.Conn, error) {
	_, nc, err := s.shakeFrom(own)
	if err != nil {
		return nil, err
	}
	pour(nc, chunks(0, "connect", amf.NewObject("app", app)))
	var came []byte
	for b := make([]byte, 1<<10); !bytes.Contains(came, []byte("NetConnection.Connect.Success")); {
		n, err := nc.Read(b)
		if came = append(came, b[:n]...); err != nil {
			nc.Close()
			return nil, fmt.Errorf("connect: %w, after %.300q", err, came)
		}
	}
	return nc, nil
}

// pour sends bytes, of which the server may refuse the rest.
func pour(nc net.Conn, b []byte) { _, _ = nc.Write(b) }

// chunks is a command in chunks of 128 bytes.
func chunks(stream uint32, name string, object amf.Value, args ...amf.Value) []byte {
	m, err := rtmp.NewCommand(stream, name, 1, object, args...)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return rtmp.AppendChunks(nil, m, 128)
}

// half is a message of which the last byte does not come, on a chunk stream.
func half(id byte, kind rtmp.MessageType, size int) []byte {
	b := []byte{id, 0, 0, 0, byte(size >> 16), byte(size >> 8), byte(size), byte(kind), 0, 0, 0, 0}
	return append(b, make([]byte, size-1)...)
}

// referring is a connect of 60 KB, most of which is references to one object of
// many long names.
func referring() (*rtmp.Message, error) {
	many := &amf.Object{}
	for i := range 900 {
		many.Properties = append(many.Properties, amf.Property{Name: fmt.Sprintf("%063d", i)})
	}
	list := amf.NewArray()
	for range 280 {
		list.Items = append(list.Items, many)
	}
	return rtmp.NewCommand(0, "connect", 1, amf.NewObject("app", "app/one", "objectEncoding", list))
}

// spendingTrials are the strangers who speak RTMP.
func spendingTrials() []trial {
	return []trial{
		{
			name:    "Connects of 60 KB whose values are 900 names, referred to 280 times, on 30 connections, again and again.",
			bound:   "64 KB and 128 KB of values before connect is answered; names count",
			notices: "nothing", memory: 64 << 20,
			send: sendReferring,
		},
		{
			name:    "Messages that do not end, one or two on each of 120 connections: 60 before connect, and 60 after it.",
			bound:   "64 KB a connection before connect is answered, 1 MB after, 32 MB for all who do not publish",
			notices: "nothing; who holds too much is closed", memory: 128 << 20,
			send: sendHalves,
		},
		{
			name:    "1,000 connections of one address that say nothing, and more that come and go.",
			bound:   "spec.limits.maxConnectionsPerAddress, and half of all places",
			notices: "nothing: other addresses have their places", memory: 64 << 20,
			send: sendSilence,
		},
		{
			name:    "A player that waits for 50 names that nobody publishes.",
			bound:   "32 names a connection, thousands for the process; none of spec.limits.maxStreams",
			notices: "nothing: publishers come first", memory: 32 << 20,
			send: sendWaiting,
		},
		{
			name:    "Wrong keys, one behind another, on 20 connections, again and again.",
			bound:   "five a connection; after three of an address, answers take 250 ms and twice as long for each, to 8 s",
			notices: "nothing: the right key is answered at once", memory: 48 << 20,
			send: sendWrongKeys,
		},
		{
			name:    "Calls without end whose answers are not read, on 20 connections, again and again.",
			bound:   "1 MB a connection, 32 MB for all; half of the processors, in turns",
			notices: "nothing; who reads nothing is closed", memory: 96 << 20,
			send: func(s *stranger) { sendCalls(s, 20, false) },
		},
		{
			name:    "Calls without end whose answers are read, on 50 connections.",
			bound:   "64 that wait a connection; half of the processors, in turns",
			notices: "nothing", memory: 96 << 20,
			send: func(s *stranger) { sendCalls(s, 50, true) },
		},
	}
}

func sendReferring(s *stranger) {
	m, err := referring()
	if err != nil {
		s.failed(err)
		return
	}
	s.crowd(30, func() error {
		conn, nc, err := s.shake()
		if err != nil {
			return err
		}
		defer nc.Close()
		if err := conn.Send(rtmp.SetChunkSize(1<<20), m); err == nil {
			_, _ = io.Copy(io.Discard, nc) // until it is closed
		}
		return nil
	})
}

// sendHalves sends as much as is let, and on every third connection more.
func sendHalves(s *stranger) {
	for n := range 60 {
		conn, nc, err := s.shake()
		if err == nil {
			err = conn.Send(rtmp.SetChunkSize(1 << 20))
		}
		if err != nil {
			s.failed(err)
			return
		}
		pour(nc, half(4, rtmp.TypeCommand, 60<<10))
		if n%3 == 0 {
			pour(nc, half(5, rtmp.TypeVideo, 8<<20-1))
		}
		if _, nc, _, err = s.connected(1); err != nil {
			s.failed(err)
			return
		}
		pour(nc, half(4, rtmp.TypeCommand, 1000<<10))
		if n%3 == 0 {
			pour(nc, half(5, rtmp.TypeVideo, 8<<20-1))
		}
	}
	s.hold()
}

func sendSilence(s *stranger) {
	for range 1000 {
		if _, err := s.dial(); err != nil {
			s.failed(err)
			return
		}
	}
	s.crowd(2, func() error {
		nc, err := s.dial()
		if err == nil {
			nc.Close()
		}
		return err
	})
}

func sendWaiting(s *stranger) {
	conn, _, _, err := s.connected(50)
	if err != nil {
		s.failed(err)
		return
	}
	for n := range 50 {
		_ = conn.SendCommand(uint32(n+1), "play", 0, nil, fmt.Sprint("nobody", n), -1.0)
	}
	s.hold()
}

func sendWrongKeys(s *stranger) {
	s.crowd(20, func() error {
		conn, nc, done, err := s.connected(1)
		if err != nil {
			return nil // its address has all its places: those before wait for their answers
		}
		defer nc.Close()
		for n := range 1000 {
			if conn.SendCommand(1, "publish", 0, nil, fmt.Sprintf("cam?key=%d", n), "live") != nil {
				break
			}
		}
		select {
		case <-done:
		case <-time.After(100 * time.Millisecond): // it waits for its answer
		}
		return nil
	})
}

func sendCalls(s *stranger, n int, read bool) {
	calls := []byte{}
	for range 1000 {
		calls = append(calls, chunks(0, "FCPublish", nil, "a name that is repeated in the answer")...)
	}
	s.crowd(n, func() error {
		nc, err := s.letIn()
		if err != nil {
			return err
		}
		defer nc.Close()
		if read {
			go func() { _, _ = io.Copy(io.Discard, nc) }()
		}
		for s.goes() {
			if !read {
				_ = nc.SetWriteDeadline(time.Now().Add(time.Second)) // it is not heard any more
			}
			if _, err := nc.Write(calls); err != nil {
				break
			}
		}
		return nil
	})
}
