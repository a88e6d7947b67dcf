package v1alpha1

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxReach      = 16
	maxReachHosts = 8
	maxReachHost  = 253
)

// reachedPattern is what a client calls an origin: HOST or HOST:PORT.
var reachedPattern = regexp.MustCompile(`^([A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*|[[][0-9A-Fa-f:.]+[]])(:[1-9][0-9]{0,4})?$`)

// EdgesReach is an AppInstance that clients of edges may name.
type EdgesReach struct {
	// Name is that of the AppInstance, in this namespace. Its own spec.edges.allowFrom has to
	// name this one.
	// +kubebuilder:validation:MaxLength=52
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="must be the name of an AppInstance: lower case letters, digits and '-', beginning with a letter and not ending with '-'"
	Name string `json:"name"`
	// Hosts are what clients call it besides NAME, NAME.NAMESPACE and NAME.NAMESPACE.svc:
	// HOST, where the client names no port or 1935, or HOST:PORT.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*|[[][0-9A-Fa-f:.]+[]])(:[1-9][0-9]{0,4})?$')",message="must be HOST or HOST:PORT, as in the client's URL, such as media.example.com"
	// +listType=set
	// +optional
	Hosts []string `json:"hosts,omitempty"`
}

// EdgesFrom is an AppInstance whose edges are let in.
type EdgesFrom struct {
	// Name is that of the AppInstance, in this namespace.
	// +kubebuilder:validation:MaxLength=52
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="must be the name of an AppInstance: lower case letters, digits and '-', beginning with a letter and not ending with '-'"
	Name string `json:"name"`
}

// ConditionReachReady is about the AppInstances that clients of edges may name; absent
// without spec.edges.mayReach. It is True while all of them let these edges in.
const ConditionReachReady = "ReachReady"

// Admits says whether edges of the AppInstance of a name, in the same namespace, are let in.
func (e *Edges) Admits(name string) bool {
	if e == nil {
		return false
	}
	for _, from := range e.AllowFrom {
		if from.Name == name {
			return true
		}
	}
	return false
}

// validateReach is about whom edges reach, and whose edges are let in.
func (e *Edges) validateReach(path *field.Path) field.ErrorList {
	const rule = "must be the name of an AppInstance: lower case letters, digits and '-', beginning with a letter and not ending with '-'"
	may, from := path.Child("mayReach"), path.Child("allowFrom")
	errs := append(tooMany(may, len(e.MayReach), maxReach), tooMany(from, len(e.AllowFrom), maxReach)...)
	names, hosts := map[string]bool{}, map[string]bool{}
	for i, to := range e.MayReach {
		at := may.Index(i)
		errs = append(errs, validateText(at.Child("name"), to.Name, maxName, namePattern, rule)...)
		if names[to.Name] {
			errs = append(errs, field.Duplicate(at, to.Name))
		}
		names[to.Name] = true
		errs = append(errs, tooMany(at.Child("hosts"), len(to.Hosts), maxReachHosts)...)
		for n, host := range to.Hosts {
			at := at.Child("hosts").Index(n)
			errs = append(errs, validateText(at, host, maxReachHost, reachedPattern, "must be HOST or HOST:PORT, as in the client's URL, such as media.example.com")...)
			if host = strings.ToLower(host); hosts[host] {
				errs = append(errs, field.Invalid(at, to.Hosts[n], fmt.Sprintf("leads to one AppInstance alone: leave it out of %s, or of the other", to.Name)))
			}
			hosts[host] = true
		}
	}
	names = map[string]bool{}
	for i, one := range e.AllowFrom {
		errs = append(errs, validateText(from.Index(i).Child("name"), one.Name, maxName, namePattern, rule)...)
		if names[one.Name] {
			errs = append(errs, field.Duplicate(from.Index(i), one.Name))
		}
		names[one.Name] = true
	}
	return errs
}
