package web

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// NamedOnly lets requests through that are addressed to nobody, as those of simple
// probes are, to an address, to localhost, to one of some names, or to a name
// within one of some domains; both are in lower case. A web page whose own name
// leads to this server, so that a browser takes the server's answers for the
// page's, betrays itself by that name.
func NamedOnly(names, domains []string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r)
		_, err := netip.ParseAddr(host)
		if err == nil || host == "" || host == "localhost" || slices.Contains(names, host) || slices.ContainsFunc(domains, within(host)) {
			h.ServeHTTP(w, r)
			return
		}
		refuse(w, r, http.StatusMisdirectedRequest, fmt.Sprintf(
			"this server is not called %.64q: ask by its address, or name it so with flashpod serve --http-host", host))
	})
}

// within says of a domain whether a host is in it.
func within(host string) func(domain string) bool {
	return func(domain string) bool { return strings.HasSuffix(host, "."+domain) }
}

// hostOf is the host that a request is addressed to, without its port.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if addr, ok := strings.CutPrefix(host, "["); ok {
		return strings.TrimSuffix(addr, "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// bodyTime is how long what is left of a body that is refused may take.
const bodyTime = 300 * time.Millisecond

// withoutBody refuses requests that have a body: nothing here takes one, and one
// that never comes would be waited for.
func withoutBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			h.ServeHTTP(w, r)
			return
		}
		// What is on its way is read, so that the client reads the answer and not
		// that the connection was reset; what is not is not waited for.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		w.Header().Set("Connection", "close")
		refuse(w, r, http.StatusRequestEntityTooLarge, "requests here have no body")
	})
}

// refuse answers with an error, in JSON where all answers are.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	inJSON := func(prefix string) bool { return r.URL.Path == prefix || strings.HasPrefix(r.URL.Path, prefix+"/") }
	if !inJSON("/recordings") && !inJSON("/instances") && !inJSON("/script-errors") && !inJSON("/held") && !inJSON(ConsolePath+"api") {
		http.Error(w, why, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // the client may have gone
}
