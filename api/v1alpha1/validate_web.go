package v1alpha1

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxOrigins = 64
	maxOrigin  = 300
)

var (
	originPattern  = regexp.MustCompile(`^(\*|https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)$`)
	addressPattern = regexp.MustCompile(`^[0-9.]+$`)
)

func (w *Web) validate(path *field.Path, s *AppInstanceSpec) (errs field.ErrorList) {
	if h := w.Hostname; h != "" && (len(validation.IsDNS1123Subdomain(h)) > 0 || addressPattern.MatchString(h)) {
		errs = append(errs, field.Invalid(path.Child("hostname"), h,
			"must be a host name, such as live.example.com: lower case letters, digits, '-' and '.', and no address"))
	}
	errs = append(errs, objectName(path.Child("ingressClassName"), w.IngressClassName, "class of Ingresses")...)
	if w.Hostname == "" && w.IngressClassName != "" {
		errs = append(errs, needsHostname(path, "ingressClassName"))
	}
	if w.Hostname == "" && w.TLS != nil {
		errs = append(errs, needsHostname(path, "tls"))
	}
	if w.TLS != nil {
		errs = append(errs, objectName(path.Child("tls", "secretName"), w.TLS.SecretName, "Secret")...)
	}
	errs = append(errs, port(path.Child("port"), w.Port)...)
	if w.Port == s.Service.Port || s.TLS != nil && w.Port == s.TLS.Port {
		errs = append(errs, field.Invalid(path.Child("port"), w.Port,
			"must be another than spec.service.port and spec.tls.port, since all are ports of one Service"))
	}
	return append(errs, origins(path.Child("allowedOrigins"), w.AllowedOrigins)...)
}

func needsHostname(path *field.Path, name string) *field.Error {
	return field.Forbidden(path.Child(name), fmt.Sprintf("%s needs hostname, without which there is no Ingress: set hostname, or leave it out", name))
}

func origins(path *field.Path, all []string) field.ErrorList {
	errs := tooMany(path, len(all), maxOrigins)
	seen := map[string]bool{}
	for i, one := range all {
		switch {
		case len(one) > maxOrigin:
			errs = append(errs, field.TooLong(path.Index(i), one, maxOrigin))
		case !originPattern.MatchString(one):
			errs = append(errs, field.Invalid(path.Index(i), one,
				"must be the origin of a page, such as https://example.org or http://localhost:3000, without a path; or * for all pages"))
		}
		if seen[one] {
			errs = append(errs, field.Duplicate(path.Index(i), one))
		}
		seen[one] = true
	}
	return errs
}
