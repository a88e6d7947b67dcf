package public

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// PolicyPath is where Flash Player looks whose movies may read what is on a server.
const PolicyPath = "/crossdomain.xml"

// PolicyFile says from which domains Flash Player lets movies use the server [Adobe Cross
// Domain Policy File Specification 2.0]. The zero value is none.
type PolicyFile struct {
	all     bool
	domains []policyDomain
}

type policyDomain struct {
	name   string
	secure bool // only movies that come by HTTPS
}

// NewPolicyFile makes one of origins, as ParseOrigins reads them. A policy file names
// domains, and neither their ports nor, over HTTP, how movies come from there. So
// an origin with a port is left out: its domain may have others behind its other ports.
// So is one whose host is no plain name or address: in a policy file an asterisk would
// stand for all there are.
func NewPolicyFile(origins []string) (p PolicyFile) {
	for _, one := range origins {
		if one == "*" {
			p.all = true
			continue
		}
		u, err := url.Parse(strings.ToLower(one))
		if err != nil || u.Port() != "" || !isPolicyDomain(u.Host) {
			continue
		}
		d := policyDomain{u.Host, u.Scheme == "https"}
		i := slices.IndexFunc(p.domains, func(o policyDomain) bool { return o.name == d.name })
		if i < 0 {
			p.domains = append(p.domains, d)
			continue
		}
		p.domains[i].secure = p.domains[i].secure && d.secure
	}
	slices.SortFunc(p.domains, func(a, b policyDomain) int { return strings.Compare(a.name, b.name) })
	return p
}

// isPolicyDomain says whether a host, in small letters, is a name or an IPv4 address.
func isPolicyDomain(host string) bool {
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// HTTP is the file as it is at PolicyPath. There are no others on this server: nothing
// that somebody has published is taken for one [§1.3.2].
func (p PolicyFile) HTTP() []byte {
	control := "master-only"
	if !p.all && len(p.domains) == 0 {
		control = "none"
	}
	return p.xml(fmt.Sprintf("  <site-control permitted-cross-domain-policies=\"%s\"/>\n", control), "")
}

// Socket is what a movie is answered that asks at a port of sockets: it may connect to
// that port, and to no other of the host.
func (p PolicyFile) Socket(port int) []byte {
	return append(p.xml("", fmt.Sprintf(" to-ports=\"%d\"", port)), 0)
}

func (p PolicyFile) xml(control, ports string) []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\"?>\n<!DOCTYPE cross-domain-policy SYSTEM \"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd\">\n<cross-domain-policy>\n" + control)
	if p.all {
		fmt.Fprintf(&b, "  <allow-access-from domain=\"*\"%s secure=\"false\"/>\n", ports)
	} else {
		for _, d := range p.domains {
			fmt.Fprintf(&b, "  <allow-access-from domain=\"%s\"%s secure=\"%t\"/>\n", d.name, ports, d.secure)
		}
	}
	b.WriteString("</cross-domain-policy>\n")
	return b.Bytes()
}

// ServeHTTP implements http.Handler.
func (p PolicyFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this is read only", http.StatusMethodNotAllowed)
		return
	}
	b := p.HTTP()
	h := w.Header()
	h.Set("Content-Type", "text/x-cross-domain-policy")
	h.Set("Content-Length", fmt.Sprint(len(b)))
	h.Set("Cache-Control", "no-cache")
	if r.Method == http.MethodGet {
		_, _ = w.Write(b) // who does not take it has gone
	}
}
