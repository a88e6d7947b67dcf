package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Recordings are the recorded streams of one instance.
type Recordings struct {
	Application, Instance string
	Store                 *recording.Store
	// Authorize checks the publish key of a request to delete. Nil where anyone
	// may publish: then requests from this machine may delete.
	Authorize func(key string) *session.Refusal
}

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
	// Next is where the next page is, relative to this one; empty: nowhere.
	Next string `json:"next,omitempty"`
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxLookers   = 4 // requests that read folders at once
	lookTimeout  = 30 * time.Second
)

// RecordingsHandler serves the recorded streams that all lists, which is asked
// at each request:
//
//	GET    /recordings   a page of them, by instance and name; ?limit= (100, at
//	                     most 1000), ?after= (see next), ?instance=app/name
//	GET    /recordings/APPLICATION/INSTANCE/NAME   one
//	DELETE /recordings/APPLICATION/INSTANCE/NAME   removes it
//
// A slash in the name of an instance is written %2F. Deleting needs the
// instance's publish key, as "Authorization: Bearer KEY"; where anyone may
// publish there is none, and only requests from this machine are heard. Errors
// are JSON: {"error": "what, and what to do"}.
func RecordingsHandler(all func() []Recordings, log *slog.Logger) http.Handler {
	h := &recordings{all: all, log: log, lookers: make(chan struct{}, maxLookers)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recordings", h.look(h.list))
	mux.HandleFunc("GET /recordings/{application}/{instance}/{name...}", h.look(h.one))
	mux.HandleFunc("DELETE /recordings/{application}/{instance}/{name...}", h.look(h.remove))
	return mux
}

type recordings struct {
	all     func() []Recordings
	log     *slog.Logger
	lookers chan struct{}
}

// failure is an error with its HTTP status.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }

func fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Errorf(format, args...)}
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
		status := http.StatusOK
		if err != nil {
			if status = statusOf(err); status == http.StatusInternalServerError {
				h.log.Error("recordings over HTTP", "method", r.Method, "path", r.URL.Path, "err", err)
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
	switch {
	case errors.As(err, &f):
		return f.status
	case errors.Is(err, recording.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, recording.ErrBadName):
		return http.StatusBadRequest
	case errors.Is(err, recording.ErrBusy):
		return http.StatusConflict
	case errors.Is(err, recording.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
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
	wanted := h.all()
	if path := query.Get("instance"); path != "" {
		p, _ := apppath.Parse(path) // where no application is named, none is found
		one, err := h.instance(p.Application, p.Instance)
		if err != nil {
			return nil, err
		}
		wanted = []Recordings{one}
	}
	from, after, err := parseAfter(query.Get("after"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(wanted, compare)
	page := RecordingPage{Recordings: []Recording{}}
	for _, one := range wanted {
		name := ""
		switch c := compare(one, from); {
		case c < 0:
			continue
		case c == 0:
			name = after
		}
		found, more, err := one.Store.List(ctx, name, limit-len(page.Recordings))
		if err != nil {
			return nil, err
		}
		for _, info := range found {
			page.Recordings = append(page.Recordings, one.describe(info))
		}
		if more {
			last := page.Recordings[len(page.Recordings)-1]
			query.Set("after", formatAfter(last))
			page.Next = "/recordings?" + query.Encode()
			break
		}
	}
	return page, nil
}

func compare(a, b Recordings) int {
	return cmp.Or(strings.Compare(a.Application, b.Application), strings.Compare(a.Instance, b.Instance))
}

// formatAfter names a recording as its own URL does.
func formatAfter(r Recording) string {
	return url.PathEscape(r.Application) + "/" + url.PathEscape(r.Instance) + "/" + url.PathEscape(r.Name)
}

func parseAfter(s string) (from Recordings, name string, err error) {
	if s == "" {
		return from, "", nil
	}
	parts := strings.SplitN(s, "/", 3)
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			break
		}
	}
	if len(parts) != 3 || err != nil {
		return from, "", fail(http.StatusBadRequest, "after %.64q: it is APPLICATION/INSTANCE/NAME, as the page before gives it in next", s)
	}
	return Recordings{Application: parts[0], Instance: parts[1]}, parts[2], nil
}

func (h *recordings) instance(application, name string) (Recordings, error) {
	for _, one := range h.all() {
		if one.Application == application && one.Instance == name {
			return one, nil
		}
	}
	return Recordings{}, fail(http.StatusNotFound, "instance %.64s/%.64s is not served here", application, name)
}

func (i Recordings) describe(info recording.Info) Recording {
	one := Recording{
		Application: i.Application, Instance: i.Instance, Name: info.Name,
		Bytes: info.Bytes, Modified: info.Modified.UTC(), Recording: info.Recording,
	}
	if info.Duration >= 0 {
		s := info.Duration.Seconds()
		one.Seconds = &s
	}
	return one
}

func (h *recordings) one(_ context.Context, r *http.Request) (any, error) {
	i, err := h.instance(r.PathValue("application"), r.PathValue("instance"))
	if err != nil {
		return nil, err
	}
	info, err := i.Store.Find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return i.describe(info), nil
}
