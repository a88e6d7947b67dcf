package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CacheOptions keep in memory only what is ours, of kinds that a cluster is
// full of, in the given namespaces or in all. Of Secrets there is only the
// metadata, and only of those with publish keys.
func CacheOptions(namespaces []string) cache.Options {
	ours := cache.ByObject{Label: k8slabels.SelectorFromSet(k8slabels.Set{labelName: appName})}
	return cache.Options{
		DefaultNamespaces: perNamespace(namespaces),
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.StatefulSet{}:           ours,
			&appsv1.Deployment{}:            ours,
			&policyv1.PodDisruptionBudget{}: ours,
			&corev1.Service{}:               ours,
			&corev1.ConfigMap{}:             ours,
			&corev1.ServiceAccount{}:        ours,
			&corev1.Pod{}:                   ours,
			&corev1.PersistentVolumeClaim{}: ours,
			&networkingv1.NetworkPolicy{}:   ours,
			&networkingv1.Ingress{}:         ours,
			// The cluster's own slices have the labels of their Services.
			&discoveryv1.EndpointSlice{}: {Label: k8slabels.SelectorFromSet(k8slabels.Set{labelName: appName, discoveryv1.LabelManagedBy: FieldManager})},
			&corev1.Secret{}:             {Label: publishKeys()},
		},
	}
}

// CertificateCacheOptions are those of a second cache: of Secrets with
// certificates, which have a type in common and no label, and of ConfigMaps, of which
// any may be a script's. A cache has one selector for each kind. Of the metadata of
// ConfigMaps it keeps what an event needs, and none of those that every namespace has.
func CertificateCacheOptions(namespaces []string) cache.Options {
	return cache.Options{
		DefaultNamespaces: perNamespace(namespaces),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:    {Field: fields.OneTermEqualSelector("type", string(corev1.SecretTypeTLS))},
			&corev1.ConfigMap{}: {Field: fields.OneTermNotEqualSelector("metadata.name", "kube-root-ca.crt"), Transform: bare},
		},
	}
}

// bare leaves of metadata what identifies an object.
func bare(o any) (any, error) {
	if m, ok := o.(metav1.Object); ok {
		m.SetManagedFields(nil)
		m.SetAnnotations(nil)
		m.SetLabels(nil)
		m.SetOwnerReferences(nil)
	}
	return o, nil
}

func publishKeys() k8slabels.Selector {
	exists, err := k8slabels.NewRequirement(labelPublishKey, selection.Exists, nil)
	if err != nil {
		panic(err) // a constant of ours is no label
	}
	return k8slabels.NewSelector().Add(*exists)
}

func perNamespace(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	all := map[string]cache.Config{}
	for _, n := range namespaces {
		all[n] = cache.Config{}
	}
	return all
}
