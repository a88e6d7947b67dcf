package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	required  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferred = "preferredDuringSchedulingIgnoredDuringExecution"
)

// affinity holds the words of Kubernetes' own types to what there is: those
// that are most often mistyped. The rest the API server says of the
// StatefulSet.
func affinity(path *field.Path, a *corev1.Affinity) (errs field.ErrorList) {
	if a == nil {
		return nil
	}
	if n := a.NodeAffinity; n != nil {
		path := path.Child("nodeAffinity")
		for i, p := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			at := path.Child(preferred).Index(i)
			errs = append(errs, weight(at.Child("weight"), p.Weight)...)
			errs = append(errs, nodeTerm(at.Child("preference"), &p.Preference)...)
		}
		if r := n.RequiredDuringSchedulingIgnoredDuringExecution; r != nil {
			for i := range r.NodeSelectorTerms {
				errs = append(errs, nodeTerm(path.Child(required, "nodeSelectorTerms").Index(i), &r.NodeSelectorTerms[i])...)
			}
		}
	}
	if p := a.PodAffinity; p != nil {
		errs = append(errs, podTerms(path.Child("podAffinity"),
			p.PreferredDuringSchedulingIgnoredDuringExecution, p.RequiredDuringSchedulingIgnoredDuringExecution)...)
	}
	if p := a.PodAntiAffinity; p != nil {
		errs = append(errs, podTerms(path.Child("podAntiAffinity"),
			p.PreferredDuringSchedulingIgnoredDuringExecution, p.RequiredDuringSchedulingIgnoredDuringExecution)...)
	}
	return errs
}

func nodeTerm(path *field.Path, term *corev1.NodeSelectorTerm) (errs field.ErrorList) {
	for _, list := range []struct {
		name string
		of   []corev1.NodeSelectorRequirement
	}{{"matchExpressions", term.MatchExpressions}, {"matchFields", term.MatchFields}} {
		for i, r := range list.of {
			errs = append(errs, oneOf(path.Child(list.name).Index(i).Child("operator"), r.Operator,
				corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist,
				corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt)...)
		}
	}
	return errs
}

func podTerms(path *field.Path, soft []corev1.WeightedPodAffinityTerm, hard []corev1.PodAffinityTerm) (errs field.ErrorList) {
	term := func(path *field.Path, t *corev1.PodAffinityTerm) {
		if t.TopologyKey == "" {
			errs = append(errs, field.Required(path.Child("topologyKey"), "must be a label key of nodes, such as kubernetes.io/hostname"))
		}
		errs = append(errs, labelSelector(path.Child("labelSelector"), t.LabelSelector)...)
		errs = append(errs, labelSelector(path.Child("namespaceSelector"), t.NamespaceSelector)...)
	}
	for i := range soft {
		at := path.Child(preferred).Index(i)
		errs = append(errs, weight(at.Child("weight"), soft[i].Weight)...)
		term(at.Child("podAffinityTerm"), &soft[i].PodAffinityTerm)
	}
	for i := range hard {
		term(path.Child(required).Index(i), &hard[i])
	}
	return errs
}

func labelSelector(path *field.Path, s *metav1.LabelSelector) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	for i, r := range s.MatchExpressions {
		errs = append(errs, oneOf(path.Child("matchExpressions").Index(i).Child("operator"), r.Operator,
			metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)...)
	}
	return errs
}

func weight(path *field.Path, n int32) field.ErrorList {
	if n < 1 || n > 100 {
		return field.ErrorList{field.Invalid(path, n, "must be from 1 to 100")}
	}
	return nil
}
