package httpflv

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// Options of a handler. The zero value works.
type Options struct {
	// Samples is for bytes that are read of files and not sent yet; nil has no bound.
	Samples *budget.Budget
}

// Handler answers requests for FLV. All methods may be called from any goroutine.
type Handler struct {
	house  outlet.House
	opts   Options
	places *disk.Places

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held
	viewers map[*viewer]struct{}
	closed  bool
	runs    sync.WaitGroup
}

// New makes a handler.
func New(house outlet.House, opts Options) *Handler {
	return &Handler{house: house, opts: opts, places: disk.NewPlaces(maxReads), viewers: map[*viewer]struct{}{}}
}

// errClosing says that the server ends.
var errClosing = outlet.Refuse(http.StatusServiceUnavailable, "the server is shutting down")

// Shutdown ends what viewers are sent whose sockets are the handler's, that of a live
// stream and all in WebSockets, and refuses new ones. It does not wait.
func (h *Handler) Shutdown() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, v := range h.all() {
		v.end(&closeError{closeGoingAway, errClosing.Reason})
	}
}

// closeTime is how long viewers may take to go when the handler is closed.
const closeTime = time.Second

// Close is Shutdown, and cuts off those who have not gone soon after. It waits for
// their goroutines.
func (h *Handler) Close() {
	h.Shutdown()
	late := time.AfterFunc(closeTime, func() {
		for _, v := range h.all() {
			_ = v.conn.CloseWithError(errClosing) // nobody is left to tell
		}
	})
	defer late.Stop()
	h.runs.Wait()
}

func (h *Handler) all() (all []*viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		all = append(all, v)
	}
	return all
}

// Viewers is how many are sent something whose sockets are the handler's.
func (h *Handler) Viewers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.viewers)
}

func (h *Handler) closing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// enter counts a viewer, unless the server ends.
func (h *Handler) enter(v *viewer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.viewers[v] = struct{}{}
	h.runs.Add(1)
	return true
}

func (h *Handler) leave(v *viewer) {
	h.mu.Lock()
	delete(h.viewers, v)
	h.mu.Unlock()
	h.runs.Done()
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := Match(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if outlet.ReadOnly(w, r, "streams") {
		return
	}
	if err := h.serve(w, r, name); err != nil {
		refuse(w, err)
	}
}

// serve fails as long as nothing has been answered.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) error {
	if h.closing() {
		return errClosing
	}
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return err
	}
	key := "" // of the handshake of a WebSocket
	if wantsWebSocket(r) {
		if key, err = acceptKey(w, r); err != nil {
			return err
		}
	}
	way := outlet.FLV
	if key != "" {
		way = outlet.FLVWS
	}
	if !q.begins {
		switch live, err := h.house.Live(r, way, name); {
		case err == nil:
			return h.serveLive(w, r, live, q, key)
		case !errors.Is(err, outlet.ErrNotFound):
			return err
		}
	}
	rec, err := h.house.Recording(r, way, name)
	if err != nil {
		return err
	}
	defer rec.Close()
	return h.serveRecording(w, r, rec, q, key)
}

// headers sets those that all answers with a stream have.
func headers(head http.Header) {
	head.Set("Content-Type", "video/x-flv")
	// nginx would hold back what comes until its buffers are full.
	head.Set("X-Accel-Buffering", "no")
}

// refuse answers with why.
func refuse(w http.ResponseWriter, err error) {
	outlet.Answer(w, err, "nobody publishes a stream of this name, and there is no recording of it: ask again when it is published")
}
