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
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// strangersAddress is where strangers come from.
const strangersAddress = "127.0.0.66"

// askersAddress is that of strangers who ask by HTTP and wait for the answer: those
// who crowd an address lose their places to one another.
const askersAddress = "127.0.0.67"

// didSend is what strangers have done.
type didSend struct {
	load
	Ended  uint64   // how often the server has ended one, or had no place for it
	Failed []string // what they could not do, and should
}

// load is what strangers have done to a server, or are to do at least.
type load struct {
	Sent   uint64 // bytes
	Came   uint64 // bytes that they have read
	Served uint64 // how often the server has done for one what it does for everybody
}

// atLeast says whether it is no less than another.
func (l load) atLeast(o load) bool {
	return l.Sent >= o.Sent && l.Came >= o.Came && l.Served >= o.Served
}

// beStrangers is the process of the strangers of a trial.
func beStrangers(t *testing.T, args roleArgs, heard *bufio.Scanner) {
	one := allTrials()[args.Trial]
	sayWith("ready", nil)
	listen(t, heard, "go")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &stranger{roleArgs: args, ctx: ctx, open: map[net.Conn]struct{}{}}
	go func() {
		defer cancel()
		s.lasts(one.least)
	}()
	context.AfterFunc(ctx, s.leave)
	one.send(s)
	if one.after != nil {
		one.after(s)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	did := didSend{load: s.did(), Ended: s.ended.Load(), Failed: s.wrong}
	if !did.atLeast(one.least) {
		did.Failed = append(did.Failed, fmt.Sprintf("the strangers have done %+v, and should %+v; they were ended %d times, the last with: %v",
			did.load, one.least, did.Ended, s.last))
	}
	sayWith("done", did)
	for heard.Scan() { // until it is to leave
	}
}

// stranger holds the connections of a trial. Its methods may be called from any
// goroutine.
type stranger struct {
	roleArgs
	ctx context.Context // ends when it has gone on for long enough

	sent, came, served, ended atomic.Uint64 // see load
	// crowded says that others try at the same time: it may find no place.
	crowded bool

	mu    sync.Mutex
	open  map[net.Conn]struct{}
	wrong []string
	last  error // with which it was ended
}

// lasts waits until it has gone on for a while, and has done enough: at the lowest
// priority, a machine that has other work lets it do little.
func (s *stranger) lasts(least load) {
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for took := time.Duration(0); took < floodFor || !s.did().atLeast(least) && took < servertest.Patience; took = time.Since(began) {
		<-tick.C
	}
}

func (s *stranger) did() load { return load{s.sent.Load(), s.came.Load(), s.served.Load()} }

// leave closes what is open: who waits for it goes on.
func (s *stranger) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.open {
		nc.Close()
	}
}

// goes says whether it goes on.
func (s *stranger) goes() bool { return s.ctx.Err() == nil }

// hold keeps what is open until it has gone on for long enough.
func (s *stranger) hold() { <-s.ctx.Done() }

// crowd has so many do the same again and again, as long as it goes on. Whoever the
// server ends comes again: it is right to end one that does not read fast enough, or is
// too much.
func (s *stranger) crowd(n int, do func() error) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for s.goes() {
				s.tries(do)
			}
		})
	}
	all.Wait()
}

// insists does something until it is done, or is not to go on.
func (s *stranger) insists(do func() error) {
	for s.goes() && !s.tries(do) {
	}
}

// tries does something, and says whether it was done. That it was not is a fault,
// unless the server has ended the connection, or the stranger is not to go on.
func (s *stranger) tries(do func() error) bool {
	err := do()
	switch {
	case err == nil:
		return true
	case !s.goes():
	case wasEnded(err) || s.crowded:
		s.ended.Add(1)
		s.mu.Lock()
		s.last = err
		s.mu.Unlock()
	default:
		s.failed(err)
	}
	select {
	case <-time.After(5 * time.Millisecond): // and then it comes again
	case <-s.ctx.Done():
	}
	return false
}

// wasEnded says whether an error is that of a connection which the server has ended,
// or left without an answer, or has no place for; or that the kernel has no port for it.
func wasEnded(err error) bool {
	for _, one := range []error{
		syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, rtmp.ErrNoData,
		os.ErrDeadlineExceeded, context.DeadlineExceeded, syscall.EADDRNOTAVAIL,
	} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// failed is for what should not have been.
func (s *stranger) failed(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) < 10 {
		s.wrong = append(s.wrong, err.Error())
	}
}

// counted counts what is sent and what comes.
type counted struct {
	net.Conn
	of *stranger
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.of.sent.Add(uint64(n))
	return n, err
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.of.came.Add(uint64(n))
	return n, err
}

func (c counted) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// dial connects, and holds the connection until the trial ends, or it is closed.
func (s *stranger) dial() (net.Conn, error) { return s.dialTo(s.RTMP) }

func (s *stranger) dialTo(address string) (net.Conn, error) {
	return s.dialFrom(strangersAddress, address)
}

func (s *stranger) dialFrom(own, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(own)}, Timeout: servertest.Patience}
	nc, err := d.DialContext(s.ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.goes() {
		nc.Close()
		return nil, s.ctx.Err()
	}
	s.open[nc] = struct{}{}
	return counted{nc, s}, nil
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
	return conn, nc, nc.SetDeadline(time.Time{})
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
	if err == nil {
		s.served.Add(1)
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
	s.served.Add(1)
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
			least: load{Sent: 1 << 20, Served: 30},
			send:  sendReferring,
		},
		{
			name:    "Messages that do not end, one or two on each of 120 connections: 60 before connect, and 60 after it.",
			bound:   "64 KB a connection before connect is answered, 1 MB after, 32 MB for all who do not publish",
			notices: "nothing; who holds too much is closed", memory: 128 << 20,
			least: load{Sent: 2 << 20, Served: 12},
			send:  sendHalves,
		},
		{
			name:    "1,000 connections of one address that say nothing, and more that come and go.",
			bound:   "spec.limits.maxConnectionsPerAddress, and half of all places",
			notices: "nothing: other addresses have their places", memory: 64 << 20,
			least: load{Served: 250},
			send:  sendSilence,
		},
		{
			name:    "A player that waits for 50 names that nobody publishes.",
			bound:   "32 names a connection, thousands for the process; none of spec.limits.maxStreams",
			notices: "nothing: publishers come first", memory: 32 << 20,
			least: load{Served: 1},
			send:  sendWaiting,
		},
		{
			name:    "Wrong keys, one behind another, on 20 connections, again and again.",
			bound:   "five a connection; after three of an address, answers take 250 ms and twice as long for each, to 8 s",
			notices: "nothing: the right key is answered at once", memory: 48 << 20,
			least: load{Sent: 256 << 10, Served: 20},
			send:  sendWrongKeys,
		},
		{
			name:    "Calls without end whose answers are not read, on 20 connections, again and again.",
			bound:   "1 MB a connection, 32 MB for all; half of the processors, in turns",
			notices: "nothing; who reads nothing is closed", memory: 96 << 20,
			least: load{Sent: 2 << 20, Served: 20},
			send:  func(s *stranger) { sendCalls(s, 20, false) },
		},
		{
			name:    "Calls without end whose answers are read, on 50 connections.",
			bound:   "64 that wait a connection; half of the processors, in turns",
			notices: "nothing", memory: 96 << 20,
			least: load{Sent: 2 << 20, Came: 512 << 10, Served: 50},
			send:  func(s *stranger) { sendCalls(s, 50, true) },
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
		if err := conn.Send(rtmp.SetChunkSize(1<<20), m); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, nc) // until it is closed
		s.served.Add(1)
		return nil
	})
}

// sendHalves sends as much as is let, and on every third connection more.
func sendHalves(s *stranger) {
	before := func() (net.Conn, error) {
		conn, nc, err := s.shake()
		if err != nil {
			return nil, err
		}
		s.served.Add(1)
		return nc, conn.Send(rtmp.SetChunkSize(1 << 20))
	}
	after := func() (net.Conn, error) {
		_, nc, _, err := s.connected(1)
		return nc, err
	}
	each := func(open func() (net.Conn, error), size int, more bool) {
		s.insists(func() error {
			nc, err := open()
			if err != nil {
				return err
			}
			all := half(4, rtmp.TypeCommand, size)
			if more {
				all = append(all, half(5, rtmp.TypeVideo, 8<<20-1)...)
			}
			go pour(nc, all) // the server may take it late, or not at all
			return nil
		})
	}
	for n := range 60 {
		each(before, 60<<10, n%3 == 0)
		each(after, 1000<<10, n%3 == 0)
	}
	s.hold()
}

func sendSilence(s *stranger) {
	for range 1000 {
		s.insists(func() error {
			_, err := s.dial()
			if err == nil {
				s.served.Add(1)
			}
			return err
		})
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
	s.insists(func() error {
		conn, _, _, err := s.connected(50)
		for n := 0; n < 50 && err == nil; n++ {
			err = conn.SendCommand(uint32(n+1), "play", 0, nil, fmt.Sprint("nobody", n), -1.0)
		}
		return err
	})
	s.hold()
}

func sendWrongKeys(s *stranger) {
	s.crowd(20, func() error {
		conn, nc, done, err := s.connected(1)
		if err != nil {
			return err // its address may have all its places: those before wait for their answers
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
