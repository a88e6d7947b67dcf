package main

import "os"

// testCase is a set of values, and a cluster for `lookup`. Together the cases reach
// every branch of the templates, which TestEveryBranch measures; each is linted and
// given to the API server.
type testCase struct {
	name    string
	chart   string
	values  string
	cluster []string // objects that are there
	upgrade bool
	helm    string // version; 4 if empty
	fails   string // part of the message
}

const (
	kubeSystem = `{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}`
	labelled   = `{apiVersion: v1, kind: Namespace, metadata: {name: flashpod-system, labels: {pod-security.kubernetes.io/enforce: restricted}}}`

	// The operator's binding as this release, another one and kubectl have it.
	ourBinding     = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: flashpod-operator, annotations: {meta.helm.sh/release-name: flashpod, meta.helm.sh/release-namespace: flashpod-system}}, subjects: [{kind: ServiceAccount, name: flashpod-operator, namespace: flashpod-system}]}`
	otherBinding   = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: flashpod-operator, annotations: {meta.helm.sh/release-name: first, meta.helm.sh/release-namespace: media}}, subjects: [{kind: ServiceAccount, name: flashpod-operator, namespace: media}]}`
	kubectlBinding = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: flashpod-operator}, subjects: [{kind: ServiceAccount, name: flashpod-operator, namespace: flashpod-system}]}`
	strayBinding   = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: flashpod-operator}, subjects: [{kind: ServiceAccount, name: flashpod-operator, namespace: elsewhere}]}`

	// Namespace team-a as another release has it, and another owner's binding there.
	otherTeam = `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: flashpod-operator, namespace: team-a, annotations: {meta.helm.sh/release-name: first, meta.helm.sh/release-namespace: media}}}`
	ourTeam   = `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: flashpod-operator, namespace: team-b, annotations: {meta.helm.sh/release-name: flashpod, meta.helm.sh/release-namespace: flashpod-system}}}`
	stranger  = `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: other, namespace: team-a, annotations: {meta.helm.sh/release-name: other, meta.helm.sh/release-namespace: media}}}`

	// Our ServiceAccount, as a release by the server and one by the client leave it.
	appliedAccount = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: flashpod-operator, namespace: flashpod-system, managedFields: [{manager: other, operation: Apply, fieldsV1: {f:metadata: {f:labels: {f:team: {}}}}}, {manager: helm, operation: Apply, fieldsV1: {f:metadata: {f:annotations: {f:meta.helm.sh/release-name: {}}}}}]}}`
	updatedAccount = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: flashpod-operator, namespace: flashpod-system, managedFields: [{manager: helm, operation: Update, fieldsV1: {f:metadata: {f:annotations: {f:meta.helm.sh/release-name: {}}}}}]}}`

	// CustomResourceDefinitions of another content: their managers, and of which chart they are.
	definition        = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: appinstances.media.flashpod.dev, `
	olderDefinition   = definition + `annotations: {media.flashpod.dev/crd-version: 0.0.9}, managedFields: [{manager: helm, operation: Apply, fieldsV1: {f:spec: {f:versions: {}}}}, {manager: kube-apiserver, operation: Update, subresource: status, fieldsV1: {f:status: {}}}]}, spec: {}}`
	newerDefinition   = definition + `annotations: {media.flashpod.dev/crd-version: 99.0.0}, managedFields: [{manager: helm, operation: Apply, fieldsV1: {f:spec: {f:versions: {}}}}]}, spec: {}}`
	kubectlDefinition = definition + `managedFields: [{manager: kubectl-client-side-apply, operation: Update, fieldsV1: {f:spec: {f:versions: {}}}}]}, spec: {}}`
	editedDefinition  = definition + `managedFields: [{manager: edit, operation: Update, fieldsV1: {f:spec: {f:versions: {}}}}]}, spec: {}}`
	kubectlServerSide = definition + `managedFields: [{manager: kubectl, operation: Apply, fieldsV1: {f:spec: {f:versions: {}}}}]}, spec: {}}`

	instanceAt = `{apiVersion: media.flashpod.dev/v1alpha1, kind: AppInstance, metadata: {name: lobby, namespace: flashpod-system}, status: {url: "rtmp://203.0.113.10/chatRoom/lobby", conditions: [{type: OriginReady, status: "True", reason: Serving, message: takes connections}, {type: Ready, status: "False", reason: KeyMissing, message: make the Secret}]}}`
)

// ownDefinition is the CustomResourceDefinition of this chart, as kubectl apply made it.
var ownDefinition = func() string {
	text, err := os.ReadFile(chartPath("flashpod") + "/files/crd.yaml")
	if err != nil {
		panic(err)
	}
	return string(text)
}()

// everything is a set of values with all of them set.
const everything = `
image: {registry: "registry.example:5000", repository: mirror/operator, tag: v1, pullPolicy: Always}
mediaImage: {registry: registry.example, repository: mirror/media, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
imagePullSecrets: [mirror, backup]
replicas: 2
resources: {requests: {cpu: 100m}, limits: {memory: 1Gi}}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: flashpod-operator}}}}]}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app.kubernetes.io/name: flashpod-operator}}}]
podLabels: {team: media}
podAnnotations: {example.com/note: "1"}
extraArgs: [--health-address=:9999]
maxConcurrentRollouts: 3
allowedImages: ["registry.example/mirror/*"]
allowedPriorityClasses: [media-*]
allowedPodAnnotations: ["prometheus.io/*", example.com/note]
prometheusSelector: app=prom,team=sre
metrics: {podMonitor: {enabled: true, labels: {release: prometheus}, interval: 15s}}
networkPolicy: {enabled: true}
openshift: {enabled: true}
`

var cases = []testCase{
	{name: "defaults", chart: "flashpod"},
	{name: "everything", chart: "flashpod", values: everything},
	{name: "everything in named namespaces", chart: "flashpod", values: everything + "namespaces: [team-a, team-b]\n"},
	{name: "gateway", chart: "flashpod", values: "gateway: {enabled: true}"},
	{name: "everything with a gateway", chart: "flashpod", values: everything + "gateway: {enabled: true, namespaces: [{name: tenant-a, hosts: [a.example.com, '*.a.example.com']}, {name: '*'}], address: live.example.com, replicas: 3, certificates: [a-tls, b.example.com], autoscaling: {minReplicas: 2, maxReplicas: 9}, resources: {limits: {memory: 2Gi}}, serviceAnnotations: {example.com/type: nlb}}\n"},
	{name: "gateway of named namespaces", chart: "flashpod", values: "{namespaces: [team-a], gateway: {enabled: true}}", fails: "needs an operator of all namespaces"},
	{name: "nothing but the operator", chart: "flashpod", values: "{namespaces: [team-b], metrics: {enabled: false, podMonitor: {enabled: true}}, networkPolicy: {enabled: true}, crds: {enabled: false}, userRoles: {enabled: false}, policies: {enabled: false}, checkOtherReleases: false}", cluster: []string{kubeSystem, otherBinding}},
	{name: "PodMonitors as they are", chart: "flashpod", values: "metrics: {podMonitor: {enabled: true}}"},

	{name: "first installation", chart: "flashpod", cluster: []string{kubeSystem, labelled}},
	{name: "installation where an old definition was left", chart: "flashpod", cluster: []string{kubeSystem, olderDefinition}},
	{name: "installation where this definition was left", chart: "flashpod", cluster: []string{kubeSystem, ownDefinition}},
	{name: "upgrade", chart: "flashpod", upgrade: true, cluster: []string{kubeSystem, labelled, ourBinding, ourTeam, stranger, appliedAccount, olderDefinition}},
	{name: "upgrade to named namespaces", chart: "flashpod", upgrade: true, values: "namespaces: [team-a, team-b]", cluster: []string{kubeSystem, ourBinding, ourTeam, stranger, appliedAccount, newerDefinition}},
	{name: "over kubectl", chart: "flashpod", cluster: []string{kubeSystem, kubectlBinding, newerDefinition}},

	{name: "second for all", chart: "flashpod", cluster: []string{kubeSystem, otherBinding}, fails: "The release first in namespace media has an operator for all namespaces already"},
	{name: "named beside one for all", chart: "flashpod", values: "namespaces: [team-b]", cluster: []string{kubeSystem, otherBinding}, fails: "The release first in namespace media has an operator for all namespaces already"},
	{name: "all beside named", chart: "flashpod", cluster: []string{kubeSystem, otherTeam}, fails: "The release first in namespace media has an operator for namespace team-a already"},
	{name: "named that overlap", chart: "flashpod", values: "namespaces: [team-b, team-a]", cluster: []string{kubeSystem, otherTeam}, fails: "The release first in namespace media has an operator for namespace team-a already"},
	{name: "named that do not overlap", chart: "flashpod", values: "namespaces: [team-b]", cluster: []string{kubeSystem, otherTeam}},
	{name: "kubectl installed elsewhere", chart: "flashpod", cluster: []string{kubeSystem, strayBinding}, fails: "The namespace elsewhere has an operator for all namespaces already"},
	{name: "named beside kubectl", chart: "flashpod", values: "namespaces: [team-a]", cluster: []string{kubeSystem, kubectlBinding}, fails: "The namespace flashpod-system has an operator for all namespaces already"},

	{name: "definition of kubectl", chart: "flashpod", cluster: []string{kubeSystem, kubectlDefinition}, fails: "kubectl-client-side-apply wrote it"},
	{name: "definition of kubectl by the server", chart: "flashpod", cluster: []string{kubeSystem, kubectlServerSide}, fails: "kubectl wrote it"},
	{name: "definition that somebody edited", chart: "flashpod", cluster: []string{kubeSystem, editedDefinition}, fails: "edit wrote it"},
	{name: "definition that kubectl brought to a release", chart: "flashpod", upgrade: true, cluster: []string{kubeSystem, appliedAccount, kubectlServerSide}, fails: "--show-only templates/crd.yaml"},
	{name: "definition by Helm 3", chart: "flashpod", helm: "v3.22", cluster: []string{kubeSystem, olderDefinition}, fails: "Helm 3 cannot change it"},
	{name: "definition by a release of Helm 3", chart: "flashpod", upgrade: true, cluster: []string{kubeSystem, updatedAccount, olderDefinition}, fails: "this release is not applied by the server"},

	{name: "instance", chart: "flashpod-instance"},
	{name: "instance with a name", chart: "flashpod-instance", values: "{name: archive, labels: {team: media}, annotations: {example.com/note: hello}, spec: {access: {publish: {secretName: ours}}}}"},
	{name: "instance for anyone", chart: "flashpod-instance", values: "spec: {access: {publish: {mode: Anyone}}}"},
	{name: "instance without a console", chart: "flashpod-instance", values: "spec: {console: {mode: None}}"},
	{name: "instance of another image", chart: "flashpod-instance", values: "spec: {image: 'mine:1'}"},
	{name: "instance for web pages", chart: "flashpod-instance", values: "spec: {web: {}}"},
	{name: "instance that has an address", chart: "flashpod-instance", upgrade: true, cluster: []string{instanceAt}},
	{name: "instance before the operator", chart: "flashpod-instance", cluster: []string{kubeSystem}},
}
