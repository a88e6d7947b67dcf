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
// instance did; its clients are told, and what the old one owed is answered: calls with
// an error, connects with a rejection. A world that dies within ten seconds lets the
// next one wait, from a second to a minute; who connects meanwhile is told why. A
// script that cannot be loaded is no death: clients are rejected with what is wrong,
// until Reload. New files that cannot be loaded (Loadable) leave a world that runs as it
// was: what they say outside of functions is tried first, in a runtime of its own, as far as
// it asks for nothing outside of itself (trial.go). When they can, it ends, and connects that have come since they were seen wait for
// the next.
//
// Everything that a script sees is defined here, a class a file; libraries.go lists
// them.
//
// # What clients can call
//
// Functions that the script wrote, on the object of the client, on what that inherits
// from (Client.prototype, and whatever a script puts behind it), and on objects that
// hang there, by a path of names. Not what the server calls itself, wherever a script
// hangs that: handlers (on…) of application, LoadVars and the other classes here, and
// whatever is put on a SharedObject, a Stream, a NetConnection or a NetStream; nor
// another client's methods. Never what the language, the dialect or this package has
// made, wherever a script hangs it, nor constructor, prototype and __proto__, by which
// one comes from an object to what made it. What is missing is asked of __resolve, and of
// nothing else of the script's: the host asks for no property of a client's or of
// application's that is not there.
//
// # What Flash Media Server did not have
//
// application.onPlay(request) is asked whether a viewer by HTTP (FLV, HLS and so on), who is
// no client, may watch: request.name is the stream, live whether it is published now (else
// it is a recording, if there is one), way flv, ws-flv, hls and so on, ip, agent and
// referrer are the viewer's, query its URL's, key what it shows there or as Authorization,
// and track the number that it asks for. The handler returns true or false, a text (why
// not), {accept, reason}, or a Promise of one of these; or nothing, and request.accept() or
// request.reject(reason) is called within Config.PendingTime. A viewer of HLS is asked about
// when it begins, not with each segment. Without the handler nobody watches by HTTP but who
// has a key (spec.access.play.mode Key), so that what an old onConnect guards stays so. Who
// plays by RTMP is asked about in onConnect, as ever. Viewers that a script has let in go
// when it ends, and the next one is asked about them. So many as may pend (Config.Pending)
// wait at once, a tenth of them from one address.
//
// # What bounds a script
//
// Each call of the script's has Limits.Time: an event is one, with a conversion of its
// arguments before and one of its result behind it, each with as much again; loading the
// script has twenty times as long. Memory, depth and values are the engine's to hold
// (see its doc.go). A script that has used up its memory goes on, with an error where it
// asked for more; if it holds on to nine tenths, or three times in a minute to more than
// half, the world ends.
//
// In Go there are bounds to what a script makes us keep: timers (Config.Timers, ten
// milliseconds apart at least), objects (Limits.Handles: clients, result objects,
// arguments of timers), calls of a client's methods that wait for
// answers (a thousand a client; an answer is the client's to pay for until the script
// has had it, see Answer.Taken), proxies, source texts (32 MB, of which what is loaded
// again and is the same counts once). Lines of the log, and problems that the instance
// is told of, are a hundred at once and twenty a second of each kind.
//
// A NetStream's media go from the instance's stream to the far server in a goroutine
// of their own, which the script only begins and ends: a hundred such, and a far server
// that takes too little is spared what lies before a newer keyframe. Of what far servers
// call and tell, a hundred wait for the script, a connection. What one plays for
// Stream.play is paid for as answers are (outgoing.Config.Memory), and 8 MiB of it, or one
// message, wait for a stream.
//
// Of a shared object that another server keeps, what waits for that server is bounded by
// what the object may have: slots that are gone here and not yet there count as if they
// were here, and a client that makes more is refused as with a full object. A server that
// leaves a question without an answer for Config.FarTime is given up, as if its connection
// had ended.
//
// What File writes is bounded by 64 MiB a file and by how much all of them grow in one
// life (256 MiB), and leaves the disk room (Config.MinFree).
//
// Clients wait in one queue: connects (Config.Pending, and as many that the script has
// not decided about, for Config.PendingTime), calls (Config.Calls, a thousand of each
// client). One that goes takes its connect out of it; what is over the limit is answered
// at once.
//
// Not bounded here is what an instance does with what it is asked, such as messages to
// clients that do not read: it says no by Invoke. Scripts compute in turns
// (Config.Turn), so that many who loop leave live media its processors; what one waits
// for its turn its call may take longer. One that asks more of its instance than that
// does waits for it (pace.go), and one whose events make more events than it handles
// ends.
package script
