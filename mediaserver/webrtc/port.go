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

	"flashpod.dev/flashpod/mediaserver/webrtc/relay"
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

// Among is what a server has in common with others that clients reach under one address: see
// package relay.
type Among struct {
	// Address is where the others reach this server's port: an address that is its own, and
	// the port, 0 for the one that is listened on. Web is its port of HTTP at that address.
	Address netip.AddrPort
	Web     uint16
	// Keys are those that all have, as relay.Options has them.
	Keys func() [][]byte
}

// Listen opens the port, host:port. Whose address clients send to is this server's alone
// where among is nil.
func Listen(address string, among *Among) (*Port, error) {
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
	if among != nil {
		at := among.Address
		if at.Port() == 0 {
			at = netip.AddrPortFrom(at.Addr(), uint16(p.address.Port))
		}
		p.socket.relay = relay.New(relay.Options{Address: at, Web: among.Web, Keys: among.Keys, Send: func(b []byte, to netip.AddrPort) error {
			_, err := udp.WriteToUDPAddrPort(b, to)
			return err
		}})
	}
	p.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: silent{}, UDPConn: p.socket})
	return p, nil
}

// Addr is the address listened on.
func (p *Port) Addr() *net.UDPAddr { return p.address }

// Dropped is how many packets were no session's by their first bytes.
func (p *Port) Dropped() uint64 { return p.socket.dropped.Load() }

// Passed are the packets that went to other servers' sessions and came from them; none where
// the address is this server's alone.
func (p *Port) Passed() relay.Counts {
	if p.socket.relay == nil {
		return relay.Counts{}
	}
	return p.socket.relay.Counts()
}

// Close ends the port, and all that still goes through it.
func (p *Port) Close() { _ = p.mux.Close() }

// socket reads packets that may be a session's. What strangers send is looked at before
// anything is made of it.
type socket struct {
	*net.UDPConn
	relay   *relay.Relay // nil: all packets are this server's
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
		if r := s.relay; r != nil && (relay.Wrapped(b[:n]) || plausible(b[:n])) {
			packet, as, mine := r.In(b[:n], from)
			if !mine {
				continue
			}
			n, from = copy(b, packet), as
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
	if s.relay != nil {
		return s.relay.Write(b, to)
	}
	return s.WriteToUDPAddrPort(b, to)
}

// WriteTo implements net.PacketConn.
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("%v is no address of UDP", to)
	}
	return s.WriteToAddrPort(b, udp.AddrPort())
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
