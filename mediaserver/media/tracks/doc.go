// Package tracks knows which tracks and codecs of a stream a player takes, and
// what is left of a message for it: Enhanced RTMP lets a publisher send several
// tracks of a kind, and codecs that Adobe's players never heard of, and players
// say in connect what they can do. References named [E2] are to Enhanced RTMP v2.
//
// Takes is what one player takes; players of the same Takes are sent the same
// bytes. Seen is what has come in a publication, from which Takes tells whether
// its players are sent what was published as it is. A View is one Takes at one
// publication: it says which track is sent, and takes messages apart.
//
// It copies no body, and keeps no message. Who sends what, stream and playback
// know; what a client has announced is read by rtmp.
package tracks
