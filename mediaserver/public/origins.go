package public

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Origins are the web pages that may use the server beside its own: those that were
// loaded from one of its addresses, or from localhost. The zero value is none.
type Origins struct {
	all  bool
	some map[string]bool // scheme://host[:port], in small letters
}

// EveryPage are all pages.
var EveryPage = Origins{all: true}

// ParseOrigins reads a list of origins as browsers write them (RFC 6454 §6.2), such as
// https://example.org or http://localhost:3000; "*" is every page.
func ParseOrigins(list []string) (Origins, error) {
	o := Origins{some: map[string]bool{}}
	for _, one := range list {
		if one == "*" {
			o.all = true
			continue
		}
		u, err := url.Parse(one)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return o, fmt.Errorf("%.100q is no origin of web pages: write it as https://example.org, with a port where the page's URL has one, and without a path; or * for all", one)
		}
		o.some[strings.ToLower(one)] = true
	}
	return o, nil
}

// Allow says whether who asks may: a program, which says no origin, or a page that is
// allowed to. A name is no proof that a page is the server's own: whoever owns a name
// may let it lead here.
func (o Origins) Allow(r *http.Request) bool {
	origin := strings.ToLower(r.Header.Get("Origin"))
	if origin == "" || o.Has(origin) {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && host == strings.ToLower(r.Host) && ownName(host)
}

// List is what they were read from, in order.
func (o Origins) List() []string {
	if o.all {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(o.some))
}

// Has says whether the pages of an origin are among them.
func (o Origins) Has(origin string) bool { return o.all || o.some[strings.ToLower(origin)] }

// ownName says whether a host is an address, or this machine.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

// share lets a page that is allowed to read the answer [Fetch §3.3], and answers what a
// browser asks before: true says that it was no more than that.
func (o Origins) share(w http.ResponseWriter, r *http.Request) (asked bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && o.Allow(r) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, Date, Flashpod-Left-Out, Flashpod-Refused")
	}
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "Authorization, Range")
	h.Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
