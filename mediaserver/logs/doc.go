// Package logs is the log of a program that strangers talk to: a handler of
// log/slog, and what stands behind it. What strangers say in it is cut to a
// length, and keys are masked; whoever logs never waits for whoever reads the
// log; and no address fills it by saying the same over and over, one that stands
// for many (a proxy's, a node's) no more than any other. What is left out is
// counted, and told when there is room.
//
// The server's command makes one for the process. Everybody logs as ever; only
// who answers a client with its own words calls Clean.
package logs
