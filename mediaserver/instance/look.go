package instance

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// What follows is for those who look at an instance from outside: what it has, name
// by name, a page at a time.

// ClientInfo is a client that is connected, or a viewer by HTTP.
type ClientInfo struct {
	session.Client
	Way string // rtmp, or that of a viewer by HTTP
	// Stream is what a viewer by HTTP watches, and Live that it is not recorded.
	Stream            string
	Live              bool
	Since             time.Time // when it was let in
	BytesIn, BytesOut uint64
	RoundTrip         time.Duration // of the last ping that was answered; 0: none was
}

// StreamInfo is a name that is published, played or waited for.
type StreamInfo struct {
	Name    string
	Live    bool // it is published now
	Players int
}

// ObjectInfo is a shared object in use.
type ObjectInfo struct {
	Name       string
	Persistent bool
	Version    uint32
	Slots      int
	Bytes      int // what its slots take in memory, about
	Users      int // clients
}

// visitor is who a client is, and since when it has been here.
type visitor struct {
	session.Client
	since time.Time
}

// Clients are those that are connected, viewers by HTTP among them, by their IDs: limit at most, from the first
// on that comes after one. It asks the seen state, not the owner.
func (i *Instance) Clients(after string, limit int) (page []ClientInfo, more bool) {
	s := i.seen
	s.mu.Lock()
	ids := firstOf(func(yield func(string) bool) {
		for id := range s.who {
			if !yield(id) {
				return
			}
		}
		maps.Keys(s.viewers)(yield)
	}, after, limit)
	if more = len(ids) > limit; more {
		ids = ids[:limit]
	}
	peers := make([]session.Peer, 0, len(ids))
	for _, id := range ids {
		if v := s.viewers[id]; v != nil {
			page = append(page, ClientInfo{Client: v.Client, Way: v.Way, Stream: v.Stream, Live: v.Live, Since: v.since, BytesOut: v.Sent.Load()})
			peers = append(peers, nil)
			continue
		}
		who := s.who[id]
		page = append(page, ClientInfo{Client: who.Client, Way: wayRTMP, Since: who.since})
		peers = append(peers, s.peer[id])
	}
	s.mu.Unlock()
	for n, peer := range peers {
		if peer != nil {
			page[n].BytesIn, page[n].BytesOut = peer.Bytes()
			page[n].RoundTrip = peer.Traffic().RoundTrip
		}
	}
	return page, more
}

// PingAll asks clients for a sign of life, by which their RoundTrip is known later.
func (i *Instance) PingAll(clients []string) {
	for _, id := range clients {
		if peer := i.seen.peerOf(id); peer != nil {
			peer.Ping()
		}
	}
}

// Streams are the names in use, as Clients are.
func (i *Instance) Streams(after string, limit int) (page []StreamInfo, more bool) {
	s := i.seen
	s.mu.Lock()
	names := firstOf(maps.Keys(s.named), after, limit)
	if more = len(names) > limit; more {
		names = names[:limit]
	}
	streams := make([]*stream.Stream, 0, len(names))
	for _, name := range names {
		streams = append(streams, s.named[name])
	}
	viewers := s.of()
	s.mu.Unlock()
	for n, one := range streams {
		page = append(page, StreamInfo{Name: names[n], Live: one.Live(), Players: one.Players() + viewers[names[n]]})
	}
	return page, more
}

// Live is the stream of a name that is published, or was and is still played; nil:
// there is none.
func (i *Instance) Live(name string) *stream.Stream {
	i.seen.mu.Lock()
	defer i.seen.mu.Unlock()
	return i.seen.named[name]
}

// Scripted says whether a script decides who comes in.
func (i *Instance) Scripted() bool { return i.script != nil }

// firstOf are the first names after one in their order, one more than limit if
// there are as many. It keeps no more than those, however many there are.
func firstOf(all iter.Seq[string], after string, limit int) (found []string) {
	for name := range all {
		if name > after {
			found = insert(found, name, limit, strings.Compare)
		}
	}
	return found
}

// insert puts one at its place among the first ones, of which limit and one more
// are kept.
func insert[T any](found []T, one T, limit int, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(found, one, compare)
	if at > limit {
		return found
	}
	return slices.Insert(found[:min(len(found), limit)], at, one)
}

// objectsATurn is how many objects the owner looks at in one turn.
const objectsATurn = 2000

// Objects are the shared objects in use, in the order of their names, transient ones
// first: limit at most, from the first on that comes after one. The owner knows them:
// it is asked, a portion a turn, until ctx ends.
func (i *Instance) Objects(ctx context.Context, after ObjectInfo, limit int) (page []ObjectInfo, more bool, err error) {
	i.reentry.check("Objects")
	l := &objectLook{after: after, limit: limit, done: make(chan struct{})}
	if !i.post(func(o *owner) { l.begin(o, ctx) }) {
		return nil, false, nil // it has ended: nothing is in use
	}
	select {
	case <-l.done:
	case <-i.stopped:
		return nil, false, nil
	}
	if err := context.Cause(ctx); err != nil {
		return nil, false, err
	}
	if more = len(l.found) > limit; more {
		l.found = l.found[:limit]
	}
	return l.found, more, nil
}

// objectLook is a look at all objects, the owner's until it is done.
type objectLook struct {
	after ObjectInfo
	limit int
	found []ObjectInfo
	done  chan struct{}
}

func compareObjects(a, b ObjectInfo) int {
	persistent := func(o ObjectInfo) int {
		if o.Persistent {
			return 1
		}
		return 0
	}
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(persistent(a), persistent(b)))
}

// begin goes through the map as one loop, which may be changed meanwhile, with other
// turns of the owner between two portions.
func (l *objectLook) begin(o *owner, ctx context.Context) {
	next, stop := iter.Pull(maps.Values(o.objects))
	l.portion(o, ctx, next, stop)
}

func (l *objectLook) portion(o *owner, ctx context.Context, next func() (*object, bool), stop func()) {
	for range objectsATurn {
		obj, ok := next()
		if !ok || ctx.Err() != nil {
			stop()
			close(l.done)
			return
		}
		// What is being read from its file belongs to that, and is not in use yet.
		if obj.loading {
			continue
		}
		one := ObjectInfo{Name: obj.key.name, Persistent: obj.key.persistent}
		if compareObjects(one, l.after) <= 0 {
			continue
		}
		one.Version, one.Slots, one.Bytes, one.Users = obj.Version(), obj.Len(), obj.Bytes(), len(obj.users)
		l.found = insert(l.found, one, l.limit, compareObjects)
	}
	if !o.post(func(o *owner) { l.portion(o, ctx, next, stop) }) {
		stop()
		close(l.done)
	}
}

// Kick ends the connection of one client, or what a viewer watches. false: it is not here.
func (i *Instance) Kick(client string) bool {
	if v := i.seen.viewer(client); v != nil {
		v.End("an operator has ended this: come back later", true)
		return true
	}
	peer := i.seen.peerOf(client)
	if peer == nil {
		return false
	}
	peer.Disconnect()
	return true
}

// Empty ends the connections of all clients, which are told; the instance's script
// begins anew then. Others may come.
func (i *Instance) Empty(reason string) {
	if i.script != nil {
		i.script.Shutdown()
		return
	}
	for _, v := range i.seen.watching() {
		v.End(reason, false)
	}
	for _, peer := range i.seen.peers() {
		peer.Shutdown(reason)
	}
}
