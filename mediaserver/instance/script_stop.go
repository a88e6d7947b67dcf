package instance

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// restartTime is how long the clients of an instance that its script has shut down may
// take to leave, before those that come are let in all the same.
const restartTime = 10 * time.Second

// left notes that a client has gone.
func (o *owner) left(id string) {
	if o.script == nil {
		return
	}
	delete(o.pending, id)
	delete(o.decided, id)
	o.script.leave(id)
	o.script.host.Leave(id)
	if o.restarting && o.seen.connections() == 0 {
		o.restart()
	}
}

// Shutdown implements script.Instance, as all below: the script hears onAppStop, the
// clients are told to go, and once they have, the script begins anew. An instance on
// demand is unloaded when nobody comes.
func (s *scripted) Shutdown() {
	_ = s.post(func(o *owner) {
		if o.closing || o.restarting {
			return
		}
		o.restarting = true
		o.restarts++
		this := o.restarts
		s.host.Stop(script.StopShutdown, func(bool) {
			_ = s.post(func(o *owner) {
				s.dismiss(o, "The application has shut down.")
				if o.seen.connections() == 0 {
					o.restart()
				}
			})
		})
		time.AfterFunc(restartTime, func() {
			_ = s.post(func(o *owner) {
				if o.restarts == this {
					o.restart()
				}
			})
		})
	})
}

func (o *owner) restart() {
	if !o.restarting || o.closing {
		return
	}
	o.restarting = false
	o.script.host.Close()
	o.script.host = o.script.make(o.script)
}

// Lost has clients told to go: what the script knew of them is gone.
func (s *scripted) Lost(reason string, clients []string) {
	_ = s.post(func(o *owner) {
		if clients == nil {
			s.dismiss(o, reason)
			return
		}
		o.dismissViewers(reason, true)
		var peers []session.Peer
		for _, id := range clients {
			o.decide(id, stopping())
			if peer := o.seen.peerOf(id); peer != nil {
				peers = append(peers, peer)
			}
		}
		s.tellToGo(o, peers, reason)
	})
}

// dismiss has all clients told to go.
func (s *scripted) dismiss(o *owner, reason string) {
	o.refusePending()
	o.dismissViewers(reason, false)
	s.tellToGo(o, o.seen.peers(), reason)
}

// tellToGo tells clients to go, behind what the script has said to them, and takes back
// what the script has of the instance.
func (s *scripted) tellToGo(o *owner, peers []session.Peer, reason string) {
	o.scriptLost()
	s.out.say(0, func() { shutdown(peers, reason) })
}
