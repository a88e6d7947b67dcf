package webrtc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

const (
	// SessionMemory is what a session may take, in bytes: its transport, and packets
	// that are kept to be sent, or put in order, once more.
	SessionMemory = 1 << 20
	// failTime is how long, of the time that nothing comes from a client until it counts as
	// gone, ICE takes to be sure.
	failTime  = 5 * time.Second
	keepAlive = 2 * time.Second
	// receiveMTU bounds the packets that are read, in bytes.
	receiveMTU = 1500
)

// peer is one session.
type peer struct {
	h       *Handler
	id      string
	path    string       // APPLICATION/INSTANCE/NAME, as its address has it
	ufrag   string       // of the client
	user    string       // our own
	mark    string       // of its id, which is a secret: what logs and entity tags show
	tcp     atomic.Int32 // connections that it has
	watches bool
	log     *slog.Logger
	pc      *pion.PeerConnection
	turn    *budget.Turn // of the request that makes it
	leave   func()

	connected chan struct{} // closed when media may flow
	isIn      sync.Once
	ctx       context.Context // ends with the session, which says why
	cancel    context.CancelCauseFunc
	ended     chan struct{} // closed when all is given back
}

// errGone says that nothing comes from the client any more.
var errGone = errors.New("the client has gone")

// newPeer takes what a session costs. It is given back by run, or by abandon.
func (h *Handler) newPeer(r *http.Request, path string, watches bool) (*peer, error) {
	leave, err := h.opts.Enter(r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	if !h.opts.Budget.Take(SessionMemory) {
		leave()
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "limit reached: there are as many sessions of WebRTC as the server has memory for")
	}
	p := &peer{
		h: h, id: newID(), user: rand.Text()[:12], mark: rand.Text()[:8], path: path, watches: watches, turn: h.opts.Turns.For(r.RemoteAddr), connected: make(chan struct{}), ended: make(chan struct{}),
		leave: func() { h.opts.Budget.Give(SessionMemory); leave() },
	}
	if among := h.opts.Port.socket.relay; among != nil {
		p.id, p.user = among.SessionName(), among.Name()
	}
	p.log = h.opts.Log.With("session", p.mark, "address", r.RemoteAddr)
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p, nil
}

// connect makes the connection, of codecs that are registered. It is made for what the
// client offers: see answer.
func (p *peer) connect(codecs *pion.MediaEngine, interceptors *interceptor.Registry) (err error) {
	var s pion.SettingEngine
	s.SetLite(true)
	s.SetICEUDPMux(p.h.opts.Port.mux)
	networks := []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6}
	if t := p.h.opts.TCP; t != nil {
		s.SetICETCPMux(t.mux)
		networks = append(networks, pion.NetworkTypeTCP4, pion.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	password := rand.Text()
	s.SetICECredentials(p.user, password)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	s.SetICETimeouts(p.h.opts.Silence-failTime, failTime, keepAlive)
	s.DisableActiveTCP(true)
	s.SetReceiveMTU(receiveMTU)
	s.SetDTLSConnectContextMaker(func() (context.Context, func()) {
		return context.WithTimeout(p.ctx, p.h.opts.ConnectTimeout)
	})
	s.LoggerFactory = silent{}
	if err := s.SetAnsweringDTLSRole(pion.DTLSRoleServer); err != nil {
		return err
	}
	p.turn.Begin(p.ctx.Done())
	defer p.turn.End()
	api := pion.NewAPI(pion.WithMediaEngine(codecs), pion.WithInterceptorRegistry(interceptors), pion.WithSettingEngine(s))
	if p.pc, err = api.NewPeerConnection(pion.Configuration{}); err != nil {
		return err
	}
	if among := p.h.opts.Port.socket.relay; among != nil {
		among.Enter(p.user, password)
	}
	p.pc.OnConnectionStateChange(func(state pion.PeerConnectionState) {
		switch state {
		case pion.PeerConnectionStateConnected:
			p.isIn.Do(func() { close(p.connected) })
		case pion.PeerConnectionStateFailed, pion.PeerConnectionStateClosed:
			p.end(errGone)
		}
	})
	return nil
}

// answer is what the client is told, and says that the session may run.
func (p *peer) answer(ctx context.Context, o *offer) (string, error) {
	addresses, err := p.h.public.addresses(ctx)
	if err != nil {
		return "", fmt.Errorf("the server does not know its own address: %w", err)
	}
	p.turn.Begin(ctx.Done())
	defer p.turn.End()
	text, err := o.forPion()
	if err != nil {
		return "", badOffer(err)
	}
	if err := p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: text}); err != nil {
		return "", badOffer(err)
	}
	for _, m := range o.description.MediaDescriptions {
		if ufrag, ok := m.Attribute("ice-ufrag"); ok {
			p.ufrag = ufrag
		}
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", badOffer(err)
	}
	gathered := pion.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", badOffer(err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	var tcp []netip.AddrPort
	if t := p.h.opts.TCP; t != nil {
		tcp = t.addresses(addresses, p.h.public.port)
	}
	return withCandidates(p.pc.LocalDescription().SDP, addresses, tcp)
}

func badOffer(err error) error {
	return outlet.Refuse(http.StatusBadRequest, fmt.Sprintf("the offer cannot be answered: %.300v", err))
}

// run serves a session that was answered, beside: do runs once media may flow, until
// ctx ends, and finish when all is over.
func (p *peer) run(do func(context.Context) error, finish func()) error {
	if err := p.h.enter(p); err != nil {
		return err
	}
	go func() {
		defer p.h.leave(p)
		defer close(p.ended)
		defer p.leave()
		defer finish()
		began := time.Now()
		why := p.last(do)
		p.end(why)
		if err := p.close(); err != nil {
			p.log.Debug("close", "err", err)
		}
		p.log.Info("WebRTC session has ended", "path", p.path, "seconds", int(time.Since(began).Seconds()), "because", context.Cause(p.ctx))
	}()
	return nil
}

// last is a session from its answer to its end.
func (p *peer) last(do func(context.Context) error) error {
	late := time.NewTimer(p.h.opts.ConnectTimeout)
	defer late.Stop()
	select {
	case <-p.connected:
	case <-late.C:
		return fmt.Errorf("it was not connected within %v: is the UDP port reachable?", p.h.opts.ConnectTimeout)
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
	return do(p.ctx)
}

// end ends the session; the first reason counts. It does not wait.
func (p *peer) end(why error) { p.cancel(why) }

// abandon gives back what a session has that never ran.
func (p *peer) abandon() {
	p.end(errGone)
	if p.pc != nil {
		_ = p.close() // nothing has gone through it
	}
	p.leave()
}

// close ends the connection. Then packets for it are nobody's.
func (p *peer) close() error {
	err := p.pc.GracefulClose()
	if among := p.h.opts.Port.socket.relay; among != nil {
		among.Leave(p.user)
	}
	return err
}
