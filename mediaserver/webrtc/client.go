package webrtc

import (
	"errors"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// A publisher is a client of its instance that hears nothing: it has no NetConnection. It stays
// when its instance is lost (session.Returner): see way.

var (
	errDisconnected = errors.New("the instance has disconnected the client")
	errShutdown     = errors.New("the instance is shutting down")
)

// Tell implements session.Peer.
func (p *publisher) Tell(sharedobject.Update, sharedobject.Waiter) (taken bool) { return true }

// Invoke implements session.Peer.
func (p *publisher) Invoke(_ session.Invocation, answer func(session.Answer)) {
	if answer != nil {
		answer(session.Answer{Error: true, Value: amf.NewObject("level", "error", "code", "NetConnection.Call.Failed",
			"description", "A client that publishes by WebRTC has no methods.")})
	}
}

// CheckBandwidth implements session.Peer.
func (p *publisher) CheckBandwidth() {}

// Ping implements session.Peer: whether the client is there, ICE finds out.
func (p *publisher) Ping() {}

// SetBandwidth implements session.Peer.
func (p *publisher) SetBandwidth(int64, int64) {}

// Disconnect implements session.Peer.
func (p *publisher) Disconnect() { p.end(errDisconnected) }

// Fail implements session.Peer.
func (p *publisher) Fail(why error) { p.end(why) }

// Bytes implements session.Peer.
func (p *publisher) Bytes() (in, out uint64) { return p.in.Load(), 0 }

// Traffic implements session.Peer; a message is a packet.
func (p *publisher) Traffic() session.Traffic {
	return session.Traffic{In: p.in.Load(), MessagesIn: p.packets.Load()}
}

// Returned implements session.Returner. What was published goes on by itself.
func (p *publisher) Returned(a session.ConnectAnswer) {
	if a.Refusal != nil {
		p.end(a.Refusal)
	}
}

// Shutdown implements session.Peer.
func (p *publisher) Shutdown(string) { p.end(errShutdown) }
