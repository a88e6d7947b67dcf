package instance

import "flashpod.dev/flashpod/mediaserver/session"

// Connect lets a client in, or says why not: the instance is full or stops. Each
// success is matched by a Leave.
func (i *Instance) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	ok := i.post(func(o *owner) {
		if why := o.connect(r, peer); why != nil {
			answer(session.ConnectAnswer{Refusal: why})
			return
		}
		answer(session.ConnectAnswer{Instance: i})
	})
	if !ok {
		answer(session.ConnectAnswer{Refusal: stopping()})
	}
}

func (o *owner) connect(r session.ConnectRequest, peer session.Peer) *session.Refusal {
	if o.closing {
		return stopping()
	}
	if max := o.rules.Load().MaxConnections; max > 0 && o.seen.connections() >= max {
		return limit("", "spec.limits.maxConnections", max)
	}
	o.seen.come(r.ID, peer)
	return nil
}

// Leave implements session.Instance.
func (i *Instance) Leave(c session.Client) {
	// After Close nothing is counted any more.
	_ = i.post(func(o *owner) { o.seen.leave(c.ID) })
}

// Shutdown refuses new clients and names, and has the connected clients told
// to go. It does not wait for them. Sessions end their publications and
// recordings as they leave.
func (i *Instance) Shutdown(reason string) {
	_ = i.post(func(o *owner) {
		o.closing = true
		all := o.seen.peers()
		go func() {
			for _, peer := range all {
				peer.Shutdown(reason)
			}
		}()
	})
}
