// Package stream is one live stream: a log of packets that a publisher appends
// to, and the fan-out of that log to any number of players.
//
// A packet is chunked once, when it is published; every player gets the same
// bytes. A player is a cursor into the log. Fan-out loops own the sockets of
// connections that play: a loop gathers what lies between a cursor and the end
// of the log and hands it to the kernel in one non-blocking write. No lock is
// taken and nothing is copied or allocated per packet and player.
//
// What a client may ask for beyond the log's bytes (another clock, fewer
// pictures, an end, another stream) gives a player a rewriter: it is looked after
// packet by packet, headers are made for it, and payloads are still the log's
// own. A player that waits for a keyframe has one too, and hears the sound
// meanwhile. A player that has got what it asked for is a plain one again.
//
// Not every player takes all tracks and codecs of a publication: see
// tracks.Takes. Those who take the same are an audience, and as long as what is
// published is for them as it is, they read the same log as all others. Where it
// is not any more, a branch begins: a log of their own, which is made of what is
// published once for all of them, and ends with the publication. To them it is one
// log, which goes on; to all others nothing has happened.
//
// Which pictures playing may begin with is judged once, when they are published:
// see payload.Pictures. In a stream without keyframes one stands in every few
// seconds, so that nobody waits for ever.
//
// The log is a chain of segments that the garbage collector frees from behind:
// what no cursor and no cached GOP points to is gone. Cursors that fall too far
// behind are moved forward, so memory is bounded by the log and not by the
// number of slow players.
//
// Connections and encodings are interfaces: see [Conn] and [Encoding]. RTMP's are
// the first, and the log lies in RTMP's chunks; another encoding is made beside it,
// once for all players, as long as there are some: small packets whole, so that a
// write of many is one piece of memory, and of large ones what goes before and behind
// a payload, which is the log's. What a kind of connection makes of many packets at
// once, such as frames, it may make once for all that get the same in a round: see
// [Sharer].
//
// What players tell their sessions are events: see [Until] and [SwitchOptions].
//
// The package knows messages and sockets. It knows nothing of commands, names,
// keys or files: instance owns the names, session the commands, and recording
// is one more reader of the log.
package stream
