// Package script is the server-side script of one instance: main.asc, with the
// objects that Flash Media Server gave to scripts (application, Client, Stream,
// SharedObject, NetConnection, LoadVars, XML, File …). The language is run by
// engine, its old forms are made loadable by dialect, and values travel by values.
//
// A [Host] is the script of one instance, a goroutine beside the instance's owner.
// The owner hands it what happens, in its one order and without waiting; the script
// handles one event after another, and what it does to the instance goes back to the
// owner, in order, by the interface [Instance]. Nobody outside waits for a script but
// the client whose connect or call it is to answer.
//
// A world is one life of a script: a runtime with all that it has. A runtime that
// does not come back, or dies, is replaced by a new world, which starts as the
// instance did.
//
// Everything that a script sees is defined here, a class a file; libraries.go lists
// them.
package script
