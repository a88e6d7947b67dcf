package web

import (
	"context"
	"net/http"
	"time"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/script"
)

// ScriptError is an error of a server-side script in JSON.
type ScriptError struct {
	Application string    `json:"application"`
	Instance    string    `json:"instance"`
	Time        time.Time `json:"time"`
	Message     string    `json:"message"`
	File        string    `json:"file,omitempty"`
	Line        int       `json:"line,omitempty"` // from 1
	Call        string    `json:"call,omitempty"` // that was under way
	Fatal       bool      `json:"fatal"`          // the script has died of it, or could not be loaded
	// Stale: changed files cannot be loaded, and the script goes on as it was before.
	Stale bool `json:"stale,omitempty"`
}

// ScriptReport is the answer to GET /script-errors.
type ScriptReport struct {
	Total  uint64        `json:"total"`  // since the server started
	Errors []ScriptError `json:"errors"` // the newest first
	// Failed is why a script does not run now, or not as its files are, the newest of
	// those; null: all do.
	Failed *ScriptError `json:"failed"`
}

// maxProblem is how many characters of an error are told: what is in it may come from
// clients.
const maxProblem = 512

// DescribeError is an error of a script in JSON.
func DescribeError(application, instance string, p script.Problem) ScriptError {
	return ScriptError{
		Application: application, Instance: instance, Time: p.Time.UTC(), Message: logs.Clean(p.Message, maxProblem),
		File: logs.Clean(p.File, logs.MaxValue), Line: p.Line, Call: logs.Clean(p.Call, logs.MaxValue), Fatal: p.Fatal, Stale: p.Stale,
	}
}

// scriptErrors serves the last errors of all scripts: GET /script-errors, with ?limit=
// (100, which is all that are kept).
func scriptErrors(src Source) func(context.Context, *http.Request) (any, error) {
	return func(_ context.Context, r *http.Request) (any, error) {
		limit, err := limitOf(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return src.ScriptErrors(limit), nil
	}
}
