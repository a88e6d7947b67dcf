package instance

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Totals only ever grow.
type Totals struct {
	Connections  uint64 // of clients, and of viewers by HTTP
	Viewers      uint64 // of these, those by HTTP
	Publications uint64
	Recordings   uint64
	// ObjectChanges are messages that have changed a shared object.
	ObjectChanges uint64
	// ObjectSendsLost counts what clients were not told of so.send, because they did
	// not take it, or were being told what the object is: once for each client.
	ObjectSendsLost uint64
	BytesIn         uint64 // of clients that have left; Stats adds those still here
	BytesOut        uint64
}

// Stats is a snapshot of an instance.
type Stats struct {
	Application, Name string
	Uptime            time.Duration
	Connections       int // of clients, and viewers by HTTP, now
	Clients           int // of these, those by RTMP
	Streams           int // names published now
	Waiting           int // names that players wait for and nobody publishes, now
	Players           int // of live streams, now
	Playbacks         int // of recorded streams, now
	// Viewers are who plays and watches now, live and recorded, by the way in which it
	// does: rtmp, flv, hls and so on.
	Viewers       map[string]int
	Recordings    int // being written now
	SharedObjects int // in use now
	ObjectUses    int // of them, by clients, now
	// ObjectFiles and ObjectBytes are the files of persistent shared objects, once
	// one of them was used.
	ObjectFiles, ObjectBytes int64
	Total                    Totals
	// Refused counts the publications that were refused since the start; each
	// reason is there.
	Refused map[session.RefusalCode]uint64
}

// seen is what metrics and pages may see of an instance, whatever the owner
// does. The owner alone changes it.
type seen struct {
	recording atomic.Int64 // recordings that are being written now
	waiting   atomic.Int64 // names that are waited for
	objects   atomic.Int64 // shared objects in use
	uses      atomic.Int64 // of them, by clients
	changes   atomic.Uint64
	lostSends atomic.Uint64 // messages of shared objects that a client was not told

	mu   sync.Mutex // nothing else is taken while it is held
	peer map[string]session.Peer
	who  map[string]visitor // of the same clients
	// viewers are those by HTTP.
	viewers map[string]*Viewer
	named   map[string]*stream.Stream
	total   Totals
}

func newSeen() *seen {
	return &seen{peer: map[string]session.Peer{}, who: map[string]visitor{}, viewers: map[string]*Viewer{}, named: map[string]*stream.Stream{}}
}

func (s *seen) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peer) + len(s.viewers)
}

func (s *seen) peers() []session.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.peer))
}

// peerOf is a client that is here; nil: it has left.
func (s *seen) peerOf(id string) session.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer[id]
}

func (s *seen) come(c session.Client, peer session.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer[c.ID], s.who[c.ID] = peer, visitor{c, time.Now()}
	s.total.Connections++
}

// leave counts a client that leaves, once: it returns false the second time.
func (s *seen) leave(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer, ok := s.peer[id]
	if !ok {
		return false
	}
	delete(s.peer, id)
	delete(s.who, id)
	in, out := peer.Bytes()
	s.total.BytesIn += in
	s.total.BytesOut += out
	return true
}

func (s *seen) streams(change func(map[string]*stream.Stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.named)
}

func (s *seen) count(change func(*Totals)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.total)
}

// Stats looks at the instance without asking its owner.
func (i *Instance) Stats() Stats {
	s := Stats{
		Application: i.application,
		Name:        i.name,
		Uptime:      time.Since(i.started),
		Recordings:  int(i.seen.recording.Load()),
		Waiting:     int(i.seen.waiting.Load()),
		Playbacks:   i.store.Playbacks(),
		Refused:     i.refused.counted(),

		SharedObjects: int(i.seen.objects.Load()),
		ObjectUses:    int(i.seen.uses.Load()),
	}
	if i.objectStore != nil {
		s.ObjectFiles, s.ObjectBytes = i.objectStore.Files(), i.objectStore.Bytes()
	}
	i.seen.mu.Lock()
	s.Total = i.seen.total
	s.Connections = len(i.seen.peer) + len(i.seen.viewers)
	s.Clients = len(i.seen.peer)
	viewers := slices.Collect(maps.Values(i.seen.viewers))
	peers := slices.Collect(maps.Values(i.seen.peer))
	streams := slices.Collect(maps.Values(i.seen.named))
	i.seen.mu.Unlock()
	s.Total.ObjectChanges, s.Total.ObjectSendsLost = i.seen.changes.Load(), i.seen.lostSends.Load()
	for _, peer := range peers {
		in, out := peer.Bytes()
		s.Total.BytesIn += in
		s.Total.BytesOut += out
	}
	for _, one := range streams {
		if one.Live() {
			s.Streams++
		}
		s.Players += one.Players()
	}
	s.addViewers(viewers, int(i.ownFiles.Load()))
	return s
}
