// Package link is what servers of one instance say to one another: how a connection
// between an edge and an origin begins, how each proves to the other that it belongs
// there, and the frames and records that go over it.
//
// A link is a TCP connection to a port of its own, or to the port where the origin has
// RTMP, told from it by its first bytes ([Preface]), and TLS 1.3 from there on. Nobody
// checks a certificate: both ends have a key in common, and each proves so over keying
// material of this very TLS session [RFC 9266], so that nobody in between can hand a proof
// on. Each end may have several keys ([Keys]), so that they are replaced without a cut. What follows the
// preface until a proof was good is 4 KiB and ten seconds at most.
//
// An edge opens several for each instance: one for control, whose records keep the order
// in which they were sent ([Pipe]), and one for each stream that is fed, published or
// read, so that media waits behind no call, and no call behind media.
//
// The package knows bytes, and the words of package session ([Record]). What is done
// about them is decided by packages edge and origin.
package link
