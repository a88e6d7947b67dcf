// Package hls serves streams to players of HLS and low-latency HLS (RFC 8216bis), live
// and recorded.
//
// A live stream is cut by one reader of its log, whatever the number of viewers, from
// the first viewer's request until some time after the last. A publication says where
// (stream.Cut): what segments and parts are called, and what is in them, follows from
// what was published alone, so that every server that has the stream gives the same
// names to the same bytes. The tracks of a stream are variants of one multivariant
// playlist; the first track of sound goes with each of them, and others are renditions
// that players choose from. A recorded stream is cut where its index has keyframes; its
// segments are made when they are asked for, and some are kept.
//
// A player that knows a playlist may ask for what is new of it alone (_HLS_skip).
//
// All that is kept lies in memory that a budget pays for; requests that wait for what
// comes are bounded, as is how long they wait.
//
// The package knows HTTP, streams and files that are open. Who may see what, and where
// it is, whoever serves says: see [outlet.House], which also counts viewers; the token by
// which it knows one is carried on by the addresses in playlists, as all of a request's
// query is. It sets no header for pages of other origins.
package hls
