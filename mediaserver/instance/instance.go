package instance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// RecordingRule says which streams are recorded: spec.recording.mode.
type RecordingRule string

// The rules, with the manifest's own words.
const (
	RecordOnRequest RecordingRule = "OnRequest"
	RecordAll       RecordingRule = "All"
	RecordOff       RecordingRule = "Off"
)

// Config is what an instance is made of. Application, Name, Fanout and Store are
// required.
type Config struct {
	Application, Name string

	Fanout *stream.Fanout
	Store  *recording.Store
	Rules  Rules
	// Objects keeps persistent shared objects; nil: they go with their last user.
	Objects *sharedobject.Store
	// Budgets bound what clients make the process spend; nil: nothing does.
	Budgets *budget.Budgets
	Log     *slog.Logger
	// Proved is called, once and as answers are, when the first client has shown that
	// it may publish; never where anyone may. Nil: nobody wants to know.
	Proved func()
	// Published is called with a live stream whose publication begins, by the owner, and
	// must not wait. Nil: nobody wants to know.
	Published func(*stream.Stream)
	// Script makes the instance's script, which acts on the instance by what it is
	// given; nil: there is none. It does not wait.
	Script func(script.Instance) Script
	// ServerStarted is when its server has: publishers that were lost with the one
	// before are expected back for a while after that. Zero: now.
	ServerStarted time.Time
}

// Rules are what a manifest says of an instance, as far as it can change while
// the instance runs. The zero value lets anyone do anything.
type Rules struct {
	// Stream is how a stream is delivered that begins from now on.
	Stream stream.Options
	// HLS is how streams are watched in that way.
	HLS HLSRules

	Recording RecordingRule
	// Keys are what publishing needs. Nil: anyone may publish.
	Keys Keys
	// Play says who may play.
	Play PlayRule

	// TakeOver is from whom a publisher may take a name over.
	TakeOver TakeOverRule
	// PublisherTimeout is how long a publisher may be silent before another
	// may take its name; default 1 s.
	PublisherTimeout time.Duration
	// PublisherReturn is how long a publisher that was lost is expected back:
	// players of its name wait for it so long, and get its recording then; default
	// 1 min.
	PublisherReturn time.Duration

	// SampleAccess is what players may look into.
	SampleAccess session.SampleAccess

	MaxConnections int // 0: no limit
	MaxPending     int // connects that wait for the script; 0: 1000
	// MaxPerAddress is how many clients of one address there may be; 0: any
	// number. It is not for SharedAddresses, which stand for many. Both hold from
	// the start of the instance on.
	MaxPerAddress   int
	SharedAddresses []netip.Prefix
	// MaxMessageSize is how many bytes a message of a client may have that is no
	// media; 0: as many as a session lets it.
	MaxMessageSize int
	MaxStreams     int // live names at once; 0: no limit

	// Objects bound shared objects, and ObjectAccess says what a client may do
	// with one; nil: everything. It is called by the owner, and must not wait.
	Objects      ObjectRules
	ObjectAccess func(c session.Client, name string) sharedobject.Access
}

// HLSRules are how streams are watched by HLS: see outlet.HLSRules, whose words they are.
type HLSRules struct {
	Off          bool // they are not
	Plain        bool
	Part, Window time.Duration
	Always       bool
}

// Instance is one running instance. All methods may be called from any goroutine;
// none but Finish, Close and Authorize waits. It implements session.Instance.
type Instance struct {
	application, name string

	fanout  *stream.Fanout
	store   *recording.Store
	budgets *budget.Budgets
	log     *slog.Logger
	begins  func(*stream.Stream) // Config.Published
	started time.Time
	rules   atomic.Pointer[Rules]

	// ctx ends the waiting for disks: see Abandon.
	ctx     context.Context
	abandon context.CancelCauseFunc

	tasks       tasks
	disk        disk                // what recordings need of theirs
	looks       disk                // looks at keys
	objectDisk  disk                // of shared objects
	objectStore *sharedobject.Store // persistent shared objects; nil: they do not persist
	reentry     reentry
	stopped     chan struct{} // closed by the owner

	addresses *budget.Addresses // of its clients
	questions *budget.Questions // of players, about files
	ownFiles  atomic.Int64      // recorded streams that channels play

	seen    *seen
	refused *refused

	script *scripted // nil: there is none
	id     string

	since      time.Time // Config.ServerStarted
	proved     func()
	provedOnce sync.Once
}

// New starts an instance. Close ends it.
func New(cfg Config) (*Instance, error) {
	switch {
	case cfg.Application == "" || cfg.Name == "":
		return nil, fmt.Errorf("new instance %q/%q: application and name must not be empty", cfg.Application, cfg.Name)
	case cfg.Fanout == nil || cfg.Store == nil:
		return nil, fmt.Errorf("new instance %s/%s: needs a fan-out and a store", cfg.Application, cfg.Name)
	}
	if cfg.Budgets == nil {
		cfg.Budgets = &budget.Budgets{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	i := &Instance{
		application: cfg.Application, name: cfg.Name,
		id:     rand.Text(),
		fanout: cfg.Fanout, store: cfg.Store, objectStore: cfg.Objects, budgets: cfg.Budgets, log: cfg.Log, started: time.Now(),
		stopped:   make(chan struct{}),
		seen:      newSeen(),
		refused:   newRefused(),
		proved:    cfg.Proved,
		begins:    cfg.Published,
		since:     cfg.ServerStarted,
		addresses: budget.NewAddresses(cfg.Rules.MaxPerAddress, cfg.Rules.SharedAddresses),
	}
	if i.since.IsZero() {
		i.since = i.started
	}
	if i.questions = cfg.Budgets.Questions; i.questions == nil {
		i.questions = budget.NewQuestions(0)
	}
	i.objectDisk.places = maxLoads
	i.tasks.wake = make(chan struct{}, 1)
	i.ctx, i.abandon = context.WithCancelCause(context.Background())
	if cfg.Script != nil {
		i.script = newScripted(i, cfg.Script)
	}
	i.SetRules(cfg.Rules)
	go i.own()
	return i, nil
}

// ID names the instance among all that there are. Nobody can guess it.
func (i *Instance) ID() string { return i.id }

// Delivery is how its streams are sent to players.
func (i *Instance) Delivery() stream.Options { return i.rules.Load().Stream }

// HLS is how its streams are watched in that way.
func (i *Instance) HLS() HLSRules { return i.rules.Load().HLS }

// SetRules changes the rules: they hold for what is asked for from now on.
func (i *Instance) SetRules(r Rules) {
	if r.PublisherTimeout == 0 {
		r.PublisherTimeout = time.Second
	}
	if r.PublisherReturn == 0 {
		r.PublisherReturn = time.Minute
	}
	if r.MaxPending == 0 {
		r.MaxPending = defaultPending
	}
	r.Objects = r.Objects.filled()
	if i.script != nil {
		r.ObjectAccess = i.objectAccess(r.ObjectAccess)
	}
	i.rules.Store(&r)
}

// Application and Name are the two parts of rtmp://host/application/name.
func (i *Instance) Application() string { return i.application }

// Name is the instance's name within its application.
func (i *Instance) Name() string { return i.name }

// Log is where the instance writes what happens.
func (i *Instance) Log() *slog.Logger { return i.log }

// Store holds the instance's recorded streams.
func (i *Instance) Store() *recording.Store { return i.store }

// Abandon ends the waiting for disks: what a recording has not written by now is
// given up, and so is the opening of one.
func (i *Instance) Abandon() { i.abandon(errAbandoned) }

var errAbandoned = errors.New("the server ends, and the disk has not answered")

// Close ends the script and the owner, and waits for what they have been asked to do: for
// a script not long. Of disks it
// waits for that of shared objects alone, until they are written or the instance
// is abandoned. The caller has ended the sessions first.
func (i *Instance) Close() {
	i.reentry.check("Close")
	if i.script != nil {
		i.script.close()
	}
	i.closeOwn()
	i.writeObjects()
	t := &i.tasks
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
	<-i.stopped
	i.abandon(errAbandoned)
}
