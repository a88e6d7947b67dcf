package outlet

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Viewing is a viewer as the house counts it, for one request.
type Viewing struct {
	// Context ends when the viewer is to go. Its cause is why, in words for the viewer.
	Context context.Context
	// Asked ends, at the latest with Context and for the same reason, when what the viewer
	// may is to be asked anew: who keeps a viewing for more than one request closes it.
	Asked context.Context
	// Sent counts the bytes that the viewer is sent: the way adds to it. All requests of a
	// viewer have one.
	Sent *atomic.Uint64
	// Token is what requests of this viewer have in their query as TokenName; "": nothing.
	Token string
	// Cut ends Context for a reason of the way's own, which the log says; nil: other
	// requests of the viewer go on.
	Cut context.CancelCauseFunc

	close func()
}

// ErrStalled says that a viewer has not taken what it was sent for so long that the
// server does not wait any more.
var ErrStalled = errors.New("the viewer takes too little of what it is sent")

// TokenName is the parameter of a URL's query by which requests of a viewer are known to
// be of the same.
const TokenName = "viewer"

// NewViewing makes what a request is given. done is called when it is closed, once.
func NewViewing(ctx context.Context, sent *atomic.Uint64, token string, done func()) *Viewing {
	return &Viewing{Context: ctx, Asked: ctx, Sent: sent, Token: token, close: sync.OnceFunc(done)}
}

// GiveUp says why a viewer that has not gone by itself is sent no more. Close follows.
func (v *Viewing) GiveUp(why error) {
	if v.Cut != nil {
		v.Cut(why)
	}
}

// Close says that the viewer has what it asked for, or has gone.
func (v *Viewing) Close() { v.close() }

// Counted counts what is written to an answer, which ends, in the middle if need be, when
// the viewer is to go. stop is called when the answer is complete.
func (v *Viewing) Counted(w http.ResponseWriter) (counting http.ResponseWriter, stop func()) {
	late := http.NewResponseController(w)
	forget := context.AfterFunc(v.Context, func() {
		_ = late.SetWriteDeadline(time.Unix(1, 0)) // where there is none, the next write fails
	})
	return &counted{w, v}, func() { forget() }
}

type counted struct {
	http.ResponseWriter
	v *Viewing
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (n int, err error) {
	if err := context.Cause(c.v.Context); err != nil {
		return 0, err
	}
	n, err = c.ResponseWriter.Write(b)
	c.v.Sent.Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.v.GiveUp(ErrStalled) // one that was to go has been told so before, and the first reason counts
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Named is the request as it would be if its URL had the viewer's token.
func (v *Viewing) Named(r *http.Request) *http.Request {
	if v.Token == "" {
		return r
	}
	q := r.URL.Query()
	if q.Get(TokenName) == v.Token {
		return r
	}
	q.Set(TokenName, v.Token)
	u := *r.URL
	u.RawQuery = q.Encode()
	named := *r
	named.URL = &u
	return &named
}

// TokenOf is the token that a request has; "": it has none, or none that could be ours.
func TokenOf(q url.Values) string {
	token := q.Get(TokenName)
	const most = 32
	if len(token) > most {
		return ""
	}
	for _, c := range []byte(token) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return token
}
