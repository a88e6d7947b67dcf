package rtmp

import (
	"errors"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// Errors that callers decide on. Others are those of the network, and io.EOF.
var (
	// ErrNoData says that the peer closed, or let the time pass, before it
	// sent a single byte: a health probe, most likely.
	ErrNoData = errors.New("no data")
	// ErrNotRTMP says that the first byte belongs to another protocol.
	ErrNotRTMP = errors.New("this is no RTMP")
	// ErrPolicyRequest says that the peer is no client yet: it has asked for a policy
	// file, and was answered.
	ErrPolicyRequest = errors.New("it asked for a policy file")
	// ErrEncrypted says that the peer wants RTMPE.
	ErrEncrypted = errors.New("RTMPE is not supported: use plain RTMP, or RTMPS")
	// ErrProtocol says that the peer broke the rules of the protocol.
	ErrProtocol = errors.New("protocol violation")
	// ErrTooBig says that a message is larger than the peer's Limits.
	ErrTooBig = errors.New("message is too big")
	// ErrSilent says that the peer neither sent anything nor answered a ping.
	ErrSilent = errors.New("peer is silent")
	// ErrEndless says that a message has been coming for too long.
	ErrEndless = errors.New("message does not end")
	// ErrUsedUp says that a budget of the process is used up.
	ErrUsedUp = errors.New("the server has no room for it now")
	// ErrRefused says that the peer is not let in, or not any more, and ErrFull that others
	// have all the room that there is for such as it.
	ErrRefused = errors.New("it is not let in")
	ErrFull    = errors.New("there is no room for it now")
	// ErrDismissed says that somebody who may has sent the peer away, and ErrGoingAway
	// that what it came for ends, or moves.
	ErrDismissed = errors.New("it was sent away")
	ErrGoingAway = errors.New("what it came for goes away")
	// ErrSlow says that the peer takes less than it is sent.
	ErrSlow = socket.ErrSlow
)

// StatusError is a status of level error, or the _error of a call.
type StatusError struct {
	Code, Description string
	Info              *amf.Object // all that the peer has said; nil: it was not the peer
}

// Error has the code, its description, what a script gave as the reason of a
// rejection, and where it sends the client instead.
func (e *StatusError) Error() string {
	text := e.Code
	reason, elsewhere := RejectionReason(e.Info), e.Redirect()
	last := ""
	for _, more := range []string{e.Description, reason} {
		if more != "" && more != last {
			text, last = strings.TrimSuffix(text, ".")+": "+more, more
		}
	}
	if elsewhere != "" {
		text = strings.TrimSuffix(text, ".") + ": try " + elsewhere
	}
	return text
}

// RejectionReason is what a script gave application.rejectConnection as the reason, or
// the message of that, as the information object of the refusal has it; "": nothing.
func RejectionReason(info *amf.Object) string {
	switch v, _ := info.Get("application"); v := v.(type) {
	case string:
		return v
	case *amf.Object:
		message, _ := v.Get("message")
		text, _ := message.(string)
		return text
	}
	return ""
}

// Redirect is the URL that the client is to try instead
// (application.redirectConnection); "": none.
func (e *StatusError) Redirect() string {
	ex, _ := e.Info.Get("ex")
	o, _ := ex.(*amf.Object)
	to, _ := o.Get("redirect")
	text, _ := to.(string)
	return text
}

// statusError takes an information object apart.
func statusError(o *amf.Object) *StatusError {
	code, _ := o.Get("code")
	description, _ := o.Get("description")
	e := &StatusError{Info: o}
	e.Code, _ = code.(string)
	e.Description, _ = description.(string)
	return e
}
