// Package web is what the media server says over HTTP: health, readiness,
// metrics, recorded streams and the instances that run. Its port is for operators and Prometheus; no
// LoadBalancer publishes it.
//
// It answers to addresses, to localhost and to names that it was given, so that no
// web page whose own name leads here reads anything; and it takes no bodies.
//
// A client that reaches the port may read all of it. It changes three things only,
// and not for everybody: it deletes a recorded stream, ends a client's connection,
// and unloads an instance, for a client that shows the instance's publish key or,
// where an instance has none, is on the server's own machine.
package web
