package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// byOne and byTwo are versions of HTTP, as ALPN calls them.
const (
	byOne = "http/1.1"
	byTwo = "h2"
)

// openEvery is after how many received bytes a viewer by HTTP/2 opens its windows again:
// Chromium does so for a stream when half of its 6 MiB are used.
const openEvery = 3 << 20

// Frames of HTTP/2 [RFC 9113 §6], and what a viewer says with them: that the server need
// not wait for it as long as a row lasts, since what comes is thrown away undeciphered.
const (
	frameHeaders  = 1
	frameSettings = 4
	framePing     = 6
	frameWindow   = 8

	flagAck = 1
)

func frame(kind, flags, stream byte, payload string) []byte {
	return append([]byte{0, 0, byte(len(payload)), kind, flags, 0, 0, 0, stream}, payload...)
}

// askTwo asks for the stream by HTTP/2.
func askTwo() []byte {
	return bytes.Join([][]byte{
		[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		frame(frameSettings, 0, 0, "\x00\x04\x7f\xff\xff\xff"), // the window of a stream
		frame(frameWindow, 0, 0, "\x7f\xff\x00\x00"),
		// GET, https, the path and the authority [RFC 7541 appendix A]
		frame(frameHeaders, 5, 1, "\x82\x87\x04\x0c/bench/s.flv\x01\x05bench"),
	}, nil)
}

// answeredTwo says whether a server has answered, and whether well.
func answeredTwo(b []byte) (answered bool, err error) {
	for len(b) >= 9 {
		size := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if len(b) < 9+size {
			return false, nil
		}
		if b[3] == frameHeaders {
			if size == 0 || b[9] != 0x88 { // :status 200
				return true, fmt.Errorf("it is answered %.100q", b[9:9+size])
			}
			return true, nil
		}
		b = b[9+size:]
	}
	return false, nil
}

// addSecureWeb connects a viewer by HTTPS, as addWeb and addSecure do.
func (l *loader) addSecureWeb(to netip.AddrPort, version string) error {
	fd, err := dial(to)
	if err != nil {
		return err
	}
	p := &player{fd: fd, stage: playing}
	c := tls.Client(fdConn(fd), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{version}}) // the certificate is this run's own
	ask := []byte(ways[0].request)
	if version == byTwo {
		ask = askTwo()
		pulse := slices.Concat(
			frame(frameWindow, 0, 1, "\x00\x2e\x00\x00"), // of which records' headers and tags are not paid
			frame(frameWindow, 0, 0, "\x00\x2e\x00\x00"),
			frame(framePing, flagAck, 0, "flashpod")) // to a question that it cannot read
		p.pulse = func() error {
			_, err := c.Write(pulse)
			return err
		}
	}
	_, err = c.Write(ask)
	for answered := false; err == nil && !answered; {
		var n int
		if n, err = c.Read(l.sink[p.got:]); err != nil {
			break
		}
		p.got += uint64(n)
		said := l.sink[:p.got]
		switch status := []byte("HTTP/1.1 200"); {
		case version == byTwo:
			answered, err = answeredTwo(said)
		case len(said) < len(status):
		case bytes.HasPrefix(said, status):
			answered = true
		default:
			err = fmt.Errorf("it is answered %.200q", said)
		}
		if p.got == uint64(len(l.sink)) && !answered {
			err = errors.Join(err, errors.New("it is not answered"))
		}
	}
	if err != nil {
		closeSocket(fd)
		return fmt.Errorf("a viewer by %s: %w", version, err)
	}
	l.ready++
	return l.watch(p)
}
