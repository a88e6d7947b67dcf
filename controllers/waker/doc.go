// Package waker is where the gateway asks the operator for an AppInstance that sleeps to
// be woken: one endpoint of HTTP, at a port of its own that no Service outside of the
// cluster has and that a NetworkPolicy opens to the gateway's pods.
//
// Who asks proves that it has the key which the gateway shows the instance's origin, see
// package waking: the gateway has no token of the API server, and the operator needs no
// right to have tokens reviewed. What is done is one write: which sleep a client has ended,
// into the AppInstance's status. So any of several operators may be asked, whichever of
// them works, and what was asked outlives them; the one that works starts the servers. How
// far they are is read from the status, too: nobody asks a pod, and nobody is kept waiting.
//
// Wakes are counted, of one AppInstance and of all: a stranger who connects again and again
// keeps an instance awake, and no more.
package waker
