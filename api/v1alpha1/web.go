package v1alpha1

// Web opens a port for web pages and for players that speak HTTP: HLS, and RTMP in a
// WebSocket. In a cluster it is a port of the Service; on one machine it is
// --web-address.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ingressClassName) || self.ingressClassName.size() == 0 || (has(self.hostname) && self.hostname.size() > 0)",message="ingressClassName needs hostname, without which there is no Ingress: set hostname, or leave it out",fieldPath=".ingressClassName"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || (has(self.hostname) && self.hostname.size() > 0)",message="tls needs hostname, without which there is no Ingress: set hostname, or leave it out",fieldPath=".tls"
// +kubebuilder:validation:XValidation:rule="!has(self.gatewayRef) || (has(self.hostname) && self.hostname.size() > 0)",message="gatewayRef needs hostname, without which there is no HTTPRoute: set hostname, or leave it out",fieldPath=".gatewayRef"
// +kubebuilder:validation:XValidation:rule="!has(self.gatewayRef) || !has(self.ingressClassName) || self.ingressClassName.size() == 0",message="gatewayRef makes an HTTPRoute, and ingressClassName is about an Ingress: leave out one of them",fieldPath=".gatewayRef"
// +kubebuilder:validation:XValidation:rule="!has(self.gatewayRef) || !has(self.tls) || !has(self.tls.secretName) || self.tls.secretName.size() == 0",message="with gatewayRef the certificate is that of the Gateway's listener: name it there, and leave secretName out",fieldPath=".tls.secretName"
type Web struct {
	// Hostname makes an Ingress, or, with gatewayRef, an HTTPRoute, by which the
	// cluster's Ingress controller or Gateway sends here what comes for this name, all
	// of it: two AppInstances do not share one. Pages of the name may use the server. A
	// change of it restarts the server. Viewers come from the controller's addresses
	// then: where there are many, name those in spec.limits.sharedAddresses.
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
	// GatewayRef names a Gateway (of the Gateway API, which the cluster must have) that
	// an HTTPRoute for the hostname is attached to, in place of an Ingress. It must let
	// in routes of this namespace; the condition WebRouteReady says whether it does.
	// +optional
	GatewayRef *GatewayRef `json:"gatewayRef,omitempty"`
	// TLS has the Ingress controller serve https:// and wss:// under the hostname, or
	// says, of {}, that the Gateway's listener does. It ends there: from the controller
	// to the server it is HTTP. Without a hostname spec.tls is what serves https://, on
	// its port.
	// +optional
	TLS *WebTLS `json:"tls,omitempty"`
	// PlainHTTP says where HTTP without TLS is carried: Public (port is one of the
	// Service that clients reach: a load balancer carries it) or Internal (inside the
	// cluster alone, by a Service of its own, called like the AppInstance with "-http"
	// behind, which the Ingress or HTTPRoute leads to). Internal needs hostname or
	// spec.tls, by which clients get in.
	// +kubebuilder:default=Public
	// +optional
	PlainHTTP Exposure `json:"plainHTTP,omitempty"`
	// Port of the Service that web pages and players connect to. In the pod it is
	// 8088.
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// HLS says how streams are watched by HLS. Default: with low latency, from seven
	// segments of two seconds.
	// +optional
	HLS *HLS `json:"hls,omitempty"`
	// WebRTC opens a UDP port for WHIP and WHEP. {} opens it, too. Default: there is
	// none in a cluster.
	// +optional
	WebRTC *WebRTC `json:"webrtc,omitempty"`
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

// Exposure says from where a port is reached.
// +kubebuilder:validation:Enum=Public;Internal
type Exposure string

// The exposures.
const (
	ExposurePublic   Exposure = "Public"
	ExposureInternal Exposure = "Internal"
)

// GatewayRef names a Gateway, or one of its listeners.
type GatewayRef struct {
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
	// SectionName is the name of one of the Gateway's listeners. Default: each that
	// takes the hostname.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a listener: lower case letters, digits, '-' and '.'"
	// +optional
	SectionName string `json:"sectionName,omitempty"`
}

// WebTLS is the certificate that the Ingress controller serves.
type WebTLS struct {
	// SecretName names a Secret of type kubernetes.io/tls with tls.crt and tls.key,
	// such as cert-manager makes. The Ingress controller serves it; no media server gets
	// it, and the condition WebCertificateReady says whether it is fit. Default: the
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
