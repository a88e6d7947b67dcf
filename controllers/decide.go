package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// child is an object to apply, and what our fields of it are now.
type child struct {
	name string // for errors: kind and name
	want runtime.ApplyConfiguration
	have func() (any, error) // nil: there is none, or its fields are not all ours
	// first is a patch that must go before: see foreignPorts.
	first client.Patch
	of    client.Object
}

// desired builds all children: a pure function of what was observed.
func desired(o *observed) ([]child, error) {
	a := o.instance
	doc, err := document(a)
	if err != nil {
		return nil, err
	}
	image := o.image
	if a.Spec.Image != "" {
		image = a.Spec.Image
	}
	set, err := statefulSet(a, image, doc, templateSize(o.statefulSet))
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", a.Namespace, a.Name, err)
	}
	all := []child{
		{name: "ServiceAccount " + a.Name, want: serviceAccount(a), have: extractServiceAccount(o.serviceAccount)},
		{name: "ConfigMap " + configName(a), want: configMap(a, doc), have: extractConfigMap(o.configMap)},
	}
	var key map[string][]byte
	if o.secret != nil {
		key = o.secret.Data
	}
	if s := secret(a, key, o.freshKey); s != nil {
		all = append(all, child{name: "Secret " + keyName(a), want: s, have: extractSecret(o.secret)})
	}
	public, err := serviceChild(service(a), o.service)
	if err != nil {
		return nil, err
	}
	private, err := serviceChild(headless(a), o.headless)
	if err != nil {
		return nil, err
	}
	all = append(all, public, private,
		child{name: "StatefulSet " + a.Name, want: set, have: extractStatefulSet(o.statefulSet)},
	)
	if c := volumeClaim(a, o.claim); c != nil {
		all = append(all, child{name: "PersistentVolumeClaim " + claimName(a), want: c})
	}
	return all, nil
}
