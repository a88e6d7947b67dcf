package v1alpha1

// Web opens a port for web pages and for players that speak HTTP: HLS, and RTMP in a
// WebSocket. In a cluster it is a port of the Service; on one machine it is
// --web-address.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ingressClassName) || self.ingressClassName.size() == 0 || (has(self.hostname) && self.hostname.size() > 0)",message="ingressClassName needs hostname, without which there is no Ingress: set hostname, or leave it out",fieldPath=".ingressClassName"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || (has(self.hostname) && self.hostname.size() > 0)",message="tls needs hostname, without which there is no Ingress: set hostname, or leave it out",fieldPath=".tls"
type Web struct {
	// Hostname makes an Ingress, by which the cluster's Ingress controller sends here
	// what comes for this name, all of it: two AppInstances do not share one. Pages
	// of the name may use the server. A change of it restarts the server. Viewers
	// come from the controller's addresses then: where there are many, name those in
	// spec.limits.sharedAddresses.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || (!format.dns1123Subdomain().validate(self).hasValue() && !self.matches('^[0-9.]+$'))",message="must be a host name, such as live.example.com: lower case letters, digits, '-' and '.', and no address"
	// +optional
	Hostname string `json:"hostname,omitempty"`
	// IngressClassName says which of the cluster's Ingress controllers is meant.
	// Default: the cluster's default class.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a class of Ingresses: lower case letters, digits, '-' and '.'"
	// +optional
	IngressClassName string `json:"ingressClassName,omitempty"`
	// TLS has the Ingress controller serve https:// and wss:// under the hostname. It
	// ends there: from the controller to the server it is HTTP.
	// +optional
	TLS *WebTLS `json:"tls,omitempty"`
	// Port of the Service that web pages and players connect to; a load balancer
	// carries it, too. In the pod it is 8088.
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// AllowedOrigins are the pages that may use the server beside those of its own
	// addresses and of hostname, as browsers write their origins:
	// https://example.org, with a port where the page's URL has one; "*" is every
	// page. A change of it restarts the server.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=300
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([*]|https?://([A-Za-z0-9_.-]+|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?)$')",message="must be the origin of a page, such as https://example.org or http://localhost:3000, without a path; or * for all pages"
	// +listType=set
	// +optional
	AllowedOrigins []string `json:"allowedOrigins,omitempty"`
}

// WebTLS is the certificate that the Ingress controller serves.
type WebTLS struct {
	// SecretName names a Secret of type kubernetes.io/tls with tls.crt and tls.key,
	// such as cert-manager makes. The Ingress controller alone reads it. Default: the
	// certificate that the controller has for names without one.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower case letters, digits, '-' and '.'"
	// +optional
	SecretName string `json:"secretName,omitempty"`
}

// Origins are all pages that may use the instance beside those of the server's own
// addresses: the allowed ones, and those of its host name.
func (w *Web) Origins() []string {
	if w == nil {
		return nil
	}
	all := append([]string{}, w.AllowedOrigins...)
	if w.Hostname != "" {
		all = append(all, "https://"+w.Hostname, "http://"+w.Hostname)
	}
	return all
}
