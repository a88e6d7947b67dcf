package session

import "flashpod.dev/flashpod/mediaserver/sharedobject"

// What tests through the door need to know of the inside.
const (
	MaxNetStreams   = maxNetStreams
	MaxWaiting      = maxWaiting
	MaxWaitingBytes = maxWaitingBytes
	MaxCalling      = maxCalling
)

// CommandNames are the commands that a session knows.
func CommandNames() (names []string) {
	for name := range connectionCommands {
		names = append(names, name)
	}
	for name := range streamCommands {
		names = append(names, name)
	}
	return names
}

// Window is what a link to another server has, too.
type Window struct{ window }

func (w *Window) Offer(bytes int, who sharedobject.Waiter) bool { return w.offer(bytes, who) }
func (w *Window) Taken(bytes int)                               { w.taken(bytes) }
