package catalogue

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/session"
)

// Caller is on whose behalf a recording is deleted, or an instance changed.
type Caller struct {
	Local    bool    // on the server's own machine
	Key      *string // the publish key that it shows; nil: it shows none
	Operator bool    // it may change all that this server has
}

// Objection is why a caller may not delete.
type Objection int

const (
	Elsewhere  Objection = iota // there is no key, and the caller is not on this machine
	KeyMissing                  // there is one, and the caller shows none
	KeyRefused                  // the one that it shows is not taken: see Refusal
)

// RefusedError says that a caller may not delete recordings of an instance.
type RefusedError struct {
	Application, Instance string
	Objection             Objection
	Refusal               *session.Refusal // of the key, when that is what is wrong
}

// Error implements error: whose recordings, and why not.
func (e *RefusedError) Error() string {
	instance := e.Application + "/" + e.Instance
	switch e.Objection {
	case Elsewhere:
		return fmt.Sprintf("recordings of %s are deleted on the server's own machine only: it has no publish key", instance)
	case KeyMissing:
		return fmt.Sprintf("deleting needs the publish key of %s", instance)
	default:
		return fmt.Sprintf("deleting needs the publish key of %s: %v", instance, e.Refusal)
	}
}

// mayDelete returns nil, or a *RefusedError.
func (s Shelf) mayDelete(by Caller) error { return by.May(s.Application, s.Instance, s.Authorize) }

// May returns nil for a caller who may change an instance's recordings, or end
// clients of it, as an operator may, else a *RefusedError. authorize checks its publish key; nil: it has
// none, and callers on the server's own machine may.
func (by Caller) May(application, instance string, authorize func(key string) *session.Refusal) error {
	no := &RefusedError{Application: application, Instance: instance}
	switch {
	case by.Operator, authorize == nil && by.Local:
		return nil
	case authorize == nil:
		no.Objection = Elsewhere
	case by.Key == nil:
		no.Objection = KeyMissing
	default:
		if no.Refusal = authorize(*by.Key); no.Refusal == nil {
			return nil
		}
		no.Objection = KeyRefused
	}
	return no
}
