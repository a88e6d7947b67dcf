package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/applications"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/folders"
	"flashpod.dev/flashpod/mediaserver/gateway"
	"flashpod.dev/flashpod/mediaserver/hls"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/origin"
	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/probe"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// Config is what the command line says. Data is required, or Applications.
type Config struct {
	Data        string // folder of recordings and keys; created when missing
	RTMPAddress string // host:port, port 0 for any
	HTTPAddress string
	// WebAddress is where web pages and HTTP players connect; empty: nowhere.
	// WebOrigins are the pages that may, beside those from this server's addresses and
	// those that a document lets into its instance: as browsers write origins, or "*"
	// for all.
	WebAddress string
	WebOrigins []string
	// WebRTCAddress is the UDP port of WebRTC, for who connects to WebAddress; empty:
	// the same port, where there is a WebAddress; WebRTCOff: nowhere. WebRTCAdvertise
	// is a file with the addresses under which clients reach it, see webrtc.Options.
	WebRTCAddress, WebRTCAdvertise string
	// WebRTCRelay is the address of this server's own, with or without the port of WebRTC, at
	// which others with the same link key reach it, where clients reach all of them under one
	// address, see webrtc.Among; "": clients reach this server alone.
	WebRTCRelay string
	// NoWebRTCTCP has clients of WebRTC that cannot send UDP find no port of TCP, which is
	// of the same number: there it is not reached by connecting to it.
	NoWebRTCTCP bool

	// RTMPSAddress is where clients connect by TLS, with the certificate in
	// the files below, which are read again when they change, and may be bad or
	// missing until then. Empty: nowhere.
	RTMPSAddress            string
	TLSCertFile, TLSKeyFile string
	// TLSFolder has more certificates, for clients that call other names: each folder in
	// it has a tls.crt and a tls.key. Empty: there are none.
	TLSFolder string

	// EdgeOf is the host:port where an origin takes links, whose instances this server
	// serves as an edge, and none of its own; empty: it is no edge. The documents of an edge
	// say who may connect to it, see edges. LinkKeyFile is a file, or a folder of files,
	// with the keys of links, one a line; without EdgeOf it has edges let in, and is made
	// where it is missing. They let them in at LinkAddress alone, or, where that is empty,
	// at RTMPAddress; an edge lets in others at LinkAddress alone.
	EdgeOf, LinkKeyFile, LinkAddress string
	// LeaveFile is a file with a time such as 2m while new clients of this server's address
	// come to other servers, such as edges of it: those that are here are asked to connect
	// again, in the course of half of it. Empty: nobody ever is.
	LeaveFile string
	// Routes is a file by which this server is a gateway to the origins that it names, see
	// routing.File, and serves no instances of its own; empty: it is none.
	Routes string
	// WakeURL is where a gateway asks for instances to be woken that sleep; empty: nowhere,
	// and who comes for them is refused.
	WakeURL string
	// EdgeMayReach are origins beside EdgeOf, with its keys, that clients of an edge may name
	// themselves: HOST[:PORT] as they do, and =HOST:PORT behind it where links are taken
	// elsewhere.
	EdgeMayReach []string
	// CacheDir is where an edge keeps pieces of recordings, up to CacheSize bytes; empty: in
	// the first folder within CacheUnder that no other edge has, or, where that is empty or
	// cannot be used, in memory alone, as with a size of 0.
	CacheDir, CacheUnder string
	CacheSize            int64

	// DebugAddress is where developers ask how it is; it is to be a loopback
	// address. Empty: nowhere.
	DebugAddress string

	// PublishKeyFile holds the key of every instance whose publishers need
	// one; it is read again when it changes, and may be missing until then.
	// Empty: a key per instance is made and kept under Data.
	PublishKeyFile string

	// ConsoleTokens is a folder with the tokens of the console, in the files admin and
	// viewer; they are read again as they change, and who has none does not get in. Empty:
	// both are made and kept under Data.
	ConsoleTokens string

	// Applications is a folder of applications as Flash Media Server had them, each of
	// which is served but for those that a manifest is about, with what is recorded in
	// it. Empty: none. Without Data, it is that as well.
	Applications string
	// ScriptFolder has the files of the script of manifests that have one; empty: there
	// is none, and they cannot be served.
	ScriptFolder string
	// ScriptLibrary is where scripts' load looks last; empty: nowhere.
	ScriptLibrary string
	// ScriptHosts are what scripts of Applications may reach over the network, as
	// spec.script.allowedHosts.
	ScriptHosts []string
	// ScriptSecureAs is what client.protocol says to scripts of clients that come by
	// TLS; default rtmps.
	ScriptSecureAs string

	// PublisherIdle is how long a publisher may send nothing before it is told
	// so; default 30 s.
	PublisherIdle time.Duration
	// PublisherTimeout is how long a publisher may send nothing before another
	// may take its name, where spec.access.publish.takeOver is WhenSilent;
	// default 1 s.
	PublisherTimeout time.Duration
	// HTTPNames are what the HTTP server is called: it answers to its addresses,
	// to localhost, to these names, to those that this machine has in its hosts
	// file and, in a pod, to those of Services in its namespace, and to no other.
	HTTPNames []string
	// MaxConnections is how many connections may be open at once, of clients
	// and of strangers that have not connected yet; more are closed as they
	// come. Default: as many as the budget of files leaves beside HTTP.
	MaxConnections int
	DrainTimeout   time.Duration // for clients to go by themselves; default 10 s
	Version        string
	Log            *slog.Logger
	// LeftOut counts lines that the log does not have, by reason; nil: it has
	// them all. It does not wait.
	LeftOut func() map[string]uint64
	// Budgets bound what clients make the process spend. Default: of the memory
	// that the process may have (see budget.Memory), and as many files as
	// connections may be open.
	Budgets *budget.Budgets

	clock clock
	// cacheMinFree is how many bytes an edge's cache leaves to others; 0: the default.
	cacheMinFree int64
	// farTime is what other servers have for answers about shared objects; 0: the default.
	farTime time.Duration
	// callTime is what a script has for each call at least, whatever its manifest says.
	callTime time.Duration
	// maxStrangers is how many links may have shown no key yet; 0: the default.
	maxStrangers int
	// viewerIdle is how long a viewer by HTTP may make no request before it has gone; 0: the
	// default.
	viewerIdle time.Duration
	// linkWaits is how long who connects to an edge waits for a link, fileWaits who plays a
	// recording there, and linkVersion the newest version of it that is spoken; 0: the default.
	linkWaits   time.Duration
	fileWaits   time.Duration
	linkVersion int
	// handshakeTime is what clients by TLS have to say what they speak; 0: the default.
	handshakeTime time.Duration
	// wordsTime is what clients for whom there is no place have to hear so; 0: the default.
	wordsTime time.Duration
	// rtcConnect is what a client of WebRTC has from its offer to its first packet; 0: the
	// default.
	rtcConnect time.Duration
	// rtcSilence is how long such a client that is connected may send nothing; 0: the default.
	rtcSilence time.Duration
	hosts      string    // the file with this machine's own names; default: hostsFile
	started    time.Time // when it has, for publishers that were lost then; default: now
}

// Server serves instances. Use New, Listen, Run.
type Server struct {
	cfg     Config
	log     *slog.Logger
	fanout  *stream.Fanout
	turns   *playback.Workers // of recorded streams that are played
	folders *folders.Watcher  // of recordings
	docs    []v1alpha1.AppInstance

	instances map[string]map[string]*instance.Instance // application, then name
	served    []Served
	onDemand  map[string]*onDemand // by application
	started   time.Time
	// folder are the applications of Config.Applications, application the same by name.
	folder      []applications.Application
	application map[string]*applications.Application
	programs    []*program
	problems    problems // of scripts
	keys        []*keyring
	// disks ends when disks are not waited for any more, which giveUp has.
	disks  context.Context
	giveUp context.CancelFunc
	unlock func() error

	origin *origin.Origin // nil: no edge may link to this server
	edge   *edge.Edge     // nil: it is none
	reach  *reach         // where else an edge goes; nil: it is none
	// linkKeys are those of either; nil: it is neither.
	linkKeys *linkKeys
	links    net.Listener // of links alone; nil: they come to that of RTMP
	// gateway is the directory of a server that is one; nil: it is none.
	gateway *gateway.Gateway
	// pieces is the cache of an edge, whose folder unlockCache gives back.
	pieces      *pieces.Cache
	unlockCache func()

	rtmp, rtmps net.Listener  // rtmps, of TLS, is nil when it is not wanted
	cert        *certificate  // of rtmps
	certs       *certificates // for other names; nil: there are none
	tls         *tls.Config   // of rtmps
	// cut ends when clients that are still there are cut off, which cutOpening has.
	cut        context.Context
	cutOpening context.CancelFunc
	http       *places
	web        *http.Server
	public     publicPort
	sittings   *sittings // of viewers by HTTP
	watched    watched   // by them, at an edge
	console    *console.Console
	lines      *console.Lines
	probe      probe.Probe
	debug      debugging

	draining atomic.Bool
	// drained is closed when an operator has the server drain.
	drained    chan struct{}
	drainAsked func()
	open       atomic.Int64 // connections
	direct     atomic.Int64 // of those, the ones that are not an edge's: see web.Source
	addresses  *budget.Addresses
	perAddress int               // that each may have, where it is bounded
	rtcFrom    *budget.Addresses // the same of sessions of WebRTC
	words      words
	accepting  sync.WaitGroup
	sessions   sync.WaitGroup
	mu         sync.Mutex // nothing else is taken while it is held
	conns      map[*session.Session]struct{}
	sentBefore uint64 // bytes, to clients that have gone
	refused    map[string]uint64
}

// New prepares the data folder and an instance for each document. Nothing
// listens yet. The documents are defaulted and valid (see v1alpha1/manifest).
func New(cfg Config, docs []v1alpha1.AppInstance) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.hosts == "" {
		cfg.hosts = hostsFile
	}
	if cfg.maxStrangers == 0 {
		cfg.maxStrangers = maxStrangers
	}
	if cfg.wordsTime == 0 {
		cfg.wordsTime = wordsTimeout
	}
	if cfg.handshakeTime == 0 {
		cfg.handshakeTime = handshakeTime
	}
	if cfg.started.IsZero() {
		cfg.started = time.Now()
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 10 * time.Second
	}
	if cfg.Budgets == nil {
		memory, says := budget.Memory()
		cfg.Budgets = budget.For(memory, socketFiles(), cfg.Log)
		cfg.Log.Debug("budgets are made from the memory that there is", "bytes", memory, "says", says)
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = socketPlaces(cfg.Budgets.Files)
		if cfg.Routes != "" { // each may be the only one of its instance, and of its stream
			cfg.MaxConnections = max(cfg.MaxConnections/connectionsPerClient, 1)
		}
	}
	perAddress, shared := addressPlaces(docs, cfg.MaxConnections)
	cfg.Budgets.Turns.Share(manyBehind(docs))
	if err := onDemandOnce(docs); err != nil {
		return nil, err
	}
	if cfg.Data == "" {
		cfg.Data = cfg.Applications
	}
	unlock := func() error { return nil }
	if cfg.EdgeOf == "" && cfg.Routes == "" { // an edge keeps nothing
		var err error
		if unlock, err = lockData(cfg.Data); err != nil {
			return nil, err
		}
	}
	s := &Server{
		cfg:        cfg,
		docs:       docs,
		log:        cfg.Log,
		fanout:     stream.NewFanout(0),
		turns:      playback.NewWorkers(),
		folders:    folders.NewWatcher(cfg.Budgets.Indexes),
		instances:  map[string]map[string]*instance.Instance{},
		onDemand:   map[string]*onDemand{},
		started:    cfg.started,
		unlock:     unlock,
		addresses:  budget.NewAddresses(perAddress, shared),
		rtcFrom:    newRTCAddresses(cfg.Budgets.WebRTC, shared),
		perAddress: perAddress,
		words:      newWords(cfg.Budgets.Files, perAddress, shared),
		lines:      console.NewLines(),
		drained:    make(chan struct{}),
		conns:      map[*session.Session]struct{}{},
		refused:    map[string]uint64{},
	}
	s.drainAsked = sync.OnceFunc(func() { close(s.drained) })
	if err := s.lockApplications(); err != nil {
		_ = unlock() // whatever becomes of it, nothing was begun
		return nil, err
	}
	s.public.hls = hls.New(s.streams(), hls.Options{Budget: cfg.Budgets.Segments, Windows: cfg.Budgets.Windows})
	s.sittings = newSittings(cfg.Budgets.Viewers, docs, cfg.viewerIdle)
	s.disks, s.giveUp = context.WithCancel(context.Background())
	s.cut, s.cutOpening = context.WithCancel(context.Background())
	err := s.beginLinks()
	if err == nil {
		err = s.readApplications()
	}
	for i := range docs {
		if err == nil && s.edge == nil {
			err = s.add(&docs[i], docs)
		}
	}
	if err == nil {
		err = s.addApplications(docs)
	}
	if err != nil {
		s.close(context.Background()) // nothing is being recorded yet
		return nil, err
	}
	return s, nil
}

// Listen opens the ports. Its errors name the flag to change. That of RTMPS is
// open without a certificate, too: what is wrong with one takes nothing else
// down, and a client that connects there is told so by
// TLS.
func (s *Server) Listen() error {
	var err error
	if s.rtmp, err = net.Listen("tcp", s.cfg.RTMPAddress); err != nil {
		return listenError("RTMP", "--rtmp-address", s.cfg.RTMPAddress, err)
	}
	if err = s.listenWeb(); err != nil {
		s.rtmp.Close()
		return err
	}
	if err = s.listenTLS(); err == nil {
		err = s.listenDebug()
	}
	if err == nil {
		err = s.listenPublic()
	}
	if err == nil {
		err = s.listenLinks()
	}
	if err != nil {
		s.rtmp.Close()
		s.http.Close()
		if s.rtmps != nil {
			s.rtmps.Close()
		}
		if s.public.listener != nil {
			s.public.listener.Close()
		}
		s.debug.close()
	}
	return err
}

func (s *Server) listenTLS() error {
	if s.cfg.RTMPSAddress == "" {
		return nil
	}
	if s.cfg.TLSCertFile == "" || s.cfg.TLSKeyFile == "" {
		why := "RTMPS needs a certificate and its key: set --tls-cert-file and --tls-key-file"
		if s.cfg.TLSFolder != "" {
			why += ", for clients that call no name which --tls-folder has"
		}
		return errors.New(why)
	}
	ln, err := net.Listen("tcp", s.cfg.RTMPSAddress)
	if err != nil {
		return listenError("RTMPS", "--rtmps-address", s.cfg.RTMPSAddress, err)
	}
	s.cert = openCertificate(s.cfg.TLSCertFile, s.cfg.TLSKeyFile, s.cfg.clock, s.log)
	s.rtmps, s.tls = ln, s.cert.config()
	if s.cfg.TLSFolder != "" {
		s.certs = openCertificates(s.cfg.TLSFolder, s.cfg.clock, s.log)
		s.tls.GetCertificate = s.certs.before(s.tls.GetCertificate)
	}
	if s.cfg.WebAddress != "" {
		s.tls, s.public.secure, s.public.multi = withHTTP(s.tls), newHanded(ln.Addr()), newHanded(ln.Addr())
	}
	return nil
}

func listenError(what, flag, address string, err error) error {
	var sys *os.SyscallError
	reason := err
	if errors.As(err, &sys) {
		reason = sys.Err
	}
	return fmt.Errorf("listen for %s on %s: %w (choose another address with %s; port 0 takes any free one)", what, address, reason, flag)
}

// RTMPAddr is the address listened on, with the real port.
func (s *Server) RTMPAddr() net.Addr { return s.rtmp.Addr() }

// RTMPSAddr is the address listened on for TLS, nil when there is none.
func (s *Server) RTMPSAddr() net.Addr {
	if s.rtmps == nil {
		return nil
	}
	return s.rtmps.Addr()
}

// HTTPAddr is the address listened on, with the real port.
func (s *Server) HTTPAddr() net.Addr { return s.http.Addr() }

// Run serves until ctx ends, or an operator says so at the console, then drains:
// readiness fails, no connection is accepted, clients are told to go, recordings are finished. It returns nil
// after a clean end, or the error of a listener that failed.
func (s *Server) Run(ctx context.Context) error {
	s.serveDebug()
	background, end := context.WithCancel(context.Background())
	var tidying sync.WaitGroup
	tidying.Go(func() { (&tidy{}).run(background) })
	tidying.Go(func() { s.watchScripts(background) })
	tidying.Go(func() { s.watchRoutes(background) })
	tidying.Go(s.watchLeave(background))
	defer tidying.Wait()
	defer end()
	failed := make(chan error, 6)
	s.accepting.Go(func() { failed <- s.accept(s.rtmp, s.serve, s.refuse) })
	if s.rtmps != nil {
		s.accepting.Go(func() { failed <- s.accept(s.rtmps, s.serveTLS, s.refuseTLS) })
	}
	if s.links != nil {
		s.accepting.Go(func() { failed <- s.acceptLinks() })
	}
	s.serveWeb(failed)
	s.servePublic(failed)

	var err error
	select {
	case <-ctx.Done():
	case <-s.drained:
	case err = <-failed:
	}
	s.drain()
	return err
}

// close ends what New has begun. Disks that hang are waited for until ctx ends.
func (s *Server) close(ctx context.Context) {
	defer context.AfterFunc(ctx, s.giveUp)()
	defer s.giveUp()
	defer s.cutOpening()
	var all sync.WaitGroup
	for _, one := range s.served { // at once: they may wait for different disks
		all.Go(func() { s.end(ctx, s.instances[one.Application][one.Instance]) })
	}
	for _, d := range s.onDemand {
		all.Go(func() { d.close(ctx) })
	}
	for _, k := range s.keys {
		all.Go(func() { k.close(ctx) })
	}
	if s.cert != nil {
		all.Go(func() { s.cert.close(ctx) })
	}
	if s.linkKeys != nil {
		all.Go(func() { s.linkKeys.close(ctx) })
	}
	if s.certs != nil {
		all.Go(func() { s.certs.close(ctx) })
	}
	all.Wait()
	for _, p := range s.programs {
		p.close()
	}
	s.endLinks()
	s.folders.Close()
	s.fanout.Close()
	if err := s.unlock(); err != nil {
		s.log.Error("unlock data folder", "err", err)
	}
}

// end ends one instance, until ctx ends.
func (s *Server) end(ctx context.Context, i *instance.Instance) {
	if err := i.Finish(ctx); err != nil {
		s.log.Error("recordings are not finished", "application", i.Application(), "instance", i.Name(), "err", err)
	}
	i.Close()
	if err := i.Store().Close(ctx); err != nil {
		s.log.Error("close recordings", "application", i.Application(), "instance", i.Name(), "err", err)
	}
}
