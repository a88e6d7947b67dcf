package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
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
	h := &recordings{desk: newDesk("recordings", guesses, log), catalogue: c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recordings", h.look(h.list))
	mux.HandleFunc("GET /recordings/{application}/{instance}/{name...}", h.look(h.one))
	mux.HandleFunc("DELETE /recordings/{application}/{instance}/{name...}", h.look(h.remove))
	return mux
}

// Recordings serves what of recordingsHandler changes nothing.
func Recordings(shelves func() []catalogue.Shelf, log *slog.Logger) http.Handler {
	h := &recordings{desk: newDesk("recordings", nil, log), catalogue: catalogue.New(shelves)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recordings", h.look(h.list))
	mux.HandleFunc("GET /recordings/{application}/{instance}/{name...}", h.look(h.one))
	return mux
}

type recordings struct {
	*desk
	catalogue *catalogue.Catalogue
}

func (h *recordings) list(ctx context.Context, r *http.Request) (any, error) {
	query := r.URL.Query()
	limit, err := limitOf(query)
	if err != nil {
		return nil, err
	}
	q := catalogue.Query{Limit: limit}
	if path := query.Get("instance"); path != "" {
		p, _ := apppath.Parse(path) // where no application is named, none is found
		q.Of = &p
	}
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
