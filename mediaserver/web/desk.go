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
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxLookers   = 4 // requests of one desk at once
	lookTimeout  = 30 * time.Second
)

// desk answers requests about one kind of thing, a few at once, in JSON.
type desk struct {
	about   string // what they are about
	guesses *budget.Guesses
	log     *slog.Logger
	lookers chan struct{}
}

func newDesk(about string, guesses *budget.Guesses, log *slog.Logger) *desk {
	return &desk{about: about, guesses: guesses, log: log, lookers: make(chan struct{}, maxLookers)}
}

// limitOf is how many entries a page is to have.
func limitOf(query url.Values) (int, error) {
	l := query.Get("limit")
	if l == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(l)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, fail(http.StatusBadRequest, "limit %.20q: choose a number from 1 to %d", l, maxLimit)
	}
	return limit, nil
}

// failure is an error with its HTTP status.
type failure struct {
	status int
	err    error
	guess  bool // it is about a wrong key
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

func fail(status int, format string, args ...any) error {
	return &failure{status: status, err: fmt.Errorf(format, args...)}
}

// look bounds how much strangers can keep busy, and answers with what f has in JSON:
// nil is no content.
func (d *desk) look(f func(context.Context, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
		defer cancel()
		var answer any
		var err error
		select {
		case d.lookers <- struct{}{}:
			answer, err = f(ctx, r)
			<-d.lookers
		case <-ctx.Done():
			err = ctx.Err()
		}
		d.afterGuess(w, r, err)
		status := http.StatusOK
		if err != nil {
			if status = statusOf(err); status == http.StatusInternalServerError {
				d.log.Error(d.about+" over HTTP", "method", r.Method, "path", r.URL.Path, "address", r.RemoteAddr, "err", err)
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
			d.log.Debug("answer about "+d.about, "err", err) // the client has gone
		}
	}
}

// Status is the HTTP status that an error about recordings or instances has.
func Status(err error) int { return statusOf(err) }

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
