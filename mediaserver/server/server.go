package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
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
	// guestKeys are those of edges of others, and reachFile lists origins that an edge's
	// clients may name; nil: there is no such file.
	guestKeys *linkKeys
	reachFile *reachFile
	links     net.Listener // of links alone; nil: they come to that of RTMP
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
	cfg.setDefaults()
	perAddress, shared := addressPlaces(docs, cfg.MaxConnections)
	cfg.Budgets.Turns.Share(manyBehind(docs))
	if err := onDemandOnce(docs); err != nil {
		return nil, err
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
	for _, k := range []*linkKeys{s.linkKeys, s.guestKeys} {
		if k != nil {
			all.Go(func() { k.close(ctx) })
		}
	}
	if s.reachFile != nil {
		all.Go(func() { s.reachFile.close(ctx) })
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
