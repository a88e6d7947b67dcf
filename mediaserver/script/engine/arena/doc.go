// Package arena is the memory of one runtime: a range of addresses that is reserved at once, made usable, and paid for, as it is needed,
// given back where it is not, never larger than its limit, and that can be taken away from a goroutine that uses it.
//
// A script's engine allocates here and nowhere else, so that a script cannot take more than the limit, that all it had is given back in
// one call however badly it ended, and that a loop inside the engine which looks at no flag is ended all the same: Revoke makes every
// address of the range forbidden, the loop's next access faults, and the fault is a panic of its goroutine (debug.SetPanicOnFault), which
// is recovered where the engine was entered.
//
// Alloc, Realloc, Free and Size are called by one goroutine at a time; Revoke by any. The package knows nothing of scripts.
package arena
