package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ServiceGatewayRef names the listeners of a Gateway that clients come by.
//
// +kubebuilder:validation:XValidation:rule="(has(self.sectionName) && self.sectionName.size() > 0) || has(self.tls)",message="names no listener: set sectionName (of protocol TCP, for rtmp://), tls (for rtmps:// under a host name), or both"
type ServiceGatewayRef struct {
	// Name of the Gateway.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Gateway: lower case letters, digits, '-' and '.'"
	Name string `json:"name"`
	// Namespace of the Gateway. Default: that of the AppInstance.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Label().validate(self).hasValue()",message="must be the name of a namespace: lower case letters, digits and '-'"
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// SectionName is the name of the listener, of protocol TCP, that a TCPRoute for
	// rtmp:// is attached to. RTMP without TLS does not say which host it wants, so a
	// listener is for one AppInstance. Default: no rtmp:// by the Gateway.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a listener: lower case letters, digits, '-' and '.'"
	// +optional
	SectionName string `json:"sectionName,omitempty"`
	// TLS attaches a TLSRoute for rtmps://, by the host name that clients want (SNI):
	// one listener is for any number of AppInstances. Default: no rtmps:// by the Gateway.
	// +optional
	TLS *ServiceGatewayTLS `json:"tls,omitempty"`
}

// ServiceGatewayTLS says by which name rtmps:// comes to an AppInstance.
type ServiceGatewayTLS struct {
	// Hostname that clients connect to, and that leads to this AppInstance alone. With
	// spec.tls the listener hands TLS on (mode Passthrough), and the server shows the
	// certificate of spec.tls; without it the listener ends TLS (mode Terminate), and the
	// server is sent plain RTMP.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || (!format.dns1123Subdomain().validate(self).hasValue() && !self.matches('^[0-9.]+$'))",message="must be a host name, such as live.example.com: lower case letters, digits, '-' and '.', and no address"
	Hostname string `json:"hostname"`
	// SectionName is the name of one of the Gateway's listeners, of protocol TLS.
	// Default: each that takes the hostname.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a listener: lower case letters, digits, '-' and '.'"
	// +optional
	SectionName string `json:"sectionName,omitempty"`
}

const needsClusterIP = "gatewayRef needs type ClusterIP, since the address is the Gateway's: set type to ClusterIP, or leave gatewayRef out"

func (r *ServiceGatewayRef) validate(path *field.Path, kind corev1.ServiceType) (errs field.ErrorList) {
	if kind != corev1.ServiceTypeClusterIP {
		errs = append(errs, field.Forbidden(path, needsClusterIP))
	}
	if r.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must not be empty"))
	}
	errs = append(errs, objectName(path.Child("name"), r.Name, "Gateway")...)
	if n := r.Namespace; n != "" && len(validation.IsDNS1123Label(n)) > 0 {
		errs = append(errs, field.Invalid(path.Child("namespace"), n, "must be the name of a namespace: lower case letters, digits and '-'"))
	}
	errs = append(errs, objectName(path.Child("sectionName"), r.SectionName, "listener")...)
	if r.TLS == nil {
		if r.SectionName == "" {
			errs = append(errs, field.Invalid(path, r.Name,
				"names no listener: set sectionName (of protocol TCP, for rtmp://), tls (for rtmps:// under a host name), or both"))
		}
		return errs
	}
	if h := r.TLS.Hostname; h == "" {
		errs = append(errs, field.Required(path.Child("tls", "hostname"), "must not be empty"))
	} else if len(validation.IsDNS1123Subdomain(h)) > 0 || addressPattern.MatchString(h) {
		errs = append(errs, field.Invalid(path.Child("tls", "hostname"), h,
			"must be a host name, such as live.example.com: lower case letters, digits, '-' and '.', and no address"))
	}
	return append(errs, objectName(path.Child("tls", "sectionName"), r.TLS.SectionName, "listener")...)
}
