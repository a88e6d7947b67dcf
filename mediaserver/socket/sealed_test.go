package socket

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TLS says things of its own, from the goroutine that reads: answers to a peer
// that wants new keys, alerts. They keep their place among the records of a
// writer, wherever the socket is full, and are sent when nobody writes.
func TestTLSSocketKeepsTheOrder(t *testing.T) {
	near, far := pair(t)
	_ = near.(*net.TCPConn).SetWriteBuffer(4 << 10)
	s, _ := NewSealed(near).(*Sealed)
	stuck := make(chan struct{}, 1)
	s.Attach(tls.Server(s, &tls.Config{}), func() {
		select {
		case stuck <- struct{}{}:
		default:
		}
	})
	const rounds = 300
	var tlsLock sync.Mutex // as TLS has one for what it sends
	number := uint32(0)
	record := func(size int) {
		tlsLock.Lock()
		defer tlsLock.Unlock()
		b := binary.BigEndian.AppendUint32(nil, number)
		b = binary.BigEndian.AppendUint32(b, uint32(size))
		number++
		if _, err := s.Write(append(b, make([]byte, size)...)); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() { flushWhen(t, s, stuck, over) })
	var writers sync.WaitGroup
	writers.Go(func() { // as the one that reads does
		for range rounds {
			record(7)
		}
	})
	writers.Go(func() {
		for range rounds {
			ok, err := s.gather()
			if err != nil {
				t.Error(err)
			}
			if !ok {
				runtime.Gosched()
				continue
			}
			record(9000)
			record(3000)
			if full, err := s.send(); err != nil {
				t.Error(err)
			} else if full {
				s.stuck()
			}
		}
	})
	numbered(t, far, rounds)
	go func() { _, _ = io.Copy(io.Discard, far) }()
	writers.Wait()
	close(over)
	wg.Wait()
}

// flushWhen is a flusher, until it is over.
func flushWhen(t *testing.T, s *Sealed, stuck <-chan struct{}, over <-chan struct{}) {
	for {
		select {
		case <-stuck:
			if err := s.Drain(time.Minute); err != nil {
				t.Error(err)
			}
		case <-over:
			return
		}
	}
}

// numbered reads so many records, each of which begins with its number and its
// size, in 4 bytes each.
func numbered(t *testing.T, r io.Reader, records uint32) {
	t.Helper()
	var head [8]byte
	for next := range records {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint32(head[:]); got != next {
			t.Fatalf("record %d came for %d", got, next)
		}
		if _, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			t.Fatal(err)
		}
	}
}

// Pieces come in their order and whole, whichever are put together and whichever are
// encrypted from where they lie.
func TestPiecesOfEverySize(t *testing.T) {
	near, far := pair(t)
	like := httptest.NewTLSServer(nil) // has a certificate
	defer like.Close()
	server := TLS(near, like.TLS)
	sizes := []int{0, 1, 9, 300, large - 1, large, recordSize - 9, recordSize, recordSize + 1, recordSize + large, 3*recordSize + 5, SealAtOnce + 7}
	var bufs [][]byte
	var want []byte
	for i := range len(sizes) * len(sizes) { // each behind each
		b := bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)])
		c := bytes.Repeat([]byte{byte(i + 1)}, sizes[i/len(sizes)])
		bufs, want = append(bufs, b, c), append(append(want, b...), c...)
	}
	type read struct {
		b   []byte
		err error
	}
	reads := make(chan read, 1)
	go func() {
		b := make([]byte, len(want))
		_, err := io.ReadFull(tls.Client(far, &tls.Config{InsecureSkipVerify: true}), b)
		reads <- read{b, err}
	}()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	s := Under(server)
	s.Attach(server, func() {})
	for left := bufs; len(left) > 0; {
		n, full, err := s.Writev(left)
		if full && err == nil {
			err = s.Drain(time.Minute)
		}
		if err != nil {
			t.Fatal(err)
		}
		for len(left) > 0 && n >= len(left[0]) {
			n, left = n-len(left[0]), left[1:]
		}
		if n > 0 {
			left[0] = left[0][n:]
		}
	}
	if got := <-reads; got.err != nil || !bytes.Equal(got.b, want) {
		t.Errorf("what comes of %d bytes is not what was written (%v)", len(want), got.err)
	}
}

// A peer that takes nothing is slow, whatever happens to its connection after
// that: TLS, too, ends it in its own way.
func TestTLSSocketKeepsItsFirstFailure(t *testing.T) {
	near, _ := pair(t)
	s, ok := NewSealed(near).(*Sealed)
	if !ok {
		t.Fatal("TCP has no socket of its own")
	}
	s.Attach(tls.Client(s, &tls.Config{InsecureSkipVerify: true}), func() {})
	var err error
	for err == nil { // a socket that was full may take more a moment later
		for !s.Busy() {
			if _, err := s.Write(make([]byte, recordSize)); err != nil {
				t.Fatal(err)
			}
		}
		err = s.Drain(time.Millisecond)
	}
	if !errors.Is(err, ErrSlow) {
		t.Errorf("it takes nothing: %v, want ErrSlow", err)
	}
	s.fail(net.ErrClosed)
	if err := s.Failed(); !errors.Is(err, ErrSlow) {
		t.Errorf("it took nothing: %v, want ErrSlow", err)
	}
}
