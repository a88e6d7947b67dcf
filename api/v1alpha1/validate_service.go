package v1alpha1

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// leastSize is of a volume; a size of 500m, which is half a byte, was meant to
// be 500M.
var leastSize = resource.MustParse("1Mi")

func (s *Storage) validate(path *field.Path) (errs field.ErrorList) {
	if s.Size.Cmp(leastSize) < 0 {
		errs = append(errs, field.Invalid(path.Child("size"), s.Size.String(),
			"must be 1Mi or more: Gi, Mi, G and M are units, and m is a thousandth of a byte"))
	}
	if class := s.StorageClassName; class != nil {
		errs = append(errs, objectName(path.Child("storageClassName"), *class, "StorageClass")...)
	}
	return errs
}

func (t *TLS) validate(path *field.Path, plain int32) (errs field.ErrorList) {
	if t.SecretName == "" {
		errs = append(errs, field.Required(path.Child("secretName"), "must not be empty"))
	}
	errs = append(errs, objectName(path.Child("secretName"), t.SecretName, "Secret")...)
	errs = append(errs, port(path.Child("port"), t.Port)...)
	if t.Port == plain {
		errs = append(errs, field.Invalid(path.Child("port"), t.Port,
			"must be another than spec.service.port, since both are ports of one Service"))
	}
	return errs
}

func (s *Service) validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("type"), s.Type, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort, corev1.ServiceTypeClusterIP, ServiceTypeGateway)
	errs = append(errs, port(path.Child("port"), s.Port)...)
	if s.GatewayRef != nil {
		errs = append(errs, s.GatewayRef.validate(path.Child("gatewayRef"), s.Type)...)
	}
	errs = append(errs, annotations(path.Child("annotations"), s.Annotations)...)
	if class := s.LoadBalancerClass; class != nil && len(validation.IsQualifiedName(*class)) > 0 {
		errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), *class,
			"must be the name of a class of load balancers, such as example.com/internal; leave it out for the cluster's default"))
	}
	errs = append(errs, sourceRanges(path.Child("loadBalancerSourceRanges"), s.LoadBalancerSourceRanges)...)
	errs = append(errs, oneOf(path.Child("externalTrafficPolicy"), s.ExternalTrafficPolicy,
		corev1.ServiceExternalTrafficPolicyLocal, corev1.ServiceExternalTrafficPolicyCluster)...)
	if s.IPFamilyPolicy != nil {
		errs = append(errs, oneOf(path.Child("ipFamilyPolicy"), *s.IPFamilyPolicy,
			corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack)...)
	}
	return append(errs, s.validateFamilies(path.Child("ipFamilies"))...)
}

func (s *Service) validateFamilies(path *field.Path) field.ErrorList {
	errs := tooMany(path, len(s.IPFamilies), 2)
	for i, family := range s.IPFamilies {
		errs = append(errs, oneOf(path.Index(i), family, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
	}
	if len(s.IPFamilies) == 2 {
		if s.IPFamilies[0] == s.IPFamilies[1] {
			errs = append(errs, field.Invalid(path, s.IPFamilies, "must not name a family twice"))
		}
		if p := s.IPFamilyPolicy; p != nil && *p == corev1.IPFamilyPolicySingleStack {
			errs = append(errs, field.Invalid(path, s.IPFamilies,
				"must be one family where ipFamilyPolicy is SingleStack: leave one out, or take PreferDualStack or RequireDualStack"))
		}
	}
	return errs
}

// sourceRanges holds networks to what the API server wants of a Service's: no
// leading zeros, no IPv4 in IPv6, no bits behind the prefix.
func sourceRanges(path *field.Path, ranges []string) field.ErrorList {
	errs := tooMany(path, len(ranges), 64)
	for i, text := range ranges {
		network, err := netip.ParsePrefix(text)
		switch {
		case err != nil || network.Addr().Is4In6():
			errs = append(errs, field.Invalid(path.Index(i), text,
				"must be a network, such as 192.0.2.0/24 or 2001:db8::/32; one address is 192.0.2.7/32 or 2001:db8::7/128"))
		case network != network.Masked():
			errs = append(errs, field.Invalid(path.Index(i), text,
				"must be the address of a network, with zeros behind the prefix: 10.0.0.0/8, not 10.1.2.3/8"))
		}
	}
	return errs
}

func port(path *field.Path, n int32) field.ErrorList {
	if n < 1 || n > 65535 {
		return field.ErrorList{field.Invalid(path, n, "must be from 1 to 65535")}
	}
	return nil
}
