package budget

import "log/slog"

// Budgets is all that a process may spend on clients. The zero value and a nil
// pointer have no bounds.
type Budgets struct {
	// Messages counts bytes of messages that have come in part or wait for their
	// turn, and of values decoded from them. Strangers is the part of it that is
	// for connections which publish nothing.
	Messages, Strangers *Budget
	// Answers counts bytes queued for a client beyond what its socket takes. The
	// log of a live stream is not among them. ObjectAnswers is the part of it that is
	// for messages about shared objects: who does not read them is in nobody's way that
	// waits for the answer to a command.
	Answers, ObjectAnswers *Budget
	// Indexes counts bytes of indexes of files: being built, kept or in use.
	Indexes *Budget
	// Samples counts bytes that were read from files and that no socket has taken
	// yet.
	Samples *Budget
	// Pieces counts bytes of recordings that an edge has asked its origin for and that
	// are not on its disk yet. It is for nothing else.
	Pieces *Budget
	// Links counts bytes that wait for the other ends of links: records, and what clients
	// of an edge have sent that has no credit yet.
	Links *Budget
	// Objects counts bytes of shared objects in memory, and of who uses them.
	// Queues is the part of it that is for what clients have not taken yet of what
	// happens to objects: who is behind gets what has become of them.
	Objects, Queues *Budget
	// Waiting counts names that players wait for and nobody publishes.
	Waiting *Budget
	// Waking counts clients of a gateway that wait for an instance which sleeps.
	Waking *Budget
	// Instances counts instances that have started because a client named them, and
	// in which nobody has shown that it may publish.
	Instances *Budget
	// Viewers counts those who watch by HTTP with one request after another, and of whom
	// the server remembers something in between.
	Viewers *Budget
	// Segments counts bytes of streams that are kept in pieces, for players by HTTP.
	// Heads is the part of it that is for what recordings have in front of them as MP4,
	// and Windows that for what live streams have beyond what playing needs.
	Segments, Heads, Windows *Budget
	// WebRTC counts bytes that sessions of WebRTC may take.
	WebRTC *Budget
	// Scripts counts bytes of what scripts have asked other servers for.
	Scripts *Budget
	// ScriptMemory counts bytes that the runtimes of scripts take, all instances
	// together. ScriptsOnDemand is the part of it that is for instances which clients
	// have had started: those that a manifest names find some left.
	ScriptMemory, ScriptsOnDemand *Budget
	// Files counts open files: sockets of connections, RTMP and HTTP. What is left
	// of the files that the process may open is for recordings. Played is the part
	// of it that is for recorded files which are played.
	Files, Played *Budget

	Questions *Questions
	// Turns are of the work on what they send themselves.
	Turns   *Turns
	Guesses *Guesses
}

const mib = 1 << 20

// For divides what a process has: bytes of memory, of which most are for live
// media, and files that clients may keep open. log, which may be nil, hears of
// each budget that is used up, at most every ten seconds.
func For(memory, files int64, log *slog.Logger) *Budgets {
	of := func(name string, max int64) *Budget {
		return &Budget{name: name, max: max, log: log}
	}
	// share is a part of the memory: not less than serving needs, and not more
	// than anybody has use for, however large the machine is.
	share := func(part, min, max int64) int64 { return clamp(memory/part, min, max) }
	b := &Budgets{
		Messages: of("messages", share(16, 16*mib, 1024*mib)),
		Answers:  of("answers", share(32, 8*mib, 64*mib)),
		// A film of 25 pictures a second with sound takes 4 MiB an hour. Of what a
		// server of 1 GiB has, all that are played may last for a day together.
		Indexes:   of("indexes", share(10, 8*mib, 512*mib)),
		Samples:   of("samples", share(16, 8*mib, 64*mib)),
		Pieces:    of("pieces of recordings", share(32, 8*mib, 256*mib)),
		Links:     of("links", share(16, 16*mib, 512*mib)),
		Objects:   of("shared objects", share(16, 16*mib, 1024*mib)),
		Waiting:   of("waiting names", share(64<<10, 1<<10, 16<<10)),
		Waking:    of("clients of who sleeps", share(256<<10, 1<<10, 16<<10)),
		Instances: of("instances of strangers", share(512<<10, 1<<10, 16<<10)),
		Viewers:   of("viewers by requests", share(16<<10, 1<<10, 256<<10)),
		Scripts:   of("answers to scripts", share(32, 8*mib, 256*mib)),
		// A stream keeps some 20 s of itself.
		Segments: of("segments", share(8, 32*mib, 4096*mib)),
		// A session takes a megabyte at most: see webrtc.
		WebRTC: of("sessions of WebRTC", share(8, 32*mib, 4096*mib)),
		Files:  of("files", files),
		// Half a megabyte is a small script; a large old application takes ten.
		ScriptMemory: of("memory of scripts", share(4, 64*mib, 16384*mib)),
		Questions:    NewQuestions(0),
		Turns:        NewTurns(0),
		Guesses:      NewGuesses(),
	}
	b.Strangers = b.Messages.Part("messages of strangers", min(b.Messages.max/2, 32*mib))
	b.Queues = b.Objects.Part("shared object queues", b.Objects.max/4)
	b.Heads = b.Segments.Part("heads of files", b.Segments.max/4*3)
	b.Windows = b.Segments.Part("windows of live streams", b.Segments.max/2)
	b.ObjectAnswers = b.Answers.Part("answers about shared objects", b.Answers.max/2)
	b.ScriptsOnDemand = b.ScriptMemory.Part("memory of scripts on demand", b.ScriptMemory.max/4*3)
	b.Played = b.Files.Part("files that are played", max(files/4, 1))
	return b
}

// All are the budgets that there are, for metrics. A nil Budgets has none.
func (b *Budgets) All() (all []*Budget) {
	if b == nil {
		return nil
	}
	for _, one := range []*Budget{b.Messages, b.Strangers, b.Answers, b.ObjectAnswers, b.Indexes, b.Samples, b.Pieces, b.Links, b.Objects, b.Queues, b.Waiting, b.Waking, b.Instances, b.Viewers, b.Segments, b.Heads, b.Windows, b.WebRTC, b.Scripts, b.ScriptMemory, b.ScriptsOnDemand, b.Files, b.Played} {
		if one != nil {
			all = append(all, one)
		}
	}
	return all
}

func clamp(n, low, high int64) int64 { return max(low, min(n, high)) }
