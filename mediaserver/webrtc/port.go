package webrtc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// Port is the UDP port through which all sessions go. Whose a packet is, the ICE
// username in the first one from its address says; others are dropped.
type Port struct {
	socket  *socket
	mux     *ice.UDPMuxDefault
	address *net.UDPAddr
}

// socketBuffer is how many bytes the kernel may hold of a socket, either way: half a
// second of many viewers.
const socketBuffer = 4 << 20

// Listen opens the port, host:port.
func Listen(address string) (*Port, error) {
	pc, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	udp, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no UDP port", address), pc.Close())
	}
	// A system that gives less serves all the same.
	_ = udp.SetReadBuffer(socketBuffer)
	_ = udp.SetWriteBuffer(socketBuffer)
	p := &Port{socket: &socket{UDPConn: udp}, address: udp.LocalAddr().(*net.UDPAddr)}
	p.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: silent{}, UDPConn: p.socket})
	return p, nil
}

// Addr is the address listened on.
func (p *Port) Addr() *net.UDPAddr { return p.address }

// Dropped is how many packets were no session's by their first bytes.
func (p *Port) Dropped() uint64 { return p.socket.dropped.Load() }

// Close ends the port, and all that still goes through it.
func (p *Port) Close() { _ = p.mux.Close() }

// socket reads packets that may be a session's. What strangers send is looked at before
// anything is made of it.
type socket struct {
	*net.UDPConn
	dropped atomic.Uint64
	closing sync.Once
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, from, err
		}
		if plausible(b[:n]) {
			return n, from, nil
		}
		s.dropped.Add(1)
	}
}

// ReadFrom implements net.PacketConn.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteToUDPAddrPort(b, to)
}

// Close implements net.PacketConn; it may be called more than once.
func (s *socket) Close() (err error) {
	s.closing.Do(func() { err = s.UDPConn.Close() })
	return err
}

// plausible tells STUN, DTLS and SRTP apart from all else by the first byte
// [RFC 7983 §7]; STUN has a cookie and its own length, too [RFC 8489 §5].
func plausible(b []byte) bool {
	const stunHeader = 20
	if len(b) < 12 {
		return false
	}
	switch first := b[0]; {
	case first < 4:
		return len(b) >= stunHeader && string(b[4:8]) == "\x21\x12\xa4\x42" && int(b[2])<<8|int(b[3]) == len(b)-stunHeader
	case first >= 20 && first < 64, first >= 128 && first < 192:
		return true
	}
	return false
}

// silent is pion's log: what strangers send is not worth a line, and what matters is
// returned as an error.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger { return silent{} }
func (silent) Trace(string)                           {}
func (silent) Tracef(string, ...any)                  {}
func (silent) Debug(string)                           {}
func (silent) Debugf(string, ...any)                  {}
func (silent) Info(string)                            {}
func (silent) Infof(string, ...any)                   {}
func (silent) Warn(string)                            {}
func (silent) Warnf(string, ...any)                   {}
func (silent) Error(string)                           {}
func (silent) Errorf(string, ...any)                  {}
