package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/origin"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// beginLinks makes this server an origin or an edge, where it is to be one.
func (s *Server) beginLinks() error {
	if s.cfg.Routes != "" {
		return s.beginRoutes()
	}
	isEdge := s.cfg.EdgeOf != ""
	switch {
	case !isEdge && len(s.cfg.EdgeMayReach) > 0:
		return errors.New("--edge-may-reach is for an edge: set --edge-of, or leave it out")
	case !isEdge && s.cfg.EdgeMayReachFile != "":
		return errors.New("--edge-may-reach-file is for an edge: set --edge-of, or leave it out")
	case s.cfg.LinkGuestKeyFile != "" && s.cfg.LinkKeyFile == "":
		return errors.New("--link-guest-key-file is beside the keys of one's own edges: set --link-key-file, which is made where it is missing")
	case isEdge && s.cfg.LinkGuestKeyFile != "" && s.cfg.LinkAddress == "":
		return errors.New("--link-guest-key-file is for who takes links: an edge does at its --link-address, so set that, or leave it out")
	case isEdge && s.cfg.LinkKeyFile == "":
		return errors.New("an edge shows its origin a key: set --link-key-file to a copy of the origin's")
	case s.cfg.LinkAddress != "" && s.cfg.LinkKeyFile == "":
		return errors.New("edges show a key at --link-address: set --link-key-file, which is made where it is missing")
	case s.cfg.WebRTCRelay != "" && s.cfg.LinkKeyFile == "":
		return errors.New("servers that share an address of WebRTC (--webrtc-relay-address) know one another by a key: set --link-key-file")
	case s.cfg.LinkKeyFile == "":
		return nil
	}
	if err := s.openLinks(!isEdge); err != nil {
		return err
	}
	of := origin.Config{Directory: s, Memory: s.cfg.Budgets.Links, Keys: s.takenKeys, Log: s.log, Delivery: delivery, House: house{s}, Locate: s.locate, Holds: s.holds, LinkVersion: s.cfg.linkVersion}
	var err error
	if isEdge {
		if s.pieces, err = s.beginCache(); err != nil {
			return err
		}
		to := func(origin string, keys func() [][]byte) *edge.Edge {
			shown := func() [][]byte {
				if others := keys(); others != nil {
					return others
				}
				return s.linkKeys.now()
			}
			return edge.New(edge.Config{
				Origin: origin, Keys: shown, Fanout: s.fanout, Pieces: s.pieces, Turns: s.turns, Budgets: s.cfg.Budgets, Log: s.log,
				ConnectWaits: s.cfg.linkWaits, FileWaits: s.cfg.fileWaits, StreamWaits: s.cfg.streamWaits, LinkVersion: s.cfg.linkVersion,
			})
		}
		s.edge = to(s.cfg.EdgeOf, func() [][]byte { return nil })
		s.edge.Reach()
		if s.reach, err = newReach(s.cfg.EdgeOf, s.cfg.EdgeMayReach, to); err != nil {
			return err
		}
		if s.cfg.EdgeMayReachFile != "" {
			s.reachFile = openReachFile(s.cfg.EdgeMayReachFile, s.reach, s.cfg.clock, s.log)
		}
		if s.cfg.LinkAddress == "" {
			return nil
		}
		of.Directory, of.House, of.Locate, of.Holds = onward{s}, edgeHouse{s}, s.locateFar, nil // of edges of this edge
	}
	s.origin, err = origin.New(of)
	return err
}

// listenLinks opens the port of links alone, where there is one.
func (s *Server) listenLinks() error {
	if s.cfg.LinkAddress == "" {
		return nil
	}
	ln, err := net.Listen("tcp", s.cfg.LinkAddress)
	if err != nil {
		return listenError("links", "--link-address", s.cfg.LinkAddress, err)
	}
	s.links = ln
	return nil
}

// acceptLinks has every connection to the port of links served. An edge stands for many
// clients: what one address may have does not count there.
func (s *Server) acceptLinks() error {
	f := newFloods()
	strangers := make(chan struct{}, s.cfg.maxStrangers)
	admit := func(nc net.Conn) bool {
		select {
		case strangers <- struct{}{}:
		default:
			s.count("too many links without a key")
			nc.Close()
			return false
		}
		if s.enterMany(1, f) != nil {
			<-strangers
			nc.Close()
			return false
		}
		return true
	}
	return s.acceptBy(s.links, admit, func(nc net.Conn) {
		defer s.sessions.Done()
		defer s.leaveMany(1)
		link.Tune(nc)
		one := &keyless{nc, sync.OnceFunc(func() { <-strangers })}
		defer one.proved()
		s.serveLink(one)
	})
}

// maxStrangers is how many connections to the port of links may have shown no key yet, so
// that they take no places of those that have; each has twenty seconds.
const maxStrangers = 1024

// keyless is a connection that has shown no key, until proved is called.
type keyless struct {
	net.Conn
	proved func()
}

// Proved is called by package origin.
func (k *keyless) Proved() { k.proved() }

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
	if s.reach != nil {
		s.reach.close()
	}
	if s.gateway != nil {
		s.gateway.Close()
	}
	s.endCache()
}

// onward is the way to the origin of an edge, for its own clients and those of edges behind
// it: what the edge does not serve, they do not get either.
type onward struct{ s *Server }

// Connect implements session.Directory.
func (o onward) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	if why := o.s.notServed(r.Application, r.Instance); why != nil {
		answer(session.ConnectAnswer{Refusal: why})
		return
	}
	o.s.edge.Connect(r, peer, answer)
}

// notServed says why an edge does not ask its origin for an instance; nil: it does. An
// edge without a document asks for any; one with documents spares the origin those that no
// document is about, with the answer that the origin would give. Whoever lets clients or
// viewers in at an edge asks this first, by whatever way they come.
func (s *Server) notServed(application, name string) *session.Refusal {
	if len(s.docs) == 0 {
		return nil
	}
	code := session.RefusedNoApplication
	for i := range s.docs {
		spec := &s.docs[i].Spec
		if spec.Suspend || spec.Application != application {
			continue
		}
		if spec.OnDemandInstances || spec.Instance == name {
			return nil
		}
		code = session.RefusedNoInstance
	}
	return refused(code)
}

// LinkAddr is the address that edges link to, nil where none may.
func (s *Server) LinkAddr() net.Addr {
	switch {
	case s.origin == nil:
		return nil
	case s.links != nil:
		return s.links.Addr()
	}
	return s.rtmp.Addr()
}

// EdgeOf is the origin that this server is an edge of; "": none.
func (s *Server) EdgeOf() string { return s.cfg.EdgeOf }
