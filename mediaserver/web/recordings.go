package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
)

// Recording is one recorded stream in JSON.
type Recording struct {
	Application string    `json:"application"`
	Instance    string    `json:"instance"`
	Name        string    `json:"name"`
	Bytes       int64     `json:"bytes"`
	Seconds     *float64  `json:"seconds"` // null: it was not read yet, or cannot be
	Modified    time.Time `json:"modified"`
	Recording   bool      `json:"recording"` // it is being written now
}

// RecordingPage is the answer to GET /recordings.
type RecordingPage struct {
	Recordings []Recording `json:"recordings"`
	// Next is where the next page is, relative to this one; empty: nowhere. A page
	// that has one may be shorter than its limit.
	Next string `json:"next,omitempty"`
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxLookers   = 4 // requests that read folders at once
	lookTimeout  = 30 * time.Second
)

// recordingsHandler serves recorded streams:
//
//	GET    /recordings   a page of them, by instance and name; ?limit= (100, at
//	                     most 1000), ?after= (see next), ?instance=app/name
//	GET    /recordings/APPLICATION/INSTANCE/NAME   one
//	DELETE /recordings/APPLICATION/INSTANCE/NAME   removes it
//
// A slash in the name of an instance is written %2F. Deleting needs the
// instance's publish key, as "Authorization: Bearer KEY"; where anyone may
// publish there is none, and only requests from this machine are heard that say
// "Connection: flashpod-local" and nothing that a proxy or a browser adds. Wrong
// keys are answered the later, the more of them an address has shown, here or to
// publish. Errors are JSON: {"error": "what, and what to do"}.
func recordingsHandler(c *catalogue.Catalogue, guesses *budget.Guesses, log *slog.Logger) http.Handler {
	h := &recordings{catalogue: c, guesses: guesses, log: log, lookers: make(chan struct{}, maxLookers)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recordings", h.look(h.list))
	mux.HandleFunc("GET /recordings/{application}/{instance}/{name...}", h.look(h.one))
	mux.HandleFunc("DELETE /recordings/{application}/{instance}/{name...}", h.look(h.remove))
	return mux
}

type recordings struct {
	catalogue *catalogue.Catalogue
	guesses   *budget.Guesses
	log       *slog.Logger
	lookers   chan struct{}
}

// failure is an error with its HTTP status.
type failure struct {
	status int
	err    error
	guess  bool // it is about a wrong key
}

func (f *failure) Error() string { return f.err.Error() }

func fail(status int, format string, args ...any) error {
	return &failure{status: status, err: fmt.Errorf(format, args...)}
}

// look bounds how much of the disk strangers can keep busy, and answers.
func (h *recordings) look(f func(context.Context, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
		defer cancel()
		var answer any
		var err error
		select {
		case h.lookers <- struct{}{}:
			answer, err = f(ctx, r)
			<-h.lookers
		case <-ctx.Done():
			err = ctx.Err()
		}
		h.afterGuess(w, r, err)
		status := http.StatusOK
		if err != nil {
			if status = statusOf(err); status == http.StatusInternalServerError {
				h.log.Error("recordings over HTTP", "method", r.Method, "path", r.URL.Path, "address", r.RemoteAddr, "err", err)
			}
			answer = map[string]string{"error": err.Error()}
		}
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="publish key"`)
		}
		w.WriteHeader(status)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(answer); err != nil {
			h.log.Debug("answer about recordings", "err", err) // the client has gone
		}
	}
}

func statusOf(err error) int {
	var f *failure
	var notServed *catalogue.NotServedError
	switch {
	case errors.As(err, &f):
		return f.status
	case errors.As(err, &notServed), errors.Is(err, recording.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, recording.ErrBadName):
		return http.StatusBadRequest
	case errors.Is(err, recording.ErrBusy):
		return http.StatusConflict
	case errors.Is(err, recording.ErrClosed), errors.Is(err, fs.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (h *recordings) list(ctx context.Context, r *http.Request) (any, error) {
	query := r.URL.Query()
	limit := defaultLimit
	if l := query.Get("limit"); l != "" {
		var err error
		if limit, err = strconv.Atoi(l); err != nil || limit < 1 || limit > maxLimit {
			return nil, fail(http.StatusBadRequest, "limit %.20q: choose a number from 1 to %d", l, maxLimit)
		}
	}
	q := catalogue.Query{Limit: limit}
	if path := query.Get("instance"); path != "" {
		p, _ := apppath.Parse(path) // where no application is named, none is found
		q.Of = &p
	}
	var err error
	if q.After, err = parseAfter(query.Get("after")); err != nil {
		return nil, err
	}
	found, next, err := h.catalogue.List(ctx, q)
	if err != nil {
		return nil, err
	}
	page := RecordingPage{Recordings: make([]Recording, 0, len(found))}
	for _, one := range found {
		page.Recordings = append(page.Recordings, Describe(one))
	}
	if next != (catalogue.Place{}) {
		query.Set("after", formatAfter(next))
		page.Next = "/recordings?" + query.Encode()
	}
	return page, nil
}

// formatAfter names a recording as its own URL does.
func formatAfter(p catalogue.Place) string {
	return url.PathEscape(p.Application) + "/" + url.PathEscape(p.Instance) + "/" + url.PathEscape(p.Name)
}

func parseAfter(s string) (after catalogue.Place, err error) {
	if s == "" {
		return after, nil
	}
	parts := strings.SplitN(s, "/", 3)
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			break
		}
	}
	if len(parts) != 3 || err != nil {
		return after, fail(http.StatusBadRequest, "after %.64q: it is APPLICATION/INSTANCE/NAME, as the page before gives it in next", s)
	}
	return catalogue.Place{Application: parts[0], Instance: parts[1], Name: parts[2]}, nil
}

// Describe is a recording in JSON.
func Describe(r catalogue.Recording) Recording {
	one := Recording{
		Application: r.Application, Instance: r.Instance, Name: r.Name,
		Bytes: r.Bytes, Modified: r.Modified.UTC(), Recording: r.Recording,
	}
	if r.Duration >= 0 {
		s := r.Duration.Seconds()
		one.Seconds = &s
	}
	return one
}

func pathOf(r *http.Request) apppath.Path {
	return apppath.Path{Application: r.PathValue("application"), Instance: r.PathValue("instance")}
}

func (h *recordings) one(ctx context.Context, r *http.Request) (any, error) {
	one, err := h.catalogue.Find(ctx, pathOf(r), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return Describe(one), nil
}
