package outlet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// House is where streams are: whoever serves HTTP. Its methods may wait, until the
// request's context ends.
type House interface {
	// Live returns the live stream of a name, "APPLICATION/INSTANCE/NAME", for the
	// viewer of a request, and Recording the recorded one. They fail with ErrNotFound
	// where there is none, or with a *Refusal. What they return is closed, once the
	// viewer has what it asked for, or has gone.
	Live(r *http.Request, way Way, name string) (*Live, error)
	Recording(r *http.Request, way Way, name string) (*Recording, error)
}

// Way is how a viewer is sent a stream, in a word for logs, lists and metrics.
type Way string

// The ways.
const (
	FLV    Way = "flv"
	FLVWS  Way = "ws-flv" // in a WebSocket
	HLS    Way = "hls"
	MP4    Way = "mp4"
	WebRTC Way = "webrtc"
)

// Requests says that a viewer comes by many requests, of which each is for a piece.
func (w Way) Requests() bool { return w == HLS || w == MP4 }

// Plays says that a viewer of a live stream is a player in its fan-out.
func (w Way) Plays() bool { return w == FLV || w == FLVWS }

// Live is a live stream for one request. It may be over, where a way is of many requests.
type Live struct {
	Stream *stream.Stream
	// HLS is how its instance has it watched in that way.
	HLS HLSRules
	*Viewing
}

// HLSRules are how a live stream is watched by HLS. The zero value is with low latency.
type HLSRules struct {
	// Plain has playlists list whole segments alone.
	Plain bool
	// Part is how long parts of segments are; 0: half a second.
	Part time.Duration
	// Window is how far back playlists go; 0: seven segments.
	Window time.Duration
	// Always has the stream cut as long as it is published, and not only as long as it is
	// watched.
	Always bool
}

// Recording is a recorded stream for one request.
type Recording struct {
	File     media.File
	Reader   io.ReaderAt // of the file's bytes
	Size     int64       // of the file, in bytes
	Modified time.Time
	// Key is what the file is known by: it changes when the file does.
	Key string
	// OnMetaData is the data message that introduces the media, in AMF0.
	OnMetaData []byte
	// Of is whose disk is read: files of the same wait for one another.
	Of string
	*Viewing
}

// NotDefined refuses what is in an application that there is not, so that nobody waits for
// a publisher there.
func NotDefined(application string) *Refusal {
	no := Refuse(http.StatusNotFound, fmt.Sprintf("application %.100q is not defined", application))
	no.Code = CodeNotDefined
	return no
}

// ErrNotFound says that there is no such stream.
var ErrNotFound = errors.New("no such stream")

// Refusal says why a viewer does not get what it asks for.
type Refusal struct {
	Status int // of HTTP
	Reason string
	// Code says the reason to programs, in the header Flashpod-Refused; "": the status does.
	Code string
}

// CodeNotDefined is that there is no such application.
const CodeNotDefined = "no-application"

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Refuse makes a refusal, with a status of HTTP.
func Refuse(status int, reason string) *Refusal { return &Refusal{Status: status, Reason: reason} }

type operator struct{}

// AsOperator marks requests of somebody who has shown that the server is theirs to run:
// such a viewer may see all streams, and no limit is for it.
func AsOperator(ctx context.Context) context.Context {
	return context.WithValue(ctx, operator{}, true)
}

// IsOperator says whether a request is marked so.
func IsOperator(ctx context.Context) bool { return ctx.Value(operator{}) != nil }

type leaver struct{}

// OfEdge marks requests for a viewer of an edge, which keeps what it is given as long as the
// viewer is there: left says whether the edge has said that the viewer has gone.
func OfEdge(ctx context.Context, left func() bool) context.Context {
	return context.WithValue(ctx, leaver{}, left)
}

// HasLeft says whether a request was for a viewer of an edge, who has gone from there.
func HasLeft(ctx context.Context) bool {
	left, ok := ctx.Value(leaver{}).(func() bool)
	return ok && left()
}
