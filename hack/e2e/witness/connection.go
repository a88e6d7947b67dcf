package witness

import (
	"context"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// patience is for what a loaded machine does in its own time.
	patience = time.Minute
	// pause is how long a client waits before it connects again where that has failed.
	pause = 100 * time.Millisecond
)

// Place is where clients connect first, and where they come back to: URLs of an instance.
type Place struct{ First, Again string }

// client is a connection that is made again whenever it ends, or when the server asks for it.
type client struct {
	name    string
	place   Place
	follows bool // ReconnectRequest
	args    []amf.Value

	ctx  context.Context // ends with stop
	stop context.CancelFunc
	runs sync.WaitGroup

	mu       sync.Mutex           // nothing is called while it is held
	connects int                  // that were let in
	failed   int                  // that were not
	statuses []string             // what it was told beyond the beginning of what it plays, in order
	toldAt   map[string]time.Time // when it was told a code last
}

// newClient makes one that ends with the test. It does not connect yet.
func newClient(t testing.TB, name string, place Place, follows bool, args ...amf.Value) *client {
	t.Helper()
	c := &client{name: name, place: place, follows: follows, args: args, toldAt: map[string]time.Time{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	t.Cleanup(c.End)
	return c
}

// connection is one of a client's connections.
type connection struct {
	nc    *rtmp.NetConnection
	asked chan struct{} // closed when the server asks the client to connect again
}

// run keeps the client connected: begin makes of a connection what the client has of it,
// and returns when that works. The connection before is closed only then, where the server
// had asked for another: nothing is missed between the two.
func (c *client) run(begin func(*connection) error) {
	url := c.place.First
	var last *connection
	for c.ctx.Err() == nil {
		now, err := c.connect(url)
		if err == nil {
			err = begin(now)
		}
		if err != nil {
			if now != nil {
				now.nc.Close()
			}
			c.mu.Lock()
			c.failed++
			c.mu.Unlock()
			c.rest()
			url = c.place.Again
			continue
		}
		c.mu.Lock()
		c.connects++
		c.mu.Unlock()
		if last != nil {
			last.nc.Close()
		}
		last, url = now, c.place.Again
		select {
		case <-now.asked:
		case <-now.nc.Ended():
		case <-c.ctx.Done():
		}
	}
	if last != nil {
		last.nc.Close()
	}
}

func (c *client) rest() {
	after := time.NewTimer(pause)
	defer after.Stop()
	select {
	case <-after.C:
	case <-c.ctx.Done():
	}
}

func (c *client) connect(url string) (*connection, error) {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	conn, u, err := rtmp.Dial(ctx, url, rtmp.Config{})
	if err != nil {
		return nil, err
	}
	nc := rtmp.NewNetConnection(conn)
	one := &connection{nc: nc, asked: make(chan struct{})}
	ask := sync.OnceFunc(func() { close(one.asked) })
	nc.OnStatus(func(info *amf.Object) {
		if c.told(info) == "NetConnection.Connect.ReconnectRequest" {
			ask()
		}
	})
	object := u.ConnectObject()
	if c.follows {
		rtmp.SetEnhanced(object, rtmp.CapsReconnect)
	}
	if _, err := nc.Connect(ctx, object, c.args...); err != nil {
		nc.Close()
		return nil, err
	}
	return one, nil
}

// told notes a status, and returns its code.
func (c *client) told(info *amf.Object) string {
	v, _ := info.Get("code")
	code, _ := v.(string)
	switch code {
	case "NetStream.Play.Reset", "NetStream.Play.Start", "NetStream.Data.Start":
		return code
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses = append(c.statuses, code)
	c.toldAt[code] = time.Now()
	return code
}

// ToldAt is when the client was told a code last; zero: never.
func (c *client) ToldAt(code string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.toldAt[code]
}

// End has the client leave, and returns when it has.
func (c *client) End() {
	c.stop()
	c.runs.Wait()
}

// until waits for what a client notes.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// Name is what the test calls the client.
func (c *client) Name() string { return c.name }
