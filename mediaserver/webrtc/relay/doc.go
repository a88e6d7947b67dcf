// Package relay lets several servers take WebRTC's packets behind one UDP address: a load
// balancer hands a client's packets to any of them, and the one that answered the client's
// offer gets them all the same.
//
// The server that answers says who it is in the session's ICE user name ([Relay.Name]), which
// clients repeat in each connectivity check. A server that gets one for another wraps it,
// with the client's address, and sends it there; the owner of the session answers the way that
// the check came, so that the answer leaves from where the client has sent to. From then on
// everything of that client goes the same way. When the load balancer moves the client to
// another server, its next check, which comes every few seconds (RFC 7675 §5.1), moves the
// way; until then the server that gets its media asks those that it has heard of, and the owner
// sends by both. What an owner hands to its ICE agent looks as if nothing was in between ([Relay.In],
// [Relay.Write]).
//
// Nobody is believed: names and wrappers are authenticated by keys that the servers have in
// common, each wrapper counts once, and a way is made or moved only by a check that shows the
// session's password: who forges an address has a session's media, which only its client can
// read, sent twice for a few seconds. A server keeps what it passes on only for clients to whom an owner has
// answered, and sends one packet for one that has come.
//
// It opens no port and knows no media: package webrtc hands it packets, and a function that
// sends them.
package relay
