package edge

import (
	"hash/maphash"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// trafficEvery is how often an origin hears what has gone over the connection of a
	// client that is looked at there, or that has just come, and seldom how often of others:
	// a million who only watch are not to cost it forty cores.
	trafficEvery = time.Second
	seldom       = 30 * time.Second
	// lookedAt is how long a client counts as looked at, so that a script that looks once a
	// minute has what is a second old each time but the first; and fresh as one that has just
	// come.
	lookedAt = 65 * time.Second
	fresh    = 5 * time.Second
	// wanting is the version of the link from which on an origin says whom it looks at.
	wanting = 2
	// maxTold is how many clients' traffic one record has.
	maxTold = 1000
)

// told is what the origin was told last of a client.
type told struct {
	pipe    *link.Pipe // on which
	traffic uint64     // the hash of it: whether it has changed is all that is asked
	at      time.Time
}

var toldSeed = maphash.MakeSeed()

// look notes that the origin looks at the client.
func (c *remote) look() { c.looked.Store(time.Now().UnixNano()) }

// due says whether the origin is to be told of a client now.
func (t told) due(c *remote, now time.Time) bool {
	return now.Sub(t.at) >= seldom || now.Sub(c.since) < fresh || now.UnixNano()-c.looked.Load() < int64(lookedAt)
}

// traffic is what has gone over the client's connection. Where that is another edge's, it is
// looked at there only if it is here.
func (c *remote) traffic(now time.Time) session.Traffic {
	if far, ok := c.peer.(interface{ Seen() session.Traffic }); ok && now.UnixNano()-c.looked.Load() >= int64(lookedAt) {
		return far.Seen()
	}
	return c.peer.Traffic()
}

// numbered is a client, by its number on a pipe.
type numbered struct {
	n uint64
	c *remote
}

// tell tells the origin now and then what has gone over its clients' connections, and ends
// a link that nobody uses.
func (u *uplink) tell(pipe *link.Pipe, done <-chan struct{}) {
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	var clients []numbered
	for {
		select {
		case <-done:
			return
		case <-u.e.ctx.Done():
			pipe.End(errClosed)
			return
		case <-tick.C:
		}
		u.mu.Lock()
		idle := len(u.clients)+len(u.viewers)+len(u.stayers) == 0 && !u.empty.IsZero() && time.Since(u.empty) > lingers
		if idle {
			u.err = errIdle // who comes now has another
		}
		clients = clients[:0]
		for n, c := range u.stays {
			clients = append(clients, numbered{n, c})
		}
		u.mu.Unlock()
		if idle {
			u.e.drop(u)
			pipe.End(errIdle)
			return
		}
		var all []link.TrafficBody
		for _, one := range clients {
			now, last := time.Now(), one.c.told
			if last.pipe != pipe {
				last = told{}
			}
			if pipe.Version() >= wanting && !last.due(one.c, now) {
				continue
			}
			t := one.c.traffic(now)
			hash := maphash.Comparable(toldSeed, t)
			if last.pipe == nil || hash != last.traffic {
				all = append(all, link.FromTraffic(one.n, t))
			}
			one.c.told = told{pipe, hash, now}
		}
		clear(clients) // who leaves is not kept
		u.tellSent(pipe)
		for len(all) > 0 {
			some := all[:min(len(all), maxTold)]
			pipe.Send(link.Traffic, 0, 0, some)
			all = all[len(some):]
		}
	}
}
