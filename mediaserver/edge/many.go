package edge

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// maxMany is how many clients a record names at most.
const maxMany = 1 << 20

// handleMany does what a record says that is for many clients.
func (u *uplink) handleMany(r link.Record) error {
	switch r.Kind {
	case link.Going:
		return errGoing
	case link.InvokeMany:
		u.objects.settle()
		return u.invokeMany(r)
	case link.ObjectBegins:
		return u.objects.begins(&r)
	case link.ObjectTold:
		return u.objects.told(&r)
	case link.ObjectEnds:
		return u.objects.ends(&r)
	}
	return fmt.Errorf("%w: record %d for no client", link.ErrFrame, r.Kind)
}

// invokeMany calls a method of clients, those that have left apart: the call is made once
// for all of them, and goes once to those behind another edge.
func (u *uplink) invokeMany(r link.Record) error {
	var b link.InvokeManyBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	var to []*remote
	u.mu.Lock()
	err := link.EachNumber(b.Clients, maxMany, func(n uint64) {
		if c := u.stays[n]; c != nil {
			to = append(to, c)
		}
	})
	u.mu.Unlock()
	if err != nil {
		return err
	}
	v := b.Session()
	var far map[session.Way][]session.Peer
	for _, c := range to {
		way := session.WayOf(c.peer)
		if way == nil {
			c.peer.Invoke(v, nil)
			continue
		}
		if far == nil {
			far = map[session.Way][]session.Peer{}
		}
		far[way] = append(far[way], c.peer)
	}
	for way, peers := range far {
		way.Invoke(v, peers)
	}
	return nil
}
