// Package webrtc has browsers and encoders watch and publish live streams by WebRTC:
// WHEP (draft-ietf-wish-whep) is one more way out of a stream's log, WHIP (RFC 9725)
// one more way in.
//
// An exchange is one request of HTTP: an offer comes, an answer goes, and media flows
// by UDP until a DELETE, until either side has gone or the server drains ([Handler]).
// One UDP port serves all ([Port]), and clients that no packet of UDP gets to connect by
// TCP ([TCP]), where whoever listens hands them over; the server is ICE-lite (RFC 8445 §2.5), so that it
// sends nothing to an address that has not proved that it has the session's password,
// and looks at no candidate of a client's.
//
// Where several servers are behind one address, packets of a client may come to another than
// the one that answered it: package relay hands them over, before ICE sees them, and a request
// about a session that is another's goes there by HTTP ([Among]).
//
// A viewer is a goroutine with a reader of the stream's log. It begins at the newest
// keyframe, whose successors it shows faster than they were, and is live from then on.
// Nothing is transcoded: what WebRTC has no form for is left out, and the answer says
// so. A publisher is a client of its instance as one that comes by RTMP, and its frames
// are written as RTMP has them, so that every other way out has the stream as well.
//
// Where the instance is lost for a while, as by the link of an edge, viewers and publishers stay
// for it: see viewer.play and way.
//
// It decides neither who may watch and publish nor where a stream is: an outlet.House
// and a session.Directory do. What RTP and SDP mean is pion's business.
package webrtc
