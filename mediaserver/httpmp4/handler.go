package httpmp4

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// Options of a handler. The zero value works.
type Options struct {
	// Heads is for the heads of files, being made, kept or in use; nil has no bound.
	Heads *budget.Budget
	// Turns are of who has heads made; nil: everybody works at once.
	Turns *budget.Turns
}

const (
	// maxKept bounds the bytes of heads that are kept to be used again, for so long as
	// somebody asks for them within keptFor.
	maxKept = 256 << 20
	keptFor = 10 * time.Minute
	// maxReads is how many reads of files are under way at once.
	maxReads = 64
	// makeTime is how long a head may take to be made, and waitTime how long a viewer
	// waits for it.
	makeTime = 2 * time.Minute
	waitTime = time.Minute
	// freshFor is how old the head of a file may be that is written still.
	freshFor = 10 * time.Second
)

// Handler answers requests for recordings as MP4. All methods may be called from any
// goroutine.
type Handler struct {
	house  outlet.House
	opts   Options
	now    func() time.Time
	places *disk.Places
	cache  *disk.Cache

	ctx    context.Context // of all heads that are made; it ends when the server does
	cancel context.CancelCauseFunc
}

// New makes a handler.
func New(house outlet.House, opts Options) *Handler {
	h := &Handler{house: house, opts: opts, now: time.Now, places: disk.NewPlaces(maxReads), cache: disk.NewCache(opts.Heads, maxKept, keptFor)}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	return h
}

// errClosing says that the server ends.
var errClosing = outlet.Refuse(http.StatusServiceUnavailable, "the server is shutting down")

// Close refuses new requests, and ends the making of heads. Requests that are sent
// something end with their connections; it waits for none of them.
func (h *Handler) Close() { h.cancel(errClosing) }

// extension is what the paths of MP4 end with.
const extension = ".mp4"

// Match says whether a path is one of MP4's, and cuts it into the name of a stream.
func Match(urlPath string) (name string, ok bool) {
	name, ok = strings.CutSuffix(strings.Trim(urlPath, "/"), extension)
	return name, ok && name != "" && !strings.HasSuffix(name, "/")
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := Match(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if outlet.ReadOnly(w, r, "recordings") {
		return
	}
	if err := h.serve(w, r, name); err != nil {
		refuse(w, err)
	}
}

// serve fails as long as nothing has been answered.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) error {
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	rec, err := h.house.Recording(r, outlet.MP4, name)
	if err != nil {
		return err
	}
	defer rec.Close()
	w, stop := rec.Counted(w)
	defer stop()
	return h.serveRecording(w, r, rec)
}

// errNothing says that nothing of a file can be MP4. Errors that wrap it say why.
var errNothing = errors.New("it cannot be MP4")

// refuse answers with why.
func refuse(w http.ResponseWriter, err error) {
	outlet.Answer(w, err, "there is no recording of this name: what is live has the same path with .flv, or /index.m3u8 behind the name",
		outlet.Status{Err: errNothing, Status: http.StatusUnsupportedMediaType},
		outlet.Status{Err: media.ErrInvalid, Status: http.StatusUnprocessableEntity})
}
