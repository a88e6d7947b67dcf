package outgoing

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Hosts is an allow-list. A nil one allows nothing.
type Hosts struct {
	list    string
	entries []entry
}

// entry is a name, a domain with what is below it, or addresses; with a port or, if
// that is 0, for all of them.
type entry struct {
	name   string // "" for addresses
	below  bool   // names below it, and not itself
	prefix netip.Prefix
	// network: written as one, for whatever name has such an address.
	network bool
	port    uint16
}

// ParseHosts reads an allow-list, whose entries are
//
//	example.com, example.com:8080     a name, at all ports or at one
//	*.example.com, *.example.com:443  the names below it
//	192.0.2.1, 192.0.2.1:80, ::1, [::1]:80    an address
//	10.0.0.0/8, 2001:db8::/32         addresses, whatever name they have
//
// list is what people call it, as spec.script.allowedHosts; errors of the list and of
// what it refuses say so.
func ParseHosts(list string, entries []string) (*Hosts, error) {
	h := &Hosts{list: list}
	for _, s := range entries {
		e, err := parseEntry(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", list, s, err)
		}
		h.entries = append(h.entries, e)
	}
	return h, nil
}

func parseEntry(s string) (entry, error) {
	switch {
	case s == "":
		return entry{}, errors.New("must not be empty")
	case strings.Contains(s, "://"):
		return entry{}, errors.New("must be a host without a scheme, as example.com or example.com:8080")
	case strings.Contains(s, "/"):
		return parsePrefix(s)
	}
	host, port, err := splitPort(s)
	if err != nil {
		return entry{}, err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		a = plainAddr(a)
		return entry{prefix: netip.PrefixFrom(a, a.BitLen()), port: port}, nil
	}
	name, below := strings.CutPrefix(host, "*.")
	if name = canonical(name); !validName(name) {
		return entry{}, errors.New("must be HOST, HOST:PORT, *.DOMAIN, an address or a network as 10.0.0.0/8; names in their ASCII form (xn--…)")
	}
	return entry{name: name, below: below, port: port}, nil
}

func parsePrefix(s string) (entry, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return entry{}, errors.New("must be a network as 10.0.0.0/8 or 2001:db8::/32, without a port, or a host without a path")
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	if kind := hopeless(p); kind != "" {
		return entry{}, fmt.Errorf("is a network of %s, which are to be named one by one", kind)
	}
	return entry{prefix: p, network: true}, nil
}

// splitPort takes host:port apart; a port that is not there is 0.
func splitPort(s string) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String(), 0, nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]"), 0, nil
	}
	if !strings.Contains(s, ":") {
		return s, 0, nil
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, errors.New("must be HOST:PORT, with brackets around an address of version 6")
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, errors.New("the port must be a number from 1 to 65535")
	}
	return host, uint16(n), nil
}

// canonical is a name as it is compared.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// target is a host that somebody wants, as the list sees it before DNS.
type target struct {
	host  string
	port  uint16
	named bool // the list has its name
	local bool // its name says that it is this machine: localhost
}

// String is the target as errors tell it.
func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

// look looks at a host by its name alone. An error is a *Refused.
func (h *Hosts) look(host string, port uint16) (target, error) {
	t := target{host: canonical(host), port: port}
	if a, err := netip.ParseAddr(t.host); err == nil {
		t.host = plainAddr(a).String()
		return t, h.address(t, a, nil)
	}
	if !validName(t.host) {
		return t, &Refused{Host: t.String(), Reason: "is no name of a host; names go in their ASCII form (xn--…)"}
	}
	networks := false
	for _, e := range h.all() {
		switch {
		case e.port != 0 && e.port != port:
		case e.name == "":
			networks = networks || e.network
		case e.name == t.host && !e.below, e.below && strings.HasSuffix(t.host, "."+e.name):
			t.named = true
			t.local = t.local || !e.below && localName(e.name)
		}
	}
	if !t.named && !networks {
		return t, h.missing(t)
	}
	return t, nil
}

// localName says whether a name is this machine's whatever DNS says [RFC 6761 §6.3].
func localName(name string) bool { return name == "localhost" || strings.HasSuffix(name, ".localhost") }

func (h *Hosts) all() []entry {
	if h == nil {
		return nil
	}
	return h.entries
}

func (h *Hosts) missing(t target) error {
	list := "spec.script.allowedHosts"
	if h != nil && h.list != "" {
		list = h.list
	}
	return &Refused{Host: t.String(), Reason: "is not in " + list}
}

// address looks at an address that a target has. own are those of this machine. An
// error is a *Refused.
func (h *Hosts) address(t target, a netip.Addr, own []netip.Addr) error {
	a = plainAddr(a)
	outright, within := false, false
	for _, e := range h.all() {
		if e.name != "" || e.port != 0 && e.port != t.port || !e.prefix.Contains(a) {
			continue
		}
		within = true
		outright = outright || e.prefix.IsSingleIP()
	}
	kind := special(a, own)
	switch {
	case outright, t.local && a.IsLoopback():
		return nil
	case kind != "" && (t.named || within):
		return &Refused{Host: t.String(), Reason: fmt.Sprintf("is %s, one of %s: such an address is reached only where %s names it itself", a, kind, h.list)}
	case t.named, within:
		return nil
	}
	return h.missing(t)
}

// Refused says why a host is not reached.
type Refused struct {
	Host   string // host:port
	Reason string // what follows it in a sentence
}

// Error is the sentence.
func (r *Refused) Error() string { return "host " + r.Host + " " + r.Reason }
