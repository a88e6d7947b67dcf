package v1alpha1

import (
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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
)

// Validate holds a document, defaults filled in, to the rules of the schema.
// The errors name the field and the way out.
func (a *AppInstance) Validate() field.ErrorList {
	var errs field.ErrorList
	name := field.NewPath("metadata", "name")
	errs = append(errs, validateText(name, a.Name, maxName, namePattern,
		"must be of lower case letters, digits and '-', beginning with a letter: a Service is called by it")...)
	spec := field.NewPath("spec")
	s := &a.Spec
	errs = append(errs, validateText(spec.Child("application"), s.Application, maxApplication, applicationPattern,
		"must be of letters, digits, '_', '-' and '.', and not begin with a dot")...)
	errs = append(errs, validateText(spec.Child("instance"), s.Instance, maxInstance, instancePattern,
		"must be of letters, digits, '_', '-' and '.', in parts separated by '/', none of which begins with a dot")...)
	errs = append(errs, oneOf(spec.Child("recording", "mode"), s.Recording.Mode, RecordOnRequest, RecordAll, RecordOff)...)
	errs = append(errs, oneOf(spec.Child("access", "publish", "mode"), s.Access.Publish.Mode, PublishKey, PublishAnyone)...)
	if s.Access.Publish.SecretName != "" && s.Access.Publish.Mode != PublishKey {
		errs = append(errs, field.Forbidden(spec.Child("access", "publish", "secretName"), "secretName needs mode Key"))
	}
	errs = append(errs, oneOf(spec.Child("delivery", "latency"), s.Delivery.Latency, LatencyLow, LatencyBalanced, LatencyThroughput)...)
	if s.Storage.Size.Cmp(resource.Quantity{}) <= 0 {
		errs = append(errs, field.Invalid(spec.Child("storage", "size"), s.Storage.Size.String(), "must be more than zero"))
	}
	errs = append(errs, s.Limits.validate(spec.Child("limits"))...)
	if s.TLS != nil {
		errs = append(errs, s.TLS.validate(spec.Child("tls"), s.Service.Port)...)
	}
	return append(errs, s.Service.validate(spec.Child("service"))...)
}

func (l *Limits) validate(path *field.Path) (errs field.ErrorList) {
	for _, limit := range []struct {
		name string
		n    *int32
	}{{"maxConnections", l.MaxConnections}, {"maxStreams", l.MaxStreams}} {
		if limit.n != nil && *limit.n < 0 {
			errs = append(errs, field.Invalid(path.Child(limit.name), *limit.n, "must not be negative; 0 means no limit"))
		}
	}
	return errs
}

func (t *TLS) validate(path *field.Path, plain int32) (errs field.ErrorList) {
	if t.SecretName == "" {
		errs = append(errs, field.Required(path.Child("secretName"), "must not be empty"))
	}
	if t.Port < 1 || t.Port > 65535 {
		errs = append(errs, field.Invalid(path.Child("port"), t.Port, "must be from 1 to 65535"))
	}
	if t.Port == plain {
		errs = append(errs, field.Invalid(path.Child("port"), t.Port, "must be another than spec.service.port"))
	}
	return errs
}

func (s *Service) validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("type"), s.Type, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort, corev1.ServiceTypeClusterIP)
	errs = append(errs, oneOf(path.Child("externalTrafficPolicy"), s.ExternalTrafficPolicy,
		corev1.ServiceExternalTrafficPolicyLocal, corev1.ServiceExternalTrafficPolicyCluster)...)
	if s.IPFamilyPolicy != nil {
		errs = append(errs, oneOf(path.Child("ipFamilyPolicy"), *s.IPFamilyPolicy,
			corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack)...)
	}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, field.Invalid(path.Child("port"), s.Port, "must be from 1 to 65535"))
	}
	return errs
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
