package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// podCases are about the pod. They are written as fields of the spec.
func podCases() []verdict {
	all := slices.Concat(imageCases(), resourceCases(), placementCases(), annotationCases())
	for i := range all {
		all[i].text = "metadata: {name: a}\nspec:\n  application: a\n  " + all[i].text
	}
	return all
}

func imageCases() []verdict {
	return []verdict{
		{"images", "image: registry.example.com:5000/flashpod/media_server:1.2", "", ""},
		{"image by digest", "image: flashpod.dev/media@sha256:" + strings.Repeat("0f", 32), "", ""},
		{"image on a v6 address", "image: '[::1]:5000/media'", "", ""},
		{"image with a space", "image: 'flashpod.dev/media:1 '", "spec.image: Invalid value: \"flashpod.dev/media:1 \": must be the name of an image", "spec.image: Invalid value: \"flashpod.dev/media:1 \": must be the name of an image"},
		{"image with capitals", "image: flashpod.dev/Media:1", "its path is of lower case letters", "its path is of lower case letters"},
		{"long image", "image: " + strings.Repeat("a", 513), "spec.image: Too long", "spec.image: Too long"},
		{"pull secrets", "imagePullSecrets: [{name: registry}, {name: other.registry}]", "", ""},
		{"pull secret without a name", "imagePullSecrets: [{name: registry}, {}]", "spec.imagePullSecrets[1].name: Invalid value: \"\": must name a Secret", "spec.imagePullSecrets[1].name: Invalid value: must name a Secret"},
		{"pull secret that is no name", "imagePullSecrets: [{name: My Registry}]", "spec.imagePullSecrets[0].name: Invalid value: \"My Registry\": must name a Secret", "spec.imagePullSecrets[0].name: Invalid value: must name a Secret"},
	}
}

func resourceCases() []verdict {
	return []verdict{
		{"resources", "resources: {requests: {cpu: 1, memory: 512Mi, ephemeral-storage: 1Gi}, limits: {cpu: 1000m, memory: 1Gi, example.com/card: 1, hugepages-2Mi: 4Mi}}", "", ""},
		{"resource claims", "resources: {claims: [{name: card}]}", "spec.resources.claims: Forbidden: must not be set: the pod has no resourceClaims", "spec.resources.claims: Invalid value: must not be set: the pod has no resourceClaims"},
		{"cpu above its limit", "resources: {requests: {cpu: 2}, limits: {cpu: 500m}}", "spec.resources.requests[cpu]: Invalid value: \"2\": must not be more than limits.cpu", "spec.resources.requests[cpu]: Invalid value: must not be more than limits.cpu"},
		{"memory above its limit", "resources: {requests: {memory: 2G}, limits: {memory: 1Gi}}", "spec.resources.requests[memory]: Invalid value: \"2G\": must not be more than limits.memory", "spec.resources.requests[memory]: Invalid value: must not be more than limits.memory"},
		{"memory in GB", "resources: {limits: {memory: 1GB}}", `spec.resources.limits[memory]: "1GB": must be a quantity of 0 or more: a number, with a unit or without, such as 500m, 2, 512Mi or 1G`, `spec.resources.limits[memory]: Invalid value: "1GB": must be a quantity of 0 or more: a number, with a unit or without, such as 500m, 2, 512Mi or 1G`},
		{"memory request in GB, with a limit", "resources: {requests: {memory: 1.2.3Gi}, limits: {memory: 1GB}}", "spec.resources.limits[memory]", "spec.resources.limits[memory]"},
		{"less than no cpu", "resources: {requests: {cpu: -1}}", "spec.resources.requests[cpu]: Invalid value: \"-1\": must be a quantity of 0 or more", "spec.resources.requests[cpu]: Invalid value: -1: must be a quantity of 0 or more"},
		{"cpu with a point", "resources: {requests: {cpu: 0.5}}", "spec.resources.requests[cpu]: 0.5: must be a quantity", "spec.resources.requests.cpu: Invalid value"},
		{"unknown resource", "resources: {limits: {gpu: 1}}", "spec.resources.limits: Invalid value: \"gpu\": keys must be cpu, memory", "spec.resources.limits: Invalid value: keys must be cpu, memory, ephemeral-storage, hugepages-SIZE or a device such as example.com/card; these are not: [\"gpu\"]"},
		{"unknown request", "resources: {requests: {mem: 1Gi}}", "spec.resources.requests: Invalid value: \"mem\": keys must be cpu, memory", "spec.resources.requests: Invalid value: keys must be cpu, memory, ephemeral-storage, hugepages-SIZE or a device such as example.com/card; these are not: [\"mem\"]"},
	}
}

func placementCases() []verdict {
	return []verdict{
		{"nodes", "nodeSelector: {kubernetes.io/arch: arm64, disk: ''}", "", ""},
		{"label key with a space", "nodeSelector: {my disk: ssd}", `spec.nodeSelector: Invalid value: "my disk": keys must be label keys, such as kubernetes.io/arch`, `spec.nodeSelector: Invalid value: keys must be label keys, such as kubernetes.io/arch; these are not: ["my disk"]`},
		{"label value with a space", "nodeSelector: {disk: very fast}", `spec.nodeSelector[disk]: Invalid value: "very fast": values must be of letters, digits`, `spec.nodeSelector: Invalid value: values must be of letters, digits, '-', '_' and '.', with a letter or digit at both ends; that of ["disk"] is not`},
		{"long label value", "nodeSelector: {disk: " + strings.Repeat("x", 64) + "}", "spec.nodeSelector[disk]: Too long", "spec.nodeSelector.disk: Too long"},
		{"tolerations", "tolerations: [{operator: Exists}, {key: a, value: b}, {key: example.com/a, operator: Equal, effect: NoExecute, tolerationSeconds: 60}]", "", ""},
		{"toleration of nothing", "tolerations: [{effect: NoSchedule}]", "spec.tolerations[0].key: Invalid value: \"\": must not be empty, unless operator is Exists", "spec.tolerations[0].key: Invalid value: must not be empty, unless operator is Exists"},
		{"toleration with a bad key", "tolerations: [{key: a b, operator: Exists}]", "spec.tolerations[0].key: Invalid value: \"a b\": must be the key of a taint", "spec.tolerations[0].key: Invalid value: must be the key of a taint"},
		{"toleration of any value with a value", "tolerations: [{key: a, operator: Exists, value: b}]", "spec.tolerations[0].value: Invalid value: \"b\": must be left out where operator is Exists", "spec.tolerations[0].value: Invalid value: must be left out where operator is Exists"},
		{"toleration of a bad value", "tolerations: [{key: a, value: b c}]", "spec.tolerations[0].value: Invalid value: \"b c\": must be the value of a taint", "spec.tolerations[0].value: Invalid value: must be the value of a taint"},
		{"toleration for a time", "tolerations: [{key: a, operator: Exists, tolerationSeconds: 60}]", "spec.tolerations[0].tolerationSeconds: Invalid value: 60: needs effect NoExecute", "spec.tolerations[0].tolerationSeconds: Invalid value: needs effect NoExecute"},
		{"unknown operator", "tolerations: [{key: a, operator: Is}]", "spec.tolerations[0].operator: Unsupported value", "spec.tolerations[0].operator: Unsupported value"},
		{"unknown effect", "tolerations: [{key: a, effect: Never}]", "spec.tolerations[0].effect: Unsupported value", "spec.tolerations[0].effect: Unsupported value"},
		{"affinity", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}]}}, podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}}]}}", "", ""},
		{"affinity to nodes by an unknown operator", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: in, values: [ssd]}]}]}}}", "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value", "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value"},
		{"affinity to nodes of no weight", "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {}}]}}", "preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value", "preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value"},
		{"affinity to pods nowhere", "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: ''}]}}", "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value", "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value"},
		{"affinity to pods by an unknown operator", "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: a, namespaceSelector: {matchExpressions: [{key: a, operator: Is}]}}}]}}", "podAffinityTerm.namespaceSelector.matchExpressions[0].operator: Unsupported value", "podAffinityTerm.namespaceSelector.matchExpressions[0].operator: Unsupported value"},
		{"affinity to pods of too much weight", "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, podAffinityTerm: {topologyKey: a}}]}}", "weight: Invalid value: 101", "weight: Invalid value: 101"},
		{"spread", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, nodeTaintsPolicy: Honor}, {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, minDomains: 2}]", "", ""},
		{"spread of pods by an unknown operator", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchExpressions: [{key: a, operator: Is}]}}]", "spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0].operator: Unsupported value", "spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0].operator: Unsupported value"},
		{"spread twice the same", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}, {maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]", "must not name the same topologyKey twice", "spec.topologySpreadConstraints: Invalid value: must not name the same topologyKey twice"},
		{"spread over nothing", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: '', whenUnsatisfiable: ScheduleAnyway}]", "spec.topologySpreadConstraints[0].topologyKey: Invalid value: \"\": must be a label key of nodes", "spec.topologySpreadConstraints[0].topologyKey: Invalid value: must be a label key of nodes"},
		{"spread without skew", "topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]", "spec.topologySpreadConstraints[0].maxSkew: Invalid value", "spec.topologySpreadConstraints[0].maxSkew: Invalid value"},
		{"spread over no domains", "topologySpreadConstraints: [{maxSkew: 1, minDomains: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]", "spec.topologySpreadConstraints[0].minDomains: Invalid value", "spec.topologySpreadConstraints[0].minDomains: Invalid value"},
		{"spread or else", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Wait}]", "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value", "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value"},
		{"spread with a policy", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeAffinityPolicy: Obey}]", "spec.topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value", "spec.topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value"},
		{"priority", "priorityClassName: system-node-critical", "", ""},
		{"priority that is no name", "priorityClassName: very high", "spec.priorityClassName: Invalid value: \"very high\": must be the name of a PriorityClass", "spec.priorityClassName: Invalid value: \"very high\": must be the name of a PriorityClass"},
	}
}

func annotationCases() []verdict {
	return []verdict{
		{"annotations of the pod", "podAnnotations: {prometheus.io/scrape: 'true', kubectl.kubernetes.io/restartedAt: now}", "", ""},
		{"annotation of the pod with a space", "podAnnotations: {my key: x}", `spec.podAnnotations: Invalid value: "my key": keys must be annotation keys`, `spec.podAnnotations: Invalid value: keys must be annotation keys, such as example.com/team; these are not: ["my key"]`},
		{"our own annotation of the pod", "podAnnotations: {media.flashpod.dev/document-hash: x}", "spec.podAnnotations: Invalid value: \"media.flashpod.dev/document-hash\": keys of media.flashpod.dev are the operator's own", "spec.podAnnotations: Invalid value: keys of media.flashpod.dev are the operator's own: leave out [\"media.flashpod.dev/document-hash\"]"},
		{"annotations of the pod that are too large", "podAnnotations: {a: " + strings.Repeat("x", 256<<10) + "}", "spec.podAnnotations: Invalid value: 262145: must not have more than 256 KiB", "spec.podAnnotations: Invalid value: must not have more than 256 KiB"},
		{"too many annotations", "podAnnotations: {" + many(65, "k%d: x, ") + "}", "spec.podAnnotations: Too many", "spec.podAnnotations: Too many"},
		{"too many labels", "nodeSelector: {" + many(33, "k%d: x, ") + "}", "spec.nodeSelector: Too many", "spec.nodeSelector: Too many"},
		{"too many tolerations", "tolerations: [" + many(33, "{key: k%d}, ") + "]", "spec.tolerations: Too many", "spec.tolerations: Too many"},
		{"too many networks", "service: {loadBalancerSourceRanges: [" + many(65, "10.0.%d.0/24, ") + "]}", "spec.service.loadBalancerSourceRanges: Too many", "spec.service.loadBalancerSourceRanges: Too many"},
		{"too many resources", "resources: {limits: {" + many(17, "example.com/card%d: 1, ") + "}}", "spec.resources.limits: Too many", "spec.resources.limits: Too many"},
	}
}

// many is n of a kind in a row.
func many(n int, format string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}
