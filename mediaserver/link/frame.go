package link

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Frames, each behind its size (32 bits, big endian) and its kind.
const (
	kindHello = 'h' // greeting, welcome
	kindAlive = 'a' // nothing: the other end lives
	// KindRecord is a Record, and KindMessage a message of a stream.
	KindRecord  = 'r'
	KindMessage = 'm'
	// KindState says whether what is fed is published now.
	KindState = 's'
	// KindClear is the name of a handler whose data is forgotten, and whether there was any.
	KindClear = 'c'
	// KindEnd says that a stream has ended, and how.
	KindEnd = 'e'
	// KindTaken says, of a stream that an edge publishes, that more of it has come since it was
	// said last. It has no payload, and an edge that does not know it passes over it.
	KindTaken = 't'
	// KindAsk and KindPiece are a place of a file, and what stands there.
	KindAsk   = 'q'
	KindPiece = 'p'
	// KindIndex is the token of a file, and what is known of it as flv.File.AppendIndex says
	// it, or nothing. It is asked between places of the same file, where FileBody has Indexed.
	KindIndex = 'i'
)

const (
	headSize = 5
	// MaxFrame bounds a frame: a message of a stream has 16 MiB at most.
	MaxFrame = 17 << 20
	// aliveEvery is how often a connection that says nothing says so, and silence how
	// long the other end may take to say anything.
	// A peer of version 1 may be quiet for 10 s.
	aliveEvery = 3 * time.Second
	silence    = 15 * time.Second
	// lastLook is the end of silence, in which it is looked once more whether something has
	// come: where this process was stopped for a while, its time is over before it has read
	// what has come meanwhile.
	lastLook = 2 * time.Second
	// writeTime is how long the other end may take nothing of so many bytes: what there is
	// more takes longer, over a link that is slow.
	writeTime  = silence
	atOnce     = 16 << 10
	bufferSize = 64 << 10
)

// ErrFrame says that the other end sends what is no frame.
var ErrFrame = errors.New("not a frame of a link")

// Conn is a connection between two servers that know one another. One goroutine reads,
// any may write. It says by itself that its end lives.
type Conn struct {
	t       *tls.Conn
	heard   *heard
	in      *bufio.Reader
	version int
	head    [headSize]byte // of the frame that is read
	closed  chan struct{}
	close   func()
	also    atomic.Pointer[func() uint64] // see SayTaken

	mu    sync.Mutex // nothing else is taken while it is held, but for the socket
	out   *bufio.Writer
	quiet bool // nothing was sent since it was looked
}

func newConn(t *tls.Conn) *Conn {
	h := &heard{t: t}
	c := &Conn{t: t, heard: h, in: bufio.NewReaderSize(h, bufferSize), out: bufio.NewWriterSize(taken{t}, bufferSize), closed: make(chan struct{})}
	c.close = sync.OnceFunc(func() {
		close(c.closed)
		_ = t.NetConn().Close() // both ends are told by that alone
	})
	return c
}

// heard is a connection whose other end may say nothing for a while, and no longer, once it
// is known. It is used by the goroutine that reads.
type heard struct {
	t     *tls.Conn
	known bool          // before that, what is read has a time in all
	bytes atomic.Uint64 // that have come; any goroutine may look
}

// Read implements io.Reader.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.read(b)
	h.bytes.Add(uint64(n)) //nolint:gosec // not below 0
	return n, err
}

func (h *heard) read(b []byte) (int, error) {
	if !h.known {
		return h.t.Read(b)
	}
	_ = h.t.SetReadDeadline(time.Now().Add(silence - lastLook))
	n, err := h.t.Read(b)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = h.t.SetReadDeadline(time.Now().Add(lastLook))
		n, err = h.t.Read(b)
	}
	return n, err
}

// taken is a connection whose other end may take nothing for a while, and no longer: who
// takes little is slow, and not gone.
type taken struct{ t *tls.Conn }

// Write implements io.Writer.
func (w taken) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var wrote int
		_ = w.t.SetWriteDeadline(time.Now().Add(writeTime))
		wrote, err = w.t.Write(b[:min(len(b), atOnce)])
		n += wrote
		b = b[wrote:]
	}
	return n, err
}

// begin says that both ends know one another, and has the connection say that its end
// lives, until it is closed.
func (c *Conn) begin(version int) {
	c.version, c.heard.known = version, true
	go c.live()
}

func (c *Conn) live() {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	said := uint64(0)
	for {
		select {
		case <-c.closed:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		quiet := c.quiet
		c.quiet = true
		c.mu.Unlock()
		kind := byte(kindAlive)
		if also := c.also.Load(); also != nil {
			if now := c.heard.bytes.Load() + (*also)(); now != said {
				kind, quiet, said = KindTaken, true, now
			}
		}
		if quiet && (c.WriteFrame(kind) != nil || c.Flush() != nil) {
			c.close()
			return
		}
	}
}

// SayTaken has the connection say every few seconds whether more has come: bytes of more than
// signs of life, or what also counts, which is called by another goroutine and does not wait.
func (c *Conn) SayTaken(also func() uint64) { c.also.Store(&also) }

// Version is that of the protocol, which both ends speak: see Viewings.
func (c *Conn) Version() int { return c.version }

// Close ends the connection at once; reads and writes that wait fail.
func (c *Conn) Close() { c.close() }

// RemoteAddr is the other end's.
func (c *Conn) RemoteAddr() string { return c.t.RemoteAddr().String() }

// WriteFrame writes a frame whose payload is in parts. It is sent by Flush, at the latest.
func (c *Conn) WriteFrame(kind byte, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size > MaxFrame {
		return fmt.Errorf("a frame of %d bytes, of %d that there may be", size, MaxFrame)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var head [headSize]byte
	binary.BigEndian.PutUint32(head[:], uint32(size))
	head[4] = kind
	_, err := c.out.Write(head[:])
	for _, p := range parts {
		if err == nil {
			_, err = c.out.Write(p)
		}
	}
	return err
}

// Flush sends what was written.
func (c *Conn) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = false
	return c.out.Flush()
}

// writeFrames sends frames that are whole.
func (c *Conn) writeFrames(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = false
	if _, err := c.out.Write(b); err != nil {
		return err
	}
	return c.out.Flush()
}

// WriteValue writes a frame of one value, and sends it.
func (c *Conn) WriteValue(kind byte, v any) error {
	b, err := encoding.Marshal(v)
	if err != nil {
		return err
	}
	if err := c.WriteFrame(kind, b); err != nil {
		return err
	}
	return c.Flush()
}

// ReadFrame waits for the next frame that is more than a sign of life. Its payload is the
// caller's. It fails when the other end says nothing for 15 s.
func (c *Conn) ReadFrame() (kind byte, payload []byte, err error) {
	for {
		kind, size, err := c.readHead()
		if err != nil {
			return 0, nil, err
		}
		if kind == kindAlive && size == 0 {
			c.heard.bytes.Add(^uint64(headSize - 1)) // less: it is nothing that has come
			continue
		}
		if size > MaxFrame {
			return 0, nil, fmt.Errorf("%w: %d bytes", ErrFrame, size)
		}
		payload, err := c.readBody(size)
		return kind, payload, err
	}
}

func (c *Conn) readHead() (kind byte, size int, err error) {
	if _, err := io.ReadFull(c.in, c.head[:]); err != nil {
		return 0, 0, err
	}
	return c.head[4], int(binary.BigEndian.Uint32(c.head[:4])), nil
}

// readBody reads a payload: of what is large, memory is taken as it comes.
func (c *Conn) readBody(size int) ([]byte, error) {
	b := make([]byte, 0, min(size, 1<<20))
	for len(b) < size {
		n := min(size-len(b), max(cap(b)-len(b), 1<<20))
		if cap(b)-len(b) < n {
			grown := make([]byte, len(b), min(size, 2*cap(b)+n))
			copy(grown, b)
			b = grown
			n = min(n, cap(b)-len(b))
		}
		if _, err := io.ReadFull(c.in, b[len(b):len(b)+n]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		b = b[:len(b)+n]
	}
	return b, nil
}

// readHello reads the first frame, of whoever has proved nothing yet.
func (c *Conn) readHello(v any) error {
	var head [headSize]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(head[:4]))
	if head[4] != kindHello || size > maxHello {
		return ErrFrame
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return err
	}
	if err := decoding.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}

var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	// decoding takes what later versions have added, and no more than a record may have.
	decoding = must(cbor.DecOptions{MaxNestedLevels: 8, MaxArrayElements: 1 << 16, MaxMapPairs: 1 << 12, DupMapKey: cbor.DupMapKeyEnforcedAPF}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that cannot be
	}
	return v
}
