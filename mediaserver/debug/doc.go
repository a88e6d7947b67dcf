// Package debug is what a developer asks a running server over HTTP: profiles,
// goroutines, and how far behind its work it is.
//
// The server provides a Source and serves the Handler where --debug-address
// says: nowhere unless somebody asks for it, and on a loopback address only,
// because a profile shows what is in memory and costs processor time. In a pod,
// kubectl port-forward reaches it. It changes nothing, waits for no owner, loop
// or disk, and knows no other room: what users and operators see is web's.
package debug
