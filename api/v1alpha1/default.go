package v1alpha1

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

// SetDefaults fills in what the schema's defaults fill in, and the instance's
// name, which no schema can: see EffectiveInstance.
func (a *AppInstance) SetDefaults() {
	s := &a.Spec
	s.Instance = a.EffectiveInstance()
	s.setOnDemandDefaults()
	def(&s.Recording.Mode, RecordOnRequest)
	if s.Storage.Size.IsZero() && s.Storage.Size.Format == "" {
		s.Storage.Size = resource.MustParse("10Gi")
	}
	yes := true
	def(&s.Storage.Retain, &yes)
	def(&s.Access.Publish.Mode, PublishKey)
	def(&s.Access.Play.Mode, PlayAnyone)
	def(&s.Access.Publish.PreviousKeyFor, &metav1.Duration{Duration: time.Hour})
	def(&s.Access.Publish.TakeOver, TakeOverWhenSilent)
	connections, perAddress, streams, message := int32(10000), int32(defaultPerAddress), int32(1000), int32(1<<20)
	def(&s.Limits.MaxConnections, &connections)
	def(&s.Limits.MaxConnectionsPerAddress, &perAddress)
	def(&s.Limits.MaxStreams, &streams)
	def(&s.Limits.MaxMessageSize, &message)
	objects, slots, objectSize, slotSize := int32(10000), int32(10000), int32(1<<20), int32(64<<10)
	def(&s.Limits.MaxSharedObjects, &objects)
	def(&s.Limits.MaxSharedObjectSlots, &slots)
	def(&s.Limits.MaxSharedObjectSize, &objectSize)
	def(&s.Limits.MaxSlotSize, &slotSize)
	objectsSize := resource.MustParse("1Gi")
	def(&s.Limits.MaxSharedObjectsTotalSize, &objectsSize)
	def(&s.NetworkPolicy.Mode, NetworkPolicyManaged)
	def(&s.UpgradePolicy, UpgradeAuto)
	def(&s.Delivery.Latency, LatencyBalanced)
	def(&s.Delivery.GOPCache, &yes)
	def(&s.Service.Type, corev1.ServiceTypeLoadBalancer)
	def(&s.Service.Port, 1935)
	if s.Script != nil {
		s.Script.setDefaults()
	}
	if s.TLS != nil {
		def(&s.TLS.Port, 443)
	}
	if s.Edges != nil {
		s.Edges.setDefaults()
	}
	s.Drain.setDefaults()
	if s.Console != nil {
		def(&s.Console.Mode, ConsoleManaged)
	}
	if s.Web != nil {
		def(&s.Web.Port, 80)
		def(&s.Web.PlainHTTP, ExposurePublic)
		if hls := s.Web.HLS; hls != nil {
			def(&hls.Mode, HLSLowLatency)
			def(&hls.Start, HLSOnDemand)
		}
		if rtc := s.Web.WebRTC; rtc != nil {
			def(&rtc.Port, 443)
			def(&rtc.ServiceType, corev1.ServiceTypeLoadBalancer)
		}
	}
	def(&s.Service.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyLocal)
}

// defaultPerAddress is spec.limits.maxConnectionsPerAddress where nobody has set
// it.
const defaultPerAddress = 1000

// ConnectionsPerAddress is how many connections one address may have at once, 0
// for any number: spec.limits.maxConnectionsPerAddress, of which the default is
// for addresses of clients, and not for those of nodes.
func (s *AppInstanceSpec) ConnectionsPerAddress() int32 {
	most := s.Limits.MaxConnectionsPerAddress
	if most == nil || *most == defaultPerAddress && s.Service.ShowsNodes() {
		return 0
	}
	return *most
}

// ShowsNodes says whether clients from outside of the cluster come to the server
// from addresses of its nodes, or of a Gateway's pods: kube-proxy puts those of nodes in
// the place of the clients' own wherever any node may pass a connection on. What comes to
// the Service's address inside the cluster keeps its own.
func (s *Service) ShowsNodes() bool {
	return s.GatewayRef != nil || s.Type != corev1.ServiceTypeClusterIP && s.Type != ServiceTypeGateway && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyCluster
}

// Path is what the instance is called by in URLs and folders.
func (a *AppInstance) Path() apppath.Path {
	return apppath.Path{Application: a.Spec.Application, Instance: a.EffectiveInstance()}
}

// EffectiveInstance is spec.instance or, when that is not set, metadata.name.
func (a *AppInstance) EffectiveInstance() string {
	if a.Spec.Instance != "" {
		return a.Spec.Instance
	}
	return a.Name
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
