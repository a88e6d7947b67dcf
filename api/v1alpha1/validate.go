package v1alpha1

import (
	"fmt"
	"net/netip"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var (
	namePattern        = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	applicationPattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)
	instancePattern    = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$`)
)

const (
	maxName        = 52
	maxApplication = 64
	maxInstance    = 128

	minMessageSize     = 64 << 10
	maxMessageSize     = 8 << 20
	minObjectSize      = 1 << 10
	maxObjectSize      = 64 << 20
	maxSlotSize        = 512 << 10
	maxSharedAddresses = 64
)

// Validate holds a document, defaults filled in, to the rules of the schema.
// The errors name the field and the way out. It says nothing against a name
// that ends with "-origin": no Service has it where there is no Kubernetes, and
// in the pod of an AppInstance that was there before that rule the server has
// to start.
func (a *AppInstance) Validate() field.ErrorList {
	var errs field.ErrorList
	name := field.NewPath("metadata", "name")
	errs = append(errs, validateText(name, a.Name, maxName, namePattern,
		"must be of lower case letters, digits and '-', beginning with a letter and not ending with '-': a Service is called by it")...)
	spec := field.NewPath("spec")
	s := &a.Spec
	errs = append(errs, validateText(spec.Child("application"), s.Application, maxApplication, applicationPattern,
		"must be of letters, digits, '_', '-' and '.', and not begin with a dot")...)
	errs = append(errs, validateText(spec.Child("instance"), s.Instance, maxInstance, instancePattern,
		"must be of letters, digits, '_', '-' and '.', in parts separated by '/', none of which begins with a dot")...)
	errs = append(errs, s.validateShards(spec)...)
	errs = append(errs, s.Recording.validate(spec.Child("recording"))...)
	errs = append(errs, s.Access.validate(spec.Child("access"))...)
	errs = append(errs, oneOf(spec.Child("delivery", "latency"), s.Delivery.Latency, LatencyLow, LatencyBalanced, LatencyThroughput)...)
	errs = append(errs, s.Storage.validate(spec.Child("storage"))...)
	errs = append(errs, s.Limits.validate(spec.Child("limits"))...)
	errs = append(errs, s.Idle.validate(spec.Child("idle"), s)...)
	errs = append(errs, s.Wake.validate(spec.Child("wake"))...)
	if s.Script != nil {
		errs = append(errs, s.Script.validate(spec.Child("script"))...)
	}
	if s.TLS != nil {
		errs = append(errs, s.TLS.validate(spec.Child("tls"), s.Service.Port)...)
	}
	if s.Web != nil {
		errs = append(errs, s.Web.validate(spec.Child("web"), s)...)
	}
	errs = append(errs, s.Service.validate(spec.Child("service"))...)
	if s.Edges != nil {
		errs = append(errs, s.Edges.validate(spec.Child("edges"))...)
	}
	errs = append(errs, s.Drain.validate(spec.Child("drain"))...)
	if s.Console != nil {
		errs = append(errs, oneOf(spec.Child("console", "mode"), s.Console.Mode, ConsoleManaged, ConsoleNone)...)
	}
	errs = append(errs, oneOf(spec.Child("networkPolicy", "mode"), s.NetworkPolicy.Mode, NetworkPolicyManaged, NetworkPolicyNone)...)
	errs = append(errs, oneOf(spec.Child("upgradePolicy"), s.UpgradePolicy, UpgradeAuto, UpgradeOnIdle, UpgradeManual)...)
	return append(errs, s.Scheduling.validate(spec)...)
}

func (a *Access) validate(path *field.Path) field.ErrorList {
	errs := a.Publish.validate(path.Child("publish"))
	mode := path.Child("play", "mode")
	errs = append(errs, oneOf(mode, a.Play.Mode, PlayAnyone, PlayKey, PlayScript, PlayNobody)...)
	if a.Play.Mode == PlayKey && a.Publish.Mode != PublishKey {
		errs = append(errs, field.Forbidden(mode, "mode Key needs publish.mode Key, whose key it is: set that, or take Anyone or Nobody"))
	}
	return errs
}

func (p *PublishAccess) validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("mode"), p.Mode, PublishKey, PublishAnyone)
	errs = append(errs, oneOf(path.Child("takeOver"), p.TakeOver, TakeOverWhenSilent, TakeOverAlways, TakeOverNever)...)
	if p.SecretName != "" && p.Mode != PublishKey {
		errs = append(errs, field.Forbidden(path.Child("secretName"), "secretName needs mode Key: leave it out, or set mode to Key"))
	}
	errs = append(errs, objectName(path.Child("secretName"), p.SecretName, "Secret")...)
	if d := p.PreviousKeyFor; d != nil && d.Duration < 0 {
		errs = append(errs, field.Invalid(path.Child("previousKeyFor"), d.Duration.String(),
			"must be a time of 0 or more in hours, minutes and seconds, such as 1h, 1h30m or 0s; a day is 24h"))
	}
	return errs
}

func (r *Recording) validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("mode"), r.Mode, RecordOnRequest, RecordAll, RecordOff)
	errs = append(errs, totalSize(path.Child("maxTotalSize"), &r.MaxTotalSize)...)
	if most := r.MaxFiles; most != nil && *most < 0 {
		errs = append(errs, field.Invalid(path.Child("maxFiles"), *most, "must not be negative; 0 means no limit"))
	}
	return errs
}

// totalSize is for what many files may take together; 0 and nil are no limit.
func totalSize(path *field.Path, most *resource.Quantity) field.ErrorList {
	if most == nil || most.IsZero() || most.Cmp(leastSize) >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, most.String(),
		"must be 0, for no limit, or 1Mi or more: Gi, Mi, G and M are units, and m is a thousandth of a byte")}
}

func (l *Limits) validate(path *field.Path) (errs field.ErrorList) {
	for _, limit := range []struct {
		name string
		n    *int32
	}{
		{"maxInstances", l.MaxInstances},
		{"maxConnections", l.MaxConnections},
		{"maxConnectionsPerAddress", l.MaxConnectionsPerAddress},
		{"maxStreams", l.MaxStreams},
		{"maxSharedObjects", l.MaxSharedObjects},
		{"maxSharedObjectSlots", l.MaxSharedObjectSlots},
	} {
		if limit.n != nil && *limit.n < 0 {
			errs = append(errs, field.Invalid(path.Child(limit.name), *limit.n, "must not be negative; 0 means no limit"))
		}
	}
	for _, size := range []struct {
		name     string
		n        *int32
		min, max int32
	}{
		{"maxMessageSize", l.MaxMessageSize, minMessageSize, maxMessageSize},
		{"maxSharedObjectSize", l.MaxSharedObjectSize, minObjectSize, maxObjectSize},
		{"maxSlotSize", l.MaxSlotSize, minObjectSize, maxSlotSize},
	} {
		if n := size.n; n != nil && (*n < size.min || *n > size.max) {
			errs = append(errs, field.Invalid(path.Child(size.name), *n, fmt.Sprintf("must be of %d to %d bytes", size.min, size.max)))
		}
	}
	errs = append(errs, totalSize(path.Child("maxSharedObjectsTotalSize"), l.MaxSharedObjectsTotalSize)...)
	shared := path.Child("sharedAddresses")
	errs = append(errs, tooMany(shared, len(l.SharedAddresses), maxSharedAddresses)...)
	seen := map[string]bool{}
	for i, one := range l.SharedAddresses {
		if _, err := ParseAddress(one); err != nil {
			errs = append(errs, field.Invalid(shared.Index(i), one, "must be an address such as 192.0.2.7 or 2001:db8::7, or a network such as 192.0.2.0/24"))
		}
		if seen[one] {
			errs = append(errs, field.Duplicate(shared.Index(i), one))
		}
		seen[one] = true
	}
	return errs
}

// ParseAddress reads one of spec.limits.sharedAddresses: an address stands for a
// network of its own.
func ParseAddress(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("address %s: a zone means something on one machine only", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func validateText(path *field.Path, value string, most int, pattern *regexp.Regexp, rule string) field.ErrorList {
	switch {
	case value == "":
		return field.ErrorList{field.Required(path, "must not be empty")}
	case len(value) > most:
		return field.ErrorList{field.TooLong(path, value, most)}
	case !pattern.MatchString(value):
		return field.ErrorList{field.Invalid(path, value, rule)}
	}
	return nil
}

func oneOf[T ~string](path *field.Path, value T, allowed ...T) field.ErrorList {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// objectName is for the name of an object of another kind; none is allowed.
func objectName(path *field.Path, name, kind string) field.ErrorList {
	if name == "" || len(validation.IsDNS1123Subdomain(name)) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be the name of a "+kind+": lower case letters, digits, '-' and '.'")}
}

func tooMany(path *field.Path, n, most int) field.ErrorList {
	if n <= most {
		return nil
	}
	return field.ErrorList{field.TooMany(path, n, most)}
}
