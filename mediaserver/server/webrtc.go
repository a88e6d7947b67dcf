package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/webrtc"
)

// WebRTCOff is no address of WebRTC, for who does not want the one of the web.
const WebRTCOff = "off"

// listenWebRTC opens the UDP port of WebRTC, if there is one.
func (s *Server) listenWebRTC() error {
	address := s.cfg.WebRTCAddress
	if address == WebRTCOff {
		return nil
	}
	if address == "" {
		address = s.public.listener.Addr().String()
	}
	host, number, _ := net.SplitHostPort(address)
	_, ofWeb, _ := net.SplitHostPort(s.cfg.WebAddress)
	if s.cfg.WebRTCAddress == "" && ofWeb == "0" { // nobody has asked for the number of the web
		if s.listenWebRTCAt(address) == nil {
			return nil
		}
		number = "0"
	}
	var err error
	for tries := 0; tries == 0 || number == "0" && tries < 10; tries++ { // one that is free for UDP need not be for TCP
		if err = s.listenWebRTCAt(net.JoinHostPort(host, number)); err == nil {
			return nil
		}
	}
	s.public.listener.Close()
	return err
}

// listenWebRTCAt opens the port of WebRTC at an address, and that of TCP of the same number,
// for clients whose networks let no UDP through. Where that is the web's own, what comes
// there is told apart: see iceOrWeb.
func (s *Server) listenWebRTCAt(address string) error {
	among, err := s.among()
	if err != nil {
		return err
	}
	port, err := webrtc.Listen(address, among)
	if err != nil {
		return listenError("WebRTC (UDP)", "--webrtc-address", address, err)
	}
	at, web := port.Addr(), s.public.listener.Addr().(*net.TCPAddr)
	tcpAt := &net.TCPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone}
	var ln net.Listener
	switch {
	case s.cfg.NoWebRTCTCP:
		tcpAt = nil
	case at.Port != web.Port:
		if ln, err = net.Listen("tcp", tcpAt.String()); err != nil {
			port.Close()
			return listenError("WebRTC (TCP)", "--webrtc-address", tcpAt.String(), err)
		}
	}
	s.public.udp, s.public.tcpAt, s.public.tcp = port, tcpAt, ln
	return nil
}

// among is what this server has in common with others behind one address of WebRTC; nil: the
// address is its own.
func (s *Server) among() (*webrtc.Among, error) {
	if s.cfg.WebRTCRelay == "" {
		return nil, nil
	}
	at, err := netip.ParseAddrPort(s.cfg.WebRTCRelay)
	if err != nil {
		host, err := netip.ParseAddr(strings.Trim(s.cfg.WebRTCRelay, "[]"))
		if err != nil {
			return nil, fmt.Errorf("--webrtc-relay-address %q is no address, such as 10.0.0.7 or [fd00::7]:8088: the others reach this server there", s.cfg.WebRTCRelay)
		}
		at = netip.AddrPortFrom(host, 0)
	}
	if at.Addr().IsUnspecified() || at.Addr().Zone() != "" {
		return nil, fmt.Errorf("--webrtc-relay-address %s: it is to be the one address at which the others reach this server", s.cfg.WebRTCRelay)
	}
	return &webrtc.Among{Address: at, Web: uint16(s.public.listener.Addr().(*net.TCPAddr).Port), Keys: s.linkKeys.now}, nil
}

// serveWebRTCByTCP takes connections of WebRTC until their port is closed. They are counted
// as all others are.
func (s *Server) serveWebRTCByTCP() {
	ln := &webListener{Listener: s.public.tcp, s: s, floods: newFloods()}
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go s.public.rtc.TakeTCP(nc)
	}
}

// iceOrWeb is a connection to the port of the web, whose client may be one of WebRTC: then
// the first byte is 0, as no request of HTTP begins, and the connection is another's.
type iceOrWeb struct {
	net.Conn
	take  func(net.Conn)
	heard bool
	taken atomic.Bool
}

// Read implements net.Conn. One at a time reads.
func (c *iceOrWeb) Read(b []byte) (int, error) {
	if c.taken.Load() {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	if c.heard || n == 0 {
		return n, err
	}
	c.heard = true
	if b[0] != 0 {
		return n, err
	}
	c.taken.Store(true)
	go c.take(&begun{c.Conn, slices.Clone(b[:n])})
	return 0, io.EOF
}

// begun is a connection of which something has been read.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn: who serves HTTP closes what has ended for it.
func (c *iceOrWeb) Close() error {
	if c.taken.Load() {
		return nil
	}
	return c.Conn.Close()
}

// SetDeadline, SetReadDeadline and SetWriteDeadline implement net.Conn.
func (c *iceOrWeb) SetDeadline(t time.Time) error      { return c.set(c.Conn.SetDeadline, t) }
func (c *iceOrWeb) SetReadDeadline(t time.Time) error  { return c.set(c.Conn.SetReadDeadline, t) }
func (c *iceOrWeb) SetWriteDeadline(t time.Time) error { return c.set(c.Conn.SetWriteDeadline, t) }

func (c *iceOrWeb) set(set func(time.Time) error, t time.Time) error {
	if c.taken.Load() {
		return nil
	}
	return set(t)
}

// SyscallConn implements syscall.Conn, as the connection does.
func (c *iceOrWeb) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite is the connection's.
func (c *iceOrWeb) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// WebRTCAddr is the address of WebRTC, nil when there is none.
func (s *Server) WebRTCAddr() net.Addr {
	if s.public.udp == nil {
		return nil
	}
	return s.public.udp.Addr()
}

// WebRTCByTCP says whether there is a port of TCP of the same number.
func (s *Server) WebRTCByTCP() bool { return s.public.tcpAt != nil }

// serveWebRTC has WebRTC served, if there is a port for it.
func (s *Server) serveWebRTC() bool {
	p := &s.public
	if p.udp == nil {
		return false
	}
	var tcp *webrtc.TCP
	if p.tcpAt != nil {
		tcp = webrtc.NewTCP(p.tcpAt)
	}
	p.rtc = webrtc.New(s.streams(), webrtc.Options{
		Port: p.udp, TCP: tcp, Advertise: s.cfg.WebRTCAdvertise,
		Directory: s, Client: s.introduce, Enter: s.enterWebRTC,
		Place: func(path string) (application, instance, name string) {
			at := s.place(path)
			return at.Application, at.Instance, at.Stream
		},
		Budget: s.cfg.Budgets.WebRTC, Turns: s.cfg.Budgets.Turns, Log: s.log, PublisherIdle: s.cfg.PublisherIdle, ConnectTimeout: s.cfg.rtcConnect, Silence: s.cfg.rtcSilence,
		InstanceWaits: s.cfg.streamWaits,
	})
	if p.tcp != nil {
		go s.serveWebRTCByTCP()
	}
	return true
}

// introduce says what a request shows of a publisher, and returns its key.
func (s *Server) introduce(r *http.Request, c *session.ConnectRequest) session.Credentials {
	c.Secure, c.Origin, c.PageURL = r.TLS != nil, s.pageOf(r), r.Header.Get("Referer")
	return credentials(r)
}

// enterWebRTC gives a session of WebRTC, which outlives its request, a place of its own
// among the connections.
func (s *Server) enterWebRTC(address string) (leave func(), err error) {
	s.mu.Lock()
	late := s.draining.Load()
	if !late {
		s.sessions.Add(1)
	}
	s.mu.Unlock()
	if late {
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "the server is shutting down")
	}
	if !s.rtcFrom.Come(address) {
		s.sessions.Done()
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "limit reached: your address has half of all sessions of WebRTC already")
	}
	if why := s.enter(address, 0, nil); why != nil {
		s.rtcFrom.Go(address)
		s.sessions.Done()
		return nil, outlet.Refuse(http.StatusServiceUnavailable, why.Error())
	}
	return func() { s.leave(address, 0); s.rtcFrom.Go(address); s.sessions.Done() }, nil
}

// newRTCAddresses counts sessions by address: one has half of what the budget is for.
func newRTCAddresses(b *budget.Budget, shared []netip.Prefix) *budget.Addresses {
	if b == nil {
		return budget.NewAddresses(0, shared)
	}
	return budget.NewAddresses(int(max(b.Max()/webrtc.SessionMemory/2, 1)), shared)
}
