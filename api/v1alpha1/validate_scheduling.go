package v1alpha1

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ownPrefix begins the keys of annotations that the operator writes.
const ownPrefix = "media.flashpod.dev/"

// maxAnnotations is what the API server takes of annotations, in bytes.
const maxAnnotations = 256 << 10

// imagePattern is the grammar of image names: HOST:PORT/PATH:TAG@DIGEST, all
// but the path optional.
var imagePattern = regexp.MustCompile(`^((([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?|[[][0-9a-fA-F:]+[]])(:[0-9]+)?/)?` +
	`[a-z0-9]+(([.]|__?|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|__?|-+)[a-z0-9]+)*)*` +
	`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)

func (s *Scheduling) validate(path *field.Path) (errs field.ErrorList) {
	if len(s.Image) > 512 {
		errs = append(errs, field.TooLong(path.Child("image"), s.Image, 512))
	} else if s.Image != "" && !imagePattern.MatchString(s.Image) {
		errs = append(errs, field.Invalid(path.Child("image"), s.Image,
			"must be the name of an image, such as registry.example.com/flashpod/media:1.2 or media@sha256:DIGEST; its path is of lower case letters"))
	}
	secrets := path.Child("imagePullSecrets")
	errs = append(errs, tooMany(secrets, len(s.ImagePullSecrets), 16)...)
	for i, secret := range s.ImagePullSecrets {
		if len(validation.IsDNS1123Subdomain(secret.Name)) > 0 {
			errs = append(errs, field.Invalid(secrets.Index(i).Child("name"), secret.Name,
				"must name a Secret: lower case letters, digits, '-' and '.'"))
		}
	}
	errs = append(errs, resources(path.Child("resources"), &s.Resources)...)
	errs = append(errs, nodeSelector(path.Child("nodeSelector"), s.NodeSelector)...)
	tolerated := path.Child("tolerations")
	errs = append(errs, tooMany(tolerated, len(s.Tolerations), 32)...)
	for i := range s.Tolerations {
		errs = append(errs, toleration(tolerated.Index(i), &s.Tolerations[i])...)
	}
	errs = append(errs, affinity(path.Child("affinity"), s.Affinity)...)
	errs = append(errs, spread(path.Child("topologySpreadConstraints"), s.TopologySpreadConstraints)...)
	errs = append(errs, objectName(path.Child("priorityClassName"), s.PriorityClassName, "PriorityClass")...)
	return append(errs, annotations(path.Child("podAnnotations"), s.PodAnnotations)...)
}

// resources leaves it to the API server to compare requests and limits of
// devices; the schema cannot afford to.
func resources(path *field.Path, r *corev1.ResourceRequirements) (errs field.ErrorList) {
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"),
			"must not be set: the pod has no resourceClaims that they could name; leave it out"))
	}
	for _, list := range []struct {
		path *field.Path
		of   corev1.ResourceList
	}{{path.Child("limits"), r.Limits}, {path.Child("requests"), r.Requests}} {
		errs = append(errs, tooMany(list.path, len(list.of), 16)...)
		for _, name := range slices.Sorted(maps.Keys(list.of)) {
			if !resourceName(string(name)) {
				errs = append(errs, field.Invalid(list.path, name,
					"keys must be cpu, memory, ephemeral-storage, hugepages-SIZE or a device such as example.com/card"))
			}
			if q := list.of[name]; q.Sign() < 0 {
				errs = append(errs, field.Invalid(list.path.Key(string(name)), q.String(), "must be a quantity of 0 or more"))
			}
		}
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, asked := r.Requests[name]
		limit, limited := r.Limits[name]
		if asked && limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(),
				"must not be more than limits."+string(name)+": lower it, or raise the limit"))
		}
	}
	return errs
}

func resourceName(name string) bool {
	switch corev1.ResourceName(name) {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return true
	}
	return strings.HasPrefix(name, corev1.ResourceHugePagesPrefix) ||
		strings.Contains(name, "/") && len(validation.IsQualifiedName(name)) == 0
}

func nodeSelector(path *field.Path, labels map[string]string) field.ErrorList {
	errs := tooMany(path, len(labels), 32)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			errs = append(errs, field.Invalid(path, key, "keys must be label keys, such as kubernetes.io/arch"))
		}
		if value := labels[key]; len(value) > validation.LabelValueMaxLength {
			errs = append(errs, field.TooLong(path.Key(key), value, validation.LabelValueMaxLength))
		} else if len(validation.IsValidLabelValue(value)) > 0 {
			errs = append(errs, field.Invalid(path.Key(key), value,
				"values must be of letters, digits, '-', '_' and '.', with a letter or digit at both ends"))
		}
	}
	return errs
}

func toleration(path *field.Path, t *corev1.Toleration) field.ErrorList {
	errs := oneOf(path.Child("operator"), t.Operator, "", corev1.TolerationOpExists, corev1.TolerationOpEqual, corev1.TolerationOpLt, corev1.TolerationOpGt)
	errs = append(errs, oneOf(path.Child("effect"), t.Effect, "",
		corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
	if t.Key == "" && t.Operator != corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(path.Child("key"), t.Key, "must not be empty, unless operator is Exists, which then means every taint"))
	}
	if t.Key != "" && len(validation.IsQualifiedName(t.Key)) > 0 {
		errs = append(errs, field.Invalid(path.Child("key"), t.Key, "must be the key of a taint, such as node.kubernetes.io/unreachable"))
	}
	if t.Value != "" && t.Operator == corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(path.Child("value"), t.Value, "must be left out where operator is Exists"))
	}
	if len(t.Value) > validation.LabelValueMaxLength {
		errs = append(errs, field.TooLong(path.Child("value"), t.Value, validation.LabelValueMaxLength))
	} else if len(validation.IsValidLabelValue(t.Value)) > 0 {
		errs = append(errs, field.Invalid(path.Child("value"), t.Value,
			"must be the value of a taint: letters, digits, '-', '_' and '.', with a letter or digit at both ends"))
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(path.Child("tolerationSeconds"), *t.TolerationSeconds, "needs effect NoExecute: only then a pod is sent away"))
	}
	return errs
}

func spread(path *field.Path, constraints []corev1.TopologySpreadConstraint) field.ErrorList {
	errs := tooMany(path, len(constraints), 16)
	type kind struct {
		key    string
		action corev1.UnsatisfiableConstraintAction
	}
	seen := map[kind]bool{}
	for i, c := range constraints {
		at := path.Index(i)
		if c.MaxSkew < 1 {
			errs = append(errs, field.Invalid(at.Child("maxSkew"), c.MaxSkew, "must be 1 or more"))
		}
		if c.MinDomains != nil && *c.MinDomains < 1 {
			errs = append(errs, field.Invalid(at.Child("minDomains"), *c.MinDomains, "must be 1 or more"))
		}
		if len(validation.IsQualifiedName(c.TopologyKey)) > 0 {
			errs = append(errs, field.Invalid(at.Child("topologyKey"), c.TopologyKey, "must be a label key of nodes, such as topology.kubernetes.io/zone"))
		}
		errs = append(errs, labelSelector(at.Child("labelSelector"), c.LabelSelector)...)
		errs = append(errs, oneOf(at.Child("whenUnsatisfiable"), c.WhenUnsatisfiable, corev1.DoNotSchedule, corev1.ScheduleAnyway)...)
		if p := c.NodeAffinityPolicy; p != nil {
			errs = append(errs, oneOf(at.Child("nodeAffinityPolicy"), *p, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		}
		if p := c.NodeTaintsPolicy; p != nil {
			errs = append(errs, oneOf(at.Child("nodeTaintsPolicy"), *p, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		}
		if k := (kind{c.TopologyKey, c.WhenUnsatisfiable}); seen[k] {
			errs = append(errs, field.Invalid(path, c.TopologyKey, "must not name the same topologyKey twice with the same whenUnsatisfiable"))
		} else {
			seen[k] = true
		}
	}
	return errs
}

// annotations are of the Service and of the pod.
func annotations(path *field.Path, all map[string]string) field.ErrorList {
	errs := tooMany(path, len(all), 64)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(all)) {
		size += len(key) + len(all[key])
		if strings.HasPrefix(key, ownPrefix) {
			errs = append(errs, field.Invalid(path, key, "keys of media.flashpod.dev are the operator's own: leave it out"))
		}
		// The API server compares the keys of annotations in lower case.
		if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			errs = append(errs, field.Invalid(path, key, "keys must be annotation keys, such as example.com/team"))
		}
	}
	if size > maxAnnotations {
		errs = append(errs, field.Invalid(path, size, "must not have more than 256 KiB, keys and values together"))
	}
	return errs
}
