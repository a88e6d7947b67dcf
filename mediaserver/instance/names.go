package instance

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// maxWaits is how many names one client may wait for that nobody publishes: as
// many as a wall of pictures shows.
const maxWaits = 32

// entry is a stream name in use: a client publishes it, plays it or waits for
// it.
type entry struct {
	stream      *stream.Stream
	publication *publication // the last one; nil: none yet
	record      *recordTask  // the last one that wrote to the name's own file; nil: none yet
	dated       *recordTask  // the last one that wrote to a file of its own; nil: none yet
	uses        int
	players     int  // uses that only play
	waiting     bool // there are no others: nobody publishes it
}

// use finds or makes the entry of a name for a publisher, for one use more. Each
// use is matched by a release. Names that are waited for take no place away from
// it.
func (o *owner) use(name string) (*entry, *session.Refusal) {
	e, ok := o.streams[name]
	if !ok || e.waiting {
		max := o.rules.Load().MaxStreams
		switch {
		case o.closing:
			return nil, stopping()
		case max > 0 && len(o.streams)-o.waiting >= max:
			return nil, limit("stream "+name, "spec.limits.maxStreams", max)
		}
	}
	switch {
	case !ok:
		e = o.enter(name)
	case e.waiting:
		o.waits(e, false)
		o.budgets.Waiting.Give(1)
	}
	e.uses++
	return e, nil
}

// await is use for a player. A name that nobody publishes takes a place of its
// own, of which a client has its share.
func (o *owner) await(name string, client session.Client) (*entry, *session.Refusal) {
	e, ok := o.streams[name]
	if !ok || e.waiting {
		switch {
		case o.closing:
			return nil, stopping()
		case o.waitsOf(client.ID) >= maxWaits:
			return nil, &session.Refusal{Code: session.RefusedLimit, Reason: fmt.Sprintf("this connection waits for %d streams that nobody publishes already", maxWaits)}
		case !ok && !o.budgets.Waiting.Take(1):
			return nil, &session.Refusal{Code: session.RefusedLimit, Reason: "too many streams are waited for that nobody publishes"}
		}
	}
	if !ok {
		e = o.enter(name)
		o.waits(e, true)
	}
	e.uses++
	e.players++
	o.played[client.ID] = o.played[client.ID].with(name, 1)
	return e, nil
}

// enter makes the entry of a name.
func (o *owner) enter(name string) *entry {
	e := &entry{stream: stream.New(name, o.fanout, o.rules.Load().Stream)}
	o.streams[name] = e
	o.seen.streams(func(all map[string]*stream.Stream) { all[name] = e.stream })
	return e
}

// release ends one use of a name.
func (o *owner) release(name string) {
	e, ok := o.streams[name]
	if !ok {
		return
	}
	e.uses--
	switch {
	case e.uses == 0:
		delete(o.streams, name)
		o.seen.streams(func(all map[string]*stream.Stream) { delete(all, name) })
		if e.waiting {
			o.waits(e, false)
			o.budgets.Waiting.Give(1)
		}
	case !e.waiting && e.uses == e.players:
		// Its players wait for the next publisher: they are there already.
		o.waits(e, true)
		o.budgets.Waiting.Owe(1)
	}
}

// leave ends one use of a name by a player.
func (o *owner) leave(name, client string) {
	if of, ok := o.played[client]; ok {
		if of = of.with(name, -1); len(of) == 0 {
			delete(o.played, client)
		} else {
			o.played[client] = of
		}
	}
	if e, ok := o.streams[name]; ok {
		e.players--
	}
	o.release(name)
}

// waits notes whether a name is waited for and not published.
func (o *owner) waits(e *entry, is bool) {
	e.waiting = is
	if is {
		o.waiting++
	} else {
		o.waiting--
	}
	o.seen.waiting.Store(int64(o.waiting))
}

// waitsOf is how many names a client waits for.
func (o *owner) waitsOf(client string) (n int) {
	for _, one := range o.played[client] {
		if e, ok := o.streams[one.name]; ok && e.waiting {
			n++
		}
	}
	return n
}
