package routing

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	// MaxReachFile bounds a file of origins that an edge's clients may name, in bytes.
	MaxReachFile = 1 << 20
	// rtmpPort is that of a client's URL which has none.
	rtmpPort = "1935"
)

// Reach is what clients of an edge may name as their origin, in YAML or JSON.
type Reach struct {
	Origins []Reached `json:"origins"`
}

// Reached is one of them.
type Reached struct {
	// Hosts are what clients call it, HOST or HOST:PORT, each of one origin alone.
	Hosts  []string `json:"hosts"`
	Origin string   `json:"origin"` // host:port where it takes links
	// LinkKey is what it wants to be shown; several are divided by what is white. Empty: the
	// keys that the edge shows its own origin.
	LinkKey string `json:"linkKey,omitempty"`
}

// ParseReach reads such a file, and completes its hosts. Its errors name the origin, and
// the field; they have no keys.
func ParseReach(text []byte) (*Reach, error) {
	if len(text) > MaxReachFile {
		return nil, fmt.Errorf("longer than %d bytes", MaxReachFile)
	}
	var r Reach
	if err := yaml.UnmarshalStrict(text, &r); err != nil {
		return nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "), "\n", "; "))
	}
	seen := map[string]bool{}
	for i := range r.Origins {
		o := &r.Origins[i]
		if host, port, err := net.SplitHostPort(o.Origin); err != nil || !plainHost(host) || port == "" {
			return nil, fmt.Errorf("origins[%d]: origin %q: it is HOST:PORT where the origin takes links", i, o.Origin)
		}
		if len(o.Hosts) == 0 {
			return nil, fmt.Errorf("origins[%d] %s: hosts: must not be empty: they are what clients call it", i, o.Origin)
		}
		for n, host := range o.Hosts {
			named, err := ReachedAs(host)
			switch {
			case err != nil:
				return nil, fmt.Errorf("origins[%d] %s: %w", i, o.Origin, err)
			case seen[named]:
				return nil, fmt.Errorf("origins[%d] %s: host %q: it is there twice, and leads to one origin: leave it out of the other", i, o.Origin, host)
			}
			seen[named], o.Hosts[n] = true, named
		}
	}
	return &r, nil
}

// ReachedAs is what a client calls an origin, HOST or HOST:PORT, as it is compared: see
// WithPort.
func ReachedAs(name string) (string, error) {
	named := WithPort(name)
	host, port, err := net.SplitHostPort(named)
	if err != nil || !plainHost(host) || port == "" || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", fmt.Errorf("host %q: it is HOST or HOST:PORT, as in the client's URL", name)
	}
	return named, nil
}

// WithPort is HOST or HOST:PORT in lower case, and with the port of RTMP where there is none.
func WithPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), rtmpPort)
	}
	return strings.ToLower(address)
}

func plainHost(host string) bool { return host != "" && !strings.ContainsAny(host, "/@ \t\n=,") }
