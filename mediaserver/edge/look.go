package edge

import (
	"cmp"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// What follows is for those who look at an edge.

// Instance is one that the edge is linked to.
type Instance struct {
	Application, Name string
	Clients           int // of this edge, viewers by HTTP among them
	Streams           []Stream
}

// Stream is a live stream that is fed to the edge.
type Stream struct {
	Name    string // in its instance
	Viewers int    // in all ways
	Live    *stream.Stream
}

// Client is a client of the edge, or a viewer by HTTP.
type Client struct {
	session.Client
	Way     string // rtmp, or that of a viewer by HTTP
	Stream  string // that a viewer by HTTP watches
	Since   time.Time
	Traffic session.Traffic
}

// Instances are those that the edge is linked to, in order.
func (e *Edge) Instances() (all []Instance) {
	for _, u := range e.all() {
		all = append(all, u.look())
	}
	slices.SortFunc(all, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Instance is one of them; false: the edge is not linked to it.
func (e *Edge) Instance(application, name string) (Instance, bool) {
	if u := e.linked(application, name); u != nil {
		return u.look(), true
	}
	return Instance{}, false
}

// Linked says whether the edge is linked to an instance, or about to be.
func (e *Edge) Linked(application, name string) bool { return e.linked(application, name) != nil }

// Reaches says whether the link to an instance is there now.
func (e *Edge) Reaches(application, name string) bool {
	u := e.linked(application, name)
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.pipe != nil
}

func (e *Edge) linked(application, name string) *uplink {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.links[place{application, name}]
}

func (u *uplink) look() Instance {
	is := Instance{Application: u.place.application, Name: u.place.instance}
	u.mu.Lock()
	defer u.mu.Unlock()
	is.Clients = len(u.clients) + len(u.viewers) + len(u.stayers)
	for name, f := range u.feeds {
		is.Streams = append(is.Streams, Stream{Name: name, Viewers: len(f.plays), Live: f.stream})
	}
	slices.SortFunc(is.Streams, func(a, b Stream) int { return cmp.Compare(a.Name, b.Name) })
	return is
}

// wayRTMP is the way of clients that are none of HTTP.
const wayRTMP = "rtmp"

// Clients are those of an instance who are here, limit at most, in no order.
func (e *Edge) Clients(application, name string, limit int) (all []Client) {
	u := e.linked(application, name)
	if u == nil {
		return nil
	}
	u.mu.Lock()
	var peers []session.Peer
	for c := range u.clients {
		if len(all) == limit {
			break
		}
		all, peers = append(all, Client{Client: c.body.Client.Session(), Way: wayRTMP, Since: c.since}), append(peers, c.peer)
	}
	for _, v := range u.watching() {
		if len(all) == limit {
			break
		}
		all = append(all, Client{
			Client: session.Client{ID: v.ask.ID, Address: v.ask.Address, Agent: session.Printable(v.ask.Agent)}, Way: v.ask.Way, Stream: v.name(), Since: v.since,
			Traffic: session.Traffic{Out: v.ask.Sent.Load()},
		})
	}
	u.mu.Unlock()
	for n, peer := range peers {
		all[n].Traffic = peer.Traffic()
	}
	return all
}

// name is what a viewer watches, as far as it is known. The caller holds the uplink's mu.
func (v *viewer) name() string {
	if v.feed != nil {
		return v.feed.name
	}
	return v.ask.Path
}

// Kick ends a client of an instance who is here, and says whether there was one of this ID.
func (e *Edge) Kick(application, name, id string) bool {
	u := e.linked(application, name)
	if u == nil {
		return false
	}
	var ends func()
	u.mu.Lock()
	for c := range u.clients {
		if c.body.Client.ID == id {
			ends = c.peer.Disconnect
		}
	}
	for _, v := range u.watching() {
		if v.ask.ID == id {
			ends = func() { v.end("an operator has ended this: come back later", true) }
		}
	}
	u.mu.Unlock()
	if ends == nil {
		return false
	}
	ends()
	return true
}
