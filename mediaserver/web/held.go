package web

import (
	"context"
	"net/http"
)

// Held is the answer to GET /held: which instances on demand have something on this server's
// disk, recordings or shared objects, whether they run or not.
type Held struct {
	Instances []string `json:"instances"` // APPLICATION/INSTANCE, the first of them in order
	// More says that there are others.
	More bool `json:"more"`
}

// held serves that: GET /held, with ?limit= (100, at most 1000).
func held(src Source) func(context.Context, *http.Request) (any, error) {
	return func(ctx context.Context, r *http.Request) (any, error) {
		limit, err := limitOf(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return src.Held(ctx, limit)
	}
}
