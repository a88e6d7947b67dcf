package outlet

import (
	"errors"
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
	// where there is none, or with a *Refusal.
	Live(r *http.Request, name string) (*stream.Stream, error)
	Recording(r *http.Request, name string) (*Recording, error)
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
	// Close lets go of the file; it is called once.
	Close func()
}

// ErrNotFound says that there is no such stream.
var ErrNotFound = errors.New("no such stream")

// Refusal says why a viewer does not get what it asks for.
type Refusal struct {
	Status int // of HTTP
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Refuse makes a refusal, with a status of HTTP.
func Refuse(status int, reason string) *Refusal { return &Refusal{Status: status, Reason: reason} }
