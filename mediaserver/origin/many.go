package origin

import (
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// way is how the clients of an edge are reached: what many of them hear goes over the link
// once. It implements session.Way.
type way struct{ e *edge }

// Way implements session.Far.
func (c *client) Way() session.Way {
	if c.e.shared {
		return way{c.e}
	}
	return nil
}

// Invoke implements session.Way.
func (w way) Invoke(v session.Invocation, to []session.Peer) {
	numbers := make([]uint64, 0, len(to))
	for _, p := range to {
		numbers = append(numbers, p.(interface{ number() uint64 }).number())
	}
	w.e.pipe.Send(link.InvokeMany, 0, 0, link.InvokeManyBody{InvokeBody: link.FromInvocation(&v), Clients: link.AppendNumbers(nil, numbers)})
}
