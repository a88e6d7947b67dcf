// Package instance is one running instance of an application: the clients
// connected to it, the names of its live streams, its shared objects, and the
// rules of its AppInstance document. It answers what sessions ask
// (session.Instance).
//
// One goroutine, the owner, holds all of that state, as Flash Communication
// Server does: what happens to an instance happens in one order, and rules,
// shared objects and scripts can rely on it. The owner waits for nobody. What
// takes time, such as opening a file or looking at a key, is done beside it and
// comes back as another task; what clients are told is queued; and a look at
// an instance (Stats) does not ask the owner. Built with the tag debug, a method
// that waits for the owner panics in the owner's own turn.
//
// What a client does to a shared object is done by the owner, in one order with
// all else; the object's feed brings it to all others beside the owner, and files
// of persistent ones are read and written there, too.
//
// Media never passes through here. A session is given a publication or a
// stream once, and packets flow past the instance.
package instance
