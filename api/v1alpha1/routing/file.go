package routing

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

// MaxFile bounds a file of routes, in bytes: some hundred thousand of them.
const MaxFile = 64 << 20

// File is what a gateway routes by, in YAML or JSON.
type File struct {
	// Hosts are those that somebody has of whom there may be no route: see Make.
	Hosts  []string `json:"hosts,omitempty"`
	Routes []Route  `json:"routes"`
}

// Route is the way to one AppInstance.
type Route struct {
	Name string `json:"name"` // unique; OWNER/NAME, or NAME alone: see Claim.Owner
	// Hosts are those that clients call; none: AnyHost.
	Hosts             []string   `json:"hosts,omitempty"`
	Application       string     `json:"application"`
	Instance          string     `json:"instance,omitempty"` // default: apppath.DefaultInstance
	OnDemandInstances bool       `json:"onDemandInstances,omitempty"`
	Created           *time.Time `json:"created,omitempty"` // nil: before all that say so, in the order of the file

	Shard  `json:",inline"` // the only origin, or:
	Shards []Shard          `json:"shards,omitempty"`

	// Suspended says that nobody is let in, since somebody wanted that.
	Suspended bool `json:"suspended,omitempty"`
	// Wake is there for who may sleep; nil: it never does.
	Wake *Wake `json:"wake,omitempty"`
}

// Wake is about one that may sleep: it has no origin until somebody calls.
type Wake struct {
	// Asleep says that it does. Whoever finds no origin of one that does not may find
	// that it has gone to sleep since.
	Asleep bool `json:"asleep,omitempty"`
	// Timeout is how long a client waits for it: 1s to 1m; default 20s.
	Timeout metav1.Duration `json:"timeout,omitzero"`
}

const (
	minWakeTimeout     = time.Second
	maxWakeTimeout     = time.Minute
	defaultWakeTimeout = 20 * time.Second
)

// complete fills in defaults, and says what is wrong.
func (w *Wake) complete() error {
	if w.Timeout.Duration == 0 {
		w.Timeout.Duration = defaultWakeTimeout
	}
	if d := w.Timeout.Duration; d < minWakeTimeout || d > maxWakeTimeout {
		return fmt.Errorf("wake: timeout %v: it is of 1s to 1m", d)
	}
	return nil
}

// Shard is an origin.
type Shard struct {
	Origin string `json:"origin,omitempty"` // host:port where it takes links
	// LinkKey is what the origin wants to be shown, LinkKeyFile a file that has it: one of
	// the two. There may be several keys, one a line.
	LinkKey     string `json:"linkKey,omitempty"`
	LinkKeyFile string `json:"linkKeyFile,omitempty"`
	// Instances are those on demand that have something on this origin's volume: they stay
	// there. The one that the route names is the first shard's.
	Instances []string `json:"instances,omitempty"`
	// Leaving says that new instances do not come here any more: those that are here stay.
	Leaving bool `json:"leaving,omitempty"`
}

// Parse reads a file, and fills in what it leaves out. Its errors name the route, and the
// field.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("longer than %d bytes", MaxFile)
	}
	var f File
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "), "\n", "; "))
	}
	for _, h := range f.Hosts {
		if err := CheckHost(h); err != nil {
			return nil, err
		}
	}
	seen := make(map[string]bool, len(f.Routes))
	for i := range f.Routes {
		r := &f.Routes[i]
		if err := r.complete(); err != nil {
			return nil, fmt.Errorf("routes[%d] %s: %w", i, r.Name, err)
		}
		if seen[r.Name] {
			return nil, fmt.Errorf("routes[%d] %s: another has this name", i, r.Name)
		}
		seen[r.Name] = true
	}
	return &f, nil
}

// complete fills in defaults, and says what is wrong.
func (r *Route) complete() error {
	switch {
	case r.Name == "":
		return errors.New("name: must not be empty")
	case r.Application == "" || strings.Contains(r.Application, "/"):
		return fmt.Errorf("application %q: it is what stands behind the host in a URL, without slashes", r.Application)
	}
	for _, h := range r.Hosts {
		if err := CheckHost(h); err != nil {
			return err
		}
	}
	if r.Instance == "" {
		r.Instance = apppath.DefaultInstance
	}
	if r.Wake != nil {
		if err := r.Wake.complete(); err != nil {
			return err
		}
	}
	if len(r.Shards) == 0 {
		r.Shards = []Shard{r.Shard}
	} else if r.Origin != "" || r.LinkKey != "" || r.LinkKeyFile != "" || len(r.Instances) > 0 {
		return errors.New("shards: each has an origin and a key of its own: leave them out beside it")
	}
	r.Shard = Shard{}
	if !slices.ContainsFunc(r.Shards, func(s Shard) bool { return !s.Leaving }) {
		return errors.New("shards: all are leaving: instances need one that stays")
	}
	seen := map[string]bool{}
	for _, s := range r.Shards {
		if _, _, err := net.SplitHostPort(s.Origin); err != nil {
			return fmt.Errorf("origin %q: it is HOST:PORT where the origin takes links: its RTMP port", s.Origin)
		}
		if (s.LinkKey == "") == (s.LinkKeyFile == "") {
			return fmt.Errorf("origin %s: one of linkKeyFile and linkKey is wanted", s.Origin)
		}
		if seen[s.Origin] {
			return fmt.Errorf("origin %s: two shards have it", s.Origin)
		}
		seen[s.Origin] = true
	}
	if len(r.Shards) > 1 && !r.OnDemandInstances {
		return errors.New("shards: they need onDemandInstances: the one instance that the route names is at one origin")
	}
	return nil
}

// Claims are what the routes of a parsed file claim, in its order.
func (f *File) Claims() []Claim {
	all := make([]Claim, len(f.Routes))
	for i, r := range f.Routes {
		owner, _, ok := strings.Cut(r.Name, "/")
		if !ok {
			owner = "" // all are one person's
		}
		since := time.Unix(0, int64(i))
		if r.Created != nil {
			since = *r.Created
		}
		all[i] = Claim{Name: r.Name, Owner: owner, Hosts: r.Hosts, Application: r.Application, Instance: r.Instance, OnDemand: r.OnDemandInstances, Since: since}
	}
	return all
}

// To is which of a parsed route's origins an instance is at, or would be.
func (r *Route) To(instance string) Shard {
	if instance == r.Instance || len(r.Shards) == 1 {
		return r.Shards[0]
	}
	var stay []Shard
	var names []string
	for _, s := range r.Shards {
		if slices.Contains(s.Instances, instance) {
			return s
		}
		if !s.Leaving {
			stay, names = append(stay, s), append(names, s.Origin)
		}
	}
	return stay[Choose(instance, names)]
}
