package server

import (
	"net"
	"net/http"
	"net/netip"

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
	port, err := webrtc.Listen(address)
	if _, any, _ := net.SplitHostPort(s.cfg.WebAddress); err != nil && s.cfg.WebRTCAddress == "" && any == "0" {
		// Nobody has asked for that number.
		host, _, _ := net.SplitHostPort(address)
		port, err = webrtc.Listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		s.public.listener.Close()
		return listenError("WebRTC (UDP)", "--webrtc-address", address, err)
	}
	s.public.udp = port
	return nil
}

// WebRTCAddr is the address of WebRTC, nil when there is none.
func (s *Server) WebRTCAddr() net.Addr {
	if s.public.udp == nil {
		return nil
	}
	return s.public.udp.Addr()
}

// serveWebRTC has WebRTC served, if there is a port for it.
func (s *Server) serveWebRTC() bool {
	p := &s.public
	if p.udp == nil {
		return false
	}
	p.rtc = webrtc.New(s.streams(), webrtc.Options{
		Port: p.udp, Advertise: s.cfg.WebRTCAdvertise,
		Directory: s, Client: s.introduce, Enter: s.enterWebRTC,
		Place: func(path string) (application, instance, name string) {
			at := s.place(path)
			return at.Application, at.Instance, at.Stream
		},
		Budget: s.cfg.Budgets.WebRTC, Turns: s.cfg.Budgets.Turns, Log: s.log, PublisherIdle: s.cfg.PublisherIdle,
	})
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
