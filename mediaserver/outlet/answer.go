package outlet

import (
	"context"
	"errors"
	"net/http"
)

// Answer tells a viewer why it gets nothing: what a *Refusal says, notFound where there is
// no such stream, the status of the first error of of that err is, and 503 for any other. A
// viewer that has gone is told nothing.
func Answer(w http.ResponseWriter, err error, notFound string, of ...Status) {
	status, reason := http.StatusServiceUnavailable, err.Error()
	var no *Refusal
	switch {
	case errors.As(err, &no):
		status = no.Status
		if no.Code != "" {
			w.Header().Set("Flashpod-Refused", no.Code)
		}
	case errors.Is(err, ErrNotFound):
		status, reason = http.StatusNotFound, notFound
	case errors.Is(err, context.Canceled):
		return
	default:
		for _, one := range of {
			if errors.Is(err, one.Err) {
				status = one.Status
				break
			}
		}
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, reason, status)
}

// ReadOnly refuses a request that would do more than read what there is, and says whether
// it was one.
func ReadOnly(w http.ResponseWriter, r *http.Request, what string) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, what+" are read only", http.StatusMethodNotAllowed)
	return true
}

// Status is that of HTTP for an error.
type Status struct {
	Err    error
	Status int
}
