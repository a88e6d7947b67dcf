//go:build clients

package server

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// outerTrials are the strangers who fill the log, and HTTP.
func outerTrials() []trial {
	return []trial{
		{
			name:    "Handshakes that are none, and handshakes that are signed and go no further, on 8 connections, again and again.",
			bound:   "100 lines of a kind and then 20 a second for an address; half of the processors, in turns",
			notices: "nothing", memory: 64 << 20,
			least: load{Came: 128 << 10, Served: 40},
			send:  sendHandshakes,
		},
		{
			name:    "Questions with names of 500 KB, on 10 connections, while nobody reads the log.",
			bound:   "256 characters a value, 1 MB of lines that wait; half of the processors, in turns",
			notices: "nothing: nobody waits for the log", memory: 64 << 20,
			least: load{Sent: 4 << 20, Served: 10},
			send:  sendLongNames,
		},
		{
			name:    "2,000 connections of HTTP: bodies that never come, headers that never end, nothing at all; and more that come and go, on 4 connections at once.",
			bound:   "256 places, half of them for an address; 10 s for a request, no bodies",
			notices: "nothing: who comes gets the place of one that waits", memory: 64 << 20,
			least: load{Served: 10},
			send:  sendRequests,
		},
		{
			name:    "Wrong keys by HTTP (DELETE), on 20 connections, again and again.",
			bound:   "after three of an address, answers take 250 ms and twice as long for each, to 8 s, and end the connection",
			notices: "nothing", memory: 48 << 20,
			least: load{Served: 3},
			send:  sendWrongDeletes,
		},
	}
}

func sendHandshakes(s *stranger) {
	// C0 and C1 of a client that says a version, whose signature is looked for in
	// two places.
	signed := append([]byte{3, 0, 0, 0, 0, 10, 0, 45, 2}, make([]byte, 1528)...)
	answer := sync.Pool{New: func() any { return new([3073]byte) }}
	s.crowd(8, func() error {
		for _, first := range [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), signed} {
			nc, err := s.dial()
			if err != nil {
				return err
			}
			pour(nc, first)
			b, _ := answer.Get().(*[3073]byte)
			if n, _ := io.ReadFull(nc, b[:]); n == len(b) {
				s.served.Add(1)
			}
			answer.Put(b)
			nc.Close()
		}
		return nil
	})
}

func sendLongNames(s *stranger) {
	long := "no/" + strings.Repeat("x", 500<<10) + "?key=SECRET"
	both := append(chunks(0, "getStreamLength", nil, long), chunks(1, "play", nil, long, 0.0)...)
	s.crowd(10, func() error {
		nc, err := s.letIn()
		if err != nil {
			return err
		}
		defer nc.Close()
		go func() { _, _ = io.Copy(io.Discard, nc) }() // until it is closed
		for s.goes() {
			if _, err := nc.Write(both); err != nil {
				return err
			}
		}
		return nil
	})
}

func sendRequests(s *stranger) {
	var begun atomic.Int64
	var all sync.WaitGroup
	all.Go(func() { s.crowd(1, func() error { return s.asks("/healthz") }) })
	s.crowd(4, func() error {
		nc, err := s.dialTo(s.HTTP)
		if err != nil {
			return err
		}
		n := begun.Add(1)
		pour(nc, []byte([]string{
			"DELETE /recordings/app/one/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
			"GET /recordings HTTP/1.1\r\nHost: localhost\r\nX: ", "",
		}[n%3]))
		if n > 2000 {
			nc.Close()
		}
		return nil
	})
	all.Wait()
}

// asks asks by HTTP, and returns what is wrong with the answer.
func (s *stranger) asks(path string) error {
	nc, err := s.dialFrom(askersAddress, s.HTTP)
	if err != nil {
		return err
	}
	defer nc.Close()
	pour(nc, []byte("GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
	answer, err := io.ReadAll(nc)
	if len(answer) == 0 {
		return cmp.Or(err, io.EOF)
	}
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		return fmt.Errorf("%s is answered with %.100q, %w", path, answer, err)
	}
	s.served.Add(1)
	return nil
}

func sendWrongDeletes(s *stranger) {
	s.crowd(20, func() error {
		nc, err := s.dialTo(s.HTTP)
		if err != nil {
			return err
		}
		defer nc.Close()
		for s.goes() {
			pour(nc, []byte("DELETE /recordings/app/one/none.flv HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n"))
			if n, _ := nc.Read(make([]byte, 4<<10)); n == 0 {
				break // it was ended
			}
			s.served.Add(1)
		}
		return nil
	})
}
