package routing

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Claim is what one AppInstance wants to be found by.
type Claim struct {
	Name  string // of the AppInstance among all: namespace/name
	Owner string // whose it is: its namespace
	// Hosts are those that its owner has at the address: host names in lower case,
	// "*.example.com" for all below example.com, or AnyHost. None: AnyHost.
	Hosts                 []string
	Application, Instance string
	OnDemand              bool      // it has every other instance of its application, too
	Since                 time.Time // the older of two claims wins
}

// AnyHost is whatever a client calls the address, unless somebody has that name.
const AnyHost = "*"

// Conflict is a claim that lost to another at a host.
type Conflict struct {
	Claim, With Claim
	Host        string
	OnDemand    bool // what was lost is the other instances of the application; else the instance
}

// String says it for people.
func (c Conflict) String() string {
	what := fmt.Sprintf("%s/%s", c.Claim.Application, c.Claim.Instance)
	if c.OnDemand {
		what = fmt.Sprintf("instances of %s that no manifest names", c.Claim.Application)
	}
	if c.Host != AnyHost {
		what += " at " + c.Host
	}
	how := "which is older"
	if !c.OnDemand && c.With.Instance != c.Claim.Instance {
		how = "whose onDemandInstances is older, and of another namespace"
	}
	return fmt.Sprintf("%s: taken by AppInstance %s, %s", what, c.With.Name, how)
}

// Table says who has which name. All methods may be called from any goroutine.
type Table struct {
	hosts map[string]map[string]*application // by pattern, then by application
}

// application is one at a host.
type application struct {
	named map[string]*Claim // by instance
	rest  *Claim            // has all others; nil: nobody
}

// Make makes a table of what is claimed, and says who has lost what. What of it is older,
// and Name where they are of one age, decides:
//   - an instance belongs to the oldest claim that names it;
//   - instances that nobody names belong to the oldest claim of their application with
//     OnDemand;
//   - a claim that names an instance takes it from one with OnDemand of the same owner,
//     or a younger one, and from no other.
//
// hosts are further ones that somebody has, of whom there is no claim: whoever calls
// them finds nobody, and not what is at AnyHost.
func Make(claims []Claim, hosts ...string) (*Table, []Conflict) {
	t := &Table{hosts: map[string]map[string]*application{}}
	for _, h := range hosts {
		t.at(h)
	}
	byAge := slices.Clone(claims)
	slices.SortStableFunc(byAge, func(a, b Claim) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	var lost []Conflict
	for i := range byAge {
		c := &byAge[i]
		of := slices.Clone(c.Hosts)
		if len(of) == 0 {
			of = []string{AnyHost}
		}
		slices.Sort(of)
		for _, h := range slices.Compact(of) {
			lost = append(lost, add(t.at(h), h, c)...)
		}
	}
	return t, lost
}

func (t *Table) at(host string) map[string]*application {
	all := t.hosts[host]
	if all == nil {
		all = map[string]*application{}
		t.hosts[host] = all
	}
	return all
}

// add gives a claim what is left of what it is about.
func add(all map[string]*application, host string, c *Claim) (lost []Conflict) {
	a := all[c.Application]
	if a == nil {
		a = &application{named: map[string]*Claim{}}
		all[c.Application] = a
	}
	with := a.named[c.Instance]
	if with == nil && a.rest != nil && a.rest.Owner != c.Owner {
		with = a.rest
	}
	if with != nil {
		lost = append(lost, Conflict{Claim: *c, With: *with, Host: host})
	} else {
		a.named[c.Instance] = c
	}
	switch {
	case !c.OnDemand:
	case a.rest != nil:
		lost = append(lost, Conflict{Claim: *c, With: *a.rest, Host: host, OnDemand: true})
	default:
		a.rest = c
	}
	return lost
}

// Why nobody is found.
var (
	ErrNoHost        = errors.New("nobody has this host")
	ErrNoApplication = errors.New("no application of this name")
	ErrNoInstance    = errors.New("no instance of this name")
)

// Find says whose an instance is: at the most exact of the hosts that somebody has, and
// there alone, so that a name that is not found there is nobody else's. host is what the
// client has called, without a port.
func (t *Table) Find(host, application, instance string) (Claim, error) {
	all := t.called(host)
	if all == nil {
		return Claim{}, ErrNoHost
	}
	a := all[application]
	switch {
	case a == nil:
		return Claim{}, ErrNoApplication
	case a.named[instance] != nil:
		return *a.named[instance], nil
	case a.rest != nil:
		return *a.rest, nil
	}
	return Claim{}, ErrNoInstance
}

// maxHost is how long a host's name is at most [RFC 1035 §2.3.4].
const maxHost = 253

// CheckHost says what is wrong with a host that somebody is to have.
func CheckHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	switch {
	case host == AnyHost:
		return nil
	case name == "" || len(host) > maxHost || strings.ContainsAny(name, "*/ \t\n") || strings.HasSuffix(name, ".") || strings.HasPrefix(name, "."):
		return fmt.Errorf("host %q: it is a name such as live.example.com, *.example.com for all below one, an address, or * for any", host)
	case strings.Contains(name, ":") && net.ParseIP(name) == nil:
		return fmt.Errorf("host %q: leave the port out: a client's does not count", host)
	case host != strings.ToLower(host):
		return fmt.Errorf("host %q: write it in lower case", host)
	}
	return nil
}

// called is what is found at a host; nil: nobody has it.
func (t *Table) called(host string) map[string]*application {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host != "" && len(host) <= maxHost && !strings.Contains(host, "*") {
		if all := t.hosts[host]; all != nil {
			return all
		}
		for rest := host; ; {
			var ok bool
			if _, rest, ok = strings.Cut(rest, "."); !ok {
				break
			}
			if all := t.hosts["*."+rest]; all != nil {
				return all
			}
		}
	}
	return t.hosts[AnyHost]
}
