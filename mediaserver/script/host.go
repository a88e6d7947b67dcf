package script

import (
	"cmp"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// Config is what a script is made of. Application, Name, Files and Instance are
// required.
type Config struct {
	Application, Name string // of the instance
	// Files is the application's folder, with main.asc and what it loads; it is read
	// alone. Library, where there is one, is looked in for what is not there.
	Files, Library fs.FS
	// Folder is where File writes: a folder of the application's own on the disk; "":
	// nowhere. MinFree is how many bytes are left free on that disk; 0: 64 MiB.
	Folder   string
	MinFree  int64
	Instance Instance
	// Network is what the script may reach over the network; nil: nothing. Who has made
	// it closes it.
	Network *outgoing.Network
	Limits  engine.Limits // of the runtime; what is zero is this package's default
	// Turn makes the turn of one life of the script among all who compute; nil: the
	// script waits for nobody.
	Turn func() Turn
	Log  *slog.Logger // that says of which instance it is

	// Hostname is application.hostname; "": localhost.
	Hostname string
	// Settings is application.config, as Application.xml has it; nil: an empty object.
	Settings amf.Value
	// SecureAs is what client.protocol says of a client that came by rtmps, for scripts
	// that insist on rtmpe; "": rtmps.
	SecureAs string

	// Pending is how many clients may wait for the script to decide about them, and
	// PendingTime for how long; Timers how many setInterval and setTimeout may have;
	// Calls how many calls of clients may wait for the script. 0: the default.
	Pending     int
	PendingTime time.Duration
	Timers      int
	Calls       int
	// FarTime is how long another server may leave a question about a shared object that
	// it keeps without an answer. 0: the default.
	FarTime time.Duration
}

// Turn is a script's place among others who compute: budget.Turn.
type Turn interface {
	// Begin waits for a place, and Rest gives it to others after a while and waits for
	// it again; both go on without one when gone is closed.
	Begin(gone <-chan struct{})
	Rest(gone <-chan struct{})
	// End gives the place to others.
	End() (had bool)
}

// Defaults of Config.
const (
	defaultPending     = 1000
	defaultPendingTime = time.Minute
	defaultTimers      = 1000
	defaultCalls       = 10000
	defaultFarTime     = 30 * time.Second

	// A file may have what the dialect reads, which grows where it is rewritten; in the
	// engine, source takes sixteen times its size where it is all small functions. There
	// are many clients. What is not used costs nothing.
	defaultSource  = 2 * dialect.MaxSize
	defaultMemory  = 16 * dialect.MaxSize
	defaultHandles = 65536
	defaultMinFree = 64 << 20
)

func (c *Config) fill() {
	c.Pending = cmp.Or(c.Pending, defaultPending)
	c.PendingTime = cmp.Or(c.PendingTime, defaultPendingTime)
	c.Timers = cmp.Or(c.Timers, defaultTimers)
	c.Calls = cmp.Or(c.Calls, defaultCalls)
	c.FarTime = cmp.Or(c.FarTime, defaultFarTime)
	c.Limits.Source = cmp.Or(c.Limits.Source, defaultSource)
	c.Limits.Memory = cmp.Or(c.Limits.Memory, defaultMemory)
	c.Limits.Handles = cmp.Or(c.Limits.Handles, defaultHandles)
	c.MinFree = cmp.Or(c.MinFree, defaultMinFree)
	c.Hostname = cmp.Or(c.Hostname, "localhost")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Host is the script of one instance. Its methods may be called from any goroutine,
// and do not wait.
type Host struct {
	cfg  Config
	log  *slog.Logger
	done chan struct{}

	mu      sync.Mutex // nothing else is taken while it is held
	queue   []*event
	wake    chan struct{} // of capacity one
	now     *world        // whose goroutine takes from the queue; nil: the supervisor does
	running *event        // that the world has taken
	ended   bool
	// What waits in the queue: calls and streams by client, calls and connects.
	clients  map[string]int
	calls    int
	connects map[string]*event
	joining  int
	waiting  int // bytes of the calls
	own      int // events that the world has made itself
	// Viewers by HTTP about whom the script has not said anything yet.
	playing   int
	playingOf map[string]int // by address
}

// event is something that the script is told, in its turn.
type event struct {
	run func(*world)
	// lost is called instead, or besides if it is not known whether run came to its
	// end, when the script that was to be told is gone. It does not wait.
	lost func(reason string)
	// of is the world that it is meant for; nil: whichever there is then.
	of     *world
	client string // whom it is about, or ""
	kind   kind
	bytes  int // of a call
}

// kind is what an event counts as, while it waits.
type kind int

const (
	other kind = iota
	connecting
	calling
	publishing
	own       // of the script's own doing
	reloading // another world is to begin
	asking    // about a viewer by HTTP
)

// New starts a script: it is read, and told of its start, by a goroutine of its own.
func New(cfg Config) *Host {
	cfg.fill()
	h := &Host{
		cfg: cfg, log: cfg.Log,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		clients: map[string]int{}, connects: map[string]*event{}, playingOf: map[string]int{},
	}
	go h.supervise()
	return h
}

// Done is closed when the script has ended after Close.
func (h *Host) Done() <-chan struct{} { return h.done }

// send puts an event into the queue; false: the script has ended.
func (h *Host) send(e *event) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.add(e)
	return true
}

// maxOwn is how many events may wait that come of what the script does itself: timers,
// answers, news of what it has asked for.
const maxOwn = 1 << 16

// sendOwn is send for what a world has made itself; full: there is no room for more.
func (h *Host) sendOwn(e *event) (ok, full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return false, false
	case h.own >= maxOwn:
		return false, true
	}
	h.own++
	h.add(e)
	return true, false
}

// add puts an event at the queue's end, with mu held.
func (h *Host) add(e *event) {
	h.queue = append(h.queue, e)
	h.rouse()
}

func (h *Host) rouse() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take is the next event for a world, or for the supervisor (nil); false when the
// queue is somebody else's by now. It waits for none: there is none then.
func (h *Host) take(w *world) (*event, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now != w {
		return nil, false
	}
	h.running = nil
	if len(h.queue) == 0 {
		h.queue = nil // what a burst has taken is given back
		return nil, true
	}
	e := h.queue[0]
	h.queue[0] = nil
	h.queue = h.queue[1:]
	h.uncount(e)
	h.running = e
	return e, true
}

// next waits for the next event for a world; false when it is to end.
func (h *Host) next(w *world) (*event, bool) {
	for {
		e, ok := h.take(w)
		switch {
		case !ok:
			h.rouse() // whoever is next
			return nil, false
		case e != nil:
			return e, true
		}
		select {
		case <-h.wake:
		case <-w.ctx.Done():
			return nil, false
		}
	}
}
