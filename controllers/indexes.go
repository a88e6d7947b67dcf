package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	// indexSecrets finds AppInstances by the Secrets that they use.
	indexSecrets = "secrets"
	// indexScripts finds AppInstances by the ConfigMaps of their scripts.
	indexScripts = "scripts"
	// indexPaths finds AppInstances by what clients ask for: see pathsOf.
	indexPaths = "paths"
)

// indexes are by what AppInstances are found in the cache: a list of all of them, for each
// of them, would cost the square of their number.
var indexes = map[string]client.IndexerFunc{indexSecrets: secretsOf, indexScripts: scriptsOf, indexPaths: pathsOf, indexReach: reachesOf}

// secretsOf are the names of the Secrets that an AppInstance uses.
func secretsOf(o client.Object) (names []string) {
	a, ok := o.(*v1alpha1.AppInstance)
	if !ok {
		return nil
	}
	a = a.DeepCopy()
	a.SetDefaults()
	for _, name := range []string{secretName(a), certificateName(a), webCertificateName(a)} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, other := range reachesOf(a) { // whose key theirs is made of
		names = append(names, other+"-link")
	}
	return names
}

// scriptsOf is the name of the ConfigMap with an AppInstance's script.
func scriptsOf(o client.Object) []string {
	if a, ok := o.(*v1alpha1.AppInstance); ok && scriptName(a) != "" {
		return []string{scriptName(a)}
	}
	return nil
}

// pathsOf are what an AppInstance is found by: its application, its instance there, and,
// with onDemandInstances, those that nobody names. No application has a slash.
func pathsOf(o client.Object) []string {
	a, ok := o.(*v1alpha1.AppInstance)
	if !ok {
		return nil
	}
	all := []string{ofApplication(a), ofInstance(a)}
	if a.Spec.OnDemandInstances {
		all = append(all, ofTheRest(a))
	}
	return all
}

func ofApplication(a *v1alpha1.AppInstance) string { return a.Spec.Application }
func ofInstance(a *v1alpha1.AppInstance) string {
	return a.Spec.Application + "/" + a.EffectiveInstance()
}
func ofTheRest(a *v1alpha1.AppInstance) string { return a.Spec.Application + "/" }

// found are the AppInstances that indexPaths has under one of the keys, each once.
func (r *Reconciler) found(ctx context.Context, keys []string, options ...client.ListOption) (all []v1alpha1.AppInstance, err error) {
	seen := map[client.ObjectKey]bool{}
	for _, key := range keys {
		var list v1alpha1.AppInstanceList
		if err := r.List(ctx, &list, append([]client.ListOption{client.MatchingFields{indexPaths: key}}, options...)...); err != nil {
			return nil, fmt.Errorf("list AppInstances of %s: %w", key, err)
		}
		for _, one := range list.Items {
			if is := client.ObjectKeyFromObject(&one); !seen[is] {
				seen[is] = true
				all = append(all, one)
			}
		}
	}
	return all, nil
}
