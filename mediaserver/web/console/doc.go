// Package console is where a person looks at a running server, and changes a few
// things: the page at /-/console/ of the control port, and what it asks for below
// /-/console/api/. A client shows a token once and has a session from then on, as a
// viewer, who looks, or as an admin, who also ends clients, unloads instances, deletes
// recordings and has the server drain.
//
// One sampler looks at the server for all who look at the page, every two seconds while
// anybody does, and keeps the last hour for those that come later. What it finds goes
// out as server-sent events. A listener has no queue: it is sent the newest of what there
// is, and what it was too slow for it is told to have missed, so that pages that do not
// read cost a place and no memory.
//
// What there is to see and to do is behind the interface Source, in plain values, which
// package server implements. This package knows no instance, no stream and no file, and
// decides nothing about clients of instances. Tokens are in no answer and no log.
package console
