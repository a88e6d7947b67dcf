// Package catalogue is the recorded streams of several instances, for operators:
// it lists them page by page, finds one, and deletes one for callers who may.
//
// It has two users: web, which shows the instances of a running server over HTTP,
// and the command line, which opens a data folder from which no server serves.
// What a request or a table looks like is theirs; what a name means is
// recording's; and whose key is right, the instance's.
package catalogue
