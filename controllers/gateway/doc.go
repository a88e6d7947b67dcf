// Package gateway is the Kubernetes end of the gateway. What an AppInstance claims there,
// where its origin takes links and which key it wants to be shown is said here once, for
// the operator, which makes the origin and says who has lost a name, and for [Run], which
// writes the routes that a gateway reads.
//
// Run stands beside the gateway in its pod, in a process of its own: what strangers talk
// to has no token of the API server, no key that others are made of, and none of
// client-go. It reads AppInstances and nothing else, and writes one file; while the API
// server is away, the file stays as it is.
package gateway
