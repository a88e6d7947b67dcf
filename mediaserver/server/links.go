package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/origin"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// minLinkKey is how many bytes a link's key has at least: whoever has it is let in as
// every client at once.
const minLinkKey = 16

// beginLinks makes this server an origin or an edge, where it is to be one.
func (s *Server) beginLinks() error {
	file := s.cfg.LinkKeyFile
	switch {
	case s.cfg.EdgeOf == "" && file == "":
		return nil
	case file == "":
		return errors.New("an edge shows its origin a key: set --link-key-file to a copy of the origin's")
	case s.cfg.EdgeOf == "":
		if err := makeKey(file); err != nil {
			return fmt.Errorf("link key: %w", err)
		}
	}
	key, err := readKey(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("link key: %w: copy it from the origin, which has made it", err)
	case err != nil:
		return fmt.Errorf("link key: %w", err)
	case len(key) < minLinkKey:
		return fmt.Errorf("link key: %s has %d characters, and needs %d: remove it, and the origin makes one", file, len(key), minLinkKey)
	}
	if s.cfg.EdgeOf != "" {
		s.edge = edge.New(edge.Config{Origin: s.cfg.EdgeOf, Key: []byte(key), Fanout: s.fanout, Log: s.log})
		return nil
	}
	s.origin, err = origin.New(origin.Config{Directory: s, Key: []byte(key), Log: s.log, Delivery: delivery})
	return err
}

// delivery is how streams of an instance are sent to players.
func delivery(of session.Instance) stream.Options {
	if i, ok := of.(interface{ Delivery() stream.Options }); ok {
		return i.Delivery()
	}
	return stream.Options{}
}

// isLink says whether a connection begins as a link of an edge does, once it has said
// anything. What it says stays to be read.
func isLink(nc net.Conn) bool {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false // TLS of RTMPS
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	_ = nc.SetReadDeadline(time.Now().Add(firstByteTime))
	defer func() { _ = nc.SetReadDeadline(time.Time{}) }()
	var first [1]byte
	n := 0
	err = raw.Read(func(fd uintptr) bool {
		var err error
		n, _, err = unix.Recvfrom(int(fd), first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return err == nil && n == 1 && first[0] == link.Preface[0]
}

// firstByteTime is how long whoever connects may say nothing: as long as a session lets a
// handshake take.
const firstByteTime = 10 * time.Second

// serveLink serves a connection of an edge.
func (s *Server) serveLink(nc net.Conn) {
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(firstByteTime))
	begin := make([]byte, len(link.Preface))
	if _, err := io.ReadFull(nc, begin); err != nil || string(begin) != link.Preface {
		s.count("handshake failed")
		return
	}
	_ = nc.SetReadDeadline(time.Time{})
	err := s.origin.Serve(nc)
	switch {
	case errors.Is(err, link.ErrKey):
		s.count("wrong link key")
		s.log.Warn("an edge is refused", "err", err)
	case err != nil && !s.draining.Load() && !errors.Is(err, os.ErrClosed):
		s.log.Debug("a connection of an edge has ended", "address", nc.RemoteAddr().String(), "err", err)
	}
}

// endLinks ends what is linked, when its clients have gone or must.
func (s *Server) endLinks() {
	if s.origin != nil {
		s.origin.Close()
	}
	if s.edge != nil {
		s.edge.Close()
	}
}

// tellSessions has everybody told to go whose instance is elsewhere.
func (s *Server) tellSessions(reason string) {
	if s.edge == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.conns {
		one.Shutdown(reason) // it does not wait
	}
}

// EdgeOf is the origin that this server is an edge of; "": none.
func (s *Server) EdgeOf() string { return s.cfg.EdgeOf }

// TakesLinks says whether edges may link to this server.
func (s *Server) TakesLinks() bool { return s.origin != nil }
