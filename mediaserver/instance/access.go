package instance

import (
	"errors"
	"maps"
	"time"
)

// Errors of Authorize. Each says another way out, and none tells a key.
var (
	// ErrNoKeyGiven says that publishing needs a key, and none came.
	ErrNoKeyGiven = errors.New("no key given")
	// ErrWrongKey says that a key came which is not the one.
	ErrWrongKey = errors.New("wrong key")
	// ErrKeyReplaced says that this was the key until another took its place.
	ErrKeyReplaced = errors.New("this key was replaced and is no longer valid")
	// ErrNoKey says that the server itself has no key, so that none is right.
	ErrNoKey = errors.New("the server has no key")
)

// Keys are the keys that publishing needs.
type Keys interface {
	// Check returns nil for a valid key, else one of the errors of Authorize or
	// ErrStopped. It is asked at every publish, from any goroutine.
	Check(key string) error
}

// Authorize checks a publish key. It fails with ErrNoKeyGiven, ErrWrongKey,
// ErrKeyReplaced, ErrNoKey or ErrStopped.
func (i *Instance) Authorize(key string) error {
	if i.cfg.Keys == nil {
		return nil
	}
	return i.cfg.Keys.Check(key)
}

// Refusal is why somebody may not publish, in a few fixed words: they are a
// label of a metric.
type Refusal string

// The refusals.
const (
	RefusedNoKeyGiven  Refusal = "no key given"
	RefusedWrongKey    Refusal = "wrong key"
	RefusedKeyReplaced Refusal = "key was replaced"
	RefusedNoKey       Refusal = "server has no key"
	RefusedBadRequest  Refusal = "bad name or mode"
	RefusedTaken       Refusal = "name is taken"
	RefusedFull        Refusal = "limit reached"
	RefusedStopping    Refusal = "instance is stopping"
)

// Refusals are all of them, so that a counter is there before it grows.
var Refusals = []Refusal{RefusedNoKeyGiven, RefusedWrongKey, RefusedKeyReplaced, RefusedNoKey,
	RefusedBadRequest, RefusedTaken, RefusedFull, RefusedStopping}

// RefusalOf is the refusal that an error of Authorize or Publish means.
func RefusalOf(err error) Refusal {
	for _, known := range []struct {
		err error
		why Refusal
	}{
		{ErrNoKeyGiven, RefusedNoKeyGiven}, {ErrWrongKey, RefusedWrongKey}, {ErrKeyReplaced, RefusedKeyReplaced}, {ErrNoKey, RefusedNoKey},
		{ErrBusy, RefusedTaken}, {ErrFull, RefusedFull}, {ErrStopped, RefusedStopping},
	} {
		if errors.Is(err, known.err) {
			return known.why
		}
	}
	return RefusedBadRequest
}

// An encoder that is refused comes back every few seconds, and somebody who
// tries keys far more often: so many lines in so long a time are enough of it.
const (
	refusalLines = 10
	refusalSpan  = 10 * time.Second
)

// refused counts publications that were refused. Held by the owner goroutine.
type refused struct {
	total  map[Refusal]uint64
	since  time.Time // when lines began to be counted
	lines  int
	untold int
}

// Refuse counts a publication that was refused. It says whether the log should
// hear of it, and of how many before it the log has not heard.
func (i *Instance) Refuse(why Refusal) (tell bool, untold int) {
	_ = i.do(func() {
		r := &i.refused
		r.total[why]++
		if now := time.Now(); now.Sub(r.since) >= refusalSpan {
			r.since, r.lines = now, 0
		}
		if r.lines == refusalLines {
			r.untold++
			return
		}
		r.lines++
		tell, untold, r.untold = true, r.untold, 0
	})
	return tell, untold
}

func newRefused() refused {
	r := refused{total: map[Refusal]uint64{}}
	for _, why := range Refusals {
		r.total[why] = 0
	}
	return r
}

func (r *refused) counted() map[Refusal]uint64 { return maps.Clone(r.total) }
