package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// changeHeader is what a request that changes something has to have: no form and no
// link of another page can send it, and no script can without asking first [Fetch,
// CORS-safelisted request-header].
const changeHeader = "X-Flashpod-Console"

var (
	errOtherPage = errors.New("another web page asks for this: the console answers its own page alone")
	errNoHeader  = errors.New("a change needs the header " + changeHeader + ": 1")
	errNoOrigin  = errors.New("a change needs an Origin of this server, or Sec-Fetch-Site: same-origin, as browsers send them")
)

// sameSite says why a request is not one of the console's own page: whatever the cookie
// says, which a browser sends along. Requests that change nothing may be without the
// headers that browsers set, as those of programs are.
func sameSite(r *http.Request) error {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch {
	case origin != "" && !own(origin, r.Host):
		return errOtherPage
	case site == "", site == "same-origin":
	case read && site == "none": // a user has typed the address
	case read && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && !strings.HasPrefix(r.URL.Path, apiPath) && !strings.HasPrefix(r.URL.Path, mediaPath):
		return nil // a link on another page leads to the console's
	default:
		return errOtherPage
	}
	switch {
	case read:
		return nil
	case r.Header.Get(changeHeader) != "1":
		return errNoHeader
	case site == "" && origin == "":
		return errNoOrigin
	}
	return nil
}

// own says whether an origin is that of the host which a request is addressed to. What
// stands before the server may speak TLS for it, so the scheme does not matter.
func own(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, host)
}
