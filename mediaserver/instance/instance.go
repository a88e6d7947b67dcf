package instance

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Errors a session decides on.
var (
	// ErrStopped says that the instance is going away and takes nothing new.
	ErrStopped = errors.New("instance is stopping")
	// ErrFull says that a limit of the manifest is reached.
	ErrFull = errors.New("limit reached")
	// ErrBusy says that somebody else publishes or records that name.
	ErrBusy = errors.New("stream name is taken")
	// ErrRecordingOff says that the manifest forbids recording.
	ErrRecordingOff = errors.New("recording is off: spec.recording.mode is Off")
)

// RecordingRule says which streams are recorded: spec.recording.mode.
type RecordingRule string

// The rules, with the manifest's own words.
const (
	RecordOnRequest RecordingRule = "OnRequest"
	RecordAll       RecordingRule = "All"
	RecordOff       RecordingRule = "Off"
)

// Config is what an instance is made of. Every field but Application, Name,
// Fanout and Store has a working zero value.
type Config struct {
	Application, Name string

	Fanout *stream.Fanout
	Stream stream.Options
	Store  *recording.Store

	Recording RecordingRule
	// Keys are what publishing needs. Nil: anyone may publish.
	Keys Keys

	// PublisherTimeout is how long a publisher may be silent before another
	// may take its name; default 5 s.
	PublisherTimeout time.Duration

	// SampleAccess is what players may look into.
	SampleAccess SampleAccess

	MaxConnections int // 0: no limit
	MaxStreams     int // live names at once; 0: no limit

	Log *slog.Logger
}

// SampleAccess says whether clients may draw pictures of what they play and
// compute spectra of its sound: |RtmpSampleAccess.
type SampleAccess struct{ Audio, Video bool }

// Client is what an instance needs of a connected session.
type Client interface {
	// ID is unique in this process.
	ID() string
	// Bytes returns what the connection has received and sent so far.
	Bytes() (in, out uint64)
	// Shutdown tells the client that the instance goes away, and ends the
	// connection soon after. It does not wait.
	Shutdown(reason string)
}

// Instance is one running instance. All methods may be called from any
// goroutine.
type Instance struct {
	cfg     Config
	log     *slog.Logger
	started time.Time

	tasks   chan func()
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed by the owner

	recordings atomic.Int64 // being written now

	// Held by the owner goroutine only.
	clients map[string]Client
	streams map[string]*live
	closing bool
	total   Totals
	refused refused
}

// live is a stream name in use: somebody publishes it, plays it or waits for
// it.
type live struct {
	stream      *stream.Stream
	publication *Publication // the last one
	uses        int
}

// New starts an instance. Close ends it.
func New(cfg Config) (*Instance, error) {
	switch {
	case cfg.Application == "" || cfg.Name == "":
		return nil, fmt.Errorf("new instance %q/%q: application and name must not be empty", cfg.Application, cfg.Name)
	case cfg.Fanout == nil || cfg.Store == nil:
		return nil, fmt.Errorf("new instance %s/%s: needs a fan-out and a store", cfg.Application, cfg.Name)
	}
	if cfg.PublisherTimeout == 0 {
		cfg.PublisherTimeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	i := &Instance{
		cfg:     cfg,
		log:     cfg.Log,
		started: time.Now(),
		tasks:   make(chan func()),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		clients: map[string]Client{},
		streams: map[string]*live{},
		refused: newRefused(),
	}
	go i.own()
	return i, nil
}

// Application and Name are the two parts of rtmp://host/application/name.
func (i *Instance) Application() string { return i.cfg.Application }

// Name is the instance's name within its application.
func (i *Instance) Name() string { return i.cfg.Name }

// Store holds the instance's recorded streams.
func (i *Instance) Store() *recording.Store { return i.cfg.Store }

// SampleAccess is what players may look into.
func (i *Instance) SampleAccess() SampleAccess { return i.cfg.SampleAccess }

// own is the owner goroutine: it runs one task after another.
func (i *Instance) own() {
	defer close(i.stopped)
	for {
		select {
		case task := <-i.tasks:
			task()
		case <-i.stop:
			return
		}
	}
}

// do runs f in the owner goroutine and waits for it.
func (i *Instance) do(f func()) error {
	ran := make(chan struct{})
	select {
	case i.tasks <- func() { defer close(ran); f() }:
		<-ran
		return nil
	case <-i.stopped:
		return fmt.Errorf("%s/%s: %w", i.cfg.Application, i.cfg.Name, ErrStopped)
	}
}

// Connect takes a client in. Each success is matched by a Disconnect.
// It fails with ErrStopped or ErrFull.
func (i *Instance) Connect(c Client) error {
	var refused error
	err := i.do(func() {
		switch {
		case i.closing:
			refused = ErrStopped
		case i.cfg.MaxConnections > 0 && len(i.clients) >= i.cfg.MaxConnections:
			refused = fmt.Errorf("%w: spec.limits.maxConnections is %d", ErrFull, i.cfg.MaxConnections)
		default:
			i.clients[c.ID()] = c
			i.total.Connections++
		}
	})
	if err != nil {
		return err
	}
	return refused
}

// Disconnect forgets a client.
func (i *Instance) Disconnect(c Client) {
	// After Close nobody counts any more: the error is of no use here.
	_ = i.do(func() {
		if _, ok := i.clients[c.ID()]; !ok {
			return
		}
		delete(i.clients, c.ID())
		in, out := c.Bytes()
		i.total.BytesIn += in
		i.total.BytesOut += out
	})
}

// Shutdown refuses new clients and tells those who are connected to go.
// Sessions end their publications and recordings as they leave.
func (i *Instance) Shutdown(reason string) {
	var all []Client
	_ = i.do(func() {
		i.closing = true
		for _, c := range i.clients {
			all = append(all, c)
		}
	})
	// Told outside the owner: a session that ends calls back.
	for _, c := range all {
		c.Shutdown(reason)
	}
}

// Close ends the owner. The caller has ended the sessions first.
func (i *Instance) Close() {
	select {
	case <-i.stop:
	default:
		close(i.stop)
	}
	<-i.stopped
}
