package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AppInstance is one instance of an application, which clients connect to at
// rtmp://host/application/instance.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.edges.replicas,statuspath=.status.edges.replicas,selectorpath=.status.edges.selector
// +kubebuilder:resource:shortName=ai;appinst,categories=flashpod
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether what the spec asks for serves."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not, in one word."
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`,description="Where clients connect."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Edges",type=integer,JSONPath=`.status.edges.ready`,priority=1,description="How many edges are ready."
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1,description="Why it is ready or not, in full."
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="must be of lower case letters, digits and '-', beginning with a letter and not ending with '-': a Service is called by it",fieldPath=".metadata.name"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="must not be longer than 52 characters: names of what belongs to it are made from it",fieldPath=".metadata.name"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || !self.metadata.name.matches('-(origin|http|webrtc)$')",message="must not end with '-origin', '-http' or '-webrtc': Services that belong to AppInstances are called so; take another name",optionalOldSelf=true,fieldPath=".metadata.name"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.instance) ? self.spec.instance : self.metadata.name) == (has(oldSelf.spec.instance) ? oldSelf.spec.instance : oldSelf.metadata.name)",message="instance cannot be changed: its recordings are kept by that name; put it back, or make another AppInstance",fieldPath=".spec.instance"
// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self.spec.storage.size)) || quantity(string(self.spec.storage.size)).compareTo(quantity(string(oldSelf.spec.storage.size))) >= 0 || (has(self.status) && has(self.status.storage) && has(self.status.storage.capacity) && quantity(string(self.spec.storage.size)).compareTo(quantity(string(self.status.storage.capacity))) >= 0)",message="a volume can grow, but not shrink",messageExpression=`"a volume can grow, but not shrink: write %s or more".format([has(self.status) && has(self.status.storage) && has(self.status.storage.capacity) && quantity(string(self.status.storage.capacity)).isLessThan(quantity(string(oldSelf.spec.storage.size))) ? string(self.status.storage.capacity) : string(oldSelf.spec.storage.size)])`,fieldPath=".spec.storage.size"
// +kubebuilder:validation:XValidation:rule="!has(self.status) || !has(self.status.storage) || !has(self.status.storage.capacity) || (has(self.spec.storage.storageClassName) == has(oldSelf.spec.storage.storageClassName) && (!has(self.spec.storage.storageClassName) || self.spec.storage.storageClassName == oldSelf.spec.storage.storageClassName))",message="the class of a volume that is there cannot be changed: put it back, or make another AppInstance",fieldPath=".spec.storage.storageClassName"
// +kubebuilder:validation:XValidation:rule="!has(self.status) || !has(self.status.shards) || self.status.shards.size() < 2 || (has(self.spec.onDemandInstances) && self.spec.onDemandInstances && self.spec.service.type == 'Gateway' && !has(self.spec.edges) && !has(self.spec.web))",message="while there are several origins it needs onDemandInstances and service.type Gateway, and excludes edges and web: lower shards first, and change that when status.shards is gone",fieldPath=".spec.shards"
type AppInstance struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted.
	// +required
	Spec AppInstanceSpec `json:"spec"`
	// Status is what is, as the operator sees it. Nobody else writes it. Until it
	// has, its observedGeneration is -1: kstatus would call an AppInstance without
	// any status current.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status AppInstanceStatus `json:"status,omitzero"`
}

// AppInstanceList is a list of AppInstances.
//
// +kubebuilder:object:root=true
type AppInstanceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AppInstance `json:"items"`
}

// AppInstanceSpec is what is wanted.
//
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || self.tls.port != self.service.port",message="must be another than spec.service.port, since both are ports of one Service",fieldPath=".tls.port"
// +kubebuilder:validation:XValidation:rule="!has(self.web) || self.web.plainHTTP == 'Internal' || (self.web.port != self.service.port && (!has(self.tls) || self.web.port != self.tls.port))",message="must be another than spec.service.port and spec.tls.port, since all are ports of one Service",fieldPath=".web.port"
// +kubebuilder:validation:XValidation:rule="!has(self.web) || self.web.plainHTTP != 'Internal' || has(self.tls) || (has(self.web.hostname) && self.web.hostname.size() > 0)",message="Internal leaves clients outside of the cluster no way in: set hostname or spec.tls, or take Public",fieldPath=".web.plainHTTP"
// +kubebuilder:validation:XValidation:rule="!has(self.idle) || !has(self.idle.suspendAfter) || self.service.type == 'Gateway'",message="needs service.type Gateway: clients wake it by the gateway, and by any other address nobody would; set that, or leave suspendAfter out",fieldPath=".idle.suspendAfter"
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.shards < 2 || (has(self.onDemandInstances) && self.onDemandInstances)",message="needs onDemandInstances: the instance that the manifest names is on one origin; set that, or leave shards out",fieldPath=".shards"
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.shards < 2 || self.service.type == 'Gateway'",message="needs spec.service.type Gateway, since the gateway knows on which origin an instance is: set that, or leave shards out",fieldPath=".shards"
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.shards < 2 || !has(self.edges)",message="excludes spec.edges, which are linked to one origin: leave those out, since the gateway's own pods serve viewers as edges do, and there are as many as they need",fieldPath=".shards"
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.shards < 2 || !has(self.web)",message="excludes spec.web, which the gateway does not carry: leave out one of them, or give what is to be seen by HTTP an AppInstance of its own",fieldPath=".shards"
type AppInstanceSpec struct {
	// Application is the first part of the path in rtmp://host/application/instance:
	// letters, digits, '_', '-' and '.', not beginning with a dot. It cannot be
	// changed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[A-Za-z0-9_-][A-Za-z0-9_.-]*$')",message="must be of letters, digits, '_', '-' and '.', and not begin with a dot"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="application cannot be changed: its recordings are kept by that name; put it back, or make another AppInstance"
	Application string `json:"application"`

	// Instance is the rest of the path; "_definst_" stands for none. Default:
	// metadata.name. It cannot be changed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$')",message="must be of letters, digits, '_', '-' and '.', in parts separated by '/', none of which begins with a dot"
	// +optional
	Instance string `json:"instance,omitempty"`

	// OnDemandInstances lets any other instance of the application start at its
	// first connect: rtmp://host/application/ANY/stream, with streams, recordings
	// and limits of its own under the rules of this AppInstance, whose publish key
	// is theirs, too. An instance that another AppInstance names is served by
	// that one. Of the AppInstances of one application in a namespace one may say
	// so.
	// +optional
	OnDemandInstances bool `json:"onDemandInstances,omitempty"`

	// Shards is over how many media servers on-demand instances are spread, each with a
	// volume of its own: a new instance is on the one that its name falls to, and what one
	// has, in use or on its volume, stays there. The instance that the manifest names is on
	// the first. Clients come by the gateway alone (service.type Gateway), which knows where
	// an instance is. Neither raising nor lowering it restarts anything. Where there are to be
	// fewer, nothing new comes to the last ones; each ends when nothing is on its volume and
	// its clients have gone, or drain.timeout is over, and its claim stays: see the condition
	// ShardsLeaving. Limits and storage.size are those of each. Default: 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +optional
	Shards int32 `json:"shards,omitempty"`

	// Suspend stops the servers; address, key and recordings stay.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Recording says which live streams are kept as files.
	// +kubebuilder:default={}
	// +optional
	Recording Recording `json:"recording,omitzero"`
	// Storage is the volume that recordings are kept on.
	// +kubebuilder:default={}
	// +optional
	Storage Storage `json:"storage,omitzero"`
	// Access says who may do what.
	// +kubebuilder:default={}
	// +optional
	Access Access `json:"access,omitzero"`
	// Limits bound what clients may take of the server.
	// +kubebuilder:default={}
	// +optional
	Limits Limits `json:"limits,omitzero"`
	// Idle says what happens while nobody is there.
	// +kubebuilder:default={}
	// +optional
	Idle Idle `json:"idle,omitzero"`
	// Wake says how clients are let in that wake an AppInstance which sleeps.
	// +kubebuilder:default={}
	// +optional
	Wake Wake `json:"wake,omitzero"`
	// Script is the server-side script (main.asc) that decides who may do what. Its
	// functions accept and reject clients, are called by them, and hear of what
	// happens. Without it every client that may connect is accepted.
	// +optional
	Script *Script `json:"script,omitempty"`
	// Delivery trades latency for cost.
	// +kubebuilder:default={}
	// +optional
	Delivery Delivery `json:"delivery,omitzero"`
	// Service is how clients reach the instance.
	// +kubebuilder:default={}
	// +optional
	Service Service `json:"service,omitzero"`
	// TLS lets clients connect by rtmps:// as well.
	// +optional
	TLS *TLS `json:"tls,omitempty"`
	// Web opens a port for web pages and for players that speak HTTP: HLS, and RTMP
	// in a WebSocket. {} opens it, too. Default: there is none.
	// +optional
	Web *Web `json:"web,omitempty"`
	// Edges are further servers, which clients connect to in the place of the one that owns
	// the instance. Setting it, with whatever number, restarts that one, which listens for
	// edges from then on; changing the number restarts nothing. Default: there are none.
	// +optional
	Edges *Edges `json:"edges,omitempty"`
	// Drain says how servers let go of their clients when they end.
	// +kubebuilder:default={}
	// +optional
	Drain Drain `json:"drain,omitzero"`
	// Console is what people look at the running server with, on the control port, which
	// no Service outside of the cluster has. Default: mode Managed, or, where spec.image
	// names another server than the operator's, which may have no console, None.
	// +optional
	Console *Console `json:"console,omitempty"`
	// NetworkPolicy says who may reach the server's ports inside the cluster.
	// +kubebuilder:default={}
	// +optional
	NetworkPolicy NetworkPolicy `json:"networkPolicy,omitzero"`
	// UpgradePolicy says when a change that comes from the operator, such as
	// another media image, may restart the server: Auto (as soon as it is this
	// instance's turn), OnIdle (when no client is connected) or Manual (when the
	// annotation media.flashpod.dev/upgrade allows it; the condition
	// UpgradePending names the value). An edit of yours never waits.
	// +kubebuilder:default=Auto
	// +optional
	UpgradePolicy UpgradePolicy `json:"upgradePolicy,omitempty"`

	Scheduling `json:",inline"`
}
