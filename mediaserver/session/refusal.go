package session

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// RefusalCode is why something is refused, in a few fixed words: those of
// publications are a label of a metric.
type RefusalCode string

// Why a client may not connect.
const (
	RefusedNoApplication RefusalCode = "no such application"
	RefusedNoInstance    RefusalCode = "no such instance"
	// RefusedBadInstance is for a name under which no instance can start.
	RefusedBadInstance RefusalCode = "bad instance name"
	// RefusedByScript is for a client that the application's script does not let in.
	RefusedByScript RefusalCode = "rejected by the script"
	// RefusedNoHost is for what the client calls this address, of those that have several.
	RefusedNoHost RefusalCode = "no such host"
	// RefusedSuspended is for an instance that somebody has suspended.
	RefusedSuspended RefusalCode = "instance is suspended"
	// RefusedAsleep is for an instance that sleeps, and has not woken in time.
	RefusedAsleep RefusalCode = "instance is asleep"
	// RefusedOrigin is for a web page that the instance does not let in.
	RefusedOrigin RefusalCode = "page is not allowed"
)

// Why a client may not publish. RefusedLimit and RefusedStopping are also why
// one may not connect or play.
const (
	RefusedNoKeyGiven  RefusalCode = "no key given"
	RefusedWrongKey    RefusalCode = "wrong key"
	RefusedKeyReplaced RefusalCode = "key was replaced"
	RefusedNoKey       RefusalCode = "server has no key"
	RefusedBadRequest  RefusalCode = "bad name or mode"
	RefusedTaken       RefusalCode = "name is taken"
	RefusedLimit       RefusalCode = "limit reached"
	RefusedStopping    RefusalCode = "instance is stopping"
	// RefusedNoAccess is for what the application's script keeps from the client; it
	// is also why it may not play.
	RefusedNoAccess RefusalCode = "no access"
)

// Why a stream is not recorded, or a recorded stream not played.
const (
	RefusedRecordingOff RefusalCode = "recording is off"
	RefusedBadName      RefusalCode = "no name of a file"
	RefusedReadOnly     RefusalCode = "files cannot be written"
	RefusedFileBusy     RefusalCode = "file is in use"
	RefusedDiskFull     RefusalCode = "disk is full"
	RefusedNotFound     RefusalCode = "not recorded"
	RefusedDamaged      RefusalCode = "file is damaged"
	RefusedFailed       RefusalCode = "failed" // Cause says how
	RefusedNoAnswer     RefusalCode = "instance did not answer"
)

// Refusal is why an instance does not do what a client asks for. It is an
// error for callers that pass it on.
type Refusal struct {
	Code   RefusalCode
	Reason string // for the client, without a full stop; empty: the code says it
	Limit  string // of RefusedLimit: the field of the manifest, spec.limits.maxStreams
	// RetryAfter is when asking again may help; 0: that is not known.
	RetryAfter time.Duration
	Cause      error // for the log, never for the client; may be nil

	// Of RefusedByScript: what the client is given as info.application, and another
	// URL that it is to try, as info.ex.redirect; nil and "": nothing.
	Application amf.Value
	Redirect    string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Reason != "" {
		return r.Reason
	}
	return string(r.Code)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }
