//go:build clients

package server

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// outerTrials are the strangers who fill the log, and HTTP.
func outerTrials() []trial {
	return []trial{
		{
			name:    "2,000 handshakes that are none, and 200 questions with names of 500 KB, while nobody reads the log.",
			bound:   "256 characters a value, 100 lines of a kind and then 20 a second for an address, 1 MB of lines that wait",
			notices: "nothing: nobody waits for the log", memory: 64 << 20,
			send: func(t *testing.T, s *stranger) {
				for range 2000 {
					nc, err := s.dial()
					if err != nil {
						s.failed(t, err)
						return
					}
					pour(nc, []byte("GET / HTTP/1.1\r\n\r\n"))
					nc.Close()
				}
				long := "no/" + strings.Repeat("x", 500<<10) + "?key=SECRET"
				chunks := func(stream uint32, name string, object amf.Value, args ...amf.Value) []byte {
					m, err := rtmp.NewCommand(stream, name, 1, object, args...)
					if err != nil {
						t.Error(err)
						return nil
					}
					return rtmp.AppendChunks(nil, m, 128)
				}
				hello := append(chunks(0, "connect", amf.NewObject("app", "app/one")), chunks(0, "createStream", nil)...)
				both := append(chunks(0, "getStreamLength", nil, long), chunks(1, "play", nil, long, 0.0)...)
				for range 10 {
					_, nc, err := s.shake()
					if err != nil {
						s.failed(t, err)
						return
					}
					go func() { _, _ = io.Copy(io.Discard, nc) }() // until it is closed
					pour(nc, hello)
					for range 10 {
						pour(nc, both)
					}
				}
			},
		},
		{
			name:    "2,000 connections of HTTP: bodies that never come, headers that never end, nothing at all.",
			bound:   "256 places, half of them for an address; 10 s for a request, no bodies",
			notices: "nothing: who comes gets the place of one that waits", memory: 64 << 20,
			send: func(t *testing.T, s *stranger) {
				for n := range 2000 {
					nc, err := s.dialTo(s.server.http)
					if err != nil {
						s.failed(t, err)
						return
					}
					pour(nc, []byte([]string{
						"DELETE /recordings/app/one/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
						"GET /recordings HTTP/1.1\r\nHost: localhost\r\nX: ", "",
					}[n%3]))
				}
				nc, err := s.dialTo(s.server.http)
				if err != nil {
					s.failed(t, err)
					return
				}
				_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
				pour(nc, []byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
				if answer, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
					s.failed(t, fmt.Errorf("/healthz is answered with %.100q, %w", answer, err))
				}
			},
		},
	}
}
