package routing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Grants say which namespaces a gateway serves, and which hosts each of them has there. A
// host that several have is shared: the older claim counts. One that a namespace has is
// nobody else's.
type Grants struct {
	Namespaces []Grant `json:"namespaces"`
	// Address is what clients of namespaces with any host call the gateway; default: the
	// address of its Service.
	Address string `json:"address,omitempty"`
}

// Grant is what a namespace has.
type Grant struct {
	Name  string   `json:"name"`            // "*": every namespace that is not named
	Hosts []string `json:"hosts,omitempty"` // default: AnyHost
}

// anyNamespace is every one that is not named.
const anyNamespace = "*"

// ParseGrants reads grants in YAML. Its errors name the field.
func ParseGrants(text []byte) (*Grants, error) {
	var g Grants
	if err := yaml.UnmarshalStrict(text, &g); err != nil {
		return nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "), "\n", "; "))
	}
	seen := map[string]bool{}
	for i := range g.Namespaces {
		n := &g.Namespaces[i]
		if n.Name == "" || seen[n.Name] {
			return nil, fmt.Errorf("namespaces[%d] %q: each has a name, and is there once", i, n.Name)
		}
		seen[n.Name] = true
		if len(n.Hosts) == 0 {
			n.Hosts = []string{AnyHost}
		}
		for _, h := range n.Hosts {
			if err := CheckHost(h); err != nil {
				return nil, fmt.Errorf("namespaces[%d] %s: %w", i, n.Name, err)
			}
		}
	}
	return &g, nil
}

// Of is what a namespace has; ok: the gateway serves it.
func (g *Grants) Of(namespace string) (hosts []string, ok bool) {
	for _, name := range []string{namespace, anyNamespace} {
		for _, n := range g.Namespaces {
			if n.Name == name {
				return n.Hosts, true
			}
		}
	}
	return nil, false
}

// Hosts are all that somebody has, for Make.
func (g *Grants) Hosts() (all []string) {
	for _, n := range g.Namespaces {
		all = append(all, n.Hosts...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
