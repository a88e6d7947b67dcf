// Package engine runs JavaScript: it loads sources, calls functions, gives scripts functions and objects of Go's, takes values apart and
// puts them together, says where an exception was thrown, and bounds what a script can use. It knows nothing of what scripts are for. No
// name of the engine beneath is in what it exports, so that another engine can take its place; that is QuickJS, translated to Go
// (modernc.org/libquickjs), called without its Go wrapper, which has no way to allocate elsewhere, to compute properties, to make
// constructors in Go or to keep values.
//
// # Who may call
//
// A Runtime is a world of its own, and has one owner at a time: the goroutine that calls its methods, and those of the values that come
// from it. Functions of Go's run on that goroutine, inside of the call. Only Dead, Err, Stop and Limits are for everybody. Nothing here
// waits for anything but the script's own computing, and no lock is held while a script or a function of Go's runs.
//
// # What bounds a script
//
// Time (Limits.Time) is one call's from outside, with what it calls and the promises that it leaves. It is owed what it could not have:
// what it waited for its turn (Limits.Turn), and the process for its processors; nine times as much at most, and ten seconds, so that
// whoever waits for the script knows an end. When the time is up, a flag is set that
// the engine looks at every few calls and jumps back, and inside of a regular expression; the call ends with ErrTime, which no catch and
// no finally of the script's sees, and the runtime goes on. The language's own functions look at no flag. Those on arrays refuse what is
// longer than it holds and than Limits.Length; searching a long string for a long one, long regular expressions, and functions that were
// bound over and over are refused where the cost is known before. What is left ends when Limits.Grace is over, too (of the process's
// processor time, so that a machine that is busy with others ends nothing; at the latest after ten times as long): the runtime's memory
// is forbidden (see arena), the engine's next access to it faults, and the call returns an error that is ErrDead and says which function
// it was and where the script stood. The goroutine is back, and all memory is given back to the system at that moment. Left are a getter
// that says another length the second time, flat of what has a long array in it, arithmetic on BigInt literals, and a source of a
// megabyte with sixty thousand variables in one function.
//
// What does not come back even so is a function of Go's that waits or computes for itself, since Go cannot end a goroutine. After
// Limits.Grace once more, Dead is closed and Err names that function; who waits for the owner must give up on it. Such a runtime still
// costs its goroutine with its stack and a range of addresses without memory behind it. When the function returns, the goroutine leaves
// the engine without another step of the script, and the addresses go, too.
//
// Memory (Limits.Memory) is all that a script has, with source, bytecode and what the engine knows of them. It comes from a range of
// addresses that has no more (see arena), so that nothing in the engine can forget to count. When it is used up, the script gets an
// error, which it may catch; a call that ends by it is ErrMemory. What it lets go of is paid for (Limits.Pays) no longer than its call, as
// far as it lies together (a megabyte stays for the next). The runtime goes on; if the script holds on to what it has, it
// will fail again. Not in that range are variables and operands of the calls under way, 16 MB at most at a depth of 1,000, which the
// engine is stopped at (frameBytes); the goroutine's stack, at 3 KB a call; and what Go keeps of values, which Limits.Handles and
// Limits.Value bound.
//
// Depth (Limits.Depth) is counted by the engine in frames of its own, one for a call, three to nine through its functions, and so are
// nesting of sources, of regular expressions, of JSON, of arrays that become text, of proxies: ErrDepth. Iterators over iterators would
// not be counted, and are left out.
//
// Source (Limits.Source) is refused before it is read. What eval and Function are given is bounded by memory and time.
//
// # What a script cannot reach
//
// The language's functions have no files, no environment, no network, no clock but Date, and no wait. There are no modules, no bytecode is
// read but that of the server's own sources (Program), and shared memory, Atomics, typed arrays, weak references and BigInt's functions are left out.
//
// # When the engine itself fails
//
// Every panic inside it, from a fault in its memory to a nil, makes the runtime dead and comes back as an error that is ErrDead. What
// ends a process in Go and cannot be recovered is a stack of a gigabyte; the tests go through every kind of recursion that we know of.
package engine
