package rtmp

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// Config of a connection. Zero values stand for the defaults.
type Config struct {
	// MaxMessageSize is the largest message, in bytes, until SetLimits says
	// otherwise; default 8 MiB, several times the largest keyframes.
	MaxMessageSize  int
	MaxChunkStreams int // default 64

	HandshakeTimeout time.Duration // default 10 s
	// ReadTimeout ends a connection that is silent for so long: no message
	// ends, and less than 1 KiB of one comes. A ping goes out at half of it,
	// and peers answer pings. Default 60 s.
	ReadTimeout time.Duration
	// WriteTimeout ends a connection whose peer takes nothing for so long, or
	// acknowledges nothing when it wants to be asked before it is sent more.
	// Default 20 s.
	WriteTimeout time.Duration
	// MaxQueue bounds what Send may have waiting, in bytes. Default 4 MiB.
	MaxQueue int

	// Answers pays for what is queued for the peer because its socket takes no
	// more, but for audio and video; nil: nobody has to. The first
	// 16 KiB of a connection cost nothing.
	Answers *budget.Budget

	// Policy is what a server answers to Flash Player when it asks, in place of a
	// handshake, whose movies may connect: a policy file with its zero byte behind it.
	// Nil: that is no RTMP.
	Policy func() []byte

	// TLS is how a client of an rtmps URL trusts its server; nil: as the
	// system does.
	TLS *tls.Config
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.HandshakeTimeout, 10*time.Second)
	def(&c.ReadTimeout, 60*time.Second)
	def(&c.WriteTimeout, 20*time.Second)
	if c.MaxMessageSize == 0 {
		c.MaxMessageSize = 8 << 20
	}
	if c.MaxChunkStreams == 0 {
		c.MaxChunkStreams = 64
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 4 << 20
	}
	return c
}

// limits are those of a peer of which nothing more is known: a server's own
// peers, and both sides of tests.
func (c Config) limits() Limits {
	return Limits{Message: c.MaxMessageSize, Media: c.MaxMessageSize, Held: 2 * c.MaxMessageSize, Keeps: true}
}

// defaultWindow is the acknowledgement window until the peer names one: FMS's.
const defaultWindow = 2500000

// Conn is one RTMP connection. Handshake comes first, then Serve, which reads;
// all other methods may be called from any goroutine, except where it says
// otherwise.
type Conn struct {
	// What a fan-out loop looks at in every round lies side by side: of thousands
	// of connections nothing is in the processor's cache.
	socket socket.Socket  // of nc, unless it has none of its own: TLS, pipes
	sealed *socket.Sealed // below nc, when nc is TLS from NewTLSListener or Dial
	said   atomic.Bool    // TakeQueued has something to do, or to wait for
	owned  int            // out.owned, as far as the owner knows; the owner's own
	sent   atomic.Uint64  // bytes
	window sendWindow
	writes pace

	nc     net.Conn
	raw    syscall.RawConn // to read from the socket; nil: there is none
	cfg    Config
	client bool

	reads    pace
	resting  atomic.Bool   // a timer looks at writes again
	received atomic.Uint64 // bytes
	heard    atomic.Uint64 // messages
	told     atomic.Uint64 // messages
	asked    atomic.Int64  // when the last ping was sent, in ns since 1970
	trip     atomic.Int64  // how long the last that was answered took, in ns

	tallies tallies

	closed    chan struct{}
	closeOnce sync.Once
	cause     error // why this end closed; after closed

	// Held by Serve.
	ackEvery uint32 // the peer wants an acknowledgement this often
	acked    uint64
	deadline time.Time
	counted  uint64 // received, when the deadline was last moved
	whole    bool   // a message has come since
	pinged   bool   // and no message has come since
	reader   *chunkReader

	limits limits
	gate   gate

	out output
}

// NewServerConn makes the server's side of a connection.
func NewServerConn(nc net.Conn, cfg Config) *Conn { return newConn(nc, cfg, false) }

// NewClientConn makes the client's side of a connection.
func NewClientConn(nc net.Conn, cfg Config) *Conn { return newConn(nc, cfg, true) }

func newConn(nc net.Conn, cfg Config, client bool) *Conn {
	c := &Conn{
		nc: nc, cfg: cfg.withDefaults(), client: client,
		closed: make(chan struct{}), ackEvery: defaultWindow,
	}
	c.raw = c.socket.Use(nc)
	c.SetLimits(c.cfg.limits())
	c.gate.limits, c.gate.closed = &c.limits, c.closed
	if c.sealed = socket.Under(nc); c.sealed != nil {
		c.sealed.Wait(&c.gate)
		c.sealed.Attach(nc, func() { go c.flushKept() })
	}
	c.out.chunkSize, c.out.budget = defaultChunkSize, c.cfg.Answers
	return c
}

// Waits says whether Serve waits for the peer to send something. It does not while something
// that came waits for the peer's turn.
func (c *Conn) Waits() bool { return c.gate.waits.Load() }

// Secure says whether the connection is encrypted: rtmps.
func (c *Conn) Secure() bool {
	_, tls := c.nc.(interface{ ConnectionState() tls.ConnectionState })
	return tls || c.sealed != nil
}

// Ping asks the peer for a sign of life: see RoundTrip. It does not wait.
func (c *Conn) Ping() error {
	now := time.Now().UnixNano()
	c.asked.Store(now)
	return c.reply(UserControl(EventPingRequest, pingTime(now)))
}

// RoundTrip is how long the last answer to a ping took; 0: none has come. A peer that
// is silent for long is pinged without being asked for.
func (c *Conn) RoundTrip() time.Duration { return time.Duration(c.trip.Load()) }

// answeredPing takes the answer to a ping. One to none of ours says nothing.
func (c *Conn) answeredPing(said uint32) {
	asked := c.asked.Load()
	if asked == 0 || said != pingTime(asked) || !c.asked.CompareAndSwap(asked, 0) {
		return
	}
	c.trip.Store(max(1, time.Now().UnixNano()-asked))
}

// pingTime is what a ping says of its time, in ms.
func pingTime(ns int64) uint32 { return uint32(ns / int64(time.Millisecond)) }

// MessagesIn is the number of messages received so far.
func (c *Conn) MessagesIn() uint64 { return c.heard.Load() }

// MessagesOut is the number of messages sent so far, those included that wait for the
// socket.
func (c *Conn) MessagesOut() uint64 { return c.told.Load() }

// CountSent counts messages that the connection's owner has written.
func (c *Conn) CountSent(messages int) { c.told.Add(uint64(messages)) }

// BytesIn is the number of bytes received so far.
func (c *Conn) BytesIn() uint64 { return c.received.Load() }

// BytesOut is the number of bytes sent so far.
func (c *Conn) BytesOut() uint64 { return c.sent.Load() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Closed is closed when the connection is.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close ends the connection at once. What is queued is lost.
func (c *Conn) Close() error { return c.CloseWithError(net.ErrClosed) }

// CloseWithError is Close, and Serve returns the error, which says why. Only
// the first close counts.
func (c *Conn) CloseWithError(cause error) error {
	var err error
	c.closeOnce.Do(func() {
		c.cause = cause
		close(c.closed)
		c.Farewell(cause)
		err = c.socket.Close(c.nc.Close)
		c.out.mu.Lock()
		c.out.payBack()
		c.out.tellObjects(true)
		c.out.unlock()
	})
	return err
}

// endedBy is why the connection ended: this end's reason, if it has one, goes
// before what the network says of it.
func (c *Conn) endedBy(err error) error {
	select {
	case <-c.closed:
		return c.cause
	default:
	}
	if c.sealed != nil {
		if why := c.sealed.Failed(); errors.Is(why, ErrSlow) {
			return why // TLS says of it only that it cannot read any more
		}
	}
	return err
}
