package engine

import (
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine/arena"
)

// Limits are what a runtime may use. A zero value is the default's.
type Limits struct {
	Time    time.Duration // that one call from outside may compute, with all that it calls; see also Grace
	Grace   time.Duration // how long past Time the engine may take, of the process's processor time, until its memory is taken away
	Memory  int           // bytes of all that the script has, source and bytecode included
	Depth   int           // of calls, and of nesting in source, JSON and values: in frames of the engine, one or more a call
	Handles int           // values that Go keeps at once
	Source  int           // bytes of one source
	Length  int           // the length of what is no dense array that a function of the language's own goes through
	Value   int           // bytes of one value that is converted, either way: strings, and 16 for each value in it
	Pays    Payer         // pays for memory that the script takes, within Memory; nil: nobody has to
	Turn    Turn          // in which the script computes; nil: whenever it wants
}

// Turn is a place among others who compute. Rest is called every now and then, and waits while it is theirs to go on, or until gone is
// closed. What it waits for is owed to the call.
type Turn interface {
	Rest(gone <-chan struct{})
}

// Payer pays for memory, in bytes, and says no when it has none left: for the script that is as if its own were used up.
type Payer = arena.Payer

// Defaults are limits for a script as people write them.
var Defaults = Limits{
	Time: time.Second, Grace: time.Second, Memory: 16 << 20, Depth: 1000, Handles: 10000, Source: 1 << 20, Length: 1 << 22,
	Value: 1 << 20,
}

// fill gives zero values their defaults, and refuses those that cannot be held.
func (l Limits) fill() (Limits, error) {
	d := Defaults
	pick := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	pick(&l.Memory, d.Memory)
	pick(&l.Depth, d.Depth)
	pick(&l.Handles, d.Handles)
	pick(&l.Source, d.Source)
	pick(&l.Length, d.Length)
	pick(&l.Value, d.Value)
	if l.Time == 0 {
		l.Time = d.Time
	}
	if l.Grace == 0 {
		l.Grace = d.Grace
	}
	switch {
	case l.Memory < minMemory || l.Memory > MaxMemory:
		return l, fmt.Errorf("memory of %d bytes: must be %d to %d", l.Memory, minMemory, MaxMemory)
	case l.Depth < minDepth || l.Depth > maxDepth:
		return l, fmt.Errorf("a depth of %d: must be %d to %d", l.Depth, minDepth, maxDepth)
	case l.Time < 0, l.Grace < 0, l.Handles < 0, l.Source < 0, l.Length < 0, l.Value < 0:
		return l, errors.New("a limit is negative")
	}
	return l, nil
}

// MaxMemory is the largest Limits.Memory. What the engine does in depth without counting it needs about as much again of the
// goroutine's stack.
const MaxMemory = 256 << 20

const (
	minMemory = 1 << 20 // of which the language's own functions take a fifth
	minDepth  = 64
	maxDepth  = 4000 // a goroutine's stack is 13 MB then
)

// What ended a call, or why one was not begun. All come as an *Error or wrapped; errors.Is tells them apart.
var (
	// ErrTime: the call took longer than Limits.Time. The runtime is usable.
	ErrTime = errors.New("the script took too long")
	// ErrStopped: Stop was called. The runtime is usable.
	ErrStopped = errors.New("the script was stopped")
	// ErrMemory: the script's memory is used up. The runtime is usable.
	ErrMemory = errors.New("the script's memory is used up")
	// ErrDepth: calls or nesting went too deep. The runtime is usable.
	ErrDepth = errors.New("the script went too deep")
	// ErrSyntax: a source is none of the language's.
	ErrSyntax = errors.New("the source is not JavaScript as we know it")
	// ErrHandles: Go keeps more values than Limits.Handles.
	ErrHandles = errors.New("too many values are kept")
	// ErrValue: a value is too large, too deep, or of a kind that does not leave the script.
	ErrValue = errors.New("the value cannot be converted")
	// ErrPanic: a Go function that the script called panicked. The runtime is usable.
	ErrPanic = errors.New("a function of the server failed")
	// ErrDead: the runtime is of no use any more. Err says why.
	ErrDead = errors.New("the script's runtime is dead")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the script's runtime is closed")
)

func (r *Runtime) tooLarge(what string, size uint64) error {
	return fmt.Errorf("%w: %s of %d bytes: at most %d", ErrValue, what, size, r.limits.Value)
}

var errBigInt = fmt.Errorf("%w: a BigInt", ErrValue)

// Within runs f, each of whose calls may take so long instead of Limits.Time: for what no script has a part in, or only its start.
func (r *Runtime) Within(limit time.Duration, f func() error) error {
	if r.depth > 0 {
		return errors.New("the time of a call that is under way is not changed")
	}
	defer func(before time.Duration) { r.time = before }(r.time)
	r.time = limit
	return f()
}
