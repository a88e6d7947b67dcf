//go:build clients

package server

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// longFilms is how many films have long heads, and longFilm how many packets each.
const (
	longFilms = 40
	longFilm  = 1_000_000
)

// webTrials are the strangers who come to the ports of pages, of the console, of WebRTC and
// of TLS, as browsers would.
func webTrials() []trial {
	return []trial{
		{
			name:    "Wrong tokens for the console, and events and media without a session, on 20 connections, again and again.",
			bound:   "after three of an address, answers take 250 ms and twice as long for each, to 8 s; 256 places, half of them for an address",
			notices: "nothing", memory: 48 << 20,
			least: load{Sent: 128 << 10, Served: 60},
			send:  sendWrongTokens,
		},
		{
			name:    "Offers of WebRTC that are none, on 20 connections: 64 KB of noise, of attributes, of candidates, of payload types, of sections; and bodies without end.",
			bound:   "64 KB a body; 128 payload types; half of the processors, in turns",
			notices: "nothing: 400, 413 or 422, and the reason", memory: 96 << 20,
			least: load{Sent: 1 << 20, Served: 30},
			send:  sendOffers,
		},
		{
			name:    "Packets to the UDP port of WebRTC without end, from 8 sockets: noise, media, and questions of ICE with other names each.",
			bound:   "the first bytes say whose a packet is; 4 MB that wait in the kernel",
			notices: "nothing", memory: 48 << 20,
			least: load{Sent: 4 << 20},
			send:  sendPackets,
		},
		{
			name:    "Connections of ICE to the port of pages, 100 at once, again and again: of names that nobody has, halves of frames, and frames that are too long.",
			bound:   "places as all connections have; 10 s and 512 bytes for the first frame",
			notices: "nothing: closed", memory: 64 << 20,
			least: load{Sent: 48 << 10, Served: 100},
			send:  sendICE,
		},
		{
			name:    "Handshakes of TLS that do not end: 190 connections that say nothing, half of a hello, or a hello and no more, and 4 that do so again and again.",
			bound:   "10 s; places as all connections have; half of the processors, in turns",
			notices: "nothing", memory: 64 << 20,
			least: load{Sent: 16 << 10, Served: 20},
			send:  sendHellos,
		},
		{
			name:    "40 films of 1,000,000 packets asked for as MP4, on 16 connections that read nothing of them.",
			bound:   "96 MB of heads, 102 MB of indexes; what is asked for again is made once; half of the processors, in turns",
			notices: "nothing: who finds no room is told to come later", memory: 384 << 20, kept: 208 << 20,
			least:   load{Served: 1},
			prepare: prepareFilms, send: sendFilms,
		},
	}
}

// request sends one of HTTP to an address, and drops the answer.
func (s *stranger) request(to, text string) error {
	nc, err := s.dialFrom(askersAddress, to)
	if err != nil {
		return err
	}
	defer nc.Close()
	pour(nc, []byte(text))
	if n, err := io.Copy(io.Discard, nc); n == 0 { // until it is closed, by either
		return cmp.Or(err, io.EOF)
	}
	s.served.Add(1)
	return nil
}

func sendWrongTokens(s *stranger) {
	const end = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Flashpod-Console: 1\r\nAuthorization: Bearer "
	s.crowd(20, func() error {
		for n, what := range []string{"POST /-/console/api/session", "GET /-/console/api/events", "GET /-/console/media/app/one/live.flv"} {
			if err := s.request(s.HTTP, what+end+strings.Repeat(fmt.Sprint(n), 200)+"\r\n\r\n"); err != nil {
				return err
			}
		}
		return nil
	})
}

// badOffers are bodies that say nothing good.
func badOffers() (all []string) {
	const head, size = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", 64 << 10
	fill := func(front, again string) string {
		return front + strings.Repeat(again, (size-len(front))/len(again))
	}
	const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=mid:0\r\n"
	return []string{
		fill("", "\xff\x00noise"),
		fill(head, "a=x:y\r\n"),
		fill(head+video, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"),
		fill(head+"m=video 9 UDP/TLS/RTP/SAVPF", " 96"),
		fill(head, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"),
		fill(head, video) + strings.Repeat("x", size),
	}
}

func sendOffers(s *stranger) {
	bodies := badOffers()
	s.crowd(20, func() error {
		for n, body := range bodies {
			way := []string{"whep", "whip"}[n%2]
			text := fmt.Sprintf("POST /-/%s/app/one/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", way, len(body), body)
			if err := s.request(s.Web, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// question is a binding request of STUN for a user [RFC 8489 §5].
func question(user string) []byte {
	padded := append([]byte(user), make([]byte, -len(user)&3)...)
	b := binary.BigEndian.AppendUint16([]byte{0, 1}, uint16(4+len(padded)))
	b = append(b, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	b = binary.BigEndian.AppendUint16(append(b, 0, 6), uint16(len(user)))
	return append(b, padded...)
}

func sendPackets(s *stranger) {
	to, err := net.ResolveUDPAddr("udp", s.UDP)
	if err != nil {
		s.failed(err)
		return
	}
	s.crowd(8, func() error {
		nc, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(strangersAddress)}, to)
		if err != nil {
			return err
		}
		defer func() { _ = nc.Close() }()
		noise, media := bytes.Repeat([]byte{0xff}, 1200), append([]byte{0x80}, make([]byte, 1200)...)
		for n := 0; s.goes(); n++ {
			for _, b := range [][]byte{noise, media, question(fmt.Sprintf("nobody%d:else", n))} {
				sent, err := nc.Write(b)
				if s.sent.Add(uint64(sent)); err != nil {
					return nil // the kernel has no room, which is as good
				}
				s.served.Add(1)
			}
		}
		return nil
	})
}

func sendICE(s *stranger) {
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	firsts := [][]byte{
		frame(question("nobody:else")), frame(question(strings.Repeat("x", 400))),
		frame(question("half:frame"))[:30], append([]byte{0, 255, 0xff}, make([]byte, 2000)...), {0},
	}
	var n sync.Mutex
	next := 0
	s.crowd(100, func() error {
		nc, err := s.dialTo(s.Web)
		if err != nil {
			return err
		}
		defer nc.Close()
		n.Lock()
		first := firsts[next%len(firsts)]
		next++
		n.Unlock()
		pour(nc, first)
		_ = nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // those that wait are left
		_, _ = io.Copy(io.Discard, nc)
		s.served.Add(1)
		return nil
	})
}

// clientHello is how a client of TLS begins: the record of a ClientHello [RFC 8446 §4.1.2].
func clientHello() []byte {
	body := append([]byte{3, 3}, make([]byte, 32)...)      // its version, and what is random
	body = append(body, 0, 0, 2, 0x13, 0x01, 1, 0)         // no session, one cipher suite, no compression
	more := []byte{0, 43, 0, 3, 2, 3, 4}                   // supported_versions: 1.3
	more = append(more, 0, 10, 0, 4, 0, 2, 0, 29)          // supported_groups: X25519
	more = append(more, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4)     // signature_algorithms
	more = append(more, 0, 51, 0, 38, 0, 36, 0, 29, 0, 32) // key_share
	more = append(more, bytes.Repeat([]byte{9}, 32)...)    // of no secret that anybody knows
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(more))), more...)
	record := append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{22, 3, 1, byte(len(record) >> 8), byte(len(record))}, record...)
}

func sendHellos(s *stranger) {
	whole := clientHello()
	firsts := [][]byte{nil, whole[:len(whole)/2], whole}
	for n := range 190 {
		s.insists(func() error {
			nc, err := s.dialTo(s.TLS)
			if err == nil {
				pour(nc, firsts[n%len(firsts)])
			}
			return err
		})
	}
	s.crowd(4, func() error {
		nc, err := s.dialTo(s.TLS)
		if err != nil {
			return err
		}
		defer nc.Close()
		pour(nc, whole)
		_, err = io.ReadFull(nc, make([]byte, 300)) // some of what the server has signed
		if err == nil {
			s.served.Add(1)
		}
		return err
	})
}

// prepareFilms writes one film, under many names: each is asked for by itself.
func prepareFilms(folder string) error {
	const header = "\x08\xaf\x00\x12\x10" // AAC: 44,100 Hz, two channels
	b := appendTags(append([]byte(nil), flvHead...), []byte(header), 0, 1)
	first := filepath.Join(folder, "film0.flv")
	if err := os.WriteFile(first, appendTags(b, soundTag, 0, longFilm), 0o644); err != nil {
		return err
	}
	for n := range longFilms - 1 {
		if err := os.Link(first, filepath.Join(folder, fmt.Sprintf("film%d.flv", n+1))); err != nil {
			return err
		}
	}
	return nil
}

func sendFilms(s *stranger) {
	next := make(chan int, longFilms)
	for n := range longFilms {
		next <- n
	}
	s.crowd(16, func() error {
		n := <-next
		next <- n
		nc, err := s.dialFrom(askersAddress, s.Web)
		if err != nil {
			return err
		}
		defer nc.Close()
		pour(nc, fmt.Appendf(nil, "GET /app/one/film%d.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n", n))
		status := make([]byte, 12)
		if _, err := io.ReadFull(nc, status); err != nil {
			return err
		}
		switch string(status[9:]) {
		case "200":
			s.served.Add(1)
		case "503":
		default:
			return fmt.Errorf("a film is answered with %s", status)
		}
		return nil
	})
}
