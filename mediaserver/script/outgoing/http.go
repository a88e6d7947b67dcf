package outgoing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Request is one of HTTP.
type Request struct {
	Method string // "": GET
	URL    string // http or https
	Header http.Header
	Body   []byte
	// Progress, if there is one, is told how much of the answer has come, and how much
	// there will be: -1 if that is not known. It is called by the goroutine of Do.
	Progress func(loaded, total int64)
}

// Response is an answer, whatever its status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // unpacked
	held   *budget.Budget
	bytes  atomic.Int64
}

// Release gives back what the answer has of the budget. It may be called again, and from
// anywhere.
func (r *Response) Release() {
	if r != nil {
		r.held.Give(r.bytes.Swap(0))
	}
}

// Check says whether a host may be asked, as far as its name tells, without a question
// to anybody.
func (n *Network) Check(raw string) error {
	_, _, err := n.checkURL(raw)
	return err
}

func (n *Network) checkURL(raw string) (*url.URL, target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, target{}, fmt.Errorf("URL: %w", err)
	}
	t, err := n.checkTarget(u)
	return u, t, err
}

func (n *Network) checkTarget(u *url.URL) (target, error) {
	port := uint64(80)
	switch u.Scheme {
	case "http":
	case "https":
		port = 443
	default:
		return target{}, fmt.Errorf("URL: its scheme must be http or https, as in http://example.com/login, and is %q", u.Scheme)
	}
	if u.Hostname() == "" {
		return target{}, errors.New("URL: must name a host, as in http://example.com/login")
	}
	if p := u.Port(); p != "" {
		var err error
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return target{}, fmt.Errorf("URL: port %q must be a number from 1 to 65535", p)
		}
	}
	return n.cfg.Hosts.look(u.Hostname(), uint16(port))
}

// Do asks, and waits for the whole answer, which must be released. An error has no
// Response, says the host and the reason, and is a *Refused where the host may not be
// asked. It has nothing of the URL but its host, since what follows may be secret.
func (n *Network) Do(ctx context.Context, q Request) (*Response, error) {
	u, t, err := n.checkURL(q.URL)
	if err != nil {
		return nil, err
	}
	late := fmt.Errorf("host %s: no whole answer within %s", t, n.limits.Whole)
	ctx, cancel := context.WithTimeoutCause(ctx, n.limits.Whole, late)
	defer cancel()
	end, err := n.turns.begin(ctx, t.String())
	if err != nil {
		return nil, err
	}
	defer end()
	req, err := newRequest(ctx, u, q)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", t, err)
	}
	answer, err := n.client.Do(req)
	if err != nil {
		return nil, explain(ctx, t, err)
	}
	defer answer.Body.Close()
	r := &Response{Status: answer.StatusCode, Header: answer.Header, held: n.cfg.Memory}
	if err := n.read(r, answer, q.Progress); err != nil {
		r.Release()
		return nil, explain(ctx, t, err)
	}
	return r, nil
}

// own are headers that are the client's: what a script says of them is left out.
var own = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func newRequest(ctx context.Context, u *url.URL, q Request) (*http.Request, error) {
	method := q.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range q.Header {
		if !strings.HasPrefix(http.CanonicalHeaderKey(name), "Proxy-") {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	for _, name := range own {
		req.Header.Del(name)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Flashpod")
	}
	return req, nil
}

// redirect looks at where a redirect leads.
func (n *Network) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > n.limits.Redirects {
		return fmt.Errorf("more than %d redirects", n.limits.Redirects)
	}
	_, err := n.checkTarget(req.URL)
	return err
}

// explain says what has gone wrong without the URL, which url.Error has.
func explain(ctx context.Context, t target, err error) error {
	var refused *Refused
	if errors.As(err, &refused) {
		return refused
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	var timeout net.Error
	switch {
	case strings.HasPrefix(err.Error(), "connect to "):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("host %s: did not answer in time", t)
	}
	return fmt.Errorf("host %s: %w", t, err)
}

// read reads an answer, and counts what comes and what that is unpacked.
func (n *Network) read(r *Response, answer *http.Response, progress func(loaded, total int64)) error {
	raw := &counted{r: answer.Body, left: int64(n.limits.Answer), limit: n.limits.Answer}
	var body io.Reader = raw
	total := answer.ContentLength
	if total > int64(n.limits.Answer) {
		return tooLarge(n.limits.Answer)
	}
	if strings.EqualFold(answer.Header.Get("Content-Encoding"), "gzip") && answer.Request.Method != http.MethodHead {
		packed, err := gzip.NewReader(raw)
		if err != nil {
			return fmt.Errorf("its compressed answer: %w", err)
		}
		body, total = &counted{r: packed, left: int64(n.limits.Answer), limit: n.limits.Answer}, -1
	}
	if progress != nil {
		progress(0, total)
	}
	const piece = 16 << 10
	for {
		if cap(r.Body)-len(r.Body) < piece {
			// The slice doubles: what it was before is held as well, for a moment.
			grown := int64(max(2*cap(r.Body), piece))
			if !n.cfg.Memory.Take(grown) {
				return errors.New("the server has no memory left for answers: try again in a moment")
			}
			r.Body = append(make([]byte, 0, grown), r.Body...)
			n.cfg.Memory.Give(r.bytes.Swap(grown))
		}
		got, err := body.Read(r.Body[len(r.Body) : len(r.Body)+piece/2])
		r.Body = r.Body[:len(r.Body)+got]
		if got > 0 && progress != nil {
			progress(int64(len(r.Body)), total)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func tooLarge(limit int) error { return fmt.Errorf("its answer is larger than %d bytes", limit) }

// counted reads until there was too much.
type counted struct {
	r     io.Reader
	left  int64
	limit int
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n, tooLarge(c.limit)
	}
	return n, err
}
