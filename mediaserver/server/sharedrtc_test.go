package server

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// balancer is a load balancer of UDP that knows nothing of what it hands on: all packets of
// all clients go to one server until it is told of another, and answers of others get nowhere.
// Servers see an address of the balancer's for each client, which stays or, where it hides
// clients, is another behind each server.
type balancer struct {
	t     *testing.T
	front *net.UDPConn
	hides bool
	to    atomic.Pointer[netip.AddrPort]

	mu    sync.Mutex
	flows map[flow]*net.UDPConn
	done  sync.WaitGroup
}

type flow struct{ client, server netip.AddrPort }

func newBalancer(t *testing.T, hides bool) *balancer {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, front: front, hides: hides, flows: map[flow]*net.UDPConn{}}
	b.done.Go(b.serve)
	t.Cleanup(func() {
		_ = front.Close()
		b.mu.Lock()
		for _, conn := range b.flows {
			_ = conn.Close()
		}
		b.mu.Unlock()
		b.done.Wait()
	})
	return b
}

// lead hands what comes from now on to a server.
func (b *balancer) lead(to *Server) {
	at := to.WebRTCAddr().(*net.UDPAddr).AddrPort()
	b.to.Store(&at)
}

func (b *balancer) serve() {
	buffer := make([]byte, 4096)
	for {
		n, client, err := b.front.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		to := *b.to.Load()
		if conn := b.flow(client, to); conn != nil {
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], to) // as a network: what is lost is lost
		}
	}
}

// flow is the socket for a client, which servers see.
func (b *balancer) flow(client, to netip.AddrPort) *net.UDPConn {
	key := flow{client: client}
	if b.hides {
		key.server = to
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if conn := b.flows[key]; conn != nil {
		return conn
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	b.flows[key] = conn
	b.done.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if from == *b.to.Load() {
				_, _ = b.front.WriteToUDPAddrPort(buffer[:n], client)
			}
		}
	})
	return conn
}

// sharedEdges are edges of an origin that clients reach by balancers: who begins is told the address
// of the one that counts then.
type sharedEdges struct {
	t         *testing.T
	of        *Server
	edges     []*Server
	stops     []func()
	advertise string
	publishes *balancer // of the publisher
}

func runShared(t *testing.T, addresses ...string) *sharedEdges {
	t.Helper()
	key := filepath.Join(t.TempDir(), "link.key")
	s := &sharedEdges{t: t, advertise: filepath.Join(t.TempDir(), "addresses")}
	s.of, _ = runWith(t, Config{LinkKeyFile: key}, open)
	for _, at := range addresses {
		e, stop := runWith(t, Config{
			EdgeOf: s.of.RTMPAddr().String(), LinkKeyFile: key, WebAddress: net.JoinHostPort(at, "0"), WebRTCRelay: at,
			WebRTCAdvertise: s.advertise, NoWebRTCTCP: true, rtcConnect: servertest.Patience, rtcSilence: servertest.Patience, DrainTimeout: time.Second,
		})
		s.edges, s.stops = append(s.edges, e), append(s.stops, stop)
	}
	return s
}

// by has who begins now told a balancer's address, which leads to an edge.
func (s *sharedEdges) by(b *balancer, to *Server) {
	s.t.Helper()
	b.lead(to)
	if err := os.WriteFile(s.advertise, []byte(b.front.LocalAddr().String()+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// patient is a client that asks often whether its server is there, and gives it up late.
func patient(s *pion.SettingEngine) {
	s.SetICETimeouts(servertest.Patience, servertest.Patience, 200*time.Millisecond)
}

// reach waits until a picture that is published from now on is seen.
func (s *sharedEdges) reach(p *rtcPublisher, v *rtcViewer, n int) {
	s.t.Helper()
	want, seen := slice(true, n), false
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	servertest.Eventually(s.t, "a picture is seen", func() bool {
		p.show(true, n)
		for <-pace.C; len(v.pictures) > 0; {
			seen = bytes.HasSuffix(<-v.pictures, want) || seen
		}
		return seen
	})
}

// Clients of edges behind one address publish and watch by whichever edge the balancer hands
// their packets to, and go on when it hands them to another; their sessions are ended at any.
func TestEdgesBehindOneAddress(t *testing.T) {
	t.Parallel()
	for name, hides := range map[string]bool{"clients' addresses are seen": false, "they are hidden": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := runShared(t, "127.0.0.2", "127.0.0.3", "127.0.0.4")
			one, two, three := s.edges[0], s.edges[1], s.edges[2]
			publishes, watches := newBalancer(t, hides), newBalancer(t, hides)
			s.publishes = publishes
			s.by(publishes, two)
			p, status, said := publishRTC(t, one, "/-/whip/app/one/cam", "", patient)
			if status != http.StatusCreated || strings.Contains(said, "tcptype") {
				t.Fatalf("%d %s", status, said)
			}
			p.connected()
			live := s.of.running("app", "one").Live("cam")
			p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
			s.by(watches, three)
			v, status, said := watchRTC(t, two, "/-/whep/app/one/cam", patient)
			if status != http.StatusCreated {
				t.Fatalf("%d %s", status, said)
			}
			v.connected()
			s.reach(p, v, 100)
			for n, move := range []struct{ publishes, watches *Server }{{three, three}, {three, one}, {two, two}, {one, three}} {
				publishes.lead(move.publishes)
				watches.lead(move.watches)
				s.reach(p, v, 101+n)
			}
			for _, e := range []*Server{two, three} {
				if metric(t, e, `flashpod_edge_webrtc_passed_packets_total{to="edge"} 0`) || metric(t, e, `flashpod_edge_webrtc_passed_packets_total{to="client"} 0`) {
					t.Errorf("%s has passed on %+v", e.WebRTCAddr(), e.public.udp.Passed())
				}
			}
			s.sessions(p, v)
		})
	}
}

// sessions are asked about, and ended, at edges that do not have them.
func (s *sharedEdges) sessions(p *rtcPublisher, v *rtcViewer) {
	t, one, three := s.t, s.edges[0], s.edges[2]
	t.Helper()
	if status, _, said := askRTC(t, three, http.MethodPatch, v.session, "", "candidates"); status != http.StatusUnsupportedMediaType || !strings.Contains(said, "trickle-ice-sdpfrag") {
		t.Errorf("PATCH with another type: %d %s", status, said)
	}
	if status, _, said := askRTC(t, three, http.MethodPatch, v.session, "", strings.Repeat("a", 100_000)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("PATCH of 100 KB: %d %s", status, said)
	}
	if status, _, said := askRTC(t, three, http.MethodDelete, v.session[:len(v.session)-3]+"AAA", "", ""); status != http.StatusNotFound {
		t.Errorf("DELETE of a session that was never: %d %s", status, said)
	}
	s.publishes.lead(three)
	s.stops[1]() // the edge that has the viewer's session
	if status, _, said := askRTC(t, three, http.MethodDelete, v.session, "", ""); status != http.StatusBadGateway || !strings.Contains(said, "does not answer") {
		t.Errorf("DELETE of a session of an edge that has gone: %d %s", status, said)
	}
	again := newBalancer(t, false)
	s.by(again, one)
	v, status, said := watchRTC(t, three, "/-/whep/app/one/cam", patient)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	v.connected()
	s.reach(p, v, 120)
	if status := v.end(one); status != http.StatusOK {
		t.Errorf("DELETE of the viewer: %d", status)
	}
	servertest.Eventually(t, "its feed ends", func() bool { return three.edge.Feeds() == 0 })
	for _, e := range []*Server{one, three} {
		if status := v.end(e); status != http.StatusNotFound {
			t.Errorf("DELETE once more: %d", status)
		}
	}
	live := s.of.running("app", "one").Live("cam")
	if status := p.end(three); status != http.StatusOK {
		t.Errorf("DELETE of the publisher: %d", status)
	}
	servertest.Eventually(t, "the stream is over", func() bool { return !live.Live() })
}

// An origin that the gateway is linked to as well has its sessions known by its edges: the keys
// that those have come first.
func TestOriginBehindTheAddressOfItsEdges(t *testing.T) {
	t.Parallel()
	keys := servertest.WriteFiles(t, t.TempDir(), "keys", "of the edges, 123456", "of-gateway", "of the gateway, 1234")
	advertise := filepath.Join(t.TempDir(), "addresses")
	common := Config{LinkKeyFile: keys, WebRTCAdvertise: advertise, NoWebRTCTCP: true, rtcConnect: servertest.Patience, rtcSilence: servertest.Patience}
	common.WebAddress, common.WebRTCRelay = "127.0.0.5:0", "127.0.0.5"
	of, _ := runWith(t, common, open)
	common.WebAddress, common.WebRTCRelay = "127.0.0.6:0", "127.0.0.6"
	common.LinkKeyFile, common.EdgeOf = filepath.Join(keys, "keys"), of.RTMPAddr().String()
	edge, _ := runWith(t, common)
	s := &sharedEdges{t: t, of: of, advertise: advertise}
	s.by(newBalancer(t, false), edge) // the first edge has come
	p, status, said := publishRTC(t, of, "/-/whip/app/one/cam", "", patient)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	p.connected()
	if status := p.end(edge); status != http.StatusOK {
		t.Errorf("DELETE at the edge: %d", status)
	}
}

// An address that is none of a server's own is refused, and so is one without a key.
func TestRelayAddress(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	for address, want := range map[string]string{"edge.example": "is no address", "0.0.0.0": "the one address", "[::]:80": "the one address", "fe80::1%lo": "the one address"} {
		s, err := New(Config{Data: t.TempDir(), RTMPAddress: anyAddress, HTTPAddress: anyAddress, WebAddress: anyAddress, LinkKeyFile: key, WebRTCRelay: address}, docs(t, open))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "--webrtc-relay-address") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
		s.close(t.Context())
	}
	if _, err := New(Config{Data: t.TempDir(), RTMPAddress: anyAddress, HTTPAddress: anyAddress, WebAddress: anyAddress, WebRTCRelay: "127.0.0.1"}, docs(t, open)); err == nil || !strings.Contains(err.Error(), "--link-key-file") {
		t.Errorf("without a key: %v", err)
	}
}
