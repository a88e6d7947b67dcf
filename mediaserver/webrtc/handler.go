package webrtc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
)

// LeftOut is the header of an answer that says what of a stream its viewer does not
// get, and why.
const LeftOut = "Flashpod-Left-Out"

// Options of a handler. Port is required, and for publishers Directory and Place.
type Options struct {
	Port *Port
	// TCP is for clients that cannot reach the port, under the addresses of the port and
	// its own number, where Advertise names no other; nil: there is none. Like the port, it
	// is closed by the handler.
	TCP *TCP
	// Advertise is a file with the addresses or names under which clients reach the
	// port, one a line, each with a port where it is another; it is read for each
	// offer. "", or no file: the addresses of the machine.
	Advertise string

	// Directory has the instances that publishers are clients of, and Place says which
	// one a path names, and the stream in it. Client is how the one of a request
	// introduces itself.
	Directory session.Directory
	Place     func(path string) (application, instance, name string)
	Client    func(r *http.Request, c *session.ConnectRequest) session.Credentials

	// Enter gives a session from an address, host:port, a place among the connections
	// of the server, until leave is called; or says why there is none.
	Enter func(address string) (leave func(), err error)
	// Budget is for what sessions take of memory, bytes; nil has no bound.
	Budget *budget.Budget
	// Turns are of the work that an offer is; nil: there is no waiting for one.
	Turns *budget.Turns
	Log   *slog.Logger

	// ConnectTimeout is how long a client may take from its offer to the first bytes
	// by UDP that are its own; default 10 s.
	ConnectTimeout time.Duration
	// Silence is how long nothing may come from a client that is connected until it counts as
	// gone, more than 5 s; default 15 s: browsers ask for consent every five seconds
	// [RFC 7675 §5.1].
	Silence time.Duration
	// PublisherIdle is how long a publisher may send no picture and no sound; default
	// 30 s.
	PublisherIdle time.Duration
	// InstanceWaits is how long a publisher stays whose instance is not reached any more; default
	// 15 s, as viewers do.
	InstanceWaits time.Duration
}

const (
	defaultConnect = 10 * time.Second
	defaultIdle    = 30 * time.Second
	defaultSilence = 15 * time.Second
	defaultWaits   = 15 * time.Second
	// requestTime bounds what a request waits for: a stream that has just begun, an
	// instance that starts.
	requestTime = 30 * time.Second
)

// Handler answers WHIP and WHEP. All methods may be called from any goroutine.
type Handler struct {
	house  outlet.House
	opts   Options
	public advertised

	mu     sync.Mutex // nothing else is taken, and nobody called, while it is held
	peers  map[string]*peer
	users  map[string]*peer // by the first half of their ICE user names
	closed bool
	runs   sync.WaitGroup
}

// New makes a handler, which closes the port.
func New(house outlet.House, opts Options) *Handler {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.ConnectTimeout == 0 {
		opts.ConnectTimeout = defaultConnect
	}
	if opts.Silence == 0 {
		opts.Silence = defaultSilence
	}
	if opts.PublisherIdle == 0 {
		opts.PublisherIdle = defaultIdle
	}
	if opts.InstanceWaits == 0 {
		opts.InstanceWaits = defaultWaits
	}
	if opts.Enter == nil {
		opts.Enter = func(string) (func(), error) { return func() {}, nil }
	}
	return &Handler{house: house, opts: opts, public: advertised{file: opts.Advertise, port: opts.Port.Addr()}, peers: map[string]*peer{}, users: map[string]*peer{}}
}

// errClosing says that the server ends.
var errClosing = outlet.Refuse(http.StatusServiceUnavailable, "the server is shutting down")

// Shutdown ends the sessions of viewers, and refuses new ones of all. Those of
// publishers their instances end, where those end as well: all says that they do not, as
// when an edge goes. It does not wait.
func (h *Handler) Shutdown(all bool) {
	for _, p := range h.close() {
		if p.watches || all {
			p.end(errClosing)
		}
	}
}

// Close ends all sessions and the port, and waits for what they have had to give back.
func (h *Handler) Close() {
	for _, p := range h.close() {
		p.end(errClosing)
	}
	h.runs.Wait()
	h.opts.Port.Close()
	if h.opts.TCP != nil {
		h.opts.TCP.Close()
	}
}

// close has nobody come any more, and returns who is there.
func (h *Handler) close() (all []*peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, p := range h.peers {
		all = append(all, p)
	}
	return all
}

// isClosed says whether the server ends.
func (h *Handler) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// Sessions is how many there are, of both kinds.
func (h *Handler) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.peers)
}

// Publish answers at the path of a stream, APPLICATION/INSTANCE/NAME, as WHIP has it,
// and Watch as WHEP has it; behind a slash more, at that of a session.
func (h *Handler) Publish(w http.ResponseWriter, r *http.Request, path string) {
	h.serve(w, r, path, h.publish)
}

// Watch is Publish's counterpart.
func (h *Handler) Watch(w http.ResponseWriter, r *http.Request, path string) {
	h.serve(w, r, path, h.watch)
}

// begin answers an offer for what is at a path. left is what the client does not get.
type begin func(r *http.Request, path string, o *offer) (p *peer, answer string, left []string, err error)

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, at string, begin begin) {
	var err error
	if r.Method == http.MethodPatch || r.Method == http.MethodDelete {
		if other, ok := h.elsewhere(at); ok {
			err = h.passOn(w, r, other)
			if err != nil {
				refuse(w, err)
			}
			return
		}
	}
	switch r.Method {
	case http.MethodPost:
		err = h.answer(w, r, at, begin)
	case http.MethodPatch:
		err = h.trickle(w, r, at)
	case http.MethodDelete:
		err = h.remove(w, at)
	default:
		w.Header().Set("Allow", "POST, PATCH, DELETE, OPTIONS")
		err = outlet.Refuse(http.StatusMethodNotAllowed, "here a session by WebRTC is begun: POST an offer (application/sdp)")
	}
	if err != nil {
		refuse(w, err)
	}
}

// answer begins a session.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, at string, begin begin) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/sdp" {
		w.Header().Set("Accept-Post", "application/sdp")
		return outlet.Refuse(http.StatusUnsupportedMediaType, "the body is to be an offer: application/sdp")
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	turn := h.opts.Turns.For(r.RemoteAddr)
	turn.Begin(ctx.Done())
	o, err := parseOffer(body)
	turn.End()
	if err != nil {
		return err
	}
	p, answer, left, err := begin(r.WithContext(ctx), at, o)
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", "application/sdp")
	head.Set("Cache-Control", "no-store")
	head.Set("Location", r.URL.EscapedPath()+"/"+p.id)
	head.Set("ETag", `"`+p.mark+`"`)
	if len(left) > 0 {
		head.Set(LeftOut, strings.Join(left, "; "))
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that has gone does not connect
	return nil
}

// readBody is a body of SDP.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, outlet.Refuse(http.StatusRequestEntityTooLarge, "a session description has 64 KiB at most")
	case err != nil:
		return nil, outlet.Refuse(http.StatusBadRequest, "the body could not be read")
	}
	return body, nil
}

// find is the session at a path.
func (h *Handler) find(at string) (*peer, error) {
	name, id := path.Split(at)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.peers[id]; p != nil && p.path == strings.TrimSuffix(name, "/") {
		return p, nil
	}
	return nil, outlet.Refuse(http.StatusNotFound, "there is no such session: it has ended, or never was")
}

// trickle takes candidates [RFC 9725 §4.3.1]: an ICE-lite agent has no use for them, as
// it answers whoever proves to be its client. ICE is not restarted.
func (h *Handler) trickle(w http.ResponseWriter, r *http.Request, at string) error {
	p, err := h.find(at)
	if err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/trickle-ice-sdpfrag" {
		w.Header().Set("Accept-Patch", "application/trickle-ice-sdpfrag")
		return outlet.Refuse(http.StatusUnsupportedMediaType, "the body is to be candidates: application/trickle-ice-sdpfrag")
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(body)) {
		if ufrag, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ice-ufrag:"); ok && ufrag != p.ufrag {
			return outlet.Refuse(http.StatusUnprocessableEntity, "ICE is not restarted here: begin another session")
		}
	}
	if tag := r.Header.Get("If-Match"); tag != "" && tag != "*" && tag != `"`+p.mark+`"` {
		return outlet.Refuse(http.StatusPreconditionFailed, "these candidates are of another session")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove ends a session, as its client asks.
func (h *Handler) remove(w http.ResponseWriter, at string) error {
	p, err := h.find(at)
	if err != nil {
		return err
	}
	p.end(errAsked)
	select {
	case <-p.ended: // what it held is free for the next one
	case <-time.After(requestTime):
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// errAsked says that the client has ended its session.
var errAsked = errors.New("the client has ended it")

// enter counts a session that begins.
func (h *Handler) enter(p *peer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errClosing
	}
	h.peers[p.id], h.users[p.user] = p, p
	h.runs.Add(1)
	return nil
}

func (h *Handler) leave(p *peer) {
	h.mu.Lock()
	delete(h.peers, p.id)
	delete(h.users, p.user)
	h.mu.Unlock()
	h.runs.Done()
}

// newID is a session's name, which only its client knows.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}

// refuse answers with why.
func refuse(w http.ResponseWriter, err error) {
	outlet.Answer(w, err, "nobody publishes a stream of this name: ask again when it is published")
}
