package session_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything here may take before it counts as stuck.
const patience = servertest.Patience

// way is how sessions reach their instances.
type way string

const (
	here          way = "here"              // in this process
	overPipe      way = "over a pipe"       // see pipe
	overShortPipe way = "over a short pipe" // for what would take too long else
	overLink      way = "over a link"       // from an edge to an origin
	overOldLink   way = "over an old link"  // from an edge that is a version behind
	// whose first connection is for control, and whose third, for what is published second,
	// is slower than all others.
	overUnevenLink way = "over an uneven link"
	// over which media takes a second for 16 KiB.
	overSlowLink way = "over a slow link"
)

// linkVersion is the newest version that is spoken on a link; 0: any.
var linkVersion = map[way]int{overLink: 0, overUnevenLink: 0, overSlowLink: 0, overOldLink: 1}

// lateBy is how long so many bytes take that an edge sends over its nth connection, of which
// the first is for control.
var lateBy = map[way]func(n, bytes int) time.Duration{
	overUnevenLink: func(n, _ int) time.Duration { return map[int]time.Duration{3: time.Second}[n] },
	overSlowLink: func(n, bytes int) time.Duration {
		return time.Duration(min(n-1, 1)*bytes) * time.Second / (16 << 10)
	},
}

// everyWay runs a test in each way, side by side with all others.
func everyWay(t *testing.T, test func(*testing.T, way)) {
	t.Parallel()
	for _, w := range []way{here, overPipe, overLink} {
		t.Run(string(w), func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// place is an instance to be.
type place struct {
	application, instance string
	rules                 instance.Rules
	script                string // main.asc; "": there is none
}

// open is an instance where anyone may do anything, and nobody is so slow that
// a name is taken over.
var open = place{
	application: "app", instance: "one",
	rules: instance.Rules{Stream: stream.Options{GOPCache: true}, PublisherTimeout: 10 * time.Minute},
}

// running is a place with a script.
func (p place) running(source string) place {
	p.script = source
	return p
}

// with is a place of other rules.
func (p place) with(change func(*instance.Rules)) place {
	change(&p.rules)
	return p
}

// named is a place like this one that has another name.
func (p place) named(application, name string) place {
	p.application, p.instance = application, name
	return p
}

// house is instances behind a listener that gives each connection a session.
type house struct {
	fanout    *stream.Fanout
	instances []*instance.Instance
	stores    []*recording.Store
	folders   []string // of the stores

	cfg  session.Config
	dir  session.Directory // what sessions ask: the house, or a pipe to it
	pipe *pipe             // nil: there is none
	link *linked           // nil: there is none
	// spread are directories that sessions ask in turn, in place of dir, if there are any.
	spread []session.Directory
	tcp    net.Listener

	serving  sync.WaitGroup
	mu       sync.Mutex // nothing else is taken while it is held
	sessions map[*session.Session]struct{}
}

// run opens a house with the places until the test ends, or stop is called.
func run(t testing.TB, w way, places ...place) (h *house, stop func()) {
	t.Helper()
	return runWith(t, w, session.Config{}, places...)
}

// runWith is run with a configuration of the sessions, whose log is that of the
// instances too.
func runWith(t testing.TB, w way, cfg session.Config, places ...place) (h *house, stop func()) {
	t.Helper()
	h = newHouse(cfg)
	h.dir = h
	if delay, ok := pipeDelay[w]; ok {
		h.pipe = newPipe(h, t.Name(), delay)
		h.dir = h.pipe
	}
	if version, ok := linkVersion[w]; ok {
		h.link = newLink(t, h, version)
		if late, ok := lateBy[w]; ok {
			h.link.late.Store(&late)
		}
		h.dir = h.link
	}
	for _, p := range places {
		h.add(t, p)
	}
	return h, h.open(t)
}

// newHouse tells nobody who publishes that nothing comes, and ends nobody who does
// not read or is silent, unless a test asks for it: on a machine with much to do,
// that is one word more than it expects, and a client less.
func newHouse(cfg session.Config) *house {
	if cfg.PublisherIdle == 0 {
		cfg.PublisherIdle = 10 * time.Minute
	}
	if cfg.RTMP.WriteTimeout == 0 {
		cfg.RTMP.WriteTimeout = 10 * patience
	}
	if cfg.RTMP.ReadTimeout == 0 {
		cfg.RTMP.ReadTimeout = 10 * patience
	}
	if cfg.LastWords == 0 {
		cfg.LastWords = patience
	}
	return &house{fanout: stream.NewFanout(0), cfg: cfg, sessions: map[*session.Session]struct{}{}}
}

// open lets clients in, until the test ends or stop is called.
func (h *house) open(t testing.TB) (stop func()) {
	t.Helper()
	var err error
	if h.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for n := 0; ; n++ {
			nc, err := h.tcp.Accept()
			if err != nil {
				return
			}
			dir := h.dir
			if len(h.spread) > 0 {
				dir = h.spread[n%len(h.spread)]
			}
			h.serveBy(dir, nc, h.cfg)
		}
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			h.tcp.Close()
			<-accepting
			h.close(t)
		})
	}
	t.Cleanup(stop)
	return stop
}

func (h *house) add(t testing.TB, p place) {
	t.Helper()
	dir := t.TempDir()
	store, err := recording.Open(dir, h.cfg.Log, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := instance.Config{
		Application: p.application, Name: p.instance, Fanout: h.fanout, Store: store, Rules: p.rules, Log: h.cfg.Log,
		Budgets: h.cfg.Budgets,
	}
	if p.script != "" {
		cfg.Script = func(i script.Instance) instance.Script {
			return script.New(script.Config{
				Application: p.application, Name: p.instance, Instance: i, Log: h.cfg.Log,
				Files:  fstest.MapFS{"main.asc": {Data: []byte(p.script)}},
				Limits: engine.Limits{Time: time.Minute}, // what it asks a busy disk is answered
			})
		}
	}
	i, err := instance.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.instances, h.stores, h.folders = append(h.instances, i), append(h.stores, store), append(h.folders, dir)
}

// serveBy gives a connection a session that asks a directory. served is closed when that
// has ended.
func (h *house) serveBy(dir session.Directory, nc net.Conn, cfg session.Config) (s *session.Session, served <-chan struct{}) {
	s = session.New(nc, dir, cfg)
	ended := make(chan struct{})
	h.mu.Lock()
	h.sessions[s] = struct{}{}
	h.mu.Unlock()
	h.serving.Go(func() {
		defer close(ended)
		s.Serve()
		h.mu.Lock()
		delete(h.sessions, s)
		h.mu.Unlock()
	})
	return s, ended
}

// close has everybody told to go, cuts off those who stay, and looks for what
// sessions have left behind.
func (h *house) close(t testing.TB) {
	for _, i := range h.instances {
		i.Shutdown("The server is shutting down.")
	}
	const drain = 5 * time.Second
	late := time.AfterFunc(drain, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for s := range h.sessions {
			s.Cut()
		}
	})
	h.serving.Wait()
	late.Stop()
	if h.link != nil {
		h.link.close()
	}
	eventually(t, "all that sessions had is given back", func() bool {
		if h.pipe != nil && !h.pipe.settled() {
			return false
		}
		for _, s := range h.Stats() {
			if s.Connections+s.Streams+s.Players+s.Playbacks+s.Recordings+s.SharedObjects+s.ObjectUses > 0 {
				return false
			}
		}
		return true
	})
	for n, i := range h.instances {
		i.Close()
		if err := h.stores[n].Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	h.fanout.Close()
}

// Connect implements session.Directory.
func (h *house) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	why := session.RefusedNoApplication
	for _, i := range h.instances {
		if i.Application() != r.Application {
			continue
		}
		if i.Name() == r.Instance {
			i.Connect(r, peer, answer)
			return
		}
		why = session.RefusedNoInstance
	}
	answer(session.ConnectAnswer{Refusal: &session.Refusal{Code: why}})
}

// Stats are those of the instances, in the order of their places.
func (h *house) Stats() (all []instance.Stats) {
	for _, i := range h.instances {
		all = append(all, i.Stats())
	}
	return all
}

// RTMPAddr is where clients connect.
func (h *house) RTMPAddr() net.Addr { return h.tcp.Addr() }

// visit is a connection without a network: there is always room for one more.
// The client's end is closed when the test ends.
func (h *house) visit(t testing.TB, cfg session.Config) (far *net.UnixConn, s *session.Session, served <-chan struct{}) {
	return h.visitBy(t, h.dir, cfg)
}

// visitBy is visit where a session asks another directory.
func (h *house) visitBy(t testing.TB, dir session.Directory, cfg session.Config) (far *net.UnixConn, s *session.Session, served <-chan struct{}) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "visit")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	t.Cleanup(func() { ends[0].Close() })
	s, served = h.serveBy(dir, ends[1], cfg)
	return ends[0].(*net.UnixConn), s, served
}

// publish records a stream that no client publishes.
func (h *house) publish(t testing.TB, name string) session.Publication {
	t.Helper()
	answers := make(chan session.PublishAnswer, 1)
	h.instances[0].Publish(session.PublishRequest{Name: name, Mode: session.PublishRecord}, func(a session.PublishAnswer) { answers <- a })
	a := <-answers
	if a.Refusal != nil || !a.Recorded {
		t.Fatalf("%+v", a)
	}
	return a.Publication
}

func (h *house) unpublish(t testing.TB, p session.Publication) {
	t.Helper()
	ended := make(chan error, 1)
	p.Close(session.EndedAsked, func(err error) { ended <- err })
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// put makes a recording of some seconds of sound in the first place.
func put(t *testing.T, h *house, name string, seconds int) {
	t.Helper()
	shootTags(t, h, name, servertest.Sound(seconds)...)
}

// shootTags makes a recorded stream of the first place by hand.
func shootTags(t *testing.T, h *house, name string, tags ...flv.Tag) {
	t.Helper()
	servertest.WriteFLV(t, filepath.Join(h.folders[0], name+".flv"), tags...)
}

// joined waits until so many play: they are told that they do a moment before
// they get what is published.
func joined(t *testing.T, h *house, players int) {
	t.Helper()
	eventually(t, "so many play", func() bool {
		if h.link != nil {
			return h.link.Players() == players
		}
		return h.Stats()[0].Players == players
	})
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	servertest.Eventually(t, what, is)
}

// lines is a log that may be read while it is written.
type lines struct{ servertest.Log }

// log writes to the lines what is of a level, or above it.
func (l *lines) log(level slog.Level) *slog.Logger { return l.Logger(level) }
