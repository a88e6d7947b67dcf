//go:build clients

package links

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// What is published: 25 pictures a second, each with its number, and a keyframe a second.
const (
	frame     = 40 * time.Millisecond
	gop       = 25
	numbered  = 10 // where the number stands in a picture
	smallest  = 64 // bytes of a picture
	aMegabit  = 5000
	keyByte   = 0x17
	interByte = 0x27
)

// header is what an H.264 stream begins with.
var header = []byte{keyByte, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee}

// picture is the n-th picture.
func picture(n int64, size int) *rtmp.Message {
	b := make([]byte, max(size, smallest))
	b[0], b[9] = interByte, 0x41
	if n%gop == 0 {
		b[0], b[9] = keyByte, 0x65
	}
	b[1] = 1
	binary.BigEndian.PutUint32(b[5:], uint32(len(b)-9))
	binary.BigEndian.PutUint64(b[numbered:], uint64(n))
	return &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.TimestampAt(time.Duration(n) * frame), Payload: b}
}

// client is a connection, and what it was told.
type client struct {
	t    *testing.T
	name string
	nc   *rtmp.NetConnection
	ns   *rtmp.NetStream

	mu       sync.Mutex
	statuses []string
	pictures []seen
}

// seen is a picture that has come.
type seen struct {
	n      int64
	key    bool
	at     time.Time
	behind time.Duration // since it was published; 0: that is not known
	after  int           // of how many statuses
}

// connect connects to a server and makes a stream.
func connect(t *testing.T, name string, s *server) *client {
	t.Helper()
	c, err := tryConnect(t, name, s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

func tryConnect(t *testing.T, name string, s *server) (*client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, s.url(), rtmp.Config{})
	if err != nil {
		return nil, err
	}
	c := &client{t: t, name: name, nc: nc}
	t.Cleanup(nc.Close)
	nc.OnStatus(c.told)
	if c.ns, err = nc.CreateStream(ctx); err != nil {
		return nil, err
	}
	c.ns.OnStatus(c.told)
	return c, nil
}

func (c *client) told(info *amf.Object) {
	code, _ := info.Get("code")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses = append(c.statuses, strings.TrimPrefix(fmt.Sprint(code), "NetStream."))
}

// said is what it was told since the first n statuses.
func (c *client) said(since int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.statuses[since:])
}

// hears waits for a status behind the first n, and returns how many there are up to it.
func (c *client) hears(since int, code string) (n int) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("%s hears %s", c.name, code), func() bool {
		said := c.said(since)
		n = since + slices.Index(said, code) + 1
		return slices.Contains(said, code)
	})
	return n
}

// sent is when each picture of a stream was published.
type sent struct{ times sync.Map }

// plays has the client play what is live, or will be.
func (c *client) plays(name string, of *publisher) *client {
	c.t.Helper()
	c.sees(of)
	must(c.t, c.ns.Command("play", name, -1000))
	c.hears(0, "Play.Start")
	return c
}

// watches has the client play what is live, or will be, whatever comes of it.
func (c *client) watches(name string) {
	c.t.Helper()
	c.sees(nil)
	must(c.t, c.ns.Command("play", name, -1000))
}

// sees has it note what comes.
func (c *client) sees(of *publisher) {
	c.ns.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeVideo || len(m.Payload) < smallest {
			return nil
		}
		one := seen{n: int64(binary.BigEndian.Uint64(m.Payload[numbered:])), key: m.Payload[0] == keyByte, at: time.Now()}
		if of != nil {
			if at, ok := of.times.Load(one.n); ok {
				one.behind = one.at.Sub(at.(time.Time))
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		one.after = len(c.statuses)
		c.pictures = append(c.pictures, one)
		return nil
	})
}

// saw is what has come since the first n pictures.
func (c *client) saw(since int) []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.pictures[since:])
}

// at is how many statuses and pictures have come.
func (c *client) at() (statuses, pictures int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.statuses), len(c.pictures)
}

// past waits until a picture has come that is as new as the n-th.
func (c *client) past(n int64) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("%s sees picture %d", c.name, n), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.pictures) > 0 && c.pictures[len(c.pictures)-1].n >= n
	})
}

// publisher publishes pictures at their times until it is stopped.
type publisher struct {
	*client
	sent
	next   atomic.Int64 // the number of the picture that comes next
	size   int
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it has ended before it was stopped; after done
}

// publishes has the client publish a name, with pictures of so many bytes, the first of
// which is the n-th.
func (c *client) publishes(name, mode string, size int, n int64) *publisher {
	c.t.Helper()
	must(c.t, c.ns.Command("publish", name, mode))
	c.hears(0, "Publish.Start")
	return c.sends(size, n)
}

// sends has the client send pictures of so many bytes to what it publishes.
func (c *client) sends(size int, n int64) *publisher {
	c.t.Helper()
	p := &publisher{client: c, size: size, done: make(chan struct{})}
	p.next.Store(n)
	ctx, cancel := context.WithCancel(c.t.Context())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		p.err = p.run(ctx)
	}()
	c.t.Cleanup(p.stop)
	return p
}

func (p *publisher) run(ctx context.Context) error {
	first := p.next.Load()
	if err := p.ns.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.TimestampAt(time.Duration(first) * frame), Payload: header}); err != nil {
		return err
	}
	began := time.Now()
	tick := time.NewTicker(frame / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for n := p.next.Load(); n < first+int64(time.Since(began)/frame); n++ {
			p.times.Store(n, time.Now())
			if err := p.ns.Send(ctx, picture(n, p.size)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			p.next.Store(n + 1)
		}
	}
}

// stop ends it; what it has published stays so.
func (p *publisher) stop() {
	p.cancel()
	<-p.done
}

// goes waits until so many more pictures are published.
func (p *publisher) goes(more int64) {
	p.t.Helper()
	from := p.next.Load()
	until(p.t, fmt.Sprintf("%s publishes %d pictures more", p.name, more), func() bool { return p.next.Load() >= from+more })
}

// retries publishes a name as an encoder does: again when it is refused.
func (c *client) retries(refused *int, n int64) *publisher {
	c.t.Helper()
	for {
		since, _ := c.at()
		must(c.t, c.ns.Command("publish", "cam", "live"))
		until(c.t, c.name+" is answered", func() bool { return len(c.said(since)) > 0 })
		if slices.Contains(c.said(since), "Publish.Start") {
			return c.sends(aMegabit, n)
		}
		*refused++
	}
}
