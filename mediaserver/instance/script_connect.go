package instance

import (
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// defaultPending is how many connects may wait for the script at once, where the
// rules do not say.
const defaultPending = 1000

// ask has the script decide about a client.
func (o *owner) ask(r session.ConnectRequest, peer session.Peer) {
	s := o.script
	s.come(r, peer)
	o.pending[r.ID] = nil
	c := script.Client{
		ID: r.ID, Address: r.Address, Agent: r.Agent, Protocol: "rtmp", Secure: r.Secure,
		URI: r.URI, Referrer: r.Referrer, PageURL: r.PageURL, Query: r.Query, AMF3: r.AMF3, Again: r.Again,
	}
	if r.Secure {
		c.Protocol = "rtmps"
	}
	s.host.Connect(c, r.Args)
}

// Admit implements session.Instance.
func (i *Instance) Admit(c session.Client, answer func(*session.Refusal)) {
	ok := i.post(func(o *owner) {
		why, decided := o.decided[c.ID]
		_, waits := o.pending[c.ID]
		switch {
		case decided:
			delete(o.decided, c.ID)
			answer(why)
		case waits:
			o.pending[c.ID] = answer
		default:
			answer(stopping()) // it has left, or never came
		}
	})
	if !ok {
		answer(stopping())
	}
}

// decide ends the waiting of a client, once: with nil it is let in.
func (o *owner) decide(id string, why *session.Refusal) {
	answer, ok := o.pending[id]
	if !ok {
		return
	}
	delete(o.pending, id)
	if why == nil {
		o.script.change(id, func(g *guest) { g.in = true })
	}
	if answer == nil {
		o.decided[id] = why
		return
	}
	answer(why)
}

// refusePending ends the waiting of all.
func (o *owner) refusePending() {
	for id := range o.pending {
		o.decide(id, stopping())
	}
}

// Accept implements script.Instance, as all below.
func (s *scripted) Accept(client string) {
	_ = s.post(func(o *owner) { o.decide(client, nil) })
}

// Reject implements script.Instance: the client is told the reason, and where else to go.
func (s *scripted) Reject(client string, why script.Rejection) {
	_ = s.post(func(o *owner) { o.decide(client, rejected(why)) })
}

func rejected(why script.Rejection) *session.Refusal {
	return &session.Refusal{
		Code: session.RefusedByScript, Reason: why.Description, Application: why.Application, Redirect: why.Redirect,
	}
}

// Disconnect of a client that waits is a rejection.
func (s *scripted) Disconnect(client string) {
	_ = s.post(func(o *owner) {
		if _, waits := o.pending[client]; waits {
			o.decide(client, rejected(script.Rejection{}))
			return
		}
		if g := s.guest(client); g != nil && !g.leaving {
			s.change(client, func(g *guest) { g.leaving = true })
			s.out.say(0, g.peer.Disconnect)
		}
	})
}

// Settle implements script.Instance: done runs in the owner's turn, behind all that was
// posted before.
func (s *scripted) Settle(done func()) {
	if !s.post(func(*owner) { done() }) {
		done()
	}
}

// SetAccess implements script.Instance: what the client may read and write from then on.
// Of a shared object that it may not read any more it hears that, and nothing else.
func (s *scripted) SetAccess(client string, a script.Access) {
	_ = s.post(func(o *owner) {
		s.change(client, func(g *guest) { g.access = &a })
		o.revoke(client, a.Read)
	})
}
