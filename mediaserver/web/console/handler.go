package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Path is where the console is mounted.
const Path = "/-/console/"

const (
	apiPath   = Path + "api/"
	mediaPath = Path + "media/"
)

// Options of a console. Tokens is required.
type Options struct {
	Version string
	// Tokens are what is to be shown for each role. It may read a file.
	Tokens func(Role) (string, error)
	// Guesses slow down answers to wrong tokens; nil: nothing does.
	Guesses *budget.Guesses
	// Lines are those of scripts; nil: there are none.
	Lines *Lines
	// Recordings lists recorded streams, at /recordings, and Media has streams at
	// /APPLICATION/INSTANCE/NAME.…, for those who have a session. nil: there are none.
	Recordings, Media http.Handler
	Log               *slog.Logger // default: none
}

// Console serves what is below Path. It may be used by many at once.
type Console struct {
	src      Source
	opts     Options
	log      *slog.Logger
	sessions *sessions
	sampler  *sampler
	mux      *http.ServeMux
}

// New makes a console and begins to keep the last hour. Close ends it.
func New(src Source, opts Options) *Console {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Lines == nil {
		opts.Lines = NewLines()
	}
	c := &Console{src: src, opts: opts, log: opts.Log, sessions: newSessions(), mux: http.NewServeMux()}
	c.sampler = newSampler(src, opts.Lines)
	c.mux.HandleFunc("POST "+apiPath+"session", c.login)
	c.mux.HandleFunc("GET "+apiPath+"session", c.needs(Viewer, c.whoami))
	c.mux.HandleFunc("DELETE "+apiPath+"session", c.needs(Viewer, c.logout))
	c.mux.HandleFunc("GET "+apiPath+"events", c.needs(Viewer, c.events))
	c.mux.HandleFunc("POST "+apiPath+"drain", c.needs(Admin, c.drain))
	const one = apiPath + "instances/{application}/{instance}"
	c.mux.HandleFunc("POST "+one+"/unload", c.needs(Admin, c.unload))
	c.mux.HandleFunc("DELETE "+one+"/clients/{client}", c.needs(Admin, c.kick))
	c.mux.HandleFunc("DELETE "+apiPath+"recordings/{application}/{instance}/{name...}", c.needs(Admin, c.remove))
	if opts.Recordings != nil {
		list := http.StripPrefix(strings.TrimSuffix(apiPath, "/"), opts.Recordings)
		get := c.needs(Viewer, func(w http.ResponseWriter, r *http.Request, _ *login) { list.ServeHTTP(w, r) })
		c.mux.HandleFunc("GET "+apiPath+"recordings", get)
		c.mux.HandleFunc("GET "+apiPath+"recordings/", get)
	}
	if opts.Media != nil {
		c.mux.HandleFunc("GET "+mediaPath, c.needs(Viewer, c.media))
	}
	c.mux.HandleFunc(apiPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, problem("there is nothing for %s at %.100q", r.Method, r.URL.Path))
	})
	c.mux.Handle(Path, page())
	go c.sampler.run()
	go c.sessions.watch(opts.Tokens)
	return c
}

// Close ends what listeners are sent, and the sampler.
func (c *Console) Close() {
	c.sampler.close()
	c.sessions.close()
}

// ServeHTTP implements http.Handler. Nothing here is for other pages to show, load or
// ask, whatever a browser would send along.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", policy)
	if err := sameSite(r); err != nil {
		answer(w, http.StatusForbidden, problem("%v", err))
		return
	}
	c.mux.ServeHTTP(w, r)
}

// needs has a request answered for whoever has a session of a role, or of a higher one.
func (c *Console) needs(role Role, f func(http.ResponseWriter, *http.Request, *login)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := c.sessions.of(r)
		switch {
		case s == nil:
			answer(w, http.StatusUnauthorized, problem("this needs a session: show a token of the console first"))
		case role == Admin && s.role != Admin:
			answer(w, http.StatusForbidden, problem("this needs the role admin, and this session has %s: log in with the token of admins", s.role))
		default:
			f(w, r, s)
		}
	}
}

type reason struct {
	Error string `json:"error"`
}

func problem(format string, args ...any) reason { return reason{fmt.Sprintf(format, args...)} }

// answer is one in JSON, which nobody keeps.
func answer(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="console"`)
	}
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}

// done answers with what has come of a change.
func (c *Console) done(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	switch {
	case err == nil:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &e):
		answer(w, e.Status, problem("%s", e.Reason))
	default:
		c.log.Error("the console", "method", r.Method, "path", r.URL.Path, "err", err)
		answer(w, http.StatusInternalServerError, problem("%v", err))
	}
}

// wait is until a time has passed or the client has gone.
func wait(r *http.Request, d time.Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}
