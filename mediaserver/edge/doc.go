// Package edge is an edge's end of its links: to the sessions of this process it is the
// directory and the instances that they ask, and everything that they ask goes to the
// origin that owns the instance, and comes back, in order, over one link for each
// instance (package link).
//
// Media does not go that way. A live stream is fed once, whatever the number of its
// viewers, into a log of the edge's own, from which its players are served as at the
// origin; what a client publishes here goes to the origin over a connection of its own;
// a recorded file is read in pieces, over one connection for all who play it, and they are
// kept (package pieces).
//
// Viewers by HTTP and WebRTC are asked about as a whole (Watch): who has come for what, and what
// the origin grants. Whoever serves HTTP keeps it as long as the viewer is there, also while there
// is no link: a live stream that has not come back for 15 seconds has ended for them.
//
// Of a shared object that clients use there is one replica for all of them, from which they
// are told what comes once: who is slow waits here, and keeps nobody else.
//
// The package owns no name, no rule and no shared object, and decides nothing. A link that
// is lost is made again as long as it has clients, which stay: what they had asked is
// answered as lost, viewers hear that nobody publishes, publishers that nothing of theirs is
// published, and once the origin is there again
// it is asked for each of them anew, in the order in which they came, and for what they had
// of it. Who may not have that any more is told so.
package edge
