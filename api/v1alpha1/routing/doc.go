// Package routing decides which AppInstance a client means that comes to an address
// which several have in common: by the host that it has called, the application and the
// instance. The gateway routes by it, and the operator says by it in status who has lost
// a name to whom, so that both come to the same.
//
// A [Table] is a value: it is made once of what everybody claims, and asked by any
// goroutine. A [File] is what a gateway routes by, as a document: people write one, and
// in a cluster what reads AppInstances does. The package opens no connection and knows
// no manifest.
package routing
