package origin

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// client is a client of an edge, as its instance sees it. It implements session.Peer.
type client struct {
	e      *edge
	n      uint64 // on the pipe
	self   session.Client
	window sharedobject.Window // of what is on its way about shared objects
	seen   atomic.Pointer[session.Traffic]
	looked atomic.Int64 // when its edge was last told that it is looked at, in ns since 1970

	// Of what the log says of it: whether it has come before, when it was let in, in ns since
	// 1970 (0: it was not), and why it was told to go (nil: it was not).
	again bool
	since atomic.Int64
	told  atomic.Pointer[string]

	mu    sync.Mutex // nothing else is taken, and nobody called, while it is held
	inst  session.Instance
	gone  bool
	next  uint64                          // question
	asked map[uint64]func(session.Answer) // nil before the first
	given []*grant                        // a few, and of most clients one
}

func (c *client) instance() session.Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inst
}

// answer answers a question of the edge's.
func (c *client) answer(id uint64, body any) { c.e.pipe.Send(link.Answer, c.n, id, body) }

// returner is a client whose edge keeps it while this server, an edge itself, has no link to
// its own origin. It implements session.Returner.
type returner struct{ *client }

// Returned implements session.Returner.
func (c returner) Returned(a session.ConnectAnswer) {
	c.e.pipe.Send(link.Returned, c.n, 0, c.said(a))
}

// number is the client's on the pipe.
func (c *client) number() uint64 { return c.n }

// grant remembers what the client is given, and returns its token; "": the client has
// gone, and it was given back.
func (c *client) grant(g *grant) string {
	g.to = c
	token := c.e.o.give(g)
	c.mu.Lock()
	gone := c.gone
	if !gone {
		c.given = append(c.given, g)
	}
	c.mu.Unlock()
	if gone {
		c.e.o.take(g)
		return ""
	}
	return token
}

// drop forgets what the client has no more.
func (c *client) drop(g *grant) {
	c.mu.Lock()
	c.given = slices.DeleteFunc(c.given, func(one *grant) bool { return one == g })
	c.mu.Unlock()
}

// lost has the client leave its instance, and gives back all that it was given.
func (c *client) lost() {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return
	}
	c.gone = true
	inst, given, asked := c.inst, c.given, c.asked
	c.given, c.asked = nil, nil
	c.mu.Unlock()
	for _, g := range given {
		c.e.o.take(g)
	}
	for _, answer := range asked {
		answer(hasGone())
	}
	if inst != nil {
		inst.Withdraw(c.self)
		inst.Leave(c.self)
	}
}

// hasGone is what is answered in place of a client that has gone.
func hasGone() session.Answer {
	return session.Answer{Error: true, Value: amf.NewObject("level", "error", "code", "NetConnection.Call.Failed", "description", "The client has gone.")}
}

// Tell implements sharedobject.Subscriber.
func (c *client) Tell(u sharedobject.Update, w sharedobject.Waiter) bool {
	if len(u.Payload) == 0 {
		return c.window.Offer(0, w)
	}
	if w != nil && !c.window.Offer(len(u.Payload), w) {
		return false
	}
	c.e.pipe.Send(link.Tell, c.n, 0, link.UpdateBody{Payload: u.Payload, Flex: u.Flex, Waits: w != nil})
	return true
}

// Invoke implements session.Peer.
func (c *client) Invoke(v session.Invocation, answer func(session.Answer)) {
	id := uint64(0)
	if answer != nil {
		c.mu.Lock()
		if c.gone {
			c.mu.Unlock()
			answer(hasGone())
			return
		}
		c.next++
		id = c.next
		if c.asked == nil {
			c.asked = map[uint64]func(session.Answer){}
		}
		c.asked[id] = answer
		c.mu.Unlock()
	}
	c.e.pipe.Send(link.Invoke, c.n, id, link.FromInvocation(&v))
}

func (c *client) answered(r link.Record) error {
	c.mu.Lock()
	answer := c.asked[r.ID]
	delete(c.asked, r.ID)
	c.mu.Unlock()
	if answer == nil {
		return nil
	}
	var b link.AnsweredBody
	err := r.Decode(&b)
	a := hasGone()
	if err == nil {
		a, err = b.Session()
	}
	answer(a)
	return err
}

// CheckBandwidth implements session.Peer.
func (c *client) CheckBandwidth() { c.e.pipe.Send(link.CheckBandwidth, c.n, 0, nil) }

// Ping implements session.Peer.
func (c *client) Ping() { c.e.pipe.Send(link.Ping, c.n, 0, nil) }

// SetBandwidth implements session.Peer.
func (c *client) SetBandwidth(toClient, toServer int64) {
	c.e.pipe.Send(link.SetBandwidth, c.n, 0, link.BandwidthBody{ToClient: toClient, ToServer: toServer})
}

// Disconnect implements session.Peer.
func (c *client) Disconnect() {
	c.toldToGo("it was told to go")
	c.e.pipe.Send(link.Disconnect, c.n, 0, nil)
}

// Fail implements session.Peer.
func (c *client) Fail(why error) {
	c.toldToGo(why.Error())
	c.e.pipe.Send(link.Fail, c.n, 0, link.ReasonBody{Reason: why.Error()})
}

// Shutdown implements session.Peer. An edge that keeps its clients for the origin that
// comes next was told that this one goes.
func (c *client) Shutdown(reason string) {
	if c.e.keeps && c.e.o.isGoing() {
		return
	}
	c.toldToGo(reason)
	c.e.pipe.Send(link.Shutdown, c.n, 0, link.ReasonBody{Reason: reason})
}

// Seen is what the client's edge has said last, within half a minute.
func (c *client) Seen() session.Traffic {
	if t := c.seen.Load(); t != nil {
		return *t
	}
	return session.Traffic{}
}

// Bytes implements session.Peer.
func (c *client) Bytes() (in, out uint64) {
	t := c.Seen()
	return t.In, t.Out
}

// lookEvery is how often an edge is told that somebody looks at a client.
const lookEvery = 10 * time.Second

// Traffic implements session.Peer. Who looks is told what is a second old from then on, as
// long as he goes on.
func (c *client) Traffic() session.Traffic {
	now, last := time.Now().UnixNano(), c.looked.Load()
	if c.e.keeps && now-last > int64(lookEvery) && c.looked.CompareAndSwap(last, now) {
		c.e.pipe.Send(link.Look, c.n, 0, nil)
	}
	return c.Seen()
}
