package instance

import (
	"fmt"
	"maps"
	"sync"

	"flashpod.dev/flashpod/mediaserver/session"
)

// Keys are the keys that publishing needs, and playing where a rule says so.
type Keys interface {
	// Check returns nil for a valid key, else why it is not: session's
	// RefusedNoKeyGiven, RefusedWrongKey, RefusedKeyReplaced, RefusedNoKey or
	// RefusedStopping. It may look at a file, and so wait for a disk. It is
	// called from any goroutine.
	Check(key string) *session.Refusal
	// Knows says whether a key was valid when the file was last looked at, not long
	// ago. It does not wait.
	Knows(key string) bool
}

// Authorize checks a publish key, as Keys.Check does. It may wait for a disk.
func (i *Instance) Authorize(key string) *session.Refusal {
	i.reentry.check("Authorize")
	keys := i.rules.Load().Keys
	if keys == nil {
		return nil
	}
	return keys.Check(key)
}

// RefusedPublications are the codes that a publication is refused with, so that
// a counter is there before it grows.
var RefusedPublications = []session.RefusalCode{
	session.RefusedNoKeyGiven, session.RefusedWrongKey, session.RefusedKeyReplaced, session.RefusedNoKey,
	session.RefusedBadRequest, session.RefusedTaken, session.RefusedLimit, session.RefusedStopping,
	session.RefusedNoAccess,
}

func stopping() *session.Refusal {
	return &session.Refusal{Code: session.RefusedStopping, Reason: string(session.RefusedStopping)}
}

// limit refuses what would exceed a limit of the manifest.
func limit(what, field string, max int) *session.Refusal {
	reason := fmt.Sprintf("limit reached: %s is %d", field, max)
	if what != "" {
		reason = what + ": " + reason
	}
	return &session.Refusal{Code: session.RefusedLimit, Limit: field, Reason: reason}
}

// refused counts publications that were refused.
type refused struct {
	mu    sync.Mutex // nothing else is taken while it is held
	total map[session.RefusalCode]uint64
}

func newRefused() *refused {
	r := &refused{total: map[session.RefusalCode]uint64{}}
	for _, why := range RefusedPublications {
		r.total[why] = 0
	}
	return r
}

func (r *refused) count(why session.RefusalCode) {
	r.mu.Lock()
	r.total[why]++
	r.mu.Unlock()
}

func (r *refused) counted() map[session.RefusalCode]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.total)
}

// Refused implements session.Instance: it counts a publication that was refused,
// and tells the log, which keeps a pace for each address.
func (i *Instance) Refused(r session.PublishRequest, why *session.Refusal) {
	i.refused.count(why.Code)
	args := []any{"client", r.ID, "address", r.Address, "stream", session.Printable(r.Name), "reason", string(why.Code)}
	if why.Code == session.RefusedLimit {
		args = append(args, "said", why.Reason) // which limit
	}
	if why.Cause != nil {
		args = append(args, "err", why.Cause)
	}
	i.log.Warn("publish refused", args...)
}
