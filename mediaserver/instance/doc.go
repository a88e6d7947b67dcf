// Package instance is one running instance of an application: the clients
// connected to it, the names of its live streams, and the rules of its
// AppInstance document.
//
// One goroutine, the owner, holds all of that state, as Flash Communication
// Server does: what happens to an instance happens in one order, and rules,
// shared objects and scripts can rely on it. Sessions ask the owner; they
// never see its maps.
//
// Media never passes through here. A session gets a [stream.Publisher] or a
// [stream.Stream] from the instance once, and packets flow past it.
package instance
