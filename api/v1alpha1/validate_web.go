package v1alpha1

import (
	"fmt"
	"net/netip"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxOrigins = 64
	maxOrigin  = 300

	maxPublicAddresses = 8
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
	errs = append(errs, w.validateGateway(path)...)
	if w.HLS != nil {
		errs = append(errs, w.HLS.validate(path.Child("hls"))...)
	}
	if w.WebRTC != nil {
		errs = append(errs, w.WebRTC.validate(path.Child("webrtc"))...)
	}
	errs = append(errs, oneOf(path.Child("plainHTTP"), w.PlainHTTP, ExposurePublic, ExposureInternal)...)
	if w.PlainHTTP == ExposureInternal && w.Hostname == "" && s.TLS == nil {
		errs = append(errs, field.Forbidden(path.Child("plainHTTP"),
			"Internal leaves clients outside of the cluster no way in: set hostname or spec.tls, or take Public"))
	}
	errs = append(errs, port(path.Child("port"), w.Port)...)
	if w.PlainHTTP != ExposureInternal && (w.Port == s.Service.Port || s.TLS != nil && w.Port == s.TLS.Port) {
		errs = append(errs, field.Invalid(path.Child("port"), w.Port,
			"must be another than spec.service.port and spec.tls.port, since all are ports of one Service"))
	}
	return append(errs, origins(path.Child("allowedOrigins"), w.AllowedOrigins)...)
}

func (w *Web) validateGateway(path *field.Path) (errs field.ErrorList) {
	ref := w.GatewayRef
	if ref == nil {
		return nil
	}
	at := path.Child("gatewayRef")
	if w.Hostname == "" {
		errs = append(errs, field.Forbidden(at, "gatewayRef needs hostname, without which there is no HTTPRoute: set hostname, or leave it out"))
	}
	if w.IngressClassName != "" {
		errs = append(errs, field.Forbidden(at, "gatewayRef makes an HTTPRoute, and ingressClassName is about an Ingress: leave out one of them"))
	}
	if w.TLS != nil && w.TLS.SecretName != "" {
		errs = append(errs, field.Forbidden(path.Child("tls", "secretName"),
			"with gatewayRef the certificate is that of the Gateway's listener: name it there, and leave secretName out"))
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "must not be empty"))
	}
	errs = append(errs, objectName(at.Child("name"), ref.Name, "Gateway")...)
	if n := ref.Namespace; n != "" && len(validation.IsDNS1123Label(n)) > 0 {
		errs = append(errs, field.Invalid(at.Child("namespace"), n, "must be the name of a namespace: lower case letters, digits and '-'"))
	}
	return append(errs, objectName(at.Child("sectionName"), ref.SectionName, "listener")...)
}

func (r *WebRTC) validate(path *field.Path) field.ErrorList {
	errs := port(path.Child("port"), r.Port)
	errs = append(errs, oneOf(path.Child("serviceType"), r.ServiceType, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	errs = append(errs, annotations(path.Child("annotations"), r.Annotations)...)
	at := path.Child("addresses")
	errs = append(errs, tooMany(at, len(r.Addresses), maxPublicAddresses)...)
	seen := map[string]bool{}
	for i, one := range r.Addresses {
		ip, err := netip.ParseAddr(one)
		if is := err == nil && ip.Zone() == "" && !ip.Is4In6(); !is && (len(validation.IsDNS1123Subdomain(one)) > 0 || addressPattern.MatchString(one)) {
			errs = append(errs, field.Invalid(at.Index(i), one,
				"must be an address such as 192.0.2.7 or 2001:db8::7, or a host name such as media.example.com, without a port"))
		}
		if seen[one] {
			errs = append(errs, field.Duplicate(at.Index(i), one))
		}
		seen[one] = true
	}
	return errs
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
