package instance

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/session"
)

// Connect lets a client in, or says why not: the instance is full or stops. Where
// there is a script, that decides: see Admit. Each success is matched by a Leave.
func (i *Instance) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	ok := i.post(func(o *owner) {
		if why := o.connect(r, peer); why != nil {
			answer(session.ConnectAnswer{Refusal: why})
			return
		}
		scripted := i.script != nil
		answer(session.ConnectAnswer{
			Instance: i, ID: i.id, MaxMessageSize: o.rules.Load().MaxMessageSize, Scripted: scripted, Pending: scripted,
		})
		if scripted {
			o.ask(r, peer)
		}
	})
	if !ok {
		answer(session.ConnectAnswer{Refusal: stopping()})
	}
}

func (o *owner) connect(r session.ConnectRequest, peer session.Peer) *session.Refusal {
	if o.closing || o.restarting {
		return stopping()
	}
	if most := o.rules.Load().MaxPending; o.script != nil && len(o.pending) >= most {
		return limit("", "spec.script.limits.pendingConnects", most)
	}
	if why := o.hasRoom(r.Address); why != nil {
		return why
	}
	o.seen.come(r.Client, peer)
	return nil
}

// hasRoom says why one more from an address has no place; nil: it has one, which
// addresses.Go gives back.
func (o *owner) hasRoom(address string) *session.Refusal {
	if max := o.rules.Load().MaxConnections; max > 0 && o.seen.connections() >= max {
		return limit("", "spec.limits.maxConnections", max)
	}
	if !o.addresses.Come(address) {
		const field = "spec.limits.maxConnectionsPerAddress"
		return &session.Refusal{
			Code: session.RefusedLimit, Limit: field,
			Reason: fmt.Sprintf("limit reached: your address has %d connections already (%s)", o.rules.Load().MaxPerAddress, field),
		}
	}
	return nil
}

// Leave implements session.Instance.
func (i *Instance) Leave(c session.Client) {
	// After Close nothing is counted any more.
	_ = i.post(func(o *owner) {
		o.releaseObjects(c.ID)
		if o.seen.leave(c.ID) {
			o.addresses.Go(c.Address)
			o.left(c.ID)
		}
	})
}

// Shutdown refuses new clients and names, and has the connected clients told
// to go. It does not wait for them. Sessions end their publications and
// recordings as they leave.
func (i *Instance) Shutdown(reason string) {
	_ = i.post(func(o *owner) {
		o.closing = true
		o.endOwn(false)
		o.dismiss(reason)
	})
}

// dismiss has all clients told to go.
func (o *owner) dismiss(reason string) {
	o.refusePending()
	o.dismissViewers(reason, false)
	all := o.seen.peers()
	go shutdown(all, reason)
}

func shutdown(peers []session.Peer, reason string) {
	for _, peer := range peers {
		peer.Shutdown(reason)
	}
}
