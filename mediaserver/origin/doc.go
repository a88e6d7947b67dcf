// Package origin is an origin's end of its links: it puts what edges ask on behalf of their
// clients to the instances of this process, as sessions do, and hands live streams and
// recorded files over.
//
// To an instance, a client of an edge is one like any other: it has an address of its own,
// is counted, called, told of shared objects, and kicked. What many of them hear alike goes
// over the link once: an edge is what carries shared objects (sharedobject.Carrier), and the
// way of what is said to all (session.Way). When a link ends, its clients have gone, and all
// that they were given is given back; when this server is an edge itself, and loses its own
// origin, they stay, as sessions of its own do (session.Returner).
//
// A viewer by HTTP of an edge is asked about as its own viewer would be, and keeps what it
// is granted until the edge says that it has gone, or the link ends.
//
// The package decides nothing about clients and streams; it knows no edge by name, and
// takes whoever has the key (package link).
package origin
