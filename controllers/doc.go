// Package controllers turns AppInstances into Kubernetes objects: a
// StatefulSet of one media server with a volume that outlives it, the Service
// clients reach it by, and what the pod mounts.
//
// A reconcile is three steps. gather reads everything; decide, a pure function,
// says what should be there and what the status is; apply makes it so, by
// server-side apply of fresh objects, and writes nothing when nothing differs.
// Each kind of child has a builder in a file of its own.
//
// The package does not talk to media servers and keeps no state of its own.
package controllers
